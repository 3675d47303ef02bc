"""Every number about a set of probabilities, each with its interval."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.metrics.bootstrap import Interval, bootstrap_interval
from ensemble.metrics.calibration_error import (
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    sharpness,
)
from ensemble.metrics.proper import brier, log_loss
from ensemble.metrics.selective import augrc, aurc, coverage_at_risk, excess_aurc, risk_at_coverage
from ensemble.validation import as_labels, as_probabilities

Metric = Callable[[NDArray[np.float64], NDArray[np.intp]], float]


def _accuracy(p: NDArray[np.float64], y: NDArray[np.intp]) -> float:
    return float((p.argmax(axis=1) == y).mean())


def _by_confidence(metric: Callable[..., float], *arguments: float) -> Metric:
    return lambda p, y: metric(-p.max(axis=1), p.argmax(axis=1) != y, *arguments)


METRICS: dict[str, Metric] = {
    "accuracy": _accuracy,
    "log_loss": log_loss,
    "brier": brier,
    "ece": expected_calibration_error,
    "ece_equal_mass": lambda p, y: expected_calibration_error(p, y, scheme="mass"),
    "ece_classwise": lambda p, y: float(classwise_calibration_error(p, y).mean()),
    "mce": maximum_calibration_error,
    "sharpness": lambda p, y: sharpness(p),
    "aurc": _by_confidence(aurc),
    "e_aurc": _by_confidence(excess_aurc),
    "augrc": _by_confidence(augrc),
    "coverage_at_1_percent_risk": _by_confidence(coverage_at_risk, 0.01),
    "coverage_at_2_percent_risk": _by_confidence(coverage_at_risk, 0.02),
    "coverage_at_5_percent_risk": _by_confidence(coverage_at_risk, 0.05),
    "risk_at_90_percent_coverage": _by_confidence(risk_at_coverage, 0.9),
}
"""Metrics by name; selective metrics abstain on the largest probability."""


def score_card(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    n_resamples: int = 200,
    seed: int = 0,
) -> dict[str, Interval]:
    """Every metric of `METRICS` with its 95 % bootstrap interval.

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    labels
        True class indices, shape (N,), N at least 1.
    groups
        Scan or grain of each pattern, shape (N,), resampled as a whole.
    n_resamples
        Bootstrap resamples; the same for every metric.
    seed
        Of the resampling.

    Returns
    -------
    dict[str, Interval]
        Value and interval by metric.

    Examples
    --------
    >>> score_card([[0.9, 0.1]] * 8, [0] * 8, n_resamples=10)["accuracy"]
    Interval(value=1.0, low=1.0, high=1.0)
    """
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    return {
        name: bootstrap_interval(metric, p, y, groups=groups, n_resamples=n_resamples, seed=seed)
        for name, metric in METRICS.items()
    }
