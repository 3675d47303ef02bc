"""From a detector's raw pattern to the square that a network sees."""

import hashlib
from functools import lru_cache
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from ensemble.errors import InputError
from kikuchi.scans.scan import Scan
from kikuchi.scans.spectrum import MEANS, pulled

# So many patterns as fit a core's own cache: every step then finds the last one's result there.
_BATCH_BYTES = 2**19
# Eigenvalues of a blur below this share of the largest are left out: it is the size of the steps at which SciPy cuts
# the Gaussian off, four deviations out.
_SMALLEST = 4e-5
# Of the mask, in units of the side: round screens are dark at their rim.
_RADIUS = 0.48


class Preparation(BaseModel):
    """Preparation of patterns; part of the recipe and of the bundle, so that map and fit cannot differ.

    Parameters
    ----------
    size
        Side of the prepared pattern in pixels.
    crop
        How a pattern that is not square becomes one: its "centre", which keeps angles, or all of it, "squeeze"d.
    static_background
        The detector's own background: "none", the one in the "file", the "mean" of the scan's patterns, or "auto":
        the file's where it has one that is still in the patterns.
    static_operation
        Whether the static background is taken off by "subtract" or "divide".
    dynamic_background
        Standard deviation of the Gaussian whose blur is subtracted, in units of the prepared width; 0 is off.
    local_contrast
        Standard deviation, in that unit, of the Gaussian window in which contrast is made even; 0 is off.
    circular_mask
        Whether everything outside the largest circle is 0: some screens are round, corners carry little.
    clip
        Grey values beyond so many standard deviations are clipped.
    spectrum
        How far the radial spectrum of every prepared pattern is pulled towards a mean one, 0 (off) to 1.
    spectrum_mean
        Name of that mean, see `kikuchi.scans.spectrum.MEANS`.
    neighbours
        Whether patterns are first filtered with their neighbours in the scan: "average" takes the plain mean of those
        within the radius, "nlpar" the mean weighted by likeness (see `kikuchi.scans.neighbours`). `prepare` sees single
        patterns: it is the scan that is filtered.
    neighbour_radius
        Of that filter, points.
    neighbour_strength
        Of "nlpar": above how many of its standard deviations a difference is no noise.

    Examples
    --------
    >>> Preparation(size=96).model_dump()["crop"]
    'centre'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int = Field(default=64, ge=16, le=1024)
    crop: Literal["centre", "squeeze"] = "centre"
    static_background: Literal["auto", "none", "file", "mean"] = "auto"
    static_operation: Literal["subtract", "divide"] = "subtract"
    dynamic_background: float = Field(default=0.08, ge=0, le=1)
    local_contrast: float = Field(default=0.1, ge=0, le=1)
    circular_mask: bool = True
    clip: float = Field(default=3.0, ge=1, le=10)
    spectrum: float = Field(default=0.0, ge=0, le=1)
    spectrum_mean: Literal["simulated-1"] = "simulated-1"
    neighbours: Literal["none", "average", "nlpar"] = "none"
    neighbour_radius: int = Field(default=1, ge=1, le=5)
    neighbour_strength: float = Field(default=0.7, gt=0, le=10)

    def key(self) -> str:
        """Hash of all settings, 16 hexadecimal digits, the same on every machine and for recipes of before."""
        later = {"spectrum", "spectrum_mean", "neighbours", "neighbour_radius", "neighbour_strength"}
        off = self.spectrum == 0 and self.neighbours == "none"
        settings = self.model_dump_json(exclude=later if off else None)
        return hashlib.blake2b(settings.encode(), digest_size=8).hexdigest()


def background_for(scan: Scan, preparation: Preparation) -> np.ndarray | None:
    """Find the static background (sy, sx) that ``preparation`` asks of a scan, None where it asks for none.

    Returns
    -------
    numpy.ndarray | None
        Shape (sy, sx), or None.

    Raises
    ------
    InputError
        If it asks for the file's own and the file has none.
    """
    if preparation.static_background == "mean":
        return scan.mean_pattern()
    if preparation.static_background == "none":
        return None
    background = scan.static_background
    if background is not None and np.all(np.isfinite(background)) and np.mean(background) > 0:
        automatic = preparation.static_background == "auto"
        return None if automatic and not scan.keeps_background else background
    if preparation.static_background == "auto":
        return None
    raise InputError(
        "has no static background", path=scan.path, remedy="set static_background to 'auto', 'mean' or 'none'"
    )


def prepare(
    patterns: np.ndarray, preparation: Preparation, static_background: np.ndarray | None = None
) -> np.ndarray:
    """Prepare patterns for a network.

    The order: pixels that are not finite become the pattern's mean, static background, crop and antialiased
    resize (the weights of ``skimage.transform.resize``), a polynomial of degree 4 taken off, and twice: Gaussian
    high-pass, local contrast, z-score, clip; then the radial spectrum, where it is pulled. Blurs are normalised to the
    pixels inside the mask, so that neither frame nor circle leaves an edge.

    Parameters
    ----------
    patterns
        (n, sy, sx) of any real type.
    preparation
        What to do.
    static_background
        (sy, sx), see ``background_for``; needed where ``preparation`` asks for "file" or "mean".

    Returns
    -------
    numpy.ndarray
        (n, size, size) float32 in [-1, 1]; a pattern that is constant or not finite is 0 everywhere. Every pattern
        comes out the same to the bit whatever patterns are prepared with it.

    Raises
    ------
    InputError
        If the static background is missing or of another size.

    Examples
    --------
    >>> prepare(np.ones((2, 60, 60)), Preparation(size=32)).shape
    (2, 32, 32)
    """
    n, *signal_shape = patterns.shape
    background = None
    if preparation.static_background in ("file", "mean") or (
        preparation.static_background == "auto" and static_background is not None
    ):
        background = _checked_background(static_background, tuple(signal_shape))
    prepared = np.empty((n, preparation.size, preparation.size), np.float32)
    batch = max(1, _BATCH_BYTES // (4 * signal_shape[0] * signal_shape[1]))
    for start in range(0, n, batch):
        prepared[start : start + batch] = _prepare(patterns[start : start + batch], preparation, background)
    return prepared


def _prepare(patterns: np.ndarray, preparation: Preparation, background: np.ndarray | None) -> np.ndarray:
    x = patterns.astype(np.float32)
    if patterns.dtype.kind == "f":
        _fill(x)
    mean = x.mean(axis=(1, 2), keepdims=True)
    flat = x.max(axis=(1, 2)) - x.min(axis=(1, 2)) <= 1e-6 * np.abs(mean[:, 0, 0])
    if background is not None and preparation.static_operation == "divide":
        x /= background
        mean = x.mean(axis=(1, 2), keepdims=True)
    elif background is not None:
        x -= mean * background
        mean = np.zeros_like(mean)
    x -= mean  # float32 keeps the bands when the background is far above them
    x = _resize(x, preparation)
    mask = inside_mask(preparation.size, preparation.circular_mask)
    x *= mask
    if preparation.dynamic_background > 0:
        # A blur is biased where a slope meets the mask; without the slope it is not.
        _take_off_slope(x, preparation.circular_mask)
    # What is far off (a dark rim, a blot, a dead pixel) pulls mean and contrast around it. The first pass clips
    # it, and the second sees the bands beside it as they are.
    for _ in range(1 + (preparation.dynamic_background > 0 or preparation.local_contrast > 0)):
        if preparation.dynamic_background > 0:
            x -= _blur(x, preparation.dynamic_background, preparation.circular_mask)
            x *= mask
        if preparation.local_contrast > 0:
            local = _blur(x * x, preparation.local_contrast, preparation.circular_mask)
            # A hundredth of the mean variance keeps flat regions from being blown up, and what the blur rounds below
            # zero from being a root of it.
            floor = 0.01 * local.mean(axis=(1, 2), keepdims=True) + np.finfo(np.float32).tiny
            np.maximum(local, 0, out=local)
            local += floor
            x /= np.sqrt(local, out=local)
        _standardise(x, mask, preparation.clip)
    if preparation.spectrum > 0:
        x = pulled(x, preparation.spectrum, MEANS[preparation.spectrum_mean])
        x *= mask
        _standardise(x, mask, preparation.clip)
    x[flat] = 0
    return x


def _standardise(x: np.ndarray, mask: np.ndarray, clip: float) -> None:
    """Z-score inside the mask, clipped at ``clip`` and scaled to [-1, 1], in place; x is 0 outside and stays so."""
    inside = mask.sum()
    x -= x.sum(axis=(1, 2), keepdims=True) / inside
    x *= mask
    deviation = np.sqrt(np.einsum("nij,nij->n", x, x) / inside)
    x *= (1 / (clip * np.where(deviation > 0, deviation, 1)))[:, None, None]
    np.clip(x, -1, 1, out=x)


def _take_off_slope(x: np.ndarray, circular: bool) -> None:
    """Take off the polynomial of degree 4 that fits best inside the mask, in place; x is 0 outside and stays so.

    The surfaces are products of polynomials along the two axes, and so are their moments: two small products a
    pattern where a matrix of all surfaces would be read from memory for each.
    """
    along, inverse = slope_polynomials(x.shape[-1], circular)
    moments = along.T @ x @ along
    coefficients = (inverse @ moments.reshape(len(x), -1, 1)).reshape(moments.shape)
    surface = along @ coefficients @ along.T
    if circular:
        surface *= inside_mask(x.shape[-1], circular)
    x -= surface


def _fill(x: np.ndarray) -> None:
    """Replace what is not finite by the mean of what is, in place; 0 where nothing is."""
    # Values whose squares overflow float32 are as broken as NaN.
    good = np.abs(x) < 1e15
    if good.all():
        return
    x[~good] = 0
    means = x.sum(axis=(1, 2)) / np.maximum(good.sum(axis=(1, 2)), 1)
    x += np.where(good, 0, means[:, None, None]).astype(x.dtype)


def _checked_background(background: np.ndarray | None, signal_shape: tuple[int, ...]) -> np.ndarray:
    """Return the static background scaled to mean 1, float32."""
    if background is None:
        raise InputError("the preparation asks for a static background and none was given")
    if background.shape != signal_shape:
        raise InputError(
            f"the static background is {background.shape} and the patterns are {signal_shape}",
            remedy="prepare with static_background 'mean' or 'none'",
        )
    level = np.nan_to_num(np.asarray(background, np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    mean = level.mean()
    if not mean > 0:
        raise InputError("the static background is empty", remedy="prepare with static_background 'none'")
    return np.maximum(level / mean, 1e-3).astype(np.float32)


def _resize(x: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Crop and resize (n, sy, sx) to (n, size, size)."""
    sy, sx = x.shape[1:]
    if preparation.crop == "centre":
        side = min(sy, sx)
        top, left = (sy - side) // 2, (sx - side) // 2
        x = x[:, top : top + side, left : left + side]
    rows, columns = x.shape[1:]
    if rows != preparation.size:
        x = resize_matrix(rows, preparation.size) @ x
    if columns != preparation.size:
        x = x @ resize_matrix(columns, preparation.size).T
    return x if x.base is None and x.flags.c_contiguous else x.copy()


def _blur(x: np.ndarray, deviation: float, circular: bool) -> np.ndarray:
    """Gaussian mean of the pixels inside the mask, for x that is 0 outside."""
    into, back, weight = blur_factors(x.shape[-1], deviation, circular)
    # One product per pattern: a single large one rounds differently with every batch size.
    blurred = back @ (into @ x @ into.T) @ back.T
    blurred *= weight
    return blurred


@lru_cache(maxsize=32)
def resize_matrix(length: int, size: int) -> np.ndarray:
    """Weights (size, length) of scikit-image's antialiased linear resize along one axis."""
    from skimage.transform import resize

    return np.ascontiguousarray(
        resize(np.eye(length), (size, length), order=1, anti_aliasing=size < length, mode="reflect"),
        np.float32,
    )


@lru_cache(maxsize=32)
def gaussian_matrix(size: int, deviation: float) -> np.ndarray:
    """Weights (size, size) of a Gaussian blur along one axis, 0 beyond the frame."""
    from scipy.ndimage import gaussian_filter1d

    return np.ascontiguousarray(
        gaussian_filter1d(np.eye(size), deviation, axis=0, mode="constant"), np.float32
    )


@lru_cache(maxsize=32)
def blur_factors(size: int, deviation: float, circular: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Factors of a blur along one axis and what each pixel is multiplied with: (r, size), (size, r), (size, size).

    A Gaussian several pixels wide passes few frequencies, so that r is a third of the size or less.

    Returns
    -------
    tuple of numpy.ndarray
        Into few frequencies, back from them, and one over the share of the window inside the mask.
    """
    g = gaussian_matrix(size, deviation * size).astype(np.float64)
    left, values, right = np.linalg.svd(g)
    rank = int((values > _SMALLEST * values[0]).sum())
    mask = inside_mask(size, circular).astype(np.float64)
    weight = 1 / np.maximum(g @ mask @ g.T, 1e-6)
    factors = (right[:rank], left[:, :rank] * values[:rank], weight)
    return tuple(np.ascontiguousarray(a, np.float32) for a in factors)  # type: ignore[return-value]


@lru_cache(maxsize=32)
def slope_polynomials(size: int, circular: bool) -> tuple[np.ndarray, np.ndarray]:
    """Polynomials to degree 4 along one axis (size, 5), and from moments to coefficients of surfaces (25, 25).

    Rows and columns of surfaces beyond degree 4 in all are 0.

    Returns
    -------
    tuple of numpy.ndarray
        The polynomials, and the matrix.
    """
    along = np.polynomial.legendre.legvander(np.linspace(-1, 1, size), 4)
    mask = inside_mask(size, circular)
    kept = [5 * i + j for i in range(5) for j in range(5 - i)]
    surfaces = np.einsum("yi,xj->ijyx", along, along).reshape(25, -1)[kept]
    inverse = np.zeros((25, 25))
    inverse[np.ix_(kept, kept)] = np.linalg.inv((surfaces * mask.ravel()) @ surfaces.T)
    return along.astype(np.float32), inverse.astype(np.float32)


@lru_cache(maxsize=32)
def inside_mask(size: int, circular: bool) -> np.ndarray:
    """Mask of what a network sees: 1 inside and 0 outside of a circle just within the frame, or 1 everywhere.

    Returns
    -------
    numpy.ndarray
        Shape (size, size), float32.
    """
    if not circular:
        return np.ones((size, size), np.float32)
    place = np.arange(size) - (size - 1) / 2
    return (np.hypot(place[:, None], place) <= _RADIUS * size).astype(np.float32)
