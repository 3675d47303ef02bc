"""Oxford's plain files of patterns, ``.ebsp`` and ``.uebsp`` (unprocessed), as AZtec writes them beside a project.

Little-endian: minus the version (8 bytes; versions 0 have none), from version 4 on one byte more, then for every point
of the map the byte where its pattern begins (8 bytes each, 0 where it was not kept). A pattern is preceded by its place
on the map (from version 5 on, 2 x 4 bytes), whether it is compressed, its rows, columns and bytes (4 bytes each), and
followed by whether the beam's x is given (1 byte), x in micrometres (8 bytes), and the same for y; version 1 gives both
always, version 0 none. Oxford Instruments told kikuchipy's authors of it, from whose reader it is known here.
"""

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.binary_patterns import BinaryPatterns
from kikuchi.scans.readers.grid import NO_GRID, UNTOLD_GRID, Grid, full_grid, given_grid, grid_from_positions
from kikuchi.scans.readers.limits import MAX_GRID, check_grid_size, check_pattern_size
from kikuchi.scans.scan import Scan, joined_notes, stem_of

OXFORD_BINARY_SUFFIXES = (".ebsp", ".uebsp")
_COPY_AGAIN = "copy or export the scan again"


@dataclass(frozen=True)
class _Layout:
    """Where patterns lie: of each point that has one its byte and number in the map, and a pattern's head and size."""

    version: int
    begins: np.ndarray
    points: np.ndarray
    n_points: int
    head: int
    signal_shape: tuple[int, int]
    dtype: np.dtype

    @property
    def size(self) -> int:
        return self.signal_shape[0] * self.signal_shape[1] * self.dtype.itemsize


def open_oxford_binary(path: Path, shape: tuple[int, int] | None = None) -> Scan:
    """Open an ``.ebsp`` file of uncompressed patterns as a scan: a map, a row, a column or a point.

    Parameters
    ----------
    path
        The file.
    shape
        Rows and columns of the grid where the file holds no positions, or others than they make.

    Raises
    ------
    InputError
        If the file is damaged or truncated, its patterns are compressed, or it has not as many as ``shape`` wants.
    """
    with path.open("rb") as file:
        try:
            layout = _layout(file, path)
            grid, note, origin = _grid(file, path, layout, shape)
        except struct.error:
            raise InputError("is truncated or damaged", path=path, remedy=_COPY_AGAIN) from None
    kept = len(layout.points)
    missing = f"{layout.n_points - kept} of {layout.n_points} points have no pattern in the file"
    x, y = grid.positions()
    return Scan(
        name=stem_of(path),
        path=path,
        source=BinaryPatterns(path, layout.begins + layout.head, layout.signal_shape, layout.dtype),
        row=grid.row,
        col=grid.col,
        x=x + origin[0],
        y=y + origin[1],
        shape=grid.shape,
        step=grid.step,
        metadata={
            "format": path.suffix.lower().lstrip("."),
            "grid": "hexagonal" if grid.hexagonal else "square",
            **joined_notes(note, missing if kept < layout.n_points else None),
        },
    )


def _layout(file: BinaryIO, path: Path) -> _Layout:
    size = path.stat().st_size
    (first,) = struct.unpack("<q", _bytes(file, 0, 8))
    version = -first if first < 0 else 0
    if version > 100:
        raise InputError("is damaged: it declares no version that exists", path=path, remedy=_COPY_AGAIN)
    table = 0 if version == 0 else 9 if version > 3 else 8
    begins = _table(file, table, size, path)
    n = len(begins)
    points = np.flatnonzero(begins)
    if points.size == 0:
        raise InputError("holds no patterns", path=path, remedy=_COPY_AGAIN)
    begins = begins[points]
    head = 24 if version >= 5 else 16
    compressed, rows, columns, stored = struct.unpack("<4i", _bytes(file, int(begins[0]) + head - 16, 16))
    if compressed:
        raise InputError(
            "holds compressed patterns, which nobody but AZtec reads",
            path=path,
            remedy="export the project from AZtec as .h5oina",
        )
    check_pattern_size(rows, columns, path)
    if stored not in (rows * columns, 2 * rows * columns):
        raise InputError(
            "is damaged: a pattern's size is not that of its pixels", path=path, remedy=_COPY_AGAIN
        )
    if begins.min() < table or begins.max() + head + stored > size:
        last = int(begins.max())
        raise InputError(
            f"is truncated: {size} of at least {last + head + stored} bytes", path=path, remedy=_COPY_AGAIN
        )
    dtype = np.dtype("<u1" if stored == rows * columns else "<u2")
    return _Layout(version, begins, points, n, head, (rows, columns), dtype)


def _table(file: BinaryIO, table: int, size: int, path: Path) -> np.ndarray:
    """Read where patterns begin, (n,), 0 for a point without; the table ends where the first of them begins."""
    nearest, parts, n = size, [], 0
    while n <= MAX_GRID:
        block = (
            np.frombuffer(_whole(_bytes(file, table + 8 * n, 2**19)), "<i8") if size > table + 8 * n else None
        )
        if block is None or block.size == 0:
            break
        known = np.minimum.accumulate(np.concatenate([[nearest], np.where(block > 0, block, size)]))
        over = np.flatnonzero(table + 8 * (n + np.arange(block.size)) >= known[:-1])
        parts.append(block[: over[0]] if over.size else block)
        n += len(parts[-1])
        if over.size:
            break
        nearest = int(known[-1])
    begins = np.concatenate(parts) if parts else np.zeros(0, np.int64)
    check_grid_size(1, n, path)
    if np.any(begins < 0) or np.any(begins >= size):
        raise InputError("is truncated or damaged", path=path, remedy=_COPY_AGAIN)
    return begins


def _grid(
    file: BinaryIO, path: Path, layout: _Layout, shape: tuple[int, int] | None
) -> tuple[Grid, str | None, tuple[float, float]]:
    """Grid of the patterns, what a user should know of it, and where its first point lies."""
    kept = len(layout.points)
    if shape is not None:
        return given_grid(shape, kept, path), None, (0.0, 0.0)
    ends = [_position(file, layout, place) for place in sorted({0, min(1, kept - 1), kept - 1})]
    if None in ends:
        return full_grid(1, kept), UNTOLD_GRID if kept > 1 else None, (0.0, 0.0)
    grid = _from_ends([end for end in ends if end], layout)
    if grid is not None:
        return grid, None, ends[0] or (0.0, 0.0)
    places = np.array([_position(file, layout, place) or (np.nan, np.nan) for place in range(kept)])
    found = grid_from_positions(places[:, 0], places[:, 1]) if np.isfinite(places).all() else None
    if found is None:
        return full_grid(1, kept), NO_GRID, (0.0, 0.0)
    return found, None, (float(places[:, 0].min()), float(places[:, 1].min()))


def _from_ends(ends: list[tuple[float, float]], layout: _Layout) -> Grid | None:
    """Rows and columns of a whole map from its first, second and last point: reading all of a million takes minutes."""
    if len(layout.points) < layout.n_points:
        return None
    first, second, last = ends[0], ends[1 % len(ends)], ends[-1]
    dx, dy = second[0] - first[0], second[1] - first[1]
    step = dx if dx > 0 else dy
    if not (np.isfinite(ends).all() and step > 0 and (dx > 0 or last[0] == first[0])):
        return full_grid(1, 1) if layout.n_points == 1 else None
    columns, rows = (
        round((last[i] - first[i]) / step) + 1 if abs(last[i] - first[i]) < 1e9 * step else 0 for i in (0, 1)
    )
    if rows < 1 or columns < 1 or rows * columns != layout.n_points:
        return None
    return full_grid(rows, columns, (step, step))


def _position(file: BinaryIO, layout: _Layout, place: int) -> tuple[float, float] | None:
    """Position (x, y) of a pattern in micrometres, None where the file has none."""
    if layout.version == 0:
        return None
    offset = int(layout.begins[place]) + layout.head + layout.size
    tail = _bytes(file, offset, 18)
    if layout.version == 1:
        return struct.unpack("<dd", tail[:16])
    if len(tail) < 18 or not (tail[0] and tail[9]):
        return None
    return struct.unpack("<d", tail[1:9])[0], struct.unpack("<d", tail[10:18])[0]


def _bytes(file: BinaryIO, offset: int, length: int) -> bytes:
    """Read at most so many bytes."""
    file.seek(offset)
    return file.read(length)


def _whole(content: bytes) -> bytes:
    return content[: len(content) // 8 * 8]
