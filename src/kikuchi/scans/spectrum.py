"""The radial power spectrum of prepared patterns, and pulling it towards a mean one.

Screens and cameras pass spatial frequencies differently, and what a network learned of one it does not know of another.
Frequencies are in cycles per side of the prepared pattern.
"""

from functools import lru_cache

import numpy as np

#: Where the spectrum is measured; between them lies its logarithm on a line over that of the frequency.
FREQUENCIES = tuple(float(f) for f in np.geomspace(2, 32, 9))

#: Mean logarithms of the power at `FREQUENCIES`, relative to each other, by name. A table never changes: another mean
#: gets another name, so that a bundle goes on with its own. ``simulated-1``: 2048 patterns of 19 public masters of m-3m
#: (20 kV) recorded as `real_microscope` records, 64 pixels, prepared with the defaults.
MEANS: dict[str, tuple[float, ...]] = {
    "simulated-1": (-1.314, 0.322, 1.063, 1.496, 1.592, 1.085, -0.11, -1.639, -2.495),
}


def log_spectrum(patterns: np.ndarray) -> np.ndarray:
    """Logarithm of the power of square patterns at `FREQUENCIES`, with the mirrored pattern beyond the edge.

    Parameters
    ----------
    patterns
        Shape (n, size, size), float32.

    Returns
    -------
    numpy.ndarray
        Shape (n, 9), float32: means over all modes of a cosine transform, each counted for the two knots beside it;
        nothing is below a millionth of the strongest.
    """
    cosines = _cosines(patterns.shape[-1])
    return _log_power(cosines @ patterns @ cosines.T)


def pulled(patterns: np.ndarray, fraction: float, mean: tuple[float, ...]) -> np.ndarray:
    """Filter every pattern so that its radial spectrum comes nearer to a mean one.

    Parameters
    ----------
    patterns
        Shape (n, size, size), float32.
    fraction
        Of the way, on a logarithmic scale: 0 leaves a pattern as it is, 1 gives all the same spectrum.
    mean
        Logarithms of the power at `FREQUENCIES`.

    Returns
    -------
    numpy.ndarray
        Shape (n, size, size), float32. The overall strength is free: a z-score is expected to follow.
    """
    size = patterns.shape[-1]
    cosines, between = _cosines(size), _between(size)
    modes = cosines @ patterns @ cosines.T
    gains = 0.5 * fraction * (np.asarray(mean, np.float32) - _log_power(modes))
    gains -= gains.max(axis=1, keepdims=True)
    # One product per pattern: a single large one rounds differently with every batch size.
    modes *= np.exp(between @ gains[:, :, None]).reshape(modes.shape)
    return np.ascontiguousarray(cosines.T @ modes @ cosines)


def _log_power(modes: np.ndarray) -> np.ndarray:
    size = modes.shape[-1]
    weights = _between(size)
    power = (weights / weights.sum(axis=0)).T @ np.square(modes).reshape(len(modes), -1, 1)
    power = power[:, :, 0]
    floor = 1e-6 * power.max(axis=1, keepdims=True) + np.finfo(np.float32).tiny
    return np.log(np.maximum(power, floor))


@lru_cache(maxsize=8)
def _cosines(size: int) -> np.ndarray:
    """Orthonormal cosine transform of type II, (size, size) float32."""
    k, x = np.arange(size)[:, None], np.arange(size) + 0.5
    matrix = np.sqrt(2 / size) * np.cos(np.pi * k * x / size)
    matrix[0] /= np.sqrt(2)
    return matrix.astype(np.float32)


@lru_cache(maxsize=8)
def _between(size: int) -> np.ndarray:
    """Weight of each mode at each knot, (size * size, 9) float32: two shares a mode that sum to 1."""
    cycles = np.arange(size) / 2
    frequency = np.hypot(cycles[:, None], cycles).ravel()
    at = np.log(FREQUENCIES)
    place = np.log(np.clip(frequency, FREQUENCIES[0], FREQUENCIES[-1]))
    first = np.clip(np.searchsorted(at, place, side="right") - 1, 0, len(at) - 2)
    share = (place - at[first]) / (at[first + 1] - at[first])
    weights = np.zeros((size * size, len(at)), np.float32)
    modes = np.arange(size * size)
    weights[modes, first] = 1 - share
    weights[modes, first + 1] = share
    return weights
