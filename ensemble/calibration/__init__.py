"""Make the pooled probabilities mean what they say."""

from ensemble.calibration.fitting import METHODS, Calibration, fit_calibration

__all__ = ["METHODS", "Calibration", "fit_calibration"]
