"""Summary of a map in a few lines of text."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi.maps.map_data import MapData

#: Where more of the readable points than this share are ambiguous, their first choices are listed.
MOSTLY = 0.5
_COARSER = ("extinction_class", "laue_class", "crystal_system")


def summary_text(phase_map: MapData) -> str:
    """Return points by class and by status, notes, the guarantee and where to look, as the command prints them."""
    return "\n".join(_lines(phase_map))


def _lines(phase_map: MapData) -> Iterator[str]:
    d, meta, n = phase_map.decision, phase_map.meta, phase_map.n
    solved = d.status == 0
    first = f"{n} patterns of {phase_map.name}"
    if named := meta.get("among"):
        of = f" ({', '.join(named['materials'])})" if named["materials"] else ""
        first += f", among {', '.join(map(str, named['space_groups']))}{of} as named, or none of these"
    yield first
    for index, word in enumerate(phase_map.words):
        if count := int((solved & (d.winner == index)).sum()):
            yield f"  {word}: {count} ({count / n:.1%})"
    for code, name in enumerate(STATUS_NAMES[1:], start=1):
        count = int((d.status == code).sum())
        if code == Status.MIXED and not count:
            continue  # nobody looked for two phases, or none were found
        yield f"  no solution, {name}: {count} ({count / n:.1%})"
    yield from _ambiguous(phase_map)
    yield from _division(meta.get("order_parameter", {}))
    if phase_map.problems:
        index, why = next(iter(phase_map.problems.items()))
        yield f"  {len(phase_map.problems)} patterns could not be read, the first: {index}: {why}"
    levels = meta.get("levels", {}).get("points", {})
    for name in _COARSER:
        if name in levels:
            count = levels[name]
            yield f"  answered no finer than the {name.replace('_', ' ')}: {count} ({count / n:.1%})"
    if grains := meta.get("grains"):
        yield (
            f"  by grain ({grains['grains']} of them): {grains['answered_together']} answered, "
            f"{grains['answered_otherwise']} of them otherwise than alone; {grains['message']}"
        )
    yield from (f"note: {text}" for text in meta.get("notes", []))
    yield from (f"warning: {text}" for text in meta.get("warnings", []))
    if "promised_risk" in meta:
        yield meta["promised_risk"]["message"]
    if phase_map.folder is not None:
        yield f"look at {phase_map.folder / 'report.html'}"


def _division(found: Mapping[str, Any]) -> Iterator[str]:
    """Say how two phases were divided that simulators disagree about."""
    if not found.get("divided"):
        return
    shares = ", ".join(f"{name} {share:.0%}" for name, share in found["shares"].items())
    labels = ""
    if "labelled" in found:
        wrong = found["labelled_wrong_by_mixture" if found["by"] != "labels" else "labelled_wrong"]
        labels = f" ({sum(found['labelled'])} points labelled, {wrong} of them on the other side)"
    yield f"  divided by {found['by']}{labels}: {shares}; column by_order, nothing is promised of it"


def _ambiguous(phase_map: MapData) -> Iterator[str]:
    """Say what is known of a map that is mostly ambiguous, and what would make it less so."""
    d = phase_map.decision
    ambiguous = d.status == Status.AMBIGUOUS
    n = int(ambiguous.sum())
    if n <= MOSTLY * int((d.status != Status.UNREADABLE).sum()):
        return
    counts = np.bincount(d.winner[ambiguous], minlength=len(phase_map.words))
    order = [i for i in np.argsort(-counts, kind="stable")[:4] if counts[i]]
    first = ", ".join(f"{phase_map.words[i]} {counts[i] / n:.0%}" for i in order)
    size = d.candidates[ambiguous].sum(axis=1).mean()
    yield f"  first choice of the ambiguous: {first}; {size:.1f} candidates a point on average"
    if not phase_map.phases and "among" not in phase_map.meta:
        yield (
            "  to answer more: name the space groups that the scan can hold (--among 225,227), "
            "or its phases (--phase Ni.cif --phase NbC.cif), if you know them"
        )
