"""Summary of a map as JSON: `summary.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.phase_fractions import Fractions
from kikuchi._support.atomic import replaced
from kikuchi._support.json import plain
from kikuchi.maps.map_data import MapData
from kikuchi.maps.tally import status_rows, tally, tally_rows

_FROM_META = ("rule", "calibration", "abstention", "promised_risk", "measured_risk", "timings", "versions")


def summarise(phase_map: MapData, fractions: Fractions | None = None) -> dict[str, Any]:
    """Return what `summary.json` holds.

    Parameters
    ----------
    phase_map
        The map.
    fractions
        Phase fractions with their intervals, in the order of the classes.

    Returns
    -------
    dict
        Plain JSON values. Whatever ``phase_map.meta`` holds is in it; ``rule``, ``calibration``, ``abstention``,
        ``promised_risk``, ``measured_risk``, ``timings`` and ``versions`` are always there, None where unknown.
    """
    counts, d = tally(phase_map), phase_map.decision
    rows, cols = phase_map.shape
    measures = ("confidence", "entropy", "expected_entropy", "mutual_information", "variation_ratio")
    summary = {
        "name": phase_map.name,
        "shape": phase_map.shape,
        "step_um": {"y": phase_map.step[0], "x": phase_map.step[1]},
        "patterns": phase_map.n,
        "points_without_pattern": rows * cols - phase_map.n,
        "classes": phase_map.classes,
        "members": [
            {"name": name, "kind": kind}
            for name, kind in zip(phase_map.members, phase_map.member_kinds, strict=True)
        ],
        "status": status_rows(counts),
        **({"phases": [p.to_dict() for p in phase_map.phases]} if phase_map.phases else {}),
        "tally": _named(tally_rows(counts), phase_map),
        "phase_fractions": _fraction_rows(phase_map, fractions),
        "mean": {name: _mean(getattr(d, name)) for name in measures},
        "problems": phase_map.problems,
        **dict.fromkeys(_FROM_META),
        **phase_map.meta,
    }
    return plain(summary)


def write_summary(phase_map: MapData, path: str | Path, fractions: Fractions | None = None) -> None:
    """Write `summarise` as JSON.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = json.dumps(summarise(phase_map, fractions), indent=2, ensure_ascii=False, allow_nan=False)
    with replaced(Path(path)) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _named(rows: list[dict[str, Any]], phase_map: MapData) -> list[dict[str, Any]]:
    """Put the phase's name into the rows of K classes, where it has one."""
    if not phase_map.phases:
        return rows
    return [{"phase": p.name} | row for p, row in zip(phase_map.phases, rows, strict=True)]


def _fraction_rows(phase_map: MapData, fractions: Fractions | None) -> dict[str, Any] | None:
    if fractions is None:
        return None
    of_a_class = ("fraction", "low", "high", "plain")
    of_the_map = ("answered", "abstained", "left_out", "confidence", "blocks")
    return {
        "space_groups": _named(
            [
                {"space_group": g} | {name: getattr(fractions, name)[k] for name in of_a_class}
                for k, g in enumerate(phase_map.classes)
            ],
            phase_map,
        ),
        **{name: getattr(fractions, name) for name in of_the_map},
    }


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
