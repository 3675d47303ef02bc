"""Number of points of each space group, for every member and for the ensemble (Table 2 of the paper)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi.maps.map_data import MapData


@dataclass(frozen=True)
class Tally:
    """Counts of points. Shares are counts over `n`.

    Attributes
    ----------
    n
        Number of patterns.
    classes
        Space-group numbers, K of them.
    members
        Names, M of them.
    member_counts
        Patterns that each member puts first into each class, shape (M, K); a pattern it could not judge is in
        none.
    winner_counts
        Patterns that the ensemble puts first into each class, solved or not, shape (K,).
    solved_counts
        Patterns of each class in the map, shape (K,): those with a solution.
    status_counts
        Patterns of each status, in the order of `ensemble.abstention.STATUS_NAMES`, shape (5,).

    Notes
    -----
    `member_counts` beside each other is Table 2 of Kaufmann, Lane, Liu & Vecchio, Sci. Rep. 11, 8172 (2021);
    `solved_counts` and `status_counts` are the columns that an ensemble adds.
    """

    n: int
    classes: tuple[int, ...]
    members: tuple[str, ...]
    member_counts: NDArray[np.int64]
    winner_counts: NDArray[np.int64]
    solved_counts: NDArray[np.int64]
    status_counts: NDArray[np.int64]


def tally(phase_map: MapData) -> Tally:
    """Count the points of a map.

    Returns
    -------
    Tally
        Points by class and by status.
    """
    d, k = phase_map.decision, len(phase_map.classes)

    def count(indices: NDArray[np.integer]) -> NDArray[np.int64]:
        return np.bincount(indices[indices >= 0], minlength=k)

    return Tally(
        n=phase_map.n,
        classes=phase_map.classes,
        members=phase_map.members,
        member_counts=np.array([count(votes) for votes in d.votes]).reshape(len(phase_map.members), k),
        winner_counts=count(d.winner),
        solved_counts=count(d.winner[d.status == Status.SOLVED]),
        status_counts=np.bincount(d.status, minlength=len(STATUS_NAMES)),
    )


def mostly_answered(phase_map: MapData) -> bool:
    """Whether at least half of the points have an answer: a map then opens on its answers, else on first choices."""
    return bool(np.mean(phase_map.decision.status == Status.SOLVED) >= 0.5)


def tally_rows(counts: Tally) -> list[dict[str, object]]:
    """Return the table, one row per space group.

    Returns
    -------
    list of dict
        ``space_group``, ``symbol``, ``solved`` and ``first`` (the ensemble with and without abstaining) and
        ``members`` by name, each with ``count`` and ``share``.
    """
    from kikuchi.crystallography.vendor_codes import symbol

    def entry(count: int) -> dict[str, float]:
        return {"count": int(count), "share": float(count / counts.n)}

    return [
        {
            "space_group": g,
            "symbol": symbol(g),
            "solved": entry(counts.solved_counts[k]),
            "first": entry(counts.winner_counts[k]),
            "members": {name: entry(counts.member_counts[m, k]) for m, name in enumerate(counts.members)},
        }
        for k, g in enumerate(counts.classes)
    ]


def status_rows(counts: Tally) -> dict[str, dict[str, float]]:
    """Return count and share of each status, by name."""
    return {
        name: {"count": int(count), "share": float(count / counts.n)}
        for name, count in zip(STATUS_NAMES, counts.status_counts, strict=True)
    }
