"""By which simulators a bundle's patterns were made: a promise certified by the one that taught holds for that one."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from kikuchi.bundle.outputs import Part
from kikuchi.scans import Scan

#: Of scans that no simulator made.
RECORDED = "recorded"

#: Of simulated scans and masters that do not say what made them.
NOT_SAID = "not said"

PARTS = {"calibration": Part.CALIBRATION, "certification": Part.CERTIFICATION, "test": Part.TEST}


def of_scan(scan: Scan) -> tuple[str, ...]:
    """Return what made the patterns of a scan."""
    if not scan.simulated:
        return (RECORDED,)
    return scan.simulators or (NOT_SAID,)


def of_parts(scans: Sequence[Scan], material: np.ndarray, part: np.ndarray) -> dict[str, list[str]]:
    """Return what made the patterns of each held-out part.

    Parameters
    ----------
    scans
        Of the materials.
    material, part
        Index of the material and `Part` of every held-out pattern, shape (n,).
    """
    return {
        name: sorted({made for m in np.unique(material[part == code]) for made in of_scan(scans[int(m)])})
        for name, code in PARTS.items()
    }


def simulator_record(members: Iterable[str], held_out: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """Return what a manifest says under ``simulators``; empty where nothing was simulated.

    Parameters
    ----------
    members
        What made the patterns that the members were trained on.
    held_out
        What made those of each held-out part.

    Examples
    --------
    >>> simulator_record(["ebsdsim"], {"test": ["EMsoft", "ebsdsim"]})["simulators"]["of_held_out_alone"]
    ['EMsoft']
    """
    seen = {name or NOT_SAID for name in members}
    parts = {name: sorted({made or NOT_SAID for made in of}) for name, of in held_out.items()}
    held = {made for of in parts.values() for made in of}
    if seen | held <= {RECORDED}:
        return {}
    # Whether what nobody named was seen in training nobody knows.
    alone = held - seen - {NOT_SAID} if NOT_SAID not in seen else set()
    record = {"of_members": sorted(seen), "of_held_out": parts, "of_held_out_alone": sorted(alone)}
    return {"simulators": record}


def extended_record(manifest: Mapping[str, Any], scans: Sequence[Scan]) -> dict[str, Any]:
    """Return what a manifest says of simulators once a bundle has learned scans, which calibrate it too.

    Parameters
    ----------
    manifest
        Of the bundle that is extended.
    scans
        What it learns.
    """
    known = manifest.get("simulators", {})
    made = [name for scan in scans for name in of_scan(scan)]
    before = RECORDED if "simulators" not in manifest and not _simulated(manifest) else NOT_SAID
    parts = known.get("of_held_out", {name: [before] for name in PARTS})
    return simulator_record(
        [*known.get("of_members", [before]), *made], {name: [*parts[name], *made] for name in PARTS}
    )


def _simulated(manifest: Mapping[str, Any]) -> bool:
    return any(material.get("simulated") is not False for material in manifest["materials"])


def simulators_text(manifest: Mapping[str, Any]) -> str:
    """Say by which simulations members and promise were made, and which of these no member has seen.

    Parameters
    ----------
    manifest
        Of a bundle, which says it.
    """
    record = manifest["simulators"]
    if "of_members_and_held_out" in record:  # bundles adapted before parts were told apart
        both = ", ".join(record["of_members_and_held_out"])
        return f"{both}; held out and never trained on: {', '.join(record['of_held_out_alone']) or 'none'}"
    by_simulators: dict[str, list[str]] = {}
    for part, of in record["of_held_out"].items():
        by_simulators.setdefault(", ".join(of) or "none", []).append(part)
    parts = "; ".join(f"{', '.join(names)} by {of}" for of, names in by_simulators.items())
    alone = ", ".join(record["of_held_out_alone"]) or "none"
    return f"members by {', '.join(record['of_members'])}; {parts}; held out and never trained on: {alone}"
