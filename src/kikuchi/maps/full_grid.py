"""The whole rectangle of a map, for programs that know no missing points."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kikuchi.maps.map_data import MapData


@dataclass(frozen=True)
class FullGrid:
    """Every point of the rectangle, row by row, P = R C of them.

    Attributes
    ----------
    shape
        Rows and columns (R, C).
    step
        Distance of neighbours (dy, dx), micrometres; 1 where it is not known.
    index
        Which pattern lies there, shape (P,); -1 where none was recorded.
    x, y
        Positions, shape (P,), micrometres.
    hexagonal
        Whether every other row is shifted by half a step.
    """

    shape: tuple[int, int]
    step: tuple[float, float]
    index: NDArray[np.intp]
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    hexagonal: bool

    def spread(self, values: ArrayLike, fill: Any) -> NDArray[Any]:
        """Return values of patterns, shape (N, ...), at every point, shape (P, ...), `fill` where none lies."""
        array = np.asarray(values)
        out = np.full((self.index.size, *array.shape[1:]), fill, dtype=np.result_type(array, fill))
        recorded = self.index >= 0
        out[recorded] = array[self.index[recorded]]
        return out


def full_grid(phase_map: MapData) -> FullGrid:
    """Complete a map to a rectangle.

    A map of a single point gets a second point without a pattern: `numpy.loadtxt`, on which readers of text
    maps stand, and orix's HDF5 reader both take one point for a bare row of numbers and fail.

    Coordinates are rebuilt from row, column and step where the recorded ones agree within a hundredth of a
    step, so that rounding in the scan's file does not look like a thousand columns to a reader.
    """
    rows, cols = phase_map.shape
    if rows * cols == 1:
        cols = 2
    dy, dx = (float(s) if s and np.isfinite(s) else 1.0 for s in phase_map.step)
    hexagonal = is_hexagonal(phase_map)

    lying = np.full((rows, cols), -1, dtype=np.intp)
    lying[phase_map.row, phase_map.col] = np.arange(phase_map.n)
    index = lying.ravel()
    row, col = (a.ravel() for a in np.indices((rows, cols)))
    y = dy * row + np.median(phase_map.y - dy * phase_map.row)
    offset = phase_map.x - dx * phase_map.col
    x = dx * col + np.median(offset)
    if hexagonal:
        odd = phase_map.row % 2 == 1
        x = dx * col + np.where(row % 2 == 1, np.median(offset[odd]), np.median(offset[~odd]))

    recorded = np.flatnonzero(index >= 0)
    for ideal, given, step in ((x, phase_map.x, dx), (y, phase_map.y, dy)):
        there = np.asarray(given, dtype=float)[index[recorded]]
        if np.abs(ideal[recorded] - there).max() > 0.01 * step:
            ideal[recorded] = there
    return FullGrid((rows, cols), (dy, dx), index, x, y, hexagonal)


def is_hexagonal(phase_map: MapData) -> bool:
    """Return whether every other row of the map is shifted by half a step."""
    dx = phase_map.step[1]
    odd = phase_map.row % 2 == 1
    if not dx or not np.isfinite(dx) or odd.all() or not odd.any():
        return False
    offset = (phase_map.x - dx * phase_map.col) / dx
    shift = np.median(offset[odd]) - np.median(offset[~odd])
    return bool(0.4 < abs(shift) < 0.6)
