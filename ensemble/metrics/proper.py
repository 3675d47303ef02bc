"""Proper scores: the truth minimises them, and nothing else does."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.checks import as_labels, as_probabilities
from ensemble.errors import InputError


class BrierDecomposition(NamedTuple):
    """Brier score = uncertainty - resolution + reliability.

    Uncertainty belongs to the data, resolution is what the prediction adds (larger is better), and
    reliability is the calibration error (smaller is better).
    """

    uncertainty: float
    resolution: float
    reliability: float


def log_loss_per_pattern(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Minus the log-probability of the truth, shape (N,), nats; probabilities are clipped at 2.2e-16."""
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    picked = p[np.arange(len(y)), y]
    return -np.log(np.clip(picked, np.finfo(np.float64).eps, 1.0))


def log_loss(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean minus log-probability of the truth (negative log-likelihood).

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    labels
        True class indices, shape (N,), N at least 1.

    Returns
    -------
    Nats, at least 0; log K for a uniform guess.

    Examples
    --------
    >>> round(log_loss([[0.5, 0.5], [0.5, 0.5]], [0, 1]), 4)
    0.6931
    """
    return _mean(log_loss_per_pattern(probabilities, labels))


def brier_per_pattern(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Squared distance from the one-hot truth, shape (N,), in [0, 2]."""
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    picked = p[np.arange(len(y)), y]
    return (p**2).sum(axis=1) - 2.0 * picked + 1.0


def brier(probabilities: ArrayLike, labels: ArrayLike) -> float:
    """Mean squared distance from the one-hot truth, summed over classes (Brier 1950).

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    labels
        True class indices, shape (N,), N at least 1.

    Returns
    -------
    In [0, 2].

    Examples
    --------
    >>> brier([[0.5, 0.5]], [0])
    0.5
    """
    return _mean(brier_per_pattern(probabilities, labels))


def brier_decomposition(probabilities: ArrayLike, labels: ArrayLike) -> BrierDecomposition:
    """Uncertainty, resolution and reliability of the Brier score, grouped by the predicted class.

    The estimate of `tensorflow_probability.stats.brier_decomposition` (Murphy 1973; Bröcker 2009): patterns
    are stratified by the class that is put first, so the parts add up to the Brier score of a forecast
    that is constant within a stratum, minus the 1 that its convention leaves out.

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    labels
        True class indices, shape (N,), N at least 1.
    """
    from tensorflow_probability import stats

    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    if len(y) == 0:
        raise InputError("no patterns to score")
    logits = np.log(np.clip(p, np.finfo(np.float64).tiny, 1.0))
    uncertainty, resolution, reliability = stats.brier_decomposition(y.astype(np.int32), logits)
    return BrierDecomposition(float(uncertainty), float(resolution), float(reliability))


def _mean(scores: NDArray[np.float64]) -> float:
    if len(scores) == 0:
        raise InputError("no patterns to score")
    return float(scores.mean())
