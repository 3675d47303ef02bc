"""Places that are answered and explained less well than the rest of a map: a phase may be missing from the list.

What is missing is called by the name of what looks most like it, surely and wrongly. It is fitted less well, though,
than a crystal whose structure was named, and its points lie together.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ensemble.abstention import Status
from kikuchi.bundle.bundle import Bundle
from kikuchi.maps import PhaseMap
from kikuchi.matching.matcher import Evidence, flattened
from kikuchi.matching.storage import load_matcher
from kikuchi.scans import Scan

#: Of what the rest of the scan is explained by. Phases that were named differ by 6.5 % and less on the maps of
#: `reports/adapt` (cementite and iron), a carbide that was not named by 10.7 % from the nickel around it.
LESS = 0.915

#: Points of a place, the narrow rim of boundaries taken off: fewer are a boundary's corner.
LEAST_POINTS = 20

#: Points of the rest that say what it is explained by.
_SAMPLE = 400

_SIDE = 3


@dataclass(frozen=True)
class Place:
    """Points that lie together and are explained less well than the rest.

    Attributes
    ----------
    points
        Indices, shape (n,).
    explained, rest
        Median share of what patterns show that the best phase explains, here and elsewhere.
    """

    points: np.ndarray
    explained: float
    rest: float


def with_less_explained(phase_map: PhaseMap, bundle: Bundle, scan: Scan, logits: np.ndarray) -> PhaseMap:
    """Mark places that are answered and yet explained less well than the rest of the scan.

    Adds the column ``less_explained`` (number of the place, 0 elsewhere) and a note for the summary and the report;
    neither where there is no such place. No decision is changed.

    Parameters
    ----------
    phase_map
        As decided.
    bundle
        Made by `kikuchi.adapt`; others leave the map as it is.
    scan
        As mapped.
    logits
        The matcher's, shape (N, K).
    """
    if "adapted" not in bundle.manifest:
        return phase_map
    member = load_matcher(bundle.path / "members" / bundle.members[0].name)
    spectrum = member.matcher.spectrum
    scores = scores_of(logits, member.evidence, spectrum.size)
    readable = (phase_map.decision.status != Status.UNREADABLE) & np.isfinite(scores)
    if not readable.any():
        return phase_map
    solved = phase_map.decision.status == Status.SOLVED
    groups = [
        points
        for points in together(
            LESS * np.median(scores[readable]) - scores, readable, phase_map.row, phase_map.col
        )
        if solved[points].mean() > 0.5
    ]
    if not groups:
        return phase_map
    inside = np.zeros(phase_map.n, bool)
    inside[np.concatenate(groups)] = True
    others = np.flatnonzero(readable & ~inside)
    others = others[np.unique(np.linspace(0, len(others) - 1, _SAMPLE).astype(int))]

    def explained(points: np.ndarray) -> float:
        ceiling = spectrum.ceiling(flattened(scan.read(points), member.background))
        return float(np.median(scores[points] / ceiling))

    rest = explained(others)
    places = [Place(points, explained(points), rest) for points in groups]
    places = [place for place in places if place.explained < LESS * rest]
    if not places:
        return phase_map
    number = np.zeros(phase_map.n, np.int32)
    for i, place in enumerate(places, start=1):
        number[place.points] = i
    found = [
        described(place.points, phase_map)
        | {
            "answered": int(solved[place.points].sum()),
            "explained": place.explained,
            "explained_elsewhere": place.rest,
        }
        for place in places
    ]
    return replace(
        phase_map,
        columns=phase_map.columns | {"less_explained": number},
        meta=phase_map.meta
        | {
            "less_explained": found,
            "notes": [*phase_map.meta.get("notes", []), *map(_note, found)],
        },
    )


def scores_of(logits: np.ndarray, evidence: Evidence, size: int) -> np.ndarray:
    """Return the best phase's normalised correlation of each pattern, shape (N,), from what it was made into.

    Parameters
    ----------
    logits
        Shape (N, K).
    evidence
        What made them.
    size
        Number of features.
    """
    likelihood = (np.asarray(logits, float) - np.asarray(evidence.bias)) / evidence.slope
    return np.asarray(np.sqrt(1 - np.exp(-2 * np.maximum(likelihood, 0).max(axis=1) / size)))


def together(off: np.ndarray, counted: np.ndarray, row: np.ndarray, col: np.ndarray) -> list[np.ndarray]:
    """Find points that lie together and are off.

    Parameters
    ----------
    off
        How far beyond what is allowed each point is, shape (N,): above zero is off.
    counted
        Which points count, shape (N,), bool.
    row, col
        Where they lie, shape (N,).

    Returns
    -------
    list of numpy.ndarray
        Indices of each group, the largest first.
    """
    from scipy.ndimage import binary_opening, label, median_filter

    shape = (int(row.max(initial=0)) + 1, int(col.max(initial=0)) + 1)
    if not counted.any() or min(shape) < _SIDE:
        return []
    grid = np.full(shape, min(-1e-6, float(np.median(off[counted]))))
    grid[row[counted], col[counted]] = off[counted]
    index = np.full(shape, -1)
    index[row, col] = np.arange(len(off))
    square = np.ones((_SIDE, _SIDE), bool)
    beyond = median_filter(grid, size=_SIDE, mode="nearest") > 0
    marked, n = label(binary_opening(beyond, square), structure=square)
    found = [index[marked == i + 1] for i in range(n)]
    found = [points[(points >= 0) & counted[points]] for points in found]
    return sorted((points for points in found if len(points) >= LEAST_POINTS), key=len, reverse=True)


def described(points: np.ndarray, phase_map: PhaseMap) -> dict[str, Any]:
    """Say what and where points that lie together are.

    Parameters
    ----------
    points
        Indices, shape (n,).
    phase_map
        As decided.

    Returns
    -------
    dict
        ``points`` (their number), ``first_choice`` and ``of_these`` (which phase is first most often, and at how many
        of them), ``rows`` and ``columns`` (first and last).
    """
    winner, rows, columns = (a[points] for a in (phase_map.decision.winner, phase_map.row, phase_map.col))
    counts = np.bincount(winner[winner >= 0], minlength=len(phase_map.words))
    return {
        "points": len(points),
        "first_choice": phase_map.words[int(counts.argmax())],
        "of_these": int(counts.max()),
        "rows": [int(rows.min()), int(rows.max())],
        "columns": [int(columns.min()), int(columns.max())],
    }


def in_words(place: dict[str, Any]) -> str:
    """Say what `described` found at the beginning of a note."""
    rows, columns = (f"{first} to {last}" for first, last in (place["rows"], place["columns"]))
    return (
        f"{place['points']} points together (rows {rows}, columns {columns}; first {place['first_choice']} at "
        f"{place['of_these']})"
    )


def _note(place: dict[str, Any]) -> str:
    return (
        f"{in_words(place)} are explained less well than the rest, {place['explained']:.0%} against "
        f"{place['explained_elsewhere']:.0%}: "
        "a phase may be missing from the list, or their orientation was not found"
    )
