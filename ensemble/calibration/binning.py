"""Isotonic and histogram calibration: each class against the rest, then normalised."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Parameters = dict[str, list[list[float]]]

_BINS = 10


def fit_isotonic(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit a rising step function per class (Zadrozny & Elkan, KDD 2002), by netcal.

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
    from netcal.binning import IsotonicRegression

    x, y = [], []
    for c in range(probabilities.shape[1]):
        own = np.ascontiguousarray(probabilities[:, c], dtype=np.float64)
        model = IsotonicRegression().fit(own, (labels == c).astype(int))
        x.append(model._iso.X_thresholds_.tolist())
        y.append(_hedged(model._iso.y_thresholds_, len(labels)))
    return {"x": x, "y": y}


def apply_isotonic(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after isotonic calibration, shape (N, K); beyond the corners the function is flat.

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
    corners = zip(parameters["x"], parameters["y"], strict=True)
    columns = [np.interp(p[:, c], x, y) for c, (x, y) in enumerate(corners)]
    return _normalised(np.stack(columns, axis=1), p)


def fit_histogram(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit the frequency in ten bins of equal width per class (Zadrozny & Elkan, ICML 2001), by netcal.

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
        away from 0 and 1.
    """
    from netcal.binning import HistogramBinning

    edges, y = [], []
    for c in range(probabilities.shape[1]):
        own = np.ascontiguousarray(probabilities[:, c], dtype=np.float64)
        model = HistogramBinning(bins=_BINS).fit(own, (labels == c).astype(int))
        edges.append(np.asarray(model._bin_bounds[0]).tolist())
        y.append(_hedged(model._bin_map, len(labels)))
    return {"edges": edges, "y": y}


def apply_histogram(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after histogram calibration, shape (N, K).

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
    columns = []
    for c, (edges, y) in enumerate(zip(parameters["edges"], parameters["y"], strict=True)):
        # A value on an edge belongs to the bin below it, as in netcal.
        index = np.searchsorted(np.asarray(edges), p[:, c], side="left") - 1
        columns.append(np.asarray(y)[np.clip(index, 0, len(y) - 1)])
    return _normalised(np.stack(columns, axis=1), p)


def _hedged(values: ArrayLike, n: int) -> list[float]:
    least = 1.0 / (n + 2)
    return np.clip(np.asarray(values, dtype=np.float64), least, 1.0 - least).tolist()


def _normalised(columns: NDArray[np.float64], p: NDArray[np.float64]) -> NDArray[np.float64]:
    columns[np.isnan(p).any(axis=1)] = np.nan
    return columns / columns.sum(axis=1, keepdims=True)
