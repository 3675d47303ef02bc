"""Shares of the classes in a scan from what an ensemble answers there: expectation maximisation and inversion."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import (
    as_numbers,
    as_probabilities,
    as_scores,
)

_TOLERANCE = 1e-6

_MOST_STEPS = 1000


def em_shares(
    probabilities: ArrayLike, prior: ArrayLike, *, weights: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Shares of the classes among patterns whose probabilities were calibrated for another mixture.

    Parameters
    ----------
    probabilities
        Calibrated for the mixture `prior`, shape (N, K), finite.
    prior
        Shape (K,), summing to 1; a class of share 0 stays at 0.
    weights
        Of each pattern, shape (N,), not negative; equal where None.

    Returns
    -------
    numpy.ndarray
        Shares of largest likelihood, shape (K,).

    Examples
    --------
    Patterns that are certain are counted:

    >>> em_shares([[1, 0], [0, 1], [0, 1], [0, 1]], [0.5, 0.5]).round(3).tolist()
    [0.25, 0.75]
    """
    p = as_probabilities(probabilities)
    base = _as_shares(prior, p.shape[1])
    w = np.ones(len(p)) if weights is None else as_scores(weights, "weights of patterns", (len(p),), low=0)
    if not w.sum() > 0:
        raise InputError("weights must be one number for each pattern, not negative, not all 0")
    w = w / w.sum()
    likelihood = np.divide(p, base, out=np.zeros_like(p), where=base > 0)
    shares = base.copy()
    for _ in range(_MOST_STEPS):
        joint = likelihood * shares
        total = joint.sum(axis=1, keepdims=True)
        new = (w[:, None] * np.divide(joint, total, out=np.zeros_like(joint), where=total > 0)).sum(axis=0)
        new /= new.sum()
        done = np.abs(new - shares).max() < _TOLERANCE
        shares = new
        if done:
            break
    return shares


def bbse_shares(confusion: ArrayLike, answers: ArrayLike) -> NDArray[np.float64]:
    """Shares of the classes from the frequencies of the hard answers.

    Parameters
    ----------
    confusion
        Held-out counts of true class (row) and answer (column), shape (K, J), every row with counts.
    answers
        Counts of the scan's answers, shape (J,).

    Returns
    -------
    numpy.ndarray
        Non-negative shares that sum to 1, of least squares, shape (K,).

    Examples
    --------
    Nine in ten of each class are recognised and 30 % of the answers are the second class: 0.9 f + 0.1 (1 - f) = 0.3.

    >>> bbse_shares([[900, 100], [100, 900]], [7000, 3000]).round(3).tolist()
    [0.75, 0.25]
    """
    from scipy.optimize import nnls

    counts = as_scores(confusion, "the confusion", (None, None), low=0)
    seen = as_scores(answers, "the answers of the scan", (counts.shape[1],), low=0)
    if not counts.size or not seen.sum() > 0 or (counts.sum(axis=1) == 0).any():
        raise InputError("the confusion needs counts of every class, and the scan needs answers")
    given = counts / counts.sum(axis=1, keepdims=True)
    # The row of ones holds the sum at 1.
    system = np.vstack([given.T, 1e3 * np.ones(len(given))])
    shares = nnls(system, np.append(seen / seen.sum(), 1e3))[0]
    return np.asarray(shares / shares.sum())


def reweighted(probabilities: ArrayLike, prior: ArrayLike, shares: ArrayLike) -> NDArray[np.float64]:
    """Correct the probabilities of each point for another mixture, by Bayes' rule.

    Parameters
    ----------
    probabilities
        Calibrated for the mixture `prior`, shape (N, K); NaN rows stay.
    prior, shares
        Old and new mixture, shape (K,) each.

    Returns
    -------
    numpy.ndarray
        Shape (N, K), rows summing to 1.

    Examples
    --------
    An even bet between two classes of which one is nine times as frequent:

    >>> reweighted([[0.5, 0.5]], [0.5, 0.5], [0.9, 0.1]).round(3).tolist()
    [[0.9, 0.1]]
    """
    p = as_probabilities(probabilities, finite=False)
    old, new = _as_shares(prior, p.shape[1]), _as_shares(shares, p.shape[1])
    joint = p * np.divide(new, old, out=np.zeros_like(new), where=old > 0)
    total = joint.sum(axis=1, keepdims=True)
    # Where only classes of share 0 are possible, the pattern keeps its probabilities.
    return np.where(total > 0, np.divide(joint, total, out=np.zeros_like(joint), where=total > 0), p)


def _as_shares(values: ArrayLike, k: int) -> NDArray[np.float64]:
    shares = as_numbers(values, "shares").astype(np.float64)
    if shares.shape != (k,) or not (shares >= 0).all() or not abs(shares.sum() - 1.0) < 1e-3:
        raise InputError(f"shares must be {k} numbers, not negative, that sum to 1")
    return shares
