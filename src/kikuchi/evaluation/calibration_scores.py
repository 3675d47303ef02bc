"""Probabilities before and after calibration, in numbers and in bins."""

from typing import Any

import numpy as np

from ensemble.metrics import (
    ReliabilityDiagram,
    brier_decomposition,
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_diagram,
    sharpness,
)
from ensemble.metrics.proper import brier_per_pattern, log_loss_per_pattern
from kikuchi.evaluation.netcal_scores import netcal_scores
from kikuchi.evaluation.predictors import EvaluatedPredictor
from kikuchi.evaluation.scores import Scored, bootstrap_counts, interval

SCORES = (
    "log_loss",
    "brier",
    "ece",
    "ece_equal_mass",
    "classwise_ece",
    "maximum_calibration_error",
    "sharpness",
)

_RESAMPLES = 200


def before_and_after(
    predictor: EvaluatedPredictor, labels: np.ndarray, *, netcal: bool = False
) -> dict[str, Any] | None:
    """Judge one predictor's probabilities before and after calibration, on patterns of known space groups.

    Parameters
    ----------
    predictor
        Who answered.
    labels
        True class indices, shape (N,); below 0 where the space group is unknown.
    netcal
        Ask that library too.

    Returns
    -------
    dict
        ``method``, ``parameters``, and for ``before`` and ``after``: ``scores`` with 95 % bootstrap intervals,
        ``brier_decomposition`` and ``reliability`` (15 bins of equal width, with a bootstrap band), and
        ``netcal`` where it is asked; None where no pattern is of a known space group.
    """
    known = (labels >= 0) & ~np.isnan(predictor.probabilities).any(axis=1)
    if not known.any():
        return None
    found: dict[str, Any] = {
        "method": predictor.calibration.method,
        "parameters": predictor.calibration.parameters,
    }
    for when, p in (("before", predictor.raw), ("after", predictor.probabilities)):
        found[when] = {
            "scores": calibration_scores(p[known], labels[known]),
            "brier_decomposition": brier_decomposition(p[known], labels[known])._asdict(),
            "reliability": _as_dict(reliability_diagram(p[known], labels[known])),
        }
        if netcal:
            found[when]["netcal"] = netcal_scores(p[known], labels[known])
    return found


def calibration_scores(p: np.ndarray, labels: np.ndarray) -> dict[str, Scored]:
    """Scores of probabilities (N, K) with 95 % bootstrap intervals; keys as in `SCORES`."""
    losses, squares = log_loss_per_pattern(p, labels), brier_per_pattern(p, labels)

    def measure(rows: np.ndarray) -> np.ndarray:
        q, y = p[rows], labels[rows]
        return np.array(
            [
                losses[rows].mean(),
                squares[rows].mean(),
                expected_calibration_error(q, y),
                expected_calibration_error(q, y, scheme="mass"),
                classwise_calibration_error(q, y).mean(),
                maximum_calibration_error(q, y),
                sharpness(q),
            ]
        )

    n = len(labels)
    values = measure(np.arange(n))
    draws = np.array([measure(np.repeat(np.arange(n), c)) for c in bootstrap_counts(n, _RESAMPLES)])
    return {name: interval(values[i], draws[:, i]) for i, name in enumerate(SCORES)}


def _as_dict(diagram: ReliabilityDiagram) -> dict[str, Any]:
    return {
        name: getattr(diagram, name) for name in ("edges", "count", "confidence", "accuracy", "low", "high")
    }
