"""Rows and columns from the positions of points."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.limits import MAX_GRID, check_grid_size

#: Warning about patterns whose places nobody knows.
UNTOLD_GRID = (
    "the grid is not known: the patterns are shown as a line; give its rows and columns, --shape ROWS,COLUMNS"
)
NO_GRID = "the positions lie on no grid; the patterns are shown as a line"


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
    shifted
        Which rows are shifted to the right by half a step: 1 the odd ones, 0 the even ones; None on a square grid.
    """

    row: np.ndarray
    col: np.ndarray
    shape: tuple[int, int]
    step: tuple[float, float]
    shifted: int | None = None

    @property
    def hexagonal(self) -> bool:
        """Whether every other row is shifted by half a step."""
        return self.shifted is not None

    def positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Positions (x, y) of the points in the unit of the step, (N,) each; the grid's corner is (0, 0)."""
        shift = 0.0 if self.shifted is None else 0.5 * (self.row % 2 == self.shifted)
        return (self.col + shift) * self.step[1], self.row * self.step[0]


def full_grid(rows: int, columns: int, step: tuple[float, float] = (1.0, 1.0)) -> Grid:
    """Every point of a rectangle, row by row."""
    row, col = np.divmod(np.arange(rows * columns, dtype=np.int32), np.int32(columns))
    return Grid(row, col, (rows, columns), step)


def given_grid(shape: tuple[int, int], n: int, path: Path, step: tuple[float, float] = (1.0, 1.0)) -> Grid:
    """Every point of the rectangle that a user gives for ``n`` patterns, row by row.

    Raises
    ------
    InputError
        If it has not as many points.
    """
    rows, columns = shape
    check_grid_size(rows, columns, path)
    if rows * columns != n:
        raise InputError(f"holds {n} patterns", path=path, remedy=f"not {rows} x {columns}")
    return full_grid(rows, columns, step)


def hexagonal_grid(rows: int, columns: int, n: int, step: tuple[float, float]) -> Grid | None:
    """Points of a hexagonal scan, row by row, every second row shifted by half a step to the right.

    Parameters
    ----------
    rows, columns
        Rows, and points of the first row.
    n
        Points in all: from the second on, every other row has a point less, as many, or a point more. The shorter ones
        are the shifted ones, the second ones where all are as long.
    step
        (dy, dx).

    Returns
    -------
    Grid or None
        None where none of the three makes ``n`` points.

    Examples
    --------
    >>> hexagonal_grid(3, 3, 8, (0.87, 1.0)).row.tolist()
    [0, 0, 0, 1, 1, 2, 2, 2]
    """
    for second in (columns - 1, columns, columns + 1):
        if second < 1 or n != (rows + 1) // 2 * columns + rows // 2 * second:
            continue
        full = full_grid(rows, max(columns, second), step)
        there = full.col < np.where(full.row % 2 == 1, second, columns)
        shifted = None if rows == 1 else int(second <= columns)
        return Grid(full.row[there], full.col[there], full.shape, step, shifted)
    return None


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
    grids = [_with_rows(x, row, dy) for row, dy in _rows(x, y)]
    # Scatter split into rows of its own leaves most places empty: the fullest grid is the one.
    return min((grid for grid in grids if grid), key=lambda grid: grid.shape[0] * grid.shape[1], default=None)


def _with_rows(x: np.ndarray, row: np.ndarray, dy: float | None) -> Grid | None:
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
    parity = None
    if shifted.any():
        parity = 1 if np.array_equal(shifted, odd) else 0 if np.array_equal(shifted, ~odd) else None
    col = _places(x if parity is None else np.where(shifted, x - dx / 2, x), dx)
    if col is None:
        return None
    shape = (int(row.max()) + 1, int(col.max()) + 1)
    if shape[0] * shape[1] > MAX_GRID or len(np.unique(row.astype(np.int64) * shape[1] + col)) < len(row):
        return None
    return Grid(row, col, shape, (dx if dy is None else dy, dx), parity)


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
        usual = ascending[min(int(np.searchsorted(share, part)), len(ascending) - 1)]
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
