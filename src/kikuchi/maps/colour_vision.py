"""Distance of two colours, to normal eyes and to red-green colour-blind ones."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, "A physiologically-based model for simulation of
# color vision deficiency", IEEE Trans. Vis. Comput. Graph. 15 (2009) 1291-1298: severity 1.0, on linear RGB.
MACHADO_2009 = {
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def seen_by(rgb: ArrayLike, vision: str) -> NDArray[np.float64]:
    """Return the colours as a red-green colour-blind eye sees them.

    Parameters
    ----------
    rgb
        sRGB colours, shape (..., 3), in [0, 1].
    vision
        ``"normal"``, ``"protanopia"`` or ``"deuteranopia"``.

    Returns
    -------
    numpy.ndarray
        sRGB colours of the same shape, in [0, 1].

    Notes
    -----
    Machado, Oliveira & Fernandes (2009), severity 1.0, applied to linear RGB (IEC 61966-2-1).
    """
    encoded = np.asarray(rgb, dtype=np.float64)
    if vision == "normal":
        return encoded
    linear = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    linear = np.clip(linear @ MACHADO_2009[vision].T, 0.0, 1.0)
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def colour_distance(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Return the CIEDE2000 distance of two sets of colours to the eye that distinguishes them worst.

    Parameters
    ----------
    first, second
        sRGB colours in [0, 1], shapes (..., 3) that broadcast.

    Returns
    -------
    numpy.ndarray
        Smallest distance over normal vision, protanopia and deuteranopia, shape (...). About 2 is just
        noticeable side by side, 10 is distinguished at a glance.
    """
    from skimage.color import deltaE_ciede2000, rgb2lab

    def distance(vision: str) -> NDArray[np.float64]:
        pair = np.broadcast_arrays(rgb2lab(seen_by(first, vision)), rgb2lab(seen_by(second, vision)))
        return deltaE_ciede2000(*pair)

    return np.min([distance(vision) for vision in ("normal", *MACHADO_2009)], axis=0)
