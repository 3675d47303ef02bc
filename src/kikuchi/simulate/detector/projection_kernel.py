"""The inner loop of the projection: rotate, project to the Lambert square and interpolate, pixel by pixel.

Compiled by Numba, apart from its caller because importing Numba takes a moment.
"""

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath=True)
def project_lambert(
    north: np.ndarray, south: np.ndarray, basis: np.ndarray, shape: tuple[int, int], out: np.ndarray
) -> None:
    """Fill `out` with the master pattern seen by every pixel of every pattern.

    Parameters
    ----------
    north, south
        Lambert squares, shape (h, h), float32.
    basis
        First pixel, column step and row step in the crystal frame, shape (n, 3, 3), float32.
    shape
        Rows and columns.
    out
        Patterns to fill, shape (n, rows, columns), float32.

    Notes
    -----
    Square Lambert projection of Rosca, Astron. Astrophys. 520, A63 (2010), scaled to the square [-1, 1]: for
    |y| <= |x|, X = sgn(x) sqrt(1 - |z|) and Y = X (4 / pi) arctan(y / x). 1 - |z| is computed as
    (x^2 + y^2) / (1 + |z|): in float32 the difference would lose all its digits at the pole.
    """
    four_over_pi = np.float32(4 / math.pi)
    half = np.float32((len(north) - 1) / 2)
    last = len(north) - 2
    tiny = np.float32(1e-30)
    for i in range(basis.shape[0]):
        x0, y0, z0 = basis[i, 0]
        xc, yc, zc = basis[i, 1]
        xr, yr, zr = basis[i, 2]
        for row in range(shape[0]):
            r = np.float32(row)
            for column in range(shape[1]):
                c = np.float32(column)
                x = x0 + c * xc + r * xr
                y = y0 + c * yc + r * yr
                z = z0 + c * zc + r * zr
                planar = x * x + y * y
                length = math.sqrt(planar + z * z)
                # sqrt(1 - |z|) of the unit vector
                radius = math.sqrt(planar / (length * (length + abs(z))))
                ax, ay = abs(x), abs(y)
                large = max(max(ax, ay), tiny)
                small = min(ax, ay)
                along = radius
                across = radius * four_over_pi * _arctan(small / large)
                u = along if ax >= ay else across
                v = across if ax >= ay else along
                u = half + half * (u if x >= 0 else -u)
                v = half + half * (v if y >= 0 else -v)
                left = min(int(u), last)
                top = min(int(v), last)
                du = u - np.float32(left)
                dv = v - np.float32(top)
                if z >= 0:
                    out[i, row, column] = _between(north, top, left, dv, du)
                else:
                    out[i, row, column] = _between(south, top, left, dv, du)


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _between(plane: np.ndarray, row: int, column: int, down: np.float32, across: np.float32) -> np.float32:
    """Bilinear interpolation between four pixels."""
    one = np.float32(1)
    upper = plane[row, column] * (one - across) + plane[row, column + 1] * across
    lower = plane[row + 1, column] * (one - across) + plane[row + 1, column + 1] * across
    return upper * (one - down) + lower * down


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _arctan(t: np.float32) -> np.float32:
    """Arctangent on [0, 1] to 1e-5 (Abramowitz & Stegun, 4.4.49): a tenth of a master pixel would be 1e-4."""
    s = t * t
    p = np.float32(0.0208351)
    p = p * s - np.float32(0.0851330)
    p = p * s + np.float32(0.1801410)
    p = p * s - np.float32(0.3302995)
    p = p * s + np.float32(0.9998660)
    return t * p
