"""Uncertainty of an ensemble, and the part of it that more data could remove.

Two quantities are often mixed up and are kept apart here: the *entropy of the mean* is the total
uncertainty; the *mean of the entropies* is its aleatoric part. Their difference, the mutual information
between the answer and the member, is the epistemic part (Depeweg et al., ICML 2018; Houlsby et al. 2011).
All in nats, higher = more uncertain.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_distributions, as_indices, as_weights


class Decomposition(NamedTuple):
    """Total uncertainty and its two parts, each of shape (N,), in nats."""

    total: NDArray[np.float64]
    aleatoric: NDArray[np.float64]
    epistemic: NDArray[np.float64]


def entropy(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Shannon entropy along the last axis.

    Parameters
    ----------
    probabilities
        Shape (..., K), rows summing to 1.

    Returns
    -------
    numpy.ndarray
        Shape (...), nats, in [0, log K]; NaN where a row holds NaN.

    Raises
    ------
    InputError
        A row is not a distribution.

    Examples
    --------
    >>> entropy([0.5, 0.5, 0.0]).round(4).item()
    0.6931
    """
    from scipy.special import entr

    return np.asarray(entr(as_distributions(probabilities, finite=False)).sum(axis=-1))


def expected_entropy(probabilities: ArrayLike, weights: ArrayLike | None = None) -> NDArray[np.float64]:
    """Mean over members of the entropy of each member: the aleatoric part.

    Parameters
    ----------
    probabilities
        Shape (M, N, K).
    weights
        Shape (M,), non-negative; equal where not given.

    Returns
    -------
    numpy.ndarray
        Shape (N,), nats, in [0, log K].
    """
    p = _of_members(probabilities)
    return np.asarray(as_weights(weights, len(p)) @ entropy(p))


def decompose(probabilities: ArrayLike, weights: ArrayLike | None = None) -> Decomposition:
    """Split the total uncertainty of an ensemble into aleatoric and epistemic.

    Parameters
    ----------
    probabilities
        Of each member, shape (M, N, K).
    weights
        Shape (M,), non-negative; equal where not given.

    Returns
    -------
    Decomposition
        Total = entropy of the mean; aleatoric = mean of the entropies; epistemic = their difference, which is
        at most log min(M, K) and clipped at 0 against round-off.

    Examples
    --------
    Two confident members that disagree give epistemic uncertainty, two undecided ones aleatoric:

    >>> d = decompose([[[1.0, 0.0]], [[0.0, 1.0]]])
    >>> [x.round(3).item() for x in d]
    [0.693, 0.0, 0.693]
    >>> d = decompose([[[0.5, 0.5]], [[0.5, 0.5]]])
    >>> [x.round(3).item() for x in d]
    [0.693, 0.693, 0.0]
    """
    p = _of_members(probabilities)
    w = as_weights(weights, len(p))
    total = entropy(np.tensordot(w, p, axes=1))
    aleatoric = w @ entropy(p)
    return Decomposition(total, aleatoric, np.maximum(total - aleatoric, 0.0))


def variation_ratio(votes: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Share of members outvoted by the most popular class (Freeman 1965).

    Parameters
    ----------
    votes
        Class index each member votes for, shape (M, N); -1 where a member has no vote.
    n_classes
        K.

    Returns
    -------
    numpy.ndarray
        Shape (N,), in [0, 1 - 1/K]; NaN where nobody voted.

    Examples
    --------
    >>> variation_ratio([[0], [0], [1], [2]], 3).tolist()
    [0.5]
    """
    as_count(n_classes, "the number of classes")
    v = as_indices(votes, "votes", (None, None), low=-1, high=n_classes - 1)
    counts = np.stack([(v == k).sum(axis=0) for k in range(n_classes)])
    with np.errstate(invalid="ignore"):
        return 1.0 - counts.max(axis=0) / counts.sum(axis=0)


def _of_members(probabilities: ArrayLike) -> NDArray[np.float64]:
    p = as_distributions(probabilities, finite=False)
    if p.ndim != 3 or len(p) < 1:
        raise InputError(
            f"probabilities of members must have shape (members, patterns, classes), not {p.shape}"
        )
    return p
