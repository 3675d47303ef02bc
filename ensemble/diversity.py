"""Diversity of the members' errors, which a vote gains from (Kuncheva & Whitaker, Mach. Learn. 2003)."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_flags, as_indices


def disagreement(votes: ArrayLike) -> NDArray[np.float64]:
    """Share of patterns on which two members put different classes first.

    Parameters
    ----------
    votes
        Class index each member puts first, shape (M, N); patterns where either is -1 do not count.

    Returns
    -------
    numpy.ndarray
        Shape (M, M), symmetric, in [0, 1], 0 on the diagonal; NaN where two members share no pattern.

    Examples
    --------
    >>> disagreement([[0, 0, 1, 1], [0, 1, 1, 1]]).tolist()
    [[0.0, 0.25], [0.25, 0.0]]
    """
    v = as_indices(votes, "votes", (None, None), low=-1)

    def share(a: NDArray, b: NDArray) -> float:
        both = (a >= 0) & (b >= 0)
        return float((a[both] != b[both]).mean()) if both.any() else np.nan

    return _pairwise(v, share)


def double_fault(correct: ArrayLike) -> NDArray[np.float64]:
    """Share of patterns on which two members are both wrong (Giacinto & Roli 2001).

    Parameters
    ----------
    correct
        Whether each member is right, shape (M, N).

    Returns
    -------
    numpy.ndarray
        Shape (M, M), symmetric, in [0, 1]; each member's own error rate on the diagonal.

    Examples
    --------
    >>> double_fault([[True, False, False, True], [True, False, True, True]]).tolist()
    [[0.5, 0.25], [0.25, 0.25]]
    """
    return _pairwise(as_flags(correct, "correct", (None, None)), lambda a, b: float((~a & ~b).mean()))


def q_statistic(correct: ArrayLike) -> NDArray[np.float64]:
    """Yule's Q of two members being right (Yule 1900).

    Parameters
    ----------
    correct
        Whether each member is right, shape (M, N).

    Returns
    -------
    numpy.ndarray
        Shape (M, M), symmetric, in [-1, 1]: 0 for members that err independently, positive for members that
        err together. NaN where it is undefined (a member that is always right).

    Examples
    --------
    >>> bool(q_statistic([[True, True, False, False], [True, False, True, False]])[0, 1] == 0)
    True
    """

    def q(a: NDArray, b: NDArray) -> float:
        together = float((a & b).sum()) * float((~a & ~b).sum())
        apart = float((a & ~b).sum()) * float((~a & b).sum())
        return (together - apart) / (together + apart) if together + apart else np.nan

    return _pairwise(as_flags(correct, "correct", (None, None)), q)


def _pairwise(rows: NDArray, measure: Callable[[NDArray, NDArray], float]) -> NDArray[np.float64]:
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError(f"expected an array of shape (members, patterns), not {rows.shape}")
    out = np.empty((len(rows), len(rows)))
    for i in range(len(rows)):
        for j in range(i + 1):
            out[i, j] = out[j, i] = measure(rows[i], rows[j])
    return out
