"""Bound on the risk of all answers at whatever mixture a scan may have, the thresholds being what they are.

A promise for the held-out mixture says nothing of a scan that is mixed otherwise. Where the scan's mixture is known to
lie between ends, the risk is a ratio of two linear functions of it, and so is largest in a corner of what the ends
allow. In each corner held-out units are thinned to its mixture (rejection sampling, as for the weighted certificates of
Podkopaev & Ramdas, UAI 2021, in `ensemble.abstention.answered_class`) and bounded exactly. The largest of these bounds
holds at one corner's level: the bound of the corner that is worst in truth must fail first (Berger, Technometrics 24,
1982, intersection-union test), so that nothing is paid for their number.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.risk_control import risk_bound
from ensemble.errors import InputError
from ensemble.validation import as_count, as_flags, as_indices, as_scores, as_share

#: Of more classes whose share is open, each alone stands for the corners: their mixtures hold all others.
MOST_OPEN = 12

#: A bound above it is no promise: one answer in four may be wrong.
MOST_PROMISED = 0.25

_ROUND_OFF = 1e-9


@dataclass(frozen=True)
class MixtureBound:
    """Bound on the risk of the answers over the mixtures that a scan may have.

    Attributes
    ----------
    bound
        Upper bound of the risk, in (0, 1]; 1 where a class may be there that no unit shows, or none is answered.
    mixture
        Share of each class where it is reached, shape (K,).
    n_answered, n_errors
        Units so mixed that are answered, and how many of them wrongly.
    """

    bound: float
    mixture: tuple[float, ...]
    n_answered: int
    n_errors: int


def corner_mixtures(low: ArrayLike, high: ArrayLike) -> NDArray[np.float64]:
    """Corners of all mixtures whose shares lie between ends.

    Parameters
    ----------
    low, high
        Of the share of each class, shape (K,).

    Returns
    -------
    numpy.ndarray
        Shape (C, K), rows summing to 1. With more than `MOST_OPEN` classes whose ends differ, and where no mixture lies
        between the ends, each class that may be there alone: that holds all mixtures of them.

    Raises
    ------
    InputError
        If an end is no share, or the ends are not in order.

    Examples
    --------
    >>> corner_mixtures([0.9, 0.0], [1.0, 0.1]).round(3).tolist()
    [[0.9, 0.1], [1.0, 0.0]]
    """
    a = as_scores(low, "lower ends of shares", (None,), low=0, high=1 + _ROUND_OFF)
    b = as_scores(high, "upper ends of shares", (len(a),), low=0, high=1 + _ROUND_OFF)
    if not len(a) or (a > b + _ROUND_OFF).any():
        raise InputError("the lower end of a share lies above its upper end")
    alone = np.eye(len(a))[b > 0]
    free = np.flatnonzero(b > a + _ROUND_OFF)
    if len(free) > MOST_OPEN:
        return alone
    corners = []
    for rest in free:
        others = free[free != rest]
        ends = np.array(list(product((0, 1), repeat=len(others))), dtype=bool)
        ends = ends.reshape(2 ** len(others), len(others))
        w = np.tile(a, (len(ends), 1))
        w[:, others] = np.where(ends, b[others], a[others])
        w[:, rest] = 0.0
        w[:, rest] = 1.0 - w.sum(axis=1)
        fits = (w[:, rest] >= a[rest] - _ROUND_OFF) & (w[:, rest] <= b[rest] + _ROUND_OFF)
        corners.append(np.maximum(w[fits], 0.0))
    if not len(free) and abs(a.sum() - 1.0) < 1e-3:
        corners.append(a[None] / a.sum())
    found = np.concatenate(corners) if corners else alone[:0]
    return np.unique(found.round(12), axis=0) if len(found) else alone


def mixture_bound(
    labels: ArrayLike,
    answered: ArrayLike,
    wrong: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    confidence: float = 0.95,
    *,
    seed: int = 0,
) -> MixtureBound:
    """Bound the risk of the answers over all mixtures between ends, by held-out units that set no threshold.

    Parameters
    ----------
    labels
        True class of each independent unit, shape (n,).
    answered, wrong
        Whether it is answered, and whether that answer is wrong, shape (n,).
    low, high
        Ends of the share of each class in the scan, shape (K,): 0 and 1 where nothing is known.
    confidence
        Probability, over the draw of the units, with which the bound holds wherever between the ends the mixture is.
    seed
        Of the thinning.

    Returns
    -------
    MixtureBound
        The largest bound, and where it is reached.

    Raises
    ------
    InputError
        If the arrays do not fit together or a number is out of range.

    Examples
    --------
    At any mixture of two classes with 59 right answers each, as much as for one of them alone, 1 - 0.05^(1/59):

    >>> units = [0] * 59 + [1] * 59
    >>> round(mixture_bound(units, [True] * 118, [False] * 118, [0, 0], [1, 1]).bound, 4)
    0.0495
    """
    corners = corner_mixtures(low, high)
    k = corners.shape[1]
    y = as_indices(labels, "labels", high=k - 1)
    shown = as_flags(answered, "answered", (len(y),))
    error = as_flags(wrong, "wrong", (len(y),)) & shown
    as_share(confidence, "the confidence")
    as_count(seed, "the seed", least=0)
    units = np.bincount(y, minlength=k)
    ratio = corners * len(y) / np.maximum(units, 1)
    # The units of the class that lacks most are all kept, of the others in proportion.
    keep = ratio / np.maximum(np.where(units > 0, ratio, 0.0).max(axis=1, keepdims=True), 1e-300)
    chance = np.random.default_rng(seed).random(len(y))
    n, bad = np.zeros(len(corners), dtype=np.int64), np.zeros(len(corners), dtype=np.int64)
    for c in range(k):
        n += np.searchsorted(np.sort(chance[shown & (y == c)]), keep[:, c])
        bad += np.searchsorted(np.sort(chance[error & (y == c)]), keep[:, c])
    bounds = risk_bound(bad, n, confidence)
    bounds[(corners[:, units == 0] > 0).any(axis=1)] = 1.0
    worst = int(np.argmax(bounds))
    return MixtureBound(float(bounds[worst]), tuple(corners[worst].tolist()), int(n[worst]), int(bad[worst]))


def risk_at_scan(certified_risk: float, bound: float) -> float:
    """Risk that is promised for a scan: what was certified where the bound keeps it, else the bound, else nothing.

    Parameters
    ----------
    certified_risk
        At the held-out mixture, in (0, 1].
    bound
        Over the mixtures that the scan may have, in (0, 1]; see `mixture_bound`.

    Returns
    -------
    float
        In (0, 1]; 1 where the bound is above `MOST_PROMISED`, which is no promise.

    Examples
    --------
    >>> risk_at_scan(0.05, 0.03), risk_at_scan(0.05, 0.08), risk_at_scan(0.05, 0.4)
    (0.05, 0.08, 1.0)
    """
    if bound <= certified_risk:
        return certified_risk
    return bound if bound <= MOST_PROMISED else 1.0
