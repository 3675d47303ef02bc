"""Points between two grains or phases: two crystals may be seen at once there."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def between_two(
    row: NDArray[np.integer], col: NDArray[np.integer], shape: tuple[int, int], label: ArrayLike
) -> NDArray[np.bool_]:
    """Say of every point whether its neighbours on two opposite sides are of two different labels.

    A side counts where the neighbour and the one behind it are of one label: a single odd answer inside a grain is no
    boundary, and says nothing of the points around it.

    Parameters
    ----------
    row, col
        Place of each point, (N,).
    shape
        Rows and columns of the grid.
    label
        What each point is taken for, (N,) integers; below 0 where nothing is known.

    Returns
    -------
    numpy.ndarray
        (N,) bool.

    Examples
    --------
    >>> label = np.array([1, 1, 1, 7, 1, 1, 1, 2, 2, 2])
    >>> between_two(np.zeros(10, int), np.arange(10), (1, 10), label).astype(int)
    array([0, 0, 0, 0, 0, 0, 1, 1, 0, 0])
    """
    rows, columns = shape
    grid = np.full((rows + 4, columns + 4), -1, np.int64)
    grid[row + 2, col + 2] = np.asarray(label)
    found = np.zeros(len(row), bool)

    def at(dy: int, dx: int) -> NDArray[np.int64]:
        return grid[row + 2 + dy, col + 2 + dx]

    for dy, dx in ((0, 1), (1, 0), (1, 1), (1, -1)):
        before, after = at(-dy, -dx), at(dy, dx)
        sure = (before >= 0) & (before == at(-2 * dy, -2 * dx)) & (after >= 0) & (after == at(2 * dy, 2 * dx))
        found |= sure & (before != after)
    return found
