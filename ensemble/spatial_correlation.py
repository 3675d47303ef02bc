"""Dependence of a map's neighbours on each other, and the blocks that may count as independent.

An interval, a test or a certificate that takes the points of one grain as independent is too sure of itself. Where the
grains are not known, the map's own autocorrelation says how large a block must be.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.phase_fractions import square_blocks
from ensemble.validation import as_count, as_indices, as_scores

#: Neighbours count as dependent up to the lag at which their correlation falls below this.
UNRELATED = 0.1

#: Side of a block in correlation lengths: what neighbouring blocks still share is then little.
SIDE = 2.0
# A grid of more points than a scan has: a position is wrong.
_MOST_POINTS = 100_000_000


def correlation_length(values: ArrayLike, row: ArrayLike, col: ArrayLike) -> int:
    """Lag in points at which a map's values are no longer alike.

    Parameters
    ----------
    values
        One or more quantities of each point, shape (N,) or (N, F); NaN where there is none.
    row, col
        Grid position of each point, whole numbers from 0 on, shape (N,).

    Returns
    -------
    int
        Smallest lag, 1 at least, at which the autocorrelation along rows and along columns, averaged over the
        quantities in proportion to their variance, is below 0.1; half the longer side of the map where it
        never is; 1 where nothing varies.

    Raises
    ------
    InputError
        If the arrays do not fit together.

    Examples
    --------
    Stripes three points wide:

    >>> col = np.arange(9000)
    >>> stripes = np.random.default_rng(0).normal(size=3000)[col // 3]
    >>> correlation_length(stripes, np.zeros(9000, int), col)
    3
    """
    v = as_scores(values, "values", None, missing=True, infinite=True)
    v = v[:, None] if v.ndim == 1 else v
    r, c = as_indices(row, "rows"), as_indices(col, "columns")
    if v.ndim != 2 or r.shape != (len(v),) or c.shape != (len(v),):
        raise InputError(f"values {v.shape}, rows {r.shape} and columns {c.shape} do not fit together")
    if not len(v):
        return 1
    if (int(r.max()) + 1) * (int(c.max()) + 1) > _MOST_POINTS:
        raise InputError(f"a map of {int(r.max()) + 1} x {int(c.max()) + 1} points has too many")
    grid = np.full((int(r.max()) + 1, int(c.max()) + 1, v.shape[1]), np.nan)
    grid[r, c] = v - np.nanmean(v, axis=0) if np.isfinite(v).any() else 0.0
    variance = np.nanmean(grid**2, axis=(0, 1)).sum()
    if not variance > 0:
        return 1
    longest = max(1, max(grid.shape[:2]) // 2)
    for lag in range(1, longest + 1):
        if max(_correlation(grid, lag), _correlation(grid.transpose(1, 0, 2), lag)) < UNRELATED * variance:
            return lag
    return longest


def _correlation(grid: NDArray[np.float64], lag: int) -> float:
    """Covariance of points so many rows apart, summed over the quantities; 0 where there are no such pairs."""
    if grid.shape[0] <= lag:
        return 0.0
    product = grid[lag:] * grid[:-lag]
    finite = np.isfinite(product).all(axis=2)
    return float(product[finite].sum(axis=1).mean()) if finite.any() else 0.0


def independent_blocks(
    values: ArrayLike, row: ArrayLike, col: ArrayLike, *, least_side: int = 3
) -> tuple[NDArray[np.intp], int]:
    """Cut a map into square blocks that may count as independent.

    Parameters
    ----------
    values, row, col
        As in `correlation_length`.
    least_side
        Smallest side of a block, points.

    Returns
    -------
    blocks, side
        Block of each point, shape (N,), and the side in points: twice the correlation length.

    Examples
    --------
    >>> col = np.arange(9000)
    >>> stripes = np.random.default_rng(0).normal(size=3000)[col // 3]
    >>> independent_blocks(stripes, np.zeros(9000, int), col)[1]
    6
    """
    as_count(least_side, "the side of a block")
    side = max(least_side, int(np.ceil(SIDE * correlation_length(values, row, col))))
    return square_blocks(row, col, side), side
