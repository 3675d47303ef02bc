"""Pattern quality: Kikuchi bands against noise."""

from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_numbers
from kikuchi.scans.shadow import SHADOW_LIMIT, shadowed_share

#: Quality that a pattern of white noise stays below with probability 0.9999 (from 40 pixels a side; simulated in
#: the tests): power ratio 1.67.
QUALITY_THRESHOLD = 0.4

#: Share of the pixels at the largest grey value from which a pattern counts as unreadable. Of patterns with 12 % of
#: their pixels saturated a third of the answers were wrong, with 20 % two thirds; well exposed ones have up to 7 %.
SATURATED = 0.15

#: Of a pattern's pixels that may be missing (NaN or infinite): preparation fills them.
MISSING = 0.1
#: Pixels along the shorter side of a pattern in memory below which nothing can be seen in it.
LEAST_SIDE = 8

# Spatial frequencies in cycles per shorter side: edges and bands of Kikuchi patterns, and what is mostly noise.
_BANDS = (4.0, 12.0)
_NOISE = (20.0, 28.0)
_DEGREE = 6
_SHORT_SIDE = 64
# Corners are left out: beyond a round screen they may be white.
_RADIUS = 0.95
# So many patterns as fit a core's own cache.
_BATCH_BYTES = 2**19


def pattern_quality(patterns: np.ndarray) -> np.ndarray:
    r"""Share of the band-scale power that is signal and not noise.

    With :math:`P(f)` the mean power spectrum over a ring of spatial frequencies f,

    .. math:: Q = \max(0, 1 - P_{20..28} / P_{4..12})

    with f in cycles per shorter side (below 60 pixels the noise ring shrinks to 65-95 % of the Nyquist frequency).
    Before that, patterns of 128 pixels and more are binned by whole pixels to 64-127, and a polynomial of degree 6
    is taken off under a circular window (flat to 0.7 of the radius, then a cosine), by least squares. White noise,
    whatever its strength and the smooth background under it, has equal power in both rings, so that Q scatters
    about 0 with a width set by the number of frequencies alone and not by the pattern's size: its
    0.9999 quantile lies below ``QUALITY_THRESHOLD``. Noise that is not white, from smoothing or lossy
    compression, is not distinguished from bands. A pattern of which a shadow covers more than a fifth
    (`kikuchi.scans.shadow`) has quality 0, whatever the rest shows. The idea is that of image quality from the Fourier
    spectrum (Krieger Lassen, Automated determination of crystal orientations from EBSD, 1994), with a known null
    distribution.

    Parameters
    ----------
    patterns
        Raw patterns (n, sy, sx) of any real type.

    Returns
    -------
    numpy.ndarray
        (n,) float64 in [0, 1); 0 for a pattern that is constant, in shadow, lacks more than `MISSING` of its pixels or
        has more than `SATURATED` of them at its largest value.

    Examples
    --------
    >>> pattern_quality(np.ones((2, 60, 60)))
    array([0., 0.])
    """
    n, sy, sx = patterns.shape
    quality = np.zeros(n)
    batch = max(1, _BATCH_BYTES // (4 * sy * sx))
    for start in range(0, n, batch):
        quality[start : start + batch] = _quality(patterns[start : start + batch])
    quality[shadowed_share(patterns) > SHADOW_LIMIT] = 0
    return quality


def as_patterns(patterns: ArrayLike) -> NDArray[Any]:
    """Check raw patterns in memory: real numbers (n, sy, sx), no side below `LEAST_SIDE` pixels; n may be 0.

    Returns
    -------
    numpy.ndarray
        The patterns, shape (n, sy, sx), as they are.

    Raises
    ------
    InputError
        They are something else, such as one pattern alone or patterns still on their grid.
    """
    array = as_numbers(patterns, "patterns")
    if array.ndim != 3:
        hints = {
            2: "for one pattern give patterns[None]",
            4: "for a map give patterns.reshape(-1, rows, columns)",
        }
        raise InputError(
            f"patterns must have shape (patterns, rows, columns), not {array.shape}",
            remedy=hints.get(array.ndim, "e.g. (100, 60, 60)"),
        )
    if min(array.shape[1:]) < LEAST_SIDE:
        raise InputError(
            f"patterns of {array.shape[1]} x {array.shape[2]} pixels are too small to be read",
            remedy=f"at least {LEAST_SIDE} x {LEAST_SIDE}",
        )
    return array


def saturated_share(patterns: NDArray[Any]) -> NDArray[np.float64]:
    """Share of the pixels that have the pattern's largest value, in the circle that fits into it.

    Corners are left out: beyond a round screen they may be white.

    Parameters
    ----------
    patterns
        Raw patterns (n, sy, sx) of any real type.

    Returns
    -------
    numpy.ndarray
        (n,), in [0, 1].

    Examples
    --------
    >>> pattern = np.arange(100).reshape(1, 10, 10)
    >>> bool(saturated_share(pattern) < 0.02), bool(saturated_share(np.minimum(pattern, 50)) > 0.4)
    (True, True)
    """
    inside = patterns[:, disc(*patterns.shape[1:])]
    if not inside.size:
        return np.zeros(len(patterns))
    top = inside.max(axis=1, keepdims=True)
    # NaN is no largest value: such a pattern is judged by its finite pixels elsewhere.
    return np.asarray((inside == top).mean(axis=1))


@lru_cache(maxsize=16)
def disc(sy: int, sx: int) -> NDArray[np.bool_]:
    """Pixels in the circle (or ellipse) that fits into a pattern of sy x sx, (sy, sx)."""
    y, x = ((np.arange(side) + 0.5) / side * 2 - 1 for side in (sy, sx))
    return np.asarray(np.hypot(y[:, None], x) < _RADIUS)


def _quality(patterns: np.ndarray) -> np.ndarray:
    x = patterns.astype(np.float32)
    finite = np.isfinite(x)
    good = finite.mean(axis=(1, 2)) >= 1 - MISSING
    if not finite.all():
        kept = np.where(finite, x, 0)
        mean = kept.sum(axis=(1, 2), dtype=np.float64) / np.maximum(finite.sum(axis=(1, 2)), 1)
        x = np.where(finite, x, mean[:, None, None].astype(np.float32))
    # Values whose squares overflow float32 are as broken as NaN.
    good &= np.all(np.abs(x) < 1e15, axis=(1, 2))
    good &= saturated_share(patterns) <= SATURATED
    x[~good] = 0
    scale = np.abs(x).max(axis=(1, 2), initial=0)
    x -= x.mean(axis=(1, 2), keepdims=True)
    x = _binned(x)
    window, along, inverse, across, down, bands, noise = _transform(*x.shape[1:])
    # Products are one per pattern: a single large one rounds differently with every batch size. The surfaces are
    # products of polynomials along the axes, so that their moments, and the Fourier sums, take one axis at a time.
    for _ in range(2):  # once more, for what single precision left the first time
        moments = along[0].T @ (x * window**2) @ along[1]
        x -= along[0] @ (inverse @ moments.reshape(len(x), -1, 1)).reshape(moments.shape) @ along[1].T
    x *= window
    cosine, sine = x @ across[0], x @ across[1]
    real = down[0] @ cosine - down[1] @ sine
    imaginary = down[0] @ sine + down[1] @ cosine
    power = real**2 + imaginary**2
    low, high = power[:, bands].mean(axis=1), power[:, noise].mean(axis=1)
    # Below float32 rounding of the grey values there is no signal.
    good &= low > (1e-6 * scale) ** 2 * window.sum()
    return np.where(good, np.clip(1 - high / np.where(good, low, 1), 0, None), 0.0)


def _binned(x: np.ndarray) -> np.ndarray:
    """Mean over whole blocks, which leaves white noise white, where the shorter side is 128 pixels or more."""
    factor = min(x.shape[1:]) // _SHORT_SIDE
    if factor < 2:
        return x
    rows, columns = x.shape[1] // factor, x.shape[2] // factor
    top, left = (x.shape[1] - rows * factor) // 2, (x.shape[2] - columns * factor) // 2
    x = x[:, top : top + rows * factor, left : left + columns * factor]
    return x.reshape(len(x), rows, factor, columns, factor).mean(axis=(2, 4))


@lru_cache(maxsize=16)
def _transform(sy: int, sx: int) -> tuple[Any, ...]:
    """Window, polynomials of both axes, from moments to coefficients, Fourier sums of both axes, and the two rings."""
    y, x = ((np.arange(side) + 0.5) / side * 2 - 1 for side in (sy, sx))
    radius = np.hypot(y[:, None], x)
    window = np.cos(np.pi / 2 * np.clip((radius - 0.7) / 0.27, 0, 1)) ** 2
    terms = _DEGREE + 1
    along = tuple(np.polynomial.legendre.legvander(side, _DEGREE) for side in (y, x))
    kept = [terms * i + j for i in range(terms) for j in range(terms - i)]
    surfaces = np.einsum("yi,xj->ijyx", *along).reshape(terms**2, -1)[kept]
    inverse = np.zeros((terms**2, terms**2))
    inverse[np.ix_(kept, kept)] = np.linalg.inv((surfaces * window.ravel() ** 2) @ surfaces.T)
    shorter = min(sy, sx)
    inner, outer = min(_NOISE[0], 0.325 * shorter), min(_NOISE[1], 0.475 * shorter)
    ky = np.arange(-int(outer * sy / shorter), int(outer * sy / shorter) + 1)
    kx = np.arange(int(outer * sx / shorter) + 1)
    frequency = np.hypot(ky[:, None] * shorter / sy, kx * shorter / sx)
    # The spectrum of a real pattern is symmetric: count each pair once.
    half = (kx > 0) | (ky[:, None] > 0)
    bands = half & (frequency >= _BANDS[0]) & (frequency <= min(_BANDS[1], 0.3 * shorter))
    noise = half & (frequency >= inner) & (frequency <= outer)
    down = 2 * np.pi * np.outer(ky, np.arange(sy)) / sy
    across = 2 * np.pi * np.outer(np.arange(sx), kx) / sx
    single = [a.astype(np.float32) for a in (window, *along, inverse)]
    return (
        single[0],
        tuple(single[1:3]),
        single[3],
        (np.cos(across).astype(np.float32), np.sin(across).astype(np.float32)),
        (np.cos(down).astype(np.float32), np.sin(down).astype(np.float32)),
        bands,
        noise,
    )
