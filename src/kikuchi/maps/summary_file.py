"""What a map comes to, as JSON: `summary.json`."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.maps.atomic import replacing
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.plain import plain
from kikuchi.maps.tally import status_rows, tally, tally_rows

_FROM_META = ("rule", "calibration", "abstention", "promised_risk", "measured_risk", "timings", "versions")


def summarise(phase_map: PhaseMap, fractions: Any = None) -> dict[str, Any]:
    """Return what `summary.json` holds.

    Parameters
    ----------
    phase_map
        The map.
    fractions
        Phase fractions with their 95 % intervals, as `ensemble.fractions` returns them.

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
        "tally": tally_rows(counts),
        "phase_fractions": fractions,
        "mean": {name: _mean(getattr(d, name)) for name in measures},
        "problems": phase_map.problems,
        **dict.fromkeys(_FROM_META),
        **phase_map.meta,
    }
    return plain(summary)


def write_summary(phase_map: PhaseMap, path: str | Path, fractions: Any = None) -> None:
    """Write `summarise` as JSON.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    text = json.dumps(summarise(phase_map, fractions), indent=2, ensure_ascii=False, allow_nan=False)
    with replacing(Path(path)) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else None
