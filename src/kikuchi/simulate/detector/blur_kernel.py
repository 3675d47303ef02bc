"""The inner loop of the blur: every pattern by its own Gaussian.

Compiled by Numba, apart from its caller because importing Numba takes a moment. SciPy's filters take one width for a
whole stack; called once a pattern they spend more time in Python than in the filter.
"""

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath=True)
def blur_each(patterns: np.ndarray, sigma: np.ndarray, out: np.ndarray) -> None:
    """Fill `out` with the blurred patterns; beyond the edge lies what lies on it.

    Parameters
    ----------
    patterns
        Shape (n, rows, columns), float32.
    sigma
        Standard deviations, pixels, shape (n,); up to a sixth of a pixel nothing is done.
    out
        Shape (n, rows, columns), float32.
    """
    n, rows, columns = patterns.shape
    down = np.empty((rows, columns), dtype=np.float32)
    for i in range(n):
        if sigma[i] <= 1 / 6:
            out[i] = patterns[i]
            continue
        radius = int(3 * sigma[i] + 0.5)
        taps = np.empty(2 * radius + 1, dtype=np.float32)
        for k in range(-radius, radius + 1):
            taps[k + radius] = math.exp(-0.5 * (k / sigma[i]) ** 2)
        taps /= taps.sum()
        for row in range(rows):
            for column in range(columns):
                down[row, column] = 0
            for k in range(-radius, radius + 1):
                source = min(max(row + k, 0), rows - 1)
                tap = taps[k + radius]
                for column in range(columns):
                    down[row, column] += tap * patterns[i, source, column]
        for row in range(rows):
            for column in range(columns):
                out[i, row, column] = 0
            for k in range(-radius, radius + 1):
                tap = taps[k + radius]
                first, last = min(max(-k, 0), columns), max(min(columns - k, columns), 0)
                for column in range(first):
                    out[i, row, column] += tap * down[row, 0]
                for column in range(first, last):
                    out[i, row, column] += tap * down[row, column + k]
                for column in range(last, columns):
                    out[i, row, column] += tap * down[row, columns - 1]
