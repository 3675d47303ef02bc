"""The square Lambert projection, on which master patterns live."""

import numpy as np


def lambert_directions(size: int) -> np.ndarray:
    """Return the direction of every pixel of the upper hemisphere's Lambert square.

    The modified Lambert projection of Rosca, as used for master patterns by Callahan & De Graef, Microsc.
    Microanal. 19, 1255 (2013), eq. 4: equal areas of the sphere fall on equal areas of the square.

    Parameters
    ----------
    size
        Pixels along one side, odd, so that the pole is a pixel.

    Returns
    -------
    directions
        Unit vectors, shape (size, size, 3), float64; rows follow y, columns x. The same pixel of the lower
        hemisphere points along (x, y, -z).

    Examples
    --------
    >>> lambert_directions(3)[1, 1]
    array([0., 0., 1.])
    >>> lambert_directions(3)[1, 2].round(12) + 0.0
    array([1., 0., 0.])
    """
    edge = np.linspace(-1.0, 1.0, size) * np.sqrt(np.pi / 2)
    x, y = np.broadcast_arrays(edge[None, :], edge[:, None])
    along_x = np.abs(x) >= np.abs(y)
    major: np.ndarray = np.where(along_x, x, y)
    minor: np.ndarray = np.where(along_x, y, x)
    angle = np.divide(np.pi * minor, 4 * major, out=np.zeros_like(major), where=major != 0)
    radius = 2 * major / np.pi * np.sqrt(np.pi - major**2)
    first, second = radius * np.cos(angle), radius * np.sin(angle)
    return np.stack(
        [
            np.where(along_x, first, second),
            np.where(along_x, second, first),
            1 - 2 * major**2 / np.pi,
        ],
        axis=-1,
    )


def lambert_coordinates(directions: np.ndarray) -> np.ndarray:
    """Return where directions fall on their hemisphere's Lambert square.

    Parameters
    ----------
    directions
        Unit vectors, shape (..., 3); of the lower hemisphere only |z| is used.

    Returns
    -------
    coordinates
        x and y in [-1, 1], shape (..., 2).

    Examples
    --------
    >>> lambert_coordinates(lambert_directions(5)[0, 1]).round(12)
    array([-0.5, -1. ])
    """
    x, y = directions[..., 0], directions[..., 1]
    along_x = np.abs(x) >= np.abs(y)
    major = np.where(along_x, x, y)
    minor = np.where(along_x, y, x)
    length = np.sign(major) * np.sqrt(np.maximum(1 - np.abs(directions[..., 2]), 0.0))
    angle = np.arctan2(np.abs(minor), np.abs(major)) * np.sign(minor) * np.sign(major)
    other = length * angle * 4 / np.pi
    return np.stack([np.where(along_x, length, other), np.where(along_x, other, length)], axis=-1)
