"""The statistics of an ensemble: arrays in, arrays out. No Keras, no files, no diffraction."""

from ensemble.errors import InputError

__all__ = ["InputError"]
