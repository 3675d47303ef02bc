"""AZtec's ``Grain List.txt``: where every exported pattern was, and its Hough phase and orientation."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.errors import InputError

GRAIN_LIST_NAME = "Grain List.txt"
#: What AZtec calls a point without a phase.
ZERO_SOLUTION = "zero solution"
_MAX_BYTES = 2**30
_REMEDY = "export the grain list from AZtec again, or move it away to read the images alone"


@dataclass(frozen=True)
class GrainList:
    """Points of a grain list.

    Parameters
    ----------
    ids
        ID of every point, (N,), counting from 0.
    x, y
        Position in micrometres, (N,).
    phases
        Name of the phase, (N,), empty for "Zero solution"; None where the list has no phases.
    euler
        Bunge angles (phi1, PHI, phi2) in degrees, (N, 3); None where the list has none.
    """

    ids: np.ndarray
    x: np.ndarray
    y: np.ndarray
    phases: np.ndarray | None
    euler: np.ndarray | None


def read_grain_list(path: Path) -> GrainList:
    """Read a tab-separated grain list by the names in its first line.

    Raises
    ------
    InputError
        If it is empty, has no ID, X or Y, or a line is short, not a number or repeats an ID.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise InputError("is above 1 GiB", path=path, remedy=_REMEDY)
    return parse_grain_list(path.read_bytes(), path)


def parse_grain_list(content: bytes, path: Path) -> GrainList:
    """Read a grain list from its bytes; ``path`` is for messages only.

    Raises
    ------
    InputError
        As ``read_grain_list``.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    lines = [line for line in text.split("\n") if line.strip()]
    if len(lines) < 2:
        raise InputError("is a grain list without points", path=path, remedy=_REMEDY)
    names = [name.strip().lower() for name in lines[0].split("\t")]
    missing = [name for name in ("id", "x", "y") if name not in names]
    if missing:
        raise InputError(f"has no column {missing[0].upper()}", path=path, remedy=_REMEDY)
    rows = [[cell.strip() for cell in line.split("\t")] for line in lines[1:]]
    for number, row in enumerate(rows, start=2):
        if len(row) < len(names):
            raise InputError(
                f"point {number - 1} has {len(row)} of {len(names)} columns", path=path, remedy=_REMEDY
            )
    columns = dict(zip(names, zip(*rows, strict=False), strict=False))
    ids = _numbers(columns["id"], "ID", path)
    if np.any(ids != np.floor(ids)) or ids.min() < 0 or ids.max() > 2**53:
        raise InputError("has an ID that is not a whole number from 0", path=path, remedy=_REMEDY)
    if len(np.unique(ids)) < len(ids):
        raise InputError("names an ID twice", path=path, remedy=_REMEDY)
    angles = [columns.get(name) for name in ("phi1", "phi", "phi2")]
    euler = None if None in angles else np.stack([_numbers(a or (), "angle", path) for a in angles], axis=1)
    phases = None
    if "phase" in columns:
        phases = np.array(["" if p.lower() == ZERO_SOLUTION else p for p in columns["phase"]], dtype=object)
    return GrainList(
        ids.astype(np.int64),
        _numbers(columns["x"], "X", path),
        _numbers(columns["y"], "Y", path),
        phases,
        euler,
    )


def _numbers(cells: tuple[str, ...], name: str, path: Path) -> np.ndarray:
    try:
        # A comma is the decimal point where Windows says so.
        values = np.array([float(cell.replace(",", ".")) for cell in cells])
    except ValueError as error:
        raise InputError(f"has a {name} that is no number: {error}", path=path, remedy=_REMEDY) from None
    if not np.all(np.isfinite(values)):
        raise InputError(f"has a {name} that is not finite", path=path, remedy=_REMEDY)
    return values
