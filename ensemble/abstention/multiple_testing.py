"""Tests of several hypotheses at one level: exact binomial p-values, and Hochberg's step-up procedure."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_indices, as_scores, as_share


def binomial_p_value(errors: ArrayLike, n: ArrayLike, risk: float) -> NDArray[np.float64]:
    """P-value of "the error rate is above `risk`": P(Bin(n, risk) <= errors).

    Parameters
    ----------
    errors, n
        Wrong answers among independent answers, whole numbers, broadcast together.
    risk
        In (0, 1).

    Returns
    -------
    numpy.ndarray
        In [0, 1].

    Examples
    --------
    149 answers without an error reject 2 %, 148 do not:

    >>> (binomial_p_value(0, [149, 148], 0.02) <= 0.05).tolist()
    [True, False]
    """
    from scipy.special import bdtr

    as_share(risk, "the risk")
    try:
        k, m = np.broadcast_arrays(as_indices(errors, "errors", None), as_indices(n, "answers", None))
    except ValueError as error:
        raise InputError("errors and answers do not fit together") from error
    if (k > m).any():
        raise InputError("there are more errors than answers")
    p = np.ones(k.shape)
    some = (m > 0) & (k < m)
    p[some] = bdtr(k[some].astype(float), m[some], risk)
    return p


def hochberg(p_values: ArrayLike, level: float = 0.05) -> NDArray[np.bool_]:
    """Hypotheses that Hochberg's step-up procedure rejects, family-wise at a level.

    Parameters
    ----------
    p_values
        Independent (or positively dependent), shape (S,).
    level
        Largest probability of any false rejection.

    Returns
    -------
    numpy.ndarray
        True where a hypothesis is rejected, shape (K,).

    Examples
    --------
    All at once where the largest is small enough, and by 0.05 / 3, 0.05 / 2 otherwise:

    >>> hochberg([0.05, 0.04, 0.01]).tolist(), hochberg([0.06, 0.04, 0.016]).tolist()
    ([True, True, True], [False, False, True])
    """
    p = as_scores(p_values, "p-values", low=0, high=1)
    as_share(level, "the level")
    order = np.argsort(p, kind="stable")
    allowed = level / (len(p) - np.arange(len(p)))
    passing = np.flatnonzero(p[order] <= allowed)
    rejected = np.zeros(len(p), dtype=bool)
    if len(passing):
        rejected[order[: passing[-1] + 1]] = True
    return rejected
