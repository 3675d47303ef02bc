"""Fit, choose, apply and store a calibration of the pool."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.calibration.temperature import apply_temperature, fit_temperature
from ensemble.checks import as_labels, as_probabilities
from ensemble.errors import InputError
from ensemble.metrics.proper import log_loss

METHODS: tuple[str, ...] = ("none", "temperature")


@dataclass(frozen=True)
class Calibration:
    """A fitted map from pooled to calibrated probabilities.

    Attributes
    ----------
    method
        One of `METHODS`, never ``"auto"``: what was chosen.
    n_classes
        K.
    parameters
        Numbers and lists of numbers, plain JSON.
    report
        What fitting saw: ``n``, ``log_loss_before``, ``log_loss_after``, and where it chose,
        ``cross_validated`` log-losses by method.
    """

    method: str
    n_classes: int
    parameters: dict[str, Any] = field(default_factory=dict)
    report: dict[str, Any] = field(default_factory=dict)

    def apply(self, probabilities: ArrayLike) -> NDArray[np.float64]:
        """Calibrated probabilities, shape (N, K), float64; NaN rows stay NaN.

        Raises
        ------
        InputError
            If the number of classes is not the one this was fitted on.
        """
        p = as_probabilities(probabilities, finite=False)
        if p.shape[1] != self.n_classes:
            raise InputError(f"this calibration is for {self.n_classes} classes, not {p.shape[1]}")
        return _apply(self.method, p, self.parameters)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return {
            "method": self.method,
            "n_classes": self.n_classes,
            "parameters": self.parameters,
            "report": self.report,
        }

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "Calibration":
        """Read back what `to_dict` wrote.

        Raises
        ------
        InputError
            If a field is missing or the method is unknown.
        """
        try:
            calibration = cls(d["method"], int(d["n_classes"]), dict(d["parameters"]), dict(d["report"]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"not a calibration: {error!r}") from error
        if calibration.method not in METHODS:
            raise InputError(f"unknown calibration method {calibration.method!r}")
        return calibration


def fit_calibration(probabilities: ArrayLike, labels: ArrayLike, method: str = "auto") -> Calibration:
    """Fit a calibration on held-out pooled probabilities.

    Parameters
    ----------
    probabilities
        Pooled, of patterns that no member trained on and the test does not hold, shape (N, K).
    labels
        True class indices, shape (N,).
    method
        One of `METHODS`, or ``"auto"``.

    Raises
    ------
    InputError
        If the method is unknown or the arrays do not fit together.

    Examples
    --------
    >>> p = [[0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2], [0.8, 0.2]] * 200
    >>> fitted = fit_calibration(p, [0, 0, 0, 1, 1] * 200, "temperature")
    >>> fitted.apply([[0.8, 0.2]]).round(2).tolist()
    [[0.6, 0.4]]
    """
    if method == "auto":
        method = "temperature"
    if method not in METHODS:
        raise InputError(
            f"unknown calibration method {method!r}", remedy=f"one of auto, {', '.join(METHODS)}"
        )
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    parameters = _fit(method, p, y)
    report: dict[str, Any] = {"n": len(y)}
    if len(y):
        after = log_loss(_apply(method, p, parameters), y)
        report |= {"log_loss_before": log_loss(p, y), "log_loss_after": after}
    return Calibration(method, p.shape[1], parameters, report)


def _fit(method: str, p: NDArray[np.float64], y: NDArray[np.intp]) -> dict[str, Any]:
    if method == "none":
        return {}
    return fit_temperature(p, y)


def _apply(method: str, p: NDArray[np.float64], parameters: dict[str, Any]) -> NDArray[np.float64]:
    if method == "none":
        return p
    return apply_temperature(p, parameters)
