"""Checks of the arrays that every room of the statistics takes."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError

_SUM_TOLERANCE = 1e-3
"""Rows may have been stored in half precision."""


def as_probabilities(probabilities: ArrayLike, *, finite: bool = True) -> NDArray[np.float64]:
    """Check probabilities: a float64 array of shape (N, K), every row a distribution.

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    finite
        Refuse NaN rows; otherwise they are let through.

    Raises
    ------
    InputError
        If the shape is wrong, a value lies outside [0, 1] or a row does not sum to 1.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    if p.ndim != 2 or p.shape[1] < 1:
        raise InputError(f"probabilities must have shape (patterns, classes), not {p.shape}")
    sums = p.sum(axis=1)
    bad = ~(np.abs(sums - 1.0) <= _SUM_TOLERANCE) | ~(p.min(axis=1) >= 0.0)
    if not finite:
        bad &= ~np.isnan(sums)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise InputError(
            f"row {row} of the probabilities is not a distribution (sum {sums[row]:.4g})",
            remedy="leave out patterns without a prediction",
        )
    return p


def as_labels(labels: ArrayLike, n: int, n_classes: int) -> NDArray[np.intp]:
    """Check true class indices: an integer array of shape (N,) with values below K.

    Raises
    ------
    InputError
        If there are not N whole numbers in 0..K-1.
    """
    y = np.asarray(labels)
    if y.shape != (n,):
        raise InputError(f"expected one label for each of {n} patterns, not shape {y.shape}")
    if n == 0:
        return y.astype(np.intp)
    if not np.issubdtype(y.dtype, np.integer) or y.min() < 0 or y.max() >= n_classes:
        raise InputError(f"labels must be class indices from 0 to {n_classes - 1}")
    return y.astype(np.intp)
