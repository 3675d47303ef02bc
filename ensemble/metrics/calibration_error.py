"""Calibration errors: distance of confidences from frequencies."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_choice, as_count, as_flags, as_labels, as_probabilities, as_scores

Scheme = Literal["width", "mass"]

_ROUND_OFF = 1e-3
"""As rows of probabilities may sum to a little more than 1."""


@dataclass(frozen=True)
class Bins:
    """Confidences in bins; empty bins have NaN means.

    Attributes
    ----------
    edges
        Shape (B + 1,), rising from 0 to 1.
    index
        Bin of each confidence, shape (N,).
    count
        Shape (B,).
    confidence, frequency
        Mean confidence and share of hits in each bin, shape (B,).
    """

    edges: NDArray[np.float64]
    index: NDArray[np.intp]
    count: NDArray[np.intp]
    confidence: NDArray[np.float64]
    frequency: NDArray[np.float64]


def bin_confidences(confidence: ArrayLike, hit: ArrayLike, bins: int = 15, scheme: Scheme = "width") -> Bins:
    """Sort confidences into bins of equal width or equal mass.

    Parameters
    ----------
    confidence
        Shape (N,), in [0, 1].
    hit
        Whether the event came true, shape (N,).
    bins
        How many. Of equal mass there may be fewer, as equal confidences are never parted.
    scheme
        ``"width"`` or ``"mass"``.

    Returns
    -------
    Bins
        The bin of each pattern.

    Raises
    ------
    InputError
        If there is no pattern, no bin or no such scheme.
    """
    c = as_scores(confidence, "confidences", low=0, high=1 + _ROUND_OFF)
    h = as_flags(hit, "hits", (len(c),)).astype(np.float64)
    as_count(bins, "the number of bins")
    as_choice(scheme, get_args(Scheme), "binning scheme")
    if len(c) == 0:
        raise InputError("calibration needs at least one pattern")
    edges = np.linspace(0.0, 1.0, bins + 1)
    if scheme == "mass":
        inner = np.quantile(c, edges[1:-1])
        edges = np.unique(np.concatenate([[0.0], inner[(inner > 0) & (inner < 1)], [1.0]]))
    index = np.clip(np.searchsorted(edges, c, side="left") - 1, 0, len(edges) - 2)
    count = np.bincount(index, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(index, c, len(edges) - 1) / count
        frequency = np.bincount(index, h, len(edges) - 1) / count
    return Bins(edges, index, count, mean, frequency)


def expected_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15, scheme: Scheme = "width"
) -> float:
    """Mean gap between confidence and accuracy of the top class (Naeini et al., AAAI 2015).

    Parameters
    ----------
    probabilities
        Shape (N, K).
    labels
        True class indices, shape (N,).
    bins, scheme
        See `bin_confidences`.

    Returns
    -------
    float
        In [0, 1]. Biased upwards for few patterns a bin (Kumar, Liang & Ma, NeurIPS 2019): read it with its
        interval.

    Examples
    --------
    >>> round(expected_calibration_error([[0.9, 0.1]] * 4, [0, 0, 0, 1]), 3)
    0.15
    """
    b = _top(probabilities, labels, bins, scheme)
    return float(_gaps(b) @ b.count / b.count.sum())


def maximum_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15, scheme: Scheme = "width"
) -> float:
    """Largest gap between confidence and accuracy of the top class over all bins, in [0, 1].

    Parameters
    ----------
    probabilities
        Shape (N, K).
    labels
        True class indices, shape (N,).
    bins, scheme
        See `bin_confidences`.

    Returns
    -------
    float
        In [0, 1].
    """
    return float(_gaps(_top(probabilities, labels, bins, scheme)).max())


def classwise_calibration_error(
    probabilities: ArrayLike, labels: ArrayLike, bins: int = 15, scheme: Scheme = "width"
) -> NDArray[np.float64]:
    """Mean gap between probability and frequency of each class (Kull et al., NeurIPS 2019).

    Parameters
    ----------
    probabilities
        Shape (N, K).
    labels
        True class indices, shape (N,).
    bins, scheme
        See `bin_confidences`.

    Returns
    -------
    numpy.ndarray
        Shape (K,), in [0, 1]; the paper's classwise ECE is their mean.
    """
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    errors = []
    for c in range(p.shape[1]):
        b = bin_confidences(p[:, c], y == c, bins, scheme)
        errors.append(_gaps(b) @ b.count / len(y))
    return np.array(errors)


def sharpness(probabilities: ArrayLike) -> float:
    """Mean of the sum of squared probabilities: how much a prediction commits itself, right or wrong.

    In [1/K, 1]. Of a perfectly calibrated prediction the expected Brier score is 1 - sharpness.

    Returns
    -------
    float
        In [1 / K, 1].

    Examples
    --------
    >>> sharpness([[0.5, 0.5], [1.0, 0.0]])
    0.75
    """
    return float((as_probabilities(probabilities) ** 2).sum(axis=1).mean())


def _top(probabilities: ArrayLike, labels: ArrayLike, bins: int, scheme: Scheme) -> Bins:
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    return bin_confidences(p.max(axis=1), p.argmax(axis=1) == y, bins, scheme)


def _gaps(b: Bins) -> NDArray[np.float64]:
    return np.where(b.count > 0, np.abs(np.nan_to_num(b.confidence) - np.nan_to_num(b.frequency)), 0.0)
