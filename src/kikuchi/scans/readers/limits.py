"""Limits on sizes that a file declares, checked before memory is set aside."""

from pathlib import Path

from ensemble.errors import InputError

#: Longest side of a pattern in pixels: twice that of the largest detector sold.
MAX_SIDE = 8192
#: Most points of a scan's grid, gaps counted.
MAX_GRID = 50_000_000


def check_pattern_size(rows: int, columns: int, path: Path) -> None:
    """Refuse a declared pattern size that no detector has.

    Raises
    ------
    InputError
        If a side is below 4 or above ``MAX_SIDE`` pixels.
    """
    if not (4 <= rows <= MAX_SIDE and 4 <= columns <= MAX_SIDE):
        raise InputError(
            f"declares patterns of {columns} x {rows} pixels",
            path=path,
            remedy=f"sides from 4 to {MAX_SIDE} are read; the file is damaged or no pattern",
        )


def check_grid_size(rows: int, columns: int, path: Path) -> None:
    """Refuse a declared scan grid that is empty or beyond ``MAX_GRID`` points.

    Raises
    ------
    InputError
        If the grid has no point or too many.
    """
    if rows < 1 or columns < 1:
        raise InputError("declares a scan without points", path=path, remedy="export the scan again")
    if rows * columns > MAX_GRID:
        raise InputError(
            f"declares a grid of {columns} x {rows} points",
            path=path,
            remedy=f"up to {MAX_GRID} are read; the file is damaged",
        )
