"""Overlaps at boundaries: points whose pattern shows two phases, both named, with their shares."""

from dataclasses import replace
from typing import Any

import numpy as np

from ensemble.abstention import Status, with_mixed
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.threads import in_order
from kikuchi.bundle.bundle import Bundle
from kikuchi.maps import PhaseMap
from kikuchi.matching.matcher import flattened
from kikuchi.matching.overlap import SecondCrystal, second_crystal
from kikuchi.matching.storage import load_matcher
from kikuchi.matching.survey import places
from kikuchi.scans import Scan
from kikuchi.simulate.scenes.microstructure import OVERLAP_FROM

_PIECE = 128

#: Share of the signal from which on a second phase decides: an overlap, as simulations call it.
MIXED_FROM = OVERLAP_FROM


def with_overlaps(phase_map: PhaseMap, bundle: Bundle, scan: Scan, progress: Progress = SILENT) -> PhaseMap:
    """Look for a second phase where two phases meet and where the map has no answer.

    Adds the columns ``second_phase`` (a name; empty where one phase is seen or nobody looked) and ``second_share``
    (of the signal of both, 0 to 1; NaN where nobody looked). Where the second phase has at least a quarter of the
    signal, the point is *mixed*: neither phase alone would be its answer, and both are its candidates.

    Parameters
    ----------
    phase_map
        As decided, with the matcher's orientations.
    bundle
        Made by `kikuchi.adapt`: it says from which share on two phases are meant. Others leave the map as it is.
    scan
        As mapped.
    """
    record = bundle.manifest.get("adapted", {}).get("overlap")
    if record is None or phase_map.orientations is None or bundle.candidates is not None:
        return phase_map
    wanted = np.flatnonzero(worth_a_look(phase_map))
    least = float(record["least_share"])
    names = np.array(phase_map.words, dtype=object)
    second = np.full(phase_map.n, "", dtype=object)
    share = np.full(phase_map.n, np.nan, np.float32)
    if len(wanted):
        found = _found(phase_map, bundle, scan, wanted, progress)
        share[wanted] = found.share
        # A second grain of one phase is no second phase.
        mixed = (found.share >= least) & (found.phase != phase_map.decision.winner[wanted])
        second[wanted[mixed]] = names[found.phase[mixed]]
        both = np.zeros(phase_map.n, bool)
        both[wanted] = mixed & (found.share >= MIXED_FROM)
        other = np.full(phase_map.n, -1)
        other[wanted] = found.phase
        phase_map = replace(phase_map, decision=with_mixed(phase_map.decision, both, other))
    meta: dict[str, Any] = {
        "looked_at": len(wanted),
        "second_phase_seen": int((second != "").sum()),
        "mixed": int((phase_map.decision.status == Status.MIXED).sum()),
        "least_share": least,
        "mixed_from": max(least, MIXED_FROM),
    }
    return replace(
        phase_map,
        columns=phase_map.columns | {"second_phase": second, "second_share": share},
        meta=phase_map.meta | {"overlaps": meta},
    )


def worth_a_look(phase_map: PhaseMap) -> np.ndarray:
    """Find points beside another phase, and readable ones without an answer, shape (N,), bool."""
    d = phase_map.decision
    grid = np.full(np.array(phase_map.shape) + 2, -1)
    grid[phase_map.row + 1, phase_map.col + 1] = d.winner
    beside = np.zeros(phase_map.n, bool)
    for dy in (0, 1, 2):
        for dx in (0, 1, 2):
            other = grid[phase_map.row + dy, phase_map.col + dx]
            beside |= (other >= 0) & (other != d.winner)
    readable = d.status != Status.UNREADABLE
    return readable & (beside | (d.status != Status.SOLVED)) & (d.winner >= 0)


def _found(
    phase_map: PhaseMap, bundle: Bundle, scan: Scan, wanted: np.ndarray, progress: Progress
) -> SecondCrystal:
    member = load_matcher(bundle.path / "members" / bundle.members[0].name)
    _ = member.matcher.warm
    assert phase_map.orientations is not None
    rotations = np.asarray(phase_map.orientations, float)
    parts = [wanted[i : i + _PIECE] for i in range(0, len(wanted), _PIECE)]

    def look(part: np.ndarray) -> SecondCrystal:
        patterns = flattened(scan.read(part), member.background)
        return second_crystal(
            member.matcher, patterns, places(scan, part), phase_map.decision.winner[part], rotations[part]
        )

    found = []
    with progress.bar("overlaps", len(wanted)) as step:
        for part, one in zip(parts, in_order(look, parts), strict=True):
            found.append(one)
            step(len(part))
    return SecondCrystal(
        np.concatenate([f.phase for f in found]),
        np.concatenate([f.rotations for f in found]),
        np.concatenate([f.share for f in found]),
    )
