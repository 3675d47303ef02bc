"""AZtec's ``Grain List.txt``: where every exported pattern was, and its Hough phase and orientation."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.text import decoded

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
    text = decoded(content)
    lines = _lines(text)
    names = [name.strip().lower() for name in next(lines, "").split("\t")]
    n = 0
    short = None
    for n, line in enumerate(lines, start=1):
        columns = line.count("\t") + 1
        if columns < len(names) and short is None:
            short = f"point {n} has {columns} of {len(names)} columns"
    if n == 0:
        raise InputError("is a grain list without points", path=path, remedy=_REMEDY)
    missing = [name for name in ("id", "x", "y") if name not in names]
    if missing:
        raise InputError(f"has no column {missing[0].upper()}", path=path, remedy=_REMEDY)
    if short:
        raise InputError(short, path=path, remedy=_REMEDY)
    # The last of two columns of one name counts.
    place = {name: column for column, name in enumerate(names)}

    def numbers(column: str, what: str) -> np.ndarray:
        return _numbers(_cells(text, place[column]), n, what, path)

    ids = numbers("id", "ID")
    if np.any(ids != np.floor(ids)) or ids.min() < 0 or ids.max() > 2**53:
        raise InputError("has an ID that is not a whole number from 0", path=path, remedy=_REMEDY)
    if len(np.unique(ids)) < len(ids):
        raise InputError("names an ID twice", path=path, remedy=_REMEDY)
    angles = ("phi1", "phi", "phi2")
    euler = np.stack([numbers(a, "angle") for a in angles], axis=1) if {*angles} <= {*names} else None
    phases = _phases(_cells(text, place["phase"]), n) if "phase" in place else None
    return GrainList(ids.astype(np.int64), numbers("x", "X"), numbers("y", "Y"), phases, euler)


def _lines(text: str) -> Iterator[str]:
    """Lines that are not blank, one at a time: a list of a million of them, split, takes a gigabyte."""
    start = 0
    while start < len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        line = text[start:end]
        if line.strip():
            yield line
        start = end + 1


def _cells(text: str, column: int) -> Iterator[str]:
    """One column of the points, a cell at a time."""
    for line in islice(_lines(text), 1, None):
        yield line.split("\t", column + 1)[column].strip()


def _phases(cells: Iterator[str], n: int) -> np.ndarray:
    """Names of phases (n,), each name kept once, empty for points without a phase."""
    kept: dict[str, str] = {}
    named = (kept.setdefault(cell, "" if cell.lower() == ZERO_SOLUTION else cell) for cell in cells)
    return np.fromiter(named, object, n)


def _numbers(cells: Iterator[str], n: int, name: str, path: Path) -> np.ndarray:
    try:
        # A comma is the decimal point where Windows says so.
        values = np.fromiter((float(cell.replace(",", ".")) for cell in cells), np.float64, n)
    except ValueError as error:
        raise InputError(f"has a {name} that is no number: {error}", path=path, remedy=_REMEDY) from None
    if not np.all(np.isfinite(values)):
        raise InputError(f"has a {name} that is not finite", path=path, remedy=_REMEDY)
    return values
