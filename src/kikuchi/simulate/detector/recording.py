"""Features of real recordings beyond smooth light and white noise: a transfer function, stains, real screens.

Frequencies are in cycles per height of the pattern, so that a recording of any size is described alike. Batches have
shape (n, rows, columns), parameters shape (n,).
"""

from functools import lru_cache
from importlib import resources

import numpy as np

#: Frequencies at which the transfer function is given; it is 1 at the second of them.
TRANSFER_AT = (3.0, 8.0, 16.0, 32.0)

#: Stains have equal power a frequency below this one and fall above it, as measured on real static backgrounds.
STAIN_CORNER = 4.0
STAIN_EXPONENT = 1.2

#: Real static backgrounds; a microscope's `screen` counts them from 0.
SCREENS = ("nickel", "silicon_in", "silicon_out5mm", "silicon_out10mm", "inconel718")


def transfer(patterns: np.ndarray, low: np.ndarray, middle: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Pass patterns through a radial modulation transfer function of their own.

    The amplitude of a cosine of 8 cycles a height stays; at 3, 16 and 32 it is multiplied by the gains given, between
    them by a power of the frequency that joins the two, and below 3 and above 32 by the gains there. The mean stays.
    Beyond the edge lies the mirror image: a type II cosine transform is what that diagonalises (Martucci, Symmetric
    convolution and the discrete sine and cosine transforms, 1994).

    Parameters
    ----------
    patterns
        Shape (n, rows, columns).
    low, middle, high
        Gains at 3, 16 and 32 cycles a height, shape (n,), above 0.

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), float32.
    """
    from scipy.fft import dctn, idctn

    spectrum = dctn(np.asarray(patterns, dtype=np.float32), axes=(1, 2))
    which, share = _between_knots(patterns.shape[1:])
    gains = np.log(np.stack([low, np.ones(len(patterns)), middle, high], axis=1)).astype(np.float32)
    mean = spectrum[:, 0, 0].copy()
    spectrum *= np.exp(gains[:, which] * (1 - share) + gains[:, which + 1] * share)
    spectrum[:, 0, 0] = mean
    return np.asarray(idctn(spectrum, axes=(1, 2), overwrite_x=True), dtype=np.float32)


def stains(shape: tuple[int, int], n: int, rng: np.random.Generator) -> np.ndarray:
    """Give random fields that look like the stains and scratches of real screens: mean 0, standard deviation 1.

    The amplitude of a frequency is even up to `STAIN_CORNER` cycles a height and falls with the power `STAIN_EXPONENT`
    beyond. Measured on the static backgrounds of three detectors, a surface of degree 6 taken off, the exponents are
    0.6 to 1.4 and the relative standard deviations 1.8 to 3.7 %.

    Parameters
    ----------
    shape
        Rows and columns.
    n
        How many.
    rng
        Where randomness comes from.

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), float32.
    """
    from scipy.fft import idctn

    amplitude = np.maximum(_frequencies(shape), STAIN_CORNER) ** -STAIN_EXPONENT
    amplitude[0, 0] = 0
    modes = rng.standard_normal((n, *shape), dtype=np.float32) * amplitude.astype(np.float32)
    fields = np.asarray(idctn(modes, axes=(1, 2), norm="ortho", overwrite_x=True))
    fields /= fields.std(axis=(1, 2), keepdims=True)
    return fields


def screens(shape: tuple[int, int], which: np.ndarray, mirrored: np.ndarray) -> np.ndarray:
    """Give the light of real screens, mean 1: the static backgrounds that ``data`` holds, with their sources.

    Parameters
    ----------
    shape
        Rows and columns.
    which
        Indices into `SCREENS`, shape (n,).
    mirrored
        Whether left and right change places, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), float32.
    """
    light = _real_light(shape)[np.asarray(which, dtype=int)]
    return np.where(np.asarray(mirrored, dtype=bool)[:, None, None], light[:, :, ::-1], light)


def _frequencies(shape: tuple[int, int]) -> np.ndarray:
    """Frequency of every mode of a cosine transform, cycles per height, (rows, columns)."""
    down = np.arange(shape[0]) / 2
    across = np.arange(shape[1]) / 2 * shape[0] / shape[1]
    return np.hypot(down[:, None], across)


@lru_cache(maxsize=8)
def _between_knots(shape: tuple[int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Knot of the transfer function below every frequency, and the distance to the next, 0 to 1."""
    at = np.log(TRANSFER_AT)
    frequency = np.log(np.clip(_frequencies(shape), TRANSFER_AT[0], TRANSFER_AT[-1]))
    which = np.clip(np.searchsorted(at, frequency, side="right") - 1, 0, len(at) - 2)
    return which, ((frequency - at[which]) / (at[which + 1] - at[which])).astype(np.float32)


@lru_cache(maxsize=8)
def _real_light(shape: tuple[int, int]) -> np.ndarray:
    from skimage.transform import resize

    source = resources.files("kikuchi.simulate.detector") / "data" / "backgrounds.npz"
    with source.open("rb") as file, np.load(file, allow_pickle=False) as found:
        images = [found[name].astype(np.float64) for name in SCREENS]
    light = np.stack([resize(image, shape, anti_aliasing=True) for image in images])
    return (light / light.mean(axis=(1, 2), keepdims=True)).astype(np.float32)
