"""Headers of makers' HDF5 scans, beside what kikuchipy reads from them: steps, and phases by point."""

from dataclasses import dataclass
from typing import Any

import numpy as np

_MOST_PHASES = 1000


@dataclass(frozen=True)
class _Names:
    """Where one maker keeps steps and phases, below a scan's ``EBSD`` group."""

    steps: tuple[str, str]
    phases: str | None = None
    name: str = ""
    space_group: str | None = None
    #: Number of the first phase; a point of a smaller one is not indexed.
    first: int = 1


# By the name that the maker gives to the patterns.
_MAKERS = {
    "patterns": _Names(("step_y", "step_x")),
    "Pattern": _Names(("Step Y", "Step X"), "Phase", "MaterialName"),
    "RawPatterns": _Names(("YSTEP", "XSTEP"), "Phases", "Name", "IT"),
    "Processed Patterns": _Names(("Y Step", "X Step"), "Phases", "Phase Name", "Space Group"),
    "Unprocessed Patterns": _Names(("Y Step", "X Step"), "Phases", "Phase Name", "Space Group"),
}


def header_steps(scan: Any, maker: str) -> tuple[float | None, float | None]:
    """Read the steps (dy, dx) of an open HDF5 scan's header in micrometres; None where it has none above 0.

    Parameters
    ----------
    scan
        Group of the scan.
    maker
        Name of its pattern data set.
    """
    names = _MAKERS.get(maker)
    if names is None:
        return None, None
    dy, dx = (_number(scan, f"EBSD/Header/{name}") for name in names.steps)
    return (dy if dy and dy > 0 else None), (dx if dx and dx > 0 else None)


def header_phases(scan: Any, maker: str, n: int) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Read phase name and space group of every pattern, in the order of the file.

    EDAX numbers the points of a scan of one phase 0, and its header has no space groups.

    Parameters
    ----------
    scan
        Group of the scan.
    maker
        Name of its pattern data set.
    n
        Number of its patterns.

    Returns
    -------
    phase_names, space_groups
        (N,) each, "" and 0 where not indexed or unknown; None where the file has no names, no groups, or not of every
        pattern.
    """
    names = _MAKERS.get(maker)
    if names is None or names.phases is None:
        return None, None
    points, phases = scan.get("EBSD/Data/Phase"), scan.get(f"EBSD/Header/{names.phases}")
    if getattr(points, "shape", None) != (n,) or points.dtype.kind not in "iu" or not hasattr(phases, "keys"):
        return None, None
    ids = np.asarray(points[()], np.int64)
    record = {int(key): key for key in list(phases)[:_MOST_PHASES] if key.isdecimal() and len(key) < 10}
    if maker == "Pattern" and len(record) == 1:
        ids = np.where(ids >= 0, next(iter(record)), 0)
    found, groups = np.full(n, "", object), np.zeros(n, np.int64)
    for number, key in record.items():
        here = ids == number
        found[here] = _text(phases, f"{key}/{names.name}")
        group = None if names.space_group is None else _number(phases, f"{key}/{names.space_group}")
        groups[here] = int(group) if group and 1 <= group <= 230 else 0
    return (found if found.any() else None), (groups if groups.any() else None)


def _value(group: Any, name: str) -> Any:
    """First value of a small data set, None where there is none."""
    data = group.get(name)
    if getattr(data, "size", None) is None or not 1 <= data.size <= 1000:
        return None
    return np.ravel(data[()])[0]


def _number(group: Any, name: str) -> float | None:
    try:
        number = float(_value(group, name))
    except (OverflowError, TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None


def _text(group: Any, name: str) -> str:
    value = _value(group, name)
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            value = value.decode("cp1252", "replace")
    return str(value or "").strip()[:200]
