"""Effects of light, screen, camera and digitiser on patterns: each step a function over a batch.

Batches have shape (n, rows, columns), parameters shape (n,). Positions on the screen are fractions of its
width (from the left) and its height (from the top).
"""

import numpy as np

#: What a shadow lets through: scattered light, not darkness.
SHADOW_LIGHT = 0.15

#: From so many expected electrons on, a pixel's Poisson noise is made of a normal number.
NORMAL_FROM = 20

#: Share of full scale that a camera records without any light.
DARK_LEVEL = 0.02


def standardise(patterns: np.ndarray) -> np.ndarray:
    """Shift and scale every pattern to mean 0 and standard deviation 1; a constant pattern becomes 0.

    Examples
    --------
    >>> standardise(np.array([[[1.0, 3.0]], [[5.0, 5.0]]]))[..., 0, :]
    array([[-1.,  1.],
           [ 0.,  0.]], dtype=float32)
    """
    patterns = np.asarray(patterns, dtype=np.float32)
    centred = patterns - patterns.mean(axis=(1, 2), keepdims=True)
    spread = np.sqrt(np.mean(np.square(centred), axis=(1, 2), keepdims=True))
    floor = 1e-6 * np.abs(patterns).max(axis=(1, 2), keepdims=True) + np.float32(1e-30)
    return np.divide(centred, spread, out=np.zeros_like(centred), where=spread > floor)


def background(
    shape: tuple[int, int],
    height: np.ndarray,
    width: np.ndarray,
    centre_x: np.ndarray,
    centre_y: np.ndarray,
    gradient_x: np.ndarray,
    gradient_y: np.ndarray,
) -> np.ndarray:
    """Give the smooth light of inelastically scattered electrons: a Gaussian hill on a plane, mean 1.

    Parameters
    ----------
    shape
        Rows and columns.
    height
        Share of the hill at its top, 0 (none) to 1 (nothing but the hill).
    width
        Standard deviation of the hill, fraction of the screen.
    centre_x, centre_y
        Top of the hill, fractions of the screen.
    gradient_x, gradient_y
        Relative change from one side of the screen to the other.

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), float32.
    """
    y = (np.arange(shape[0], dtype=np.float32) + 0.5) / shape[0]
    x = (np.arange(shape[1], dtype=np.float32) + 0.5) / shape[1]
    across = np.exp(-0.5 * np.square((x - _column(centre_x)) / _column(width)))
    down = np.exp(-0.5 * np.square((y - _column(centre_y)) / _column(width)))
    light = _column(height)[..., None] * down[:, :, None] * across[:, None, :]
    light += 1 - _column(height)[..., None]
    slope_x = 1 + _column(gradient_x) * (x - np.float32(0.5))
    slope_y = 1 + _column(gradient_y) * (y - np.float32(0.5))
    light *= np.maximum(slope_y, 0)[:, :, None]
    light *= np.maximum(slope_x, 0)[:, None, :]
    light /= light.mean(axis=(1, 2), keepdims=True)
    return light


def blur(patterns: np.ndarray, sigma: np.ndarray) -> np.ndarray:
    """Blur every pattern by its own Gaussian point spread.

    Parameters
    ----------
    patterns
        Shape (n, rows, columns), float32.
    sigma
        Standard deviation, pixels, shape (n,).

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), float32.
    """
    from kikuchi.simulate.detector.blur_kernel import blur_each

    patterns = np.ascontiguousarray(patterns, dtype=np.float32)
    blurred = np.empty_like(patterns)
    blur_each(patterns, np.asarray(sigma, dtype=float), blurred)
    return blurred


def shadow(shape: tuple[int, int], share: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Give the light that passes an object standing in front of one side of the screen.

    Parameters
    ----------
    shape
        Rows and columns.
    share
        How far the shadow reaches in, 0 (none) to 1 (everything).
    direction
        The side it stands on: angle from the right-hand side towards the bottom, degrees.

    Returns
    -------
    numpy.ndarray
        Transmission, `SHADOW_LIGHT` to 1, shape (n, rows, columns), float32.
    """
    y = (np.arange(shape[0], dtype=np.float32) + 0.5) / shape[0] - np.float32(0.5)
    x = (np.arange(shape[1], dtype=np.float32) + 0.5) / shape[1] - np.float32(0.5)
    angle = np.deg2rad(direction)
    towards = _column(np.cos(angle))[..., None] * x[None, None, :]
    towards = towards + _column(np.sin(angle))[..., None] * y[None, :, None]
    reach = 0.5 * (np.abs(np.cos(angle)) + np.abs(np.sin(angle)))
    edge = _column(reach * (1 - 2 * np.asarray(share)))[..., None]
    # A penumbra of 2 % of the screen, centred so that a share of 0 leaves the screen untouched.
    covered = np.clip((towards - edge) / np.float32(0.02), 0, 1)
    return (1 - np.float32(1 - SHADOW_LIGHT) * covered).astype(np.float32)


def screen(
    shape: tuple[int, int],
    radius: np.ndarray,
    centre_x: np.ndarray | float = 0.5,
    centre_y: np.ndarray | float = 0.5,
) -> np.ndarray:
    """Give which pixels see a round phosphor screen.

    Parameters
    ----------
    shape
        Rows and columns.
    radius
        In units of half the shorter side, shape (n,): 1 is the inscribed circle, 2 is beyond the corners of a square.
    centre_x, centre_y
        Its middle, fractions of the picture.

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), bool.
    """
    half = 0.5 * min(shape)
    n = len(np.atleast_1d(radius))
    left, top = (np.broadcast_to(centre, n)[:, None] for centre in (centre_x, centre_y))
    y = (np.arange(shape[0]) + 0.5 - top * shape[0]) / half
    x = (np.arange(shape[1]) + 0.5 - left * shape[1]) / half
    distance = np.square(y)[:, :, None] + np.square(x)[:, None, :]
    return distance <= np.square(np.atleast_1d(radius))[:, None, None]


def count_electrons(
    rate: np.ndarray, dose: np.ndarray, frames: np.ndarray, read_noise: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Count electrons: Poisson noise of all frames together, read noise of each, averaged over the frames.

    Parameters
    ----------
    rate
        Relative intensity with mean about 1, shape (n, rows, columns), at least 0.
    dose
        Electrons per pixel and frame where the rate is 1.
    frames
        Frames averaged.
    read_noise
        Standard deviation per frame, electrons.
    rng
        Where randomness comes from.

    Returns
    -------
    numpy.ndarray
        Electrons per pixel and frame, shape (n, rows, columns), float32.
    """
    expected = np.maximum(rate * _cube(np.asarray(dose) * frames), 0)
    counts = _many_electrons(expected, rng)
    few = expected < NORMAL_FROM
    counts[few] = rng.poisson(expected[few])
    if np.any(np.asarray(read_noise) > 0):
        noise = rng.standard_normal(rate.shape, dtype=np.float32)
        noise *= _cube(np.asarray(read_noise) * np.sqrt(frames))
        counts += noise
    counts /= _cube(frames)
    return counts


def digitise(
    counts: np.ndarray,
    full_scale: float,
    gain: np.ndarray,
    gamma: np.ndarray,
    saturation: np.ndarray,
) -> np.ndarray:
    """Turn counts into grey levels: gain, saturation of the sensor, gamma, dark level, rounding.

    Parameters
    ----------
    counts
        Electrons, shape (n, rows, columns).
    full_scale
        Largest grey level, 255 or 65535.
    gain
        Share of full scale per electron.
    gamma
        Exponent of the response; 1 is linear.
    saturation
        Share of full scale at which the sensor is full.

    Returns
    -------
    numpy.ndarray
        Whole grey levels as float32, 0 to `full_scale`.
    """
    level = counts * _cube(gain)
    np.clip(level, 0, _cube(saturation), out=level)
    if np.any(np.asarray(gamma) != 1):
        np.power(level, _cube(gamma), out=level)
    level *= np.float32(1 - DARK_LEVEL)
    level += np.float32(DARK_LEVEL)
    level *= np.float32(full_scale)
    np.rint(level, out=level)
    return np.minimum(level, np.float32(full_scale), out=level)


def _many_electrons(expected: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Poisson counts of many electrons from normal numbers, with the right mean, variance and skewness.

    Cornish & Fisher's expansion to second order; ten times as fast as drawing Poisson numbers one by one.
    """
    z = rng.standard_normal(expected.shape, dtype=np.float32)
    counts = np.sqrt(expected)
    counts *= z
    counts += expected
    z *= z
    z -= 1
    z /= 6
    counts += z
    return np.rint(counts, out=counts)


def _column(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)[:, None]


def _cube(values: np.ndarray) -> np.ndarray:
    return np.asarray(values, dtype=np.float32)[:, None, None]
