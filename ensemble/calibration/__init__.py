"""Make the pooled probabilities mean what they say."""

from ensemble.calibration.fitting import (
    METHODS,
    NETCAL_METHODS,
    Calibration,
    CalibrationName,
    fit_calibration,
)

__all__ = ["METHODS", "NETCAL_METHODS", "Calibration", "CalibrationName", "fit_calibration"]
