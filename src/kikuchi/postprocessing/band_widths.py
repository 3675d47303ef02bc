"""Places whose bands are of another width than the phase says that they are called: a phase missing from the list."""

from dataclasses import replace
from typing import Any

import numpy as np

from ensemble.abstention import Status
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.threads import in_order
from kikuchi.bundle.bundle import Bundle
from kikuchi.maps import PhaseMap
from kikuchi.matching.band_widths import FACTORS, lean
from kikuchi.matching.matcher import flattened
from kikuchi.matching.phases import Candidate
from kikuchi.matching.storage import MatcherMember, load_matcher
from kikuchi.matching.survey import places
from kikuchi.matching.texture import Texture, texture_of
from kikuchi.postprocessing.less_explained import LEAST_POINTS, described, in_words, together
from kikuchi.scans import Scan
from kikuchi.simulate.crystals.structures import structure_from_dict
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric

#: Difference from the scan's median from which on bands are of another width, of points together and of a single one.
#: Real nickel varies by 0.022 with its orientation, a carbide called silicon lies at 0.05 (`reports/adapt`).
OTHER = 0.03
OTHER_ALONE = 0.04

#: Share of the answers of a phase that are said to be of another width.
_WORTH_A_NOTE = 0.1

_PIECE = 128

#: Atoms of a cell, counted twice where there is no inversion centre: masters of more take longer than the map.
_MOST_ATOMS = 12


def with_band_widths(
    phase_map: PhaseMap, bundle: Bundle, scan: Scan, progress: Progress = SILENT
) -> PhaseMap:
    """Mark places whose bands are wider or narrower than those of the phase that fits them best.

    Adds the columns ``band_width`` (how much better a lower voltage explains the pattern than a higher one, less the
    scan's median; NaN where nobody looked) and ``other_width`` (number of the place, 0 elsewhere), and notes for the
    summary and the report. No decision is changed.

    Parameters
    ----------
    phase_map
        As decided, with the matcher's orientations.
    bundle
        Made by `kikuchi.adapt`; others leave the map as it is, as do phases known by a master pattern alone.
    scan
        As mapped.

    Notes
    -----
    Phases of more than a dozen atoms a cell (half as many without an inversion centre) are not looked at.
    """
    if "adapted" not in bundle.manifest or phase_map.orientations is None or bundle.candidates is not None:
        return phase_map
    lower, higher = (_textures(bundle, factor) for factor in FACTORS)
    d = phase_map.decision
    looked = (d.status != Status.UNREADABLE) & np.isin(d.winner, list(lower))
    if not looked.any():
        return phase_map
    member = load_matcher(bundle.path / "members" / bundle.members[0].name)
    found = _leans(phase_map, scan, member, lower, higher, np.flatnonzero(looked), progress)
    off = np.full(phase_map.n, np.nan, np.float32)
    off[looked] = found - np.median(found)
    return marked(phase_map, off)


def marked(phase_map: PhaseMap, off: np.ndarray) -> PhaseMap:
    """Mark places by how far each point's band widths are off, shape (N,), NaN where nobody looked."""
    looked = np.isfinite(off)
    solved = phase_map.decision.status == Status.SOLVED
    number = np.zeros(phase_map.n, np.int32)
    found: list[dict[str, Any]] = []
    for sign in (1, -1):
        for points in together(sign * off - OTHER, looked, phase_map.row, phase_map.col):
            if solved[points].mean() > 0.5:
                bands = {"bands": "wider" if sign > 0 else "narrower"}
                found.append(described(points, phase_map) | bands)
                number[points] = len(found)
    singles = {
        word: {"answered": int(own.sum()), "of_another_width": int((own & (np.abs(off) > OTHER_ALONE)).sum())}
        for k, word in enumerate(phase_map.words)
        if (own := solved & looked & (phase_map.decision.winner == k)).any()
    }
    notes = [*map(_note, found), *_notes_of_phases(singles)]
    return replace(
        phase_map,
        columns=phase_map.columns | {"band_width": off, "other_width": number},
        meta=phase_map.meta
        | {
            "band_widths": {"places": found, "phases": singles},
            "notes": [*phase_map.meta.get("notes", []), *notes],
        },
    )


def _textures(bundle: Bundle, factor: float) -> dict[int, Texture]:
    """Simulate the phases of known structure and small cell at another voltage than the scan's."""
    voltage = float(bundle.manifest["voltages_kv"][0]) * factor
    made = {}
    for k, phase in enumerate(bundle.manifest["phases"]):
        if phase.get("structure") is not None and phase.get("file") is None:
            structure = structure_from_dict(phase["structure"])
            sides = 1 if is_centrosymmetric(structure.space_group) else 2
            if sides * len(structure.atoms.numbers) > _MOST_ATOMS:
                continue
            one = Candidate(phase["name"], phase["space_group"], None, structure)
            made[k] = texture_of(one.simulated(voltage, "usual"))
    return made


def _leans(
    phase_map: PhaseMap,
    scan: Scan,
    member: MatcherMember,
    lower: dict[int, Texture],
    higher: dict[int, Texture],
    wanted: np.ndarray,
    progress: Progress,
) -> np.ndarray:
    assert phase_map.orientations is not None
    rotations, winner = np.asarray(phase_map.orientations, float), phase_map.decision.winner
    parts = [wanted[i : i + _PIECE] for i in range(0, len(wanted), _PIECE)]

    def look(part: np.ndarray) -> np.ndarray:
        patterns, place = flattened(scan.read(part), member.background), places(scan, part)
        out = np.empty(len(part))
        for k in np.unique(winner[part]):
            here = winner[part] == k
            phase = member.matcher.phases[k]
            out[here] = lean(phase, lower[k], higher[k], patterns[here], place[here], rotations[part][here])
        return out

    found = []
    with progress.bar("widths of bands", len(wanted)) as step:
        for part, one in zip(parts, in_order(look, parts), strict=True):
            found.append(one)
            step(len(part))
    return np.concatenate(found)


def _note(place: dict[str, Any]) -> str:
    return (
        f"{in_words(place)} have {place['bands']} bands than what they are called: another cell, a phase may be "
        "missing from the list"
    )


def _notes_of_phases(singles: dict[str, dict[str, int]]) -> list[str]:
    return [
        f"{count['of_another_width']} of the {count['answered']} points answered {word} have bands of another width "
        f"than {word}: do not trust these (column band_width, more than {OTHER_ALONE} off)"
        for word, count in singles.items()
        if count["of_another_width"] >= max(LEAST_POINTS, _WORTH_A_NOTE * count["answered"])
    ]
