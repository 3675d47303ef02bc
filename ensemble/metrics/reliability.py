"""Reliability diagrams with bands: what is a gap, and what is noise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.metrics.calibration_error import Scheme, bin_confidences
from ensemble.validation import as_count, as_labels, as_probabilities, as_share


@dataclass(frozen=True)
class ReliabilityDiagram:
    """Accuracy against confidence, in bins. Empty bins hold NaN.

    Attributes
    ----------
    edges
        Shape (B + 1,).
    count
        Patterns in each bin, shape (B,).
    confidence
        Mean confidence in each bin, shape (B,).
    accuracy
        Share right in each bin, shape (B,).
    low, high
        Bootstrap band of the accuracy, shape (B,).
    """

    edges: NDArray[np.float64]
    count: NDArray[np.intp]
    confidence: NDArray[np.float64]
    accuracy: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]


def reliability_diagram(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    bins: int = 15,
    scheme: Scheme = "width",
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> ReliabilityDiagram:
    """Bin the top class for a reliability diagram (DeGroot & Fienberg 1983; Bröcker & Smith 2007).

    Parameters
    ----------
    probabilities
        Shape (N, K).
    labels
        True class indices, shape (N,).
    bins, scheme
        See `ensemble.metrics.calibration_error.bin_confidences`.
    confidence
        Of the band, in (0, 1).
    n_resamples
        Bootstrap resamples of the patterns.
    seed
        Of the resampling.

    Returns
    -------
    ReliabilityDiagram
        Confidence, accuracy and count of each bin.
    """
    as_share(confidence, "the confidence of the band")
    as_count(n_resamples, "the number of resamples")
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    hit = p.argmax(axis=1) == y
    b = bin_confidences(p.max(axis=1), hit, bins, scheme)
    right = np.bincount(b.index, hit, len(b.count))
    # Resampling patterns is resampling the cells (bin, right or wrong) they fall into.
    cells = np.concatenate([right, b.count - right])
    draws = np.random.default_rng(seed).multinomial(len(y), cells / len(y), size=n_resamples)
    drawn_right, drawn_wrong = np.split(draws, 2, axis=1)
    n_drawn = drawn_right + drawn_wrong
    accuracy = np.divide(drawn_right, n_drawn, out=np.full(n_drawn.shape, np.nan), where=n_drawn > 0)
    low, high = np.full((2, len(b.count)), np.nan)
    seen = b.count > 0
    tail = (1.0 - confidence) / 2.0
    low[seen], high[seen] = np.nanquantile(accuracy[:, seen], [tail, 1.0 - tail], axis=0)
    return ReliabilityDiagram(b.edges, b.count, b.confidence, b.frequency, low, high)
