"""Agreement of two sets of answers, also beyond chance."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_indices


def agreement_table(first: ArrayLike, second: ArrayLike, n_classes: int) -> NDArray[np.int64]:
    """Count how often each answer of one meets each answer of the other.

    Parameters
    ----------
    first, second
        Class indices, shape (N,) each.
    n_classes
        K.

    Returns
    -------
    numpy.ndarray
        Counts, shape (K, K): rows by `first`, columns by `second`.

    Raises
    ------
    InputError
        If the arrays differ in length or an index is out of range.

    Examples
    --------
    >>> agreement_table([0, 0, 1], [0, 1, 1], 2).tolist()
    [[1, 1], [0, 1]]
    """
    k = as_count(n_classes, "the number of classes")
    one, other = (as_indices(side, "answers", high=k - 1) for side in (first, second))
    if len(one) != len(other):
        raise InputError(f"{len(one)} answers cannot be compared with {len(other)}")
    return np.bincount(one * k + other, minlength=k * k).reshape(k, k)


def cohen_kappa(table: ArrayLike) -> float:
    """Agreement beyond what the marginal frequencies alone would give.

    Parameters
    ----------
    table
        Counts as `agreement_table` returns them, shape (K, K).

    Returns
    -------
    float
        (p_o - p_e) / (1 - p_e): 1 is complete agreement, 0 is chance; NaN where nothing was counted or both say one
        and the same class throughout, which chance would too.

    Notes
    -----
    J. Cohen, Educational and Psychological Measurement 20 (1960) 37-46.

    Examples
    --------
    >>> round(cohen_kappa([[20, 5], [10, 15]]), 3)
    0.4
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or (counts < 0).any():
        raise InputError(f"a table of agreement is square and counts, not {counts.shape}")
    total = counts.sum()
    if total == 0:
        return float("nan")
    by_chance = float((counts.sum(axis=0) * counts.sum(axis=1)).sum()) / total**2
    if by_chance >= 1.0:
        return float("nan")
    return float((np.trace(counts) / total - by_chance) / (1.0 - by_chance))
