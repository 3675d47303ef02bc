"""EDAX's plain files of patterns, ``.up1`` (8 bit) and ``.up2`` (16 bit).

Little-endian: version, columns and rows of a pattern and the byte where patterns begin, 4 bytes each; from version 3
on also a byte, columns and rows of the map (4 bytes each), whether its grid is hexagonal (1 byte), and the steps along
x and y in micrometres (8 bytes each). Version 1 says nothing of the map.
"""

import math
import struct
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.binary_patterns import BinaryPatterns
from kikuchi.scans.readers.grid import UNTOLD_GRID, Grid, full_grid, given_grid, hexagonal_grid
from kikuchi.scans.readers.limits import check_grid_size, check_pattern_size
from kikuchi.scans.scan import Scan, joined_notes, stem_of

EDAX_BINARY_SUFFIXES = (".up1", ".up2")
_COPY_AGAIN = "copy or export the scan again"


def open_edax_binary(path: Path, shape: tuple[int, int] | None = None) -> Scan:
    """Open an ``.up1`` or ``.up2`` file as a scan.

    The hexagonal grid that a file declares is kept. Of an acquisition that was stopped before its end the patterns that
    are there are a map with a gap, and a note says so.

    Parameters
    ----------
    path
        The file.
    shape
        Rows and columns of the grid where the file does not say, or others than it says.

    Raises
    ------
    InputError
        If the file is damaged, of version 2, holds no whole pattern, or has not as many as ``shape`` wants.
    """
    size = path.stat().st_size
    dtype = np.dtype("<u1" if path.suffix.lower() == ".up1" else "<u2")
    with path.open("rb") as file:
        head = file.read(42)
    if len(head) < 16:
        raise InputError("is truncated", path=path, remedy=_COPY_AGAIN)
    version, columns, rows, begin = struct.unpack("<4I", head[:16])
    if version in (0, 2) or version > 100 or not 16 <= begin <= max(size, 16):
        raise InputError(
            f"is damaged, or an EDAX file of a version that is not read ({version})",
            path=path,
            remedy=_COPY_AGAIN,
        )
    check_pattern_size(rows, columns, path)
    one = rows * columns * dtype.itemsize
    found = (size - begin) // one
    if found < 1:
        raise InputError("is truncated before its first pattern", path=path, remedy=_COPY_AGAIN)
    record = struct.unpack("<IIBdd", head[17:42]) if version >= 3 and len(head) == 42 else None
    grid, note = (
        _grid(path, found, record) if shape is None else (given_grid(shape, found, path, _step(record)), None)
    )
    left = found - len(grid.row)
    more = f"{left} more patterns follow the map and are left out" if left else None
    x, y = grid.positions()
    return Scan(
        name=stem_of(path),
        path=path,
        source=BinaryPatterns(path, begin + one * np.arange(len(grid.row)), (rows, columns), dtype),
        row=grid.row,
        col=grid.col,
        x=x,
        y=y,
        shape=grid.shape,
        step=grid.step,
        metadata={
            "format": path.suffix.lower().lstrip("."),
            "grid": "hexagonal" if grid.hexagonal else "square",
            **joined_notes(note, more),
        },
    )


def _grid(
    path: Path, found: int, record: tuple[int, int, int, float, float] | None
) -> tuple[Grid, str | None]:
    """Find the grid of a number of patterns from its header, and what a user should know."""
    if record is None:
        check_grid_size(1, found, path)
        return full_grid(1, found), UNTOLD_GRID if found > 1 else None
    columns, rows, hexagonal, *_ = record
    step = _step(record)
    check_grid_size(rows, columns, path)
    if hexagonal:
        check_grid_size(1, found, path)
        grid = hexagonal_grid(rows, columns, found, step)
        if grid is None:
            return full_grid(1, found, (step[1], step[1])), (
                f"{found} patterns do not fill the hexagonal grid of {rows} rows that the file tells of: "
                f"they are shown as a line"
            )
        return grid, None
    full = full_grid(rows, columns, step)
    if found >= rows * columns:
        return full, None
    grid = Grid(full.row[:found], full.col[:found], full.shape, step)
    return grid, f"the acquisition ended early: {found} of {rows * columns} patterns are there"


def _step(record: tuple[int, int, int, float, float] | None) -> tuple[float, float]:
    dx, dy = (1.0, 1.0) if record is None else record[3:]
    dx, dy = (s if math.isfinite(s) and s > 0 else 0.0 for s in (dx, dy))
    return (dy or dx or 1.0, dx or dy or 1.0)
