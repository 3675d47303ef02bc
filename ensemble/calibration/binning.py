"""Isotonic and histogram calibration: each class against the rest, then normalised."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Parameters = dict[str, Any]

_BINS = 10


def fit_isotonic(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit a rising step function per class (Zadrozny & Elkan, KDD 2002), by scikit-learn.

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K), float64.
    labels
        True class indices, shape (N,), every class present.

    Returns
    -------
    dict[str, Any]
        ``x`` and ``y``: for each class, the corners of the function. Values are kept 1 / (n + 2) away from 0
        and 1: a step fitted to n patterns cannot know that something never happens, and says so by an infinite
        log-loss.
    """
    from sklearn.isotonic import IsotonicRegression

    x, y = [], []
    for c in range(probabilities.shape[1]):
        model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip")
        model.fit(np.asarray(probabilities[:, c], dtype=np.float64), (labels == c).astype(np.float64))
        x.append(model.X_thresholds_.tolist())
        y.append(hedged(model.y_thresholds_, least_share(len(labels))).tolist())
    return {"x": x, "y": y}


def apply_isotonic(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after isotonic calibration, shape (N, K); beyond the corners the function is flat.

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K).
    parameters
        ``x`` and ``y``: the corners of each class, or of two classes those of the second alone. ``floor``, where
        there is one, keeps the values that far from 0 and 1.

    Returns
    -------
    numpy.ndarray
        Shape (N, K), rows summing to 1.

    Examples
    --------
    >>> steps = {"x": [[0.0, 1.0], [0.0, 1.0]], "y": [[0.25, 0.75], [0.25, 0.75]]}
    >>> apply_isotonic([[1.0, 0.0]], steps).tolist()
    [[0.75, 0.25]]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    corners = list(zip(parameters["x"], parameters["y"], strict=True))
    columns = [np.interp(own, x, y) for own, (x, y) in zip(_own(p, len(corners)), corners, strict=True)]
    return _joined(columns, p, parameters)


def fit_histogram(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit the frequency in ten bins of equal width per class (Zadrozny & Elkan, ICML 2001).

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K), float64.
    labels
        True class indices, shape (N,), every class present.

    Returns
    -------
    dict[str, Any]
        ``edges`` and ``y``: for each class, the edges of the bins and the frequency in each, kept 1 / (n + 2)
        away from 0 and 1. A bin that nothing fell into says its own centre.
    """
    edges = np.linspace(0.0, 1.0, _BINS + 1)
    y = []
    for c in range(probabilities.shape[1]):
        index = _bin_of(np.asarray(probabilities[:, c], dtype=np.float64), edges)
        count = np.bincount(index, minlength=_BINS)
        hits = np.bincount(index, labels == c, minlength=_BINS)
        found = np.divide(hits, count, out=(edges[1:] + edges[:-1]) / 2, where=count > 0)
        y.append(hedged(found, least_share(len(labels))).tolist())
    return {"edges": [edges.tolist()] * len(y), "y": y}


def apply_histogram(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after histogram calibration, shape (N, K).

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K).
    parameters
        ``edges`` and ``y``: the bins of each class, or of two classes those of the second alone. ``floor``, where
        there is one, keeps the values that far from 0 and 1.

    Returns
    -------
    numpy.ndarray
        Shape (N, K), rows summing to 1.

    Examples
    --------
    >>> bins = {"edges": [[0.0, 0.5, 1.0]] * 2, "y": [[0.25, 0.75]] * 2}
    >>> apply_histogram([[0.9, 0.1]], bins).tolist()
    [[0.75, 0.25]]
    """
    p = np.asarray(probabilities, dtype=np.float64)
    bins = list(zip(parameters["edges"], parameters["y"], strict=True))
    columns = [
        np.asarray(y, dtype=np.float64)[_bin_of(own, np.asarray(edges, dtype=np.float64))]
        for own, (edges, y) in zip(_own(p, len(bins)), bins, strict=True)
    ]
    return _joined(columns, p, parameters)


def least_share(n: int) -> float:
    """Smallest frequency that n patterns can speak for, by Laplace's rule of succession.

    Returns
    -------
    float
        1 / (n + 2).
    """
    return 1.0 / (n + 2)


def hedged(values: ArrayLike, floor: float) -> NDArray[np.float64]:
    """Keep values so far from 0 and from 1.

    Returns
    -------
    numpy.ndarray
        Values in [floor, 1 - floor], shape as given.
    """
    return np.clip(np.asarray(values, dtype=np.float64), floor, 1.0 - floor)


def _bin_of(values: NDArray[np.float64], edges: NDArray[np.float64]) -> NDArray[np.intp]:
    """Bins by value; one on an edge belongs to the bin below it, as where netcal applies its own."""
    return np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)


def _own(p: NDArray[np.float64], functions: int) -> list[NDArray[np.float64]]:
    """Return what each function is given: its own class, or of two classes the second."""
    return [p[:, 1]] if functions == 1 and p.shape[1] == 2 else list(p.T)


def _joined(
    columns: list[NDArray[np.float64]], p: NDArray[np.float64], parameters: Parameters
) -> NDArray[np.float64]:
    found = np.stack(columns, axis=1)
    if "floor" in parameters:
        found = hedged(found, parameters["floor"])
    if found.shape[1] == 1:
        found = np.hstack([1.0 - found, found])
    found[np.isnan(p).any(axis=1)] = np.nan
    return found / found.sum(axis=1, keepdims=True)
