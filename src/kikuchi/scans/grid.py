"""Rows and columns from the positions of points."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from kikuchi.scans.limits import MAX_GRID


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


def hexagonal_grid(rows: int, columns: int, n: int, step: tuple[float, float]) -> Grid | None:
    """Points of a hexagonal scan, row by row, every second row shifted by half a step to the right.

    Parameters
    ----------
    rows, columns
        Rows, and points of the first row.
    n
        Points in all: the shifted rows are as long as the others, or one point shorter.
    step
        (dy, dx).

    Returns
    -------
    Grid or None
        None where neither makes ``n`` points.

    Examples
    --------
    >>> hexagonal_grid(3, 3, 8, (0.87, 1.0)).row.tolist()
    [0, 0, 0, 1, 1, 2, 2, 2]
    """
    for shorter in (1, 0):
        odd = columns - shorter
        if odd < 1 or n != (rows + 1) // 2 * columns + rows // 2 * odd:
            continue
        full = full_grid(rows, columns, step)
        there = (full.row % 2 == 0) | (full.col < odd)
        return Grid(full.row[there], full.col[there], (rows, columns), step, rows > 1)
    return None


def positions(grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Positions (x, y) of the points of a grid whose first point is (0, 0), in the unit of its step, (N,) each."""
    shift = 0.5 * (grid.row % 2) if grid.hexagonal else 0.0
    return (grid.col + shift) * grid.step[1], grid.row * grid.step[0]


def grid_from_positions(x: np.ndarray, y: np.ndarray) -> Grid | None:
    """Find the grid on which points lie: square, rectangular or hexagonal, cropped or with gaps.

    Nothing is rounded to a fixed number of digits: what counts as one place is measured by the gaps between places, so
    that steps of nanometres are found in micrometres, and steps that a text file rounded (1/3 as 0.333) too.

    Parameters
    ----------
    x, y
        Positions, (N,), in one unit; rounding and scatter up to a tenth of a step are tolerated.

    Returns
    -------
    Grid or None
        None where the positions lie on no grid or two share a place. The step of a single row or column is that of
        the other direction, 1 for a single point.

    Examples
    --------
    >>> grid = grid_from_positions(np.array([0.0, 2, 4, 1, 3]), np.array([0.0, 0, 0, 1.7, 1.7]))
    >>> grid.shape, grid.hexagonal, grid.col.tolist()
    ((2, 3), True, [0, 1, 2, 0, 1])
    """
    grids = [_with_rows(x, y, *rows) for rows in _rows(x, y)]
    # Scatter split into rows of its own leaves most places empty: the fullest grid is the one.
    return min((grid for grid in grids if grid), key=lambda grid: grid.shape[0] * grid.shape[1], default=None)


def _with_rows(x: np.ndarray, y: np.ndarray, row: np.ndarray, dy: float | None) -> Grid | None:
    """Find the columns of points whose rows are known; ``dy`` is None for a single row."""
    dx = _step_within_rows(x, row)
    if dx is None:  # one point a row: they are a column, or lie on a slant
        wide = np.ptp(x) > 0.25 * (dy or 0)
        dx = _step(np.unique(x)) if wide else dy
    if dx is None:  # a single point
        dx = 1.0
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
    return Grid(row, col, shape, (dx if dy is None else dy, dx), hexagonal)


def _rows(x: np.ndarray, y: np.ndarray) -> Iterator[tuple[np.ndarray, float | None]]:
    """Propose rows (N,) and their distance: values of y nearer than a share of the usual gap are one row."""
    values = np.unique(y)
    across = np.diff(np.unique(x))
    if len(values) == 1 or (across.size and np.ptp(y) < 0.25 * np.median(across)):
        yield np.zeros(len(y), np.int32), None
    if len(values) == 1:
        return
    gaps = np.diff(values)
    ascending = np.sort(gaps)
    share = np.cumsum(ascending) / ascending.sum()
    tried: set[int] = set()
    for part in (0.0, 0.02, 0.1, 0.3):
        # The gap below which this part of the whole range is covered: scatter covers little of it.
        usual = ascending[min(np.searchsorted(share, part), len(ascending) - 1)]
        new = gaps > 0.25 * usual
        if int(new.sum()) in tried or not new.any():
            continue
        tried.add(int(new.sum()))
        group = np.concatenate([[0], np.cumsum(new)])
        middle = np.bincount(group, values) / np.bincount(group)
        dy = _step(middle)
        if dy is None:
            continue
        places = _places(middle, dy)
        if places is not None:
            yield places[group[np.searchsorted(values, y)]], dy


def _step(values: np.ndarray) -> float | None:
    """Find the common distance of sorted unique values with holes and rounding; None for a single value."""
    return _common(np.diff(values))


def _step_within_rows(x: np.ndarray, row: np.ndarray) -> float | None:
    order = np.lexsort((x, row))
    same_row = np.diff(row[order]) == 0
    gaps = np.diff(x[order])[same_row]
    # Two points at one place are found later; what floats leave between them is no step.
    return _common(gaps[gaps > 1e-9 * np.abs(x).max()])


def _common(gaps: np.ndarray) -> float | None:
    """Find the step of which all gaps are multiples, as nearly as rounding lets them be.

    The smallest gap is rounded most; each longer one is counted by what the shorter ones taught.
    """
    if gaps.size == 0:
        return None
    step = smallest = float(gaps.min())
    longest = float(gaps.max())
    if longest > MAX_GRID * smallest:
        return smallest  # no grid: whoever counts places by it finds too many
    reach = 1.5
    while True:
        near = gaps[gaps <= reach * smallest]
        step = float(near.sum() / np.rint(near / step).sum())
        if reach * smallest >= longest:
            return step
        reach *= 2


def _places(values: np.ndarray, step: float) -> np.ndarray | None:
    """Whole number of steps from the smallest value, or None where some value is between two."""
    places = (values - values.min()) / step
    if not places.max() <= MAX_GRID or np.any(np.abs(places - np.rint(places)) > 0.25):
        return None
    return np.rint(places).astype(np.int32)
