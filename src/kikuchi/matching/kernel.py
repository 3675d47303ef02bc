"""The inner loop of matching: a pattern and how it changes when the crystal turns, pixel by pixel.

Compiled by Numba, apart from its callers because importing Numba takes a moment.
"""

import math

import numba
import numpy as np


@numba.njit(cache=True, nogil=True, fastmath=True)
def project_texture(
    north: np.ndarray, south: np.ndarray, basis: np.ndarray, shape: tuple[int, int], out: np.ndarray
) -> None:
    """Fill `out` with what every pixel of every pattern sees on a texture of several channels.

    Parameters
    ----------
    north, south
        Lambert squares, shape (h, h, c), float32; c is 1 or 4.
    basis
        First pixel, column step and row step in the crystal frame, shape (n, 3, 3), float32.
    shape
        Rows and columns.
    out
        Shape (n, c, rows, columns), float32.

    Notes
    -----
    The projection is that of `kikuchi.simulate`, of which all channels share the place and the weights: the three
    derivatives cost little more than the pattern.
    """
    four_over_pi = np.float32(4 / math.pi)
    half = np.float32((len(north) - 1) / 2)
    last = len(north) - 2
    tiny = np.float32(1e-30)
    one = np.float32(1)
    several = out.shape[1] == 4
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
                radius = math.sqrt(planar / (length * (length + abs(z))))
                ax, ay = abs(x), abs(y)
                large = max(max(ax, ay), tiny)
                small = min(ax, ay)
                across = radius * four_over_pi * _arctan(small / large)
                u = radius if ax >= ay else across
                v = across if ax >= ay else radius
                u = half + half * (u if x >= 0 else -u)
                v = half + half * (v if y >= 0 else -v)
                left = max(min(int(u), last), 0)
                top = max(min(int(v), last), 0)
                du = u - np.float32(left)
                dv = v - np.float32(top)
                a = (one - dv) * (one - du)
                b = (one - dv) * du
                d = dv * (one - du)
                e = dv * du
                plane = north if z >= 0 else south
                if several:
                    for k in range(4):
                        out[i, k, row, column] = (
                            a * plane[top, left, k]
                            + b * plane[top, left + 1, k]
                            + d * plane[top + 1, left, k]
                            + e * plane[top + 1, left + 1, k]
                        )
                else:
                    out[i, 0, row, column] = (
                        a * plane[top, left, 0]
                        + b * plane[top, left + 1, 0]
                        + d * plane[top + 1, left, 0]
                        + e * plane[top + 1, left + 1, 0]
                    )


@numba.njit(cache=True, nogil=True, fastmath=True, inline="always")
def _arctan(t: np.float32) -> np.float32:
    """Arctangent on [0, 1] to 1e-5 (Abramowitz & Stegun, 4.4.49)."""
    s = t * t
    p = np.float32(0.0208351)
    p = p * s - np.float32(0.0851330)
    p = p * s + np.float32(0.1801410)
    p = p * s - np.float32(0.3302995)
    p = p * s + np.float32(0.9998660)
    return t * p
