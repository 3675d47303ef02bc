"""Which space group has the crystal at every point of a scan, how sure that is, and when nobody should answer."""

from ensemble.errors import InputError

__version__ = "0.1.0"

__all__ = ["InputError", "__version__"]
