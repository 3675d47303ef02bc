"""Fewer classes than the members know: what they say among some classes alone, and how much they say of the others.

A softmax restricted to a subset of its classes and renormalised is the softmax of the subset's logits: the members'
answer to "which of these", given that it is one of them.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from ensemble.softmax import softmax
from ensemble.uncertainty import entropy
from ensemble.validation import as_logits, as_numbers, as_scores

_CHUNK = 65536
_KNOTS = 200
_EDGE = 1e-9
# Sums of single precision may lie so far outside.
_LOOSE = 1e-3


def restricted_logits(
    logits: ArrayLike, columns: Sequence[int] | NDArray[np.integer]
) -> NDArray[np.floating]:
    """Keep the logits of some classes.

    Parameters
    ----------
    logits
        Shape (M, N, K).
    columns
        Class indices to keep, two or more different ones.

    Returns
    -------
    numpy.ndarray
        Shape (M, N, len(columns)).

    Raises
    ------
    InputError
        If a column does not exist or comes twice, or fewer than two are left.

    Examples
    --------
    >>> restricted_logits([[[1.0, 2.0, 3.0]]], [0, 2]).tolist()
    [[[1.0, 3.0]]]
    """
    z = as_logits(logits)
    return z[..., _checked(columns, z.shape[-1])]


def restricted_draws(draws: DropoutDraws, columns: Sequence[int] | NDArray[np.integer]) -> DropoutDraws:
    """Keep what dropout draws say of some classes.

    The draws themselves are not kept, only their sums: the mean probability is renormalised, and the mean entropy of
    one draw is taken as what it was, at most the entropy of the renormalised mean, which bounds it (Jensen). Where no
    draw of a member voted for any of them, all its draws are counted for the one that its mean holds most likely.

    Parameters
    ----------
    draws
        Of all K classes.
    columns
        As in `restricted_logits`.

    Returns
    -------
    DropoutDraws
        Draws of these classes alone, renormalised.
    """
    shape = (None, None, None)
    every = as_scores(
        draws.mean, "the mean probabilities of draws", shape, missing=True, low=0, high=1 + _LOOSE
    )
    as_scores(draws.entropy, "the entropies of draws", every.shape[:2], missing=True, low=-_LOOSE)
    as_numbers(draws.votes, "the votes of draws", every.shape)
    kept = _checked(columns, every.shape[-1])
    mean = every[..., kept]
    total = mean.sum(axis=-1, keepdims=True)
    mean = np.divide(mean, total, out=np.full_like(mean, 1.0 / len(kept)), where=total > 0)
    mean[np.isnan(total[..., 0])] = np.nan
    most = entropy(mean.reshape(-1, len(kept))).reshape(mean.shape[:-1])
    cast = np.asarray(draws.votes)
    votes = cast[..., kept]
    m, n = np.nonzero((votes.sum(axis=-1) == 0) & ~np.isnan(mean[..., 0]))
    votes[m, n, mean[m, n].argmax(axis=-1)] = cast[m, n].sum(axis=-1)
    return DropoutDraws(
        mean.astype(np.float32),
        np.minimum(np.asarray(draws.entropy), most).astype(np.float32),
        votes,
    )


def mass_outside(logits: ArrayLike, columns: Sequence[int] | NDArray[np.integer]) -> NDArray[np.float64]:
    """Probability that the members give to classes that are not among the candidates, averaged over members.

    Parameters
    ----------
    logits
        Of all K classes, shape (M, N, K).
    columns
        Class indices of the candidates.

    Returns
    -------
    numpy.ndarray
        Shape (N,), in [0, 1]; NaN where a member gave NaN. Higher = stranger to the candidates.

    Examples
    --------
    >>> mass_outside([[[0.0, 0.0, 0.0, 0.0]]], [1, 3]).tolist()
    [0.5]
    """
    z = as_logits(logits)
    kept = _checked(columns, z.shape[-1])
    others = np.setdiff1d(np.arange(z.shape[-1]), kept)
    out = np.zeros(z.shape[1])
    if len(others):
        for start in range(0, z.shape[1], _CHUNK):
            part = slice(start, start + _CHUNK)
            out[part] = softmax(z[:, part])[..., others].sum(axis=-1).mean(axis=0)
    return out


def unfamiliarity_among(
    unfamiliarity: ArrayLike, outside: ArrayLike, known_unfamiliarity: ArrayLike, known_outside: ArrayLike
) -> NDArray[np.float64]:
    """Put "like nothing in training" and "none of the candidates" on one scale, and take the larger.

    The mass outside is read as the unfamiliarity that is as rare among held-out patterns of the candidates
    (quantiles matched, linear in the log-odds of the mass; the last slope goes on beyond them). So one threshold, at
    one rate of false alarms, serves both.

    Parameters
    ----------
    unfamiliarity, outside
        Of the patterns to judge, shape (N,); see `mass_outside`.
    known_unfamiliarity, known_outside
        Of held-out patterns of the candidates, shape (H,), at least two.

    Returns
    -------
    numpy.ndarray
        Shape (N,), in the unit of the unfamiliarity; higher = stranger; NaN where either is.

    Raises
    ------
    InputError
        If fewer than two held-out patterns have both numbers.

    Examples
    --------
    Mass that was seen among the candidates changes little, mass never seen does:

    >>> known = np.linspace(0, 1, 101)
    >>> unfamiliarity_among([0.5, 0.5], [0.5, 0.999], known, 0.98 * known).round(1).tolist()
    [0.5, 1.7]
    """
    u, ku = (
        as_scores(values, "unfamiliarity", missing=True, infinite=True)
        for values in (unfamiliarity, known_unfamiliarity)
    )
    o, ko = (
        as_scores(values, "the probability outside", shape, missing=True, low=-_LOOSE, high=1 + _LOOSE)
        for values, shape in ((outside, u.shape), (known_outside, ku.shape))
    )
    finite = np.isfinite(ku) & np.isfinite(ko)
    if finite.sum() < 2:
        raise InputError("unfamiliarity among candidates needs at least two held-out patterns of them")
    levels = np.linspace(0.0, 1.0, min(_KNOTS, int(finite.sum())))
    odds, scale = np.quantile(_log_odds(ko[finite]), levels), np.quantile(ku[finite], levels)
    x = _log_odds(o)
    matched = np.interp(x, odds, scale)
    # Beyond all that was seen the middle half's slope goes on: the last knots alone may be as steep as chance has it.
    low, high = np.searchsorted(levels, [0.25, 0.75])
    slope = (scale[high] - scale[low]) / max(odds[high] - odds[low], _EDGE)
    matched += slope * np.maximum(x - odds[-1], 0.0)
    return np.where(np.isnan(u) | np.isnan(o), np.nan, np.maximum(u, matched))


def _log_odds(share: NDArray[np.float64]) -> NDArray[np.float64]:
    p = np.clip(share, _EDGE, 1 - _EDGE)
    return np.log(p) - np.log1p(-p)


def _checked(columns: Sequence[int] | NDArray[np.integer], k: int) -> NDArray[np.intp]:
    kept = as_numbers(columns, "candidates")
    whole = kept.ndim == 1 and len(kept) and np.issubdtype(kept.dtype, np.integer)
    if not whole or kept.min() < 0 or kept.max() >= k or len(np.unique(kept)) != len(kept) or len(kept) < 2:
        raise InputError(f"candidates must be two or more different class indices from 0 to {k - 1}")
    return kept.astype(np.intp)
