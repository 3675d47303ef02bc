"""Proper scores: the truth minimises them, and nothing else does."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_labels, as_probabilities


class BrierDecomposition(NamedTuple):
    """Brier score = uncertainty - resolution + reliability.

    Uncertainty belongs to the data, resolution is what the prediction adds (larger is better), and
    reliability is the calibration error (smaller is better).
    """

    uncertainty: float
    resolution: float
    reliability: float


def log_loss_per_pattern(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Minus the log-probability of the truth, shape (N,), nats; probabilities are clipped at 2.2e-16.

    Returns
    -------
    numpy.ndarray
        Shape (N,), nats.
    """
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
    float
        Nats, at least 0; log K for a uniform guess.

    Examples
    --------
    >>> round(log_loss([[0.5, 0.5], [0.5, 0.5]], [0, 1]), 4)
    0.6931
    """
    return _mean(log_loss_per_pattern(probabilities, labels))


def brier_per_pattern(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Squared distance from the one-hot truth, shape (N,), in [0, 2].

    Returns
    -------
    numpy.ndarray
        Shape (N,), in [0, 2].
    """
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
    float
        In [0, 2].

    Examples
    --------
    >>> brier([[0.5, 0.5]], [0])
    0.5
    """
    return _mean(brier_per_pattern(probabilities, labels))


def brier_decomposition(probabilities: ArrayLike, labels: ArrayLike) -> BrierDecomposition:
    """Uncertainty, resolution and reliability of the Brier score (Murphy 1973; Bröcker 2009).

    Patterns are stratified by the class that is put first, as in tensorflow-probability. Its function of
    the same name is not used: up to 0.25 it subtracts the class shares along the wrong axis, so that its
    resolution is right for equally frequent classes only (and its uncertainty leaves out the constant 1).

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    labels
        True class indices, shape (N,), N at least 1.

    Returns
    -------
    BrierDecomposition
        Uncertainty in [0, 1 - 1/K], resolution and reliability at least 0. They add up to the Brier score for
        forecasts that are constant within a stratum, and up to the covariance within strata else.

    Examples
    --------
    >>> [round(x, 3) for x in brier_decomposition([[0.8, 0.2], [0.8, 0.2], [0.2, 0.8]], [0, 1, 1])]
    [0.444, 0.111, 0.147]
    """
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    n, k = p.shape
    if n == 0:
        raise InputError("no patterns to score")
    stratum = p.argmax(axis=1)
    counts = np.bincount(stratum * k + y, minlength=k * k).reshape(k, k)
    size = counts.sum(axis=1)
    share = counts.sum(axis=0) / n
    within = counts / np.maximum(size, 1)[:, None]
    resolution = size @ ((within - share) ** 2).sum(axis=1) / n
    reliability = ((p - within[stratum]) ** 2).sum(axis=1).mean()
    return BrierDecomposition(float(1.0 - share @ share), float(resolution), float(reliability))


def _mean(scores: NDArray[np.float64]) -> float:
    if len(scores) == 0:
        raise InputError("no patterns to score")
    return float(scores.mean())
