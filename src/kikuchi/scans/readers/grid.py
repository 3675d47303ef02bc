"""Rows and columns from the positions of points."""

from dataclasses import dataclass

import numpy as np

from kikuchi.scans.readers.limits import MAX_GRID


@dataclass(frozen=True)
class Grid:
    """Where the points of a scan lie.

    Parameters
    ----------
    row, col
        Grid position of every point, (N,).
    shape
        Rows and columns (R, C).
    step
        (dy, dx), in the unit of the positions.
    hexagonal
        Whether every other row is shifted by half a step.
    """

    row: np.ndarray
    col: np.ndarray
    shape: tuple[int, int]
    step: tuple[float, float]
    hexagonal: bool = False


def full_grid(rows: int, columns: int, step: tuple[float, float] = (1.0, 1.0)) -> Grid:
    """Every point of a rectangle, row by row."""
    row, col = np.divmod(np.arange(rows * columns, dtype=np.int32), np.int32(columns))
    return Grid(row, col, (rows, columns), step)


def grid_from_positions(x: np.ndarray, y: np.ndarray) -> Grid | None:
    """Find the grid on which points lie: square, rectangular or hexagonal, cropped or with gaps.

    Parameters
    ----------
    x, y
        Positions, (N,), in one unit; rounding as in text files (1e-3) is tolerated.

    Returns
    -------
    Grid or None
        None where the positions lie on no grid or two share a place.

    Examples
    --------
    >>> grid = grid_from_positions(np.array([0.0, 2, 4, 1, 3]), np.array([0.0, 0, 0, 1.7, 1.7]))
    >>> grid.shape, grid.hexagonal, grid.col.tolist()
    ((2, 3), True, [0, 1, 2, 0, 1])
    """
    dy = _step(np.unique(np.round(y, 3)))
    row = _places(y, dy)
    if row is None:
        return None
    dx = _step_within_rows(x, row) or _step(np.unique(np.round(x, 3)))
    offset = (x - x.min()) / dx
    shifted = np.abs(offset - np.floor(offset) - 0.5) < 0.25
    odd = row % 2 == 1
    # Only a whole set of rows, all odd or all even, is shifted in a hexagonal map.
    hexagonal = bool(shifted.any() and (np.array_equal(shifted, odd) or np.array_equal(shifted, ~odd)))
    col = _places(np.where(shifted, x - dx / 2, x) if hexagonal else x, dx)
    if col is None:
        return None
    shape = (int(row.max()) + 1, int(col.max()) + 1)
    if shape[0] * shape[1] > MAX_GRID or len(np.unique(row.astype(np.int64) * shape[1] + col)) < len(row):
        return None
    return Grid(row, col, shape, (dy, dx), hexagonal)


def _step(values: np.ndarray) -> float:
    """Find the common distance of sorted unique values with gaps and rounding; 1 for a single value."""
    gaps = np.diff(values)
    if gaps.size == 0:
        return 1.0
    counts = np.rint(gaps / gaps.min())
    return float(gaps.sum() / counts.sum())


def _step_within_rows(x: np.ndarray, row: np.ndarray) -> float | None:
    order = np.lexsort((x, row))
    same_row = np.diff(row[order]) == 0
    gaps = np.round(np.diff(x[order])[same_row], 3)
    gaps = gaps[gaps > 0]
    if gaps.size == 0:
        return None
    return float(gaps.sum() / np.rint(gaps / gaps.min()).sum())


def _places(values: np.ndarray, step: float) -> np.ndarray | None:
    """Whole number of steps from the smallest value, or None where some value is between two."""
    places = (values - values.min()) / step
    if places.max() > MAX_GRID or np.any(np.abs(places - np.rint(places)) > 0.25):
        return None
    return np.rint(places).astype(np.int32)
