"""The most instructive points of a map: where members disagree, and not one case twelve times."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ensemble.errors import InputError

#: What a point is shown for, and its share of the points.
SHARES = {"most disagreement": 0.5, "split vote": 0.25, "confident outlier": 0.25}

_POOL = 20  # points looked at per point chosen: the top of each score, within which they are spread


@dataclass(frozen=True)
class Chosen:
    """Points to look at.

    Attributes
    ----------
    indices
        In scan order's numbering, (n,), the most instructive first within each reason.
    reasons
        A key of `SHARES` for each.
    """

    indices: np.ndarray
    reasons: tuple[str, ...]


def choose(
    member_probabilities: ArrayLike,
    mutual_information: ArrayLike,
    votes: ArrayLike,
    confidence: ArrayLike,
    unfamiliarity: ArrayLike,
    points: int,
    *,
    usable: ArrayLike | None = None,
) -> Chosen:
    """Choose points of high mutual information, of split votes, and unfamiliar ones answered with confidence.

    From the top of each score, points are taken one by one: each time the one whose score times its distance to
    everything taken before is largest (greedy farthest point, Gonzalez 1985). The distance is Hellinger's between
    what the members say, averaged over them.

    Parameters
    ----------
    member_probabilities
        (M, N, K), each member's own.
    mutual_information
        (N,), nats.
    votes
        Class index each member puts first, (M, N); negative where it did not answer.
    confidence
        (N,), 0..1, calibrated.
    unfamiliarity
        (N,), higher = stranger.
    points
        How many; fewer come back where a map has fewer usable points.
    usable
        (N,) bool: False for what must not be chosen, such as unreadable patterns.

    Returns
    -------
    Chosen

    Raises
    ------
    InputError
        No point is usable, or fewer than one is asked for.

    Examples
    --------
    >>> p = np.array([[[0.9, 0.1], [0.9, 0.1]], [[0.9, 0.1], [0.1, 0.9]]])
    >>> choose(p, [0.0, 0.3], [[0, 0], [0, 1]], [0.9, 0.5], [1.0, 1.0], 1).indices.tolist()
    [1]
    """
    p = np.asarray(member_probabilities)
    information, sure = np.nan_to_num(np.asarray(mutual_information, float)), np.asarray(confidence, float)
    scores = {
        "most disagreement": np.maximum(information, 0),
        "split vote": vote_entropy(np.asarray(votes), p.shape[2]),
        "confident outlier": np.nan_to_num(np.asarray(unfamiliarity, float)) * (np.nan_to_num(sure) >= 0.9),
    }
    open_points = np.isfinite(p).all(axis=(0, 2))
    if usable is not None:
        open_points &= np.asarray(usable, bool)
    if points < 1 or not open_points.any():
        raise InputError(
            "no point to explain", remedy="map a scan with readable patterns; points of at least 1"
        )
    taken: list[int] = []
    reasons: list[str] = []
    for reason, share in SHARES.items():
        wanted = min(round(points * share), points - len(taken)) if points > 1 else 1 - len(taken)
        new = _spread(p, np.where(open_points, scores[reason], 0), wanted, taken)
        taken += new
        reasons += [reason] * len(new)
    # Where votes are never split or nothing is unfamiliar, the rest is filled with what disagrees most.
    rest = _spread(p, np.where(open_points, information + 1e-12, 0), points - len(taken), taken)
    return Chosen(np.array(taken + rest), tuple(reasons + ["most disagreement"] * len(rest)))


def vote_entropy(votes: np.ndarray, classes: int) -> np.ndarray:
    """Entropy of the distribution of the votes, nats: 0 where all members agree.

    Parameters
    ----------
    votes
        (M, N), class indices; negative counts as no vote.
    classes
        K.

    Returns
    -------
    numpy.ndarray
        (N,), in [0, log min(M, K)].
    """
    share = np.stack([(votes == c).mean(axis=0) for c in range(classes)], axis=1)
    return np.maximum(-(share * np.log(np.where(share > 0, share, 1))).sum(axis=1), 0)


def _spread(p: np.ndarray, score: np.ndarray, wanted: int, taken: list[int]) -> list[int]:
    """Take up to `wanted` new points of positive score, far from each other and from those taken."""
    order = np.argsort(-score, kind="stable")[: _POOL * max(wanted, 0) + len(taken)]
    pool = order[(score[order] > 0) & ~np.isin(order, taken)]
    new: list[int] = []
    nearest = np.full(len(pool), np.inf)
    for index in taken:
        nearest = np.minimum(nearest, _hellinger(p[:, pool], p[:, [index]]))
    for _ in range(min(wanted, len(pool))):
        value = np.minimum(nearest, 1) * score[pool]
        value[np.isin(pool, new)] = -1
        best = int(np.argmax(value))
        new.append(int(pool[best]))
        nearest = np.minimum(nearest, _hellinger(p[:, pool], p[:, [pool[best]]]))
    return new


def _hellinger(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """Hellinger distance between (M, n, K) and (M, 1, K), averaged over members: (n,), 0..1."""
    return np.sqrt(((np.sqrt(p) - np.sqrt(q)) ** 2).sum(axis=2) / 2).mean(axis=0)
