"""A first look at a scan: which of its patterns to find the geometry with, under which background."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.matching.geometry_fit import PoseFit, Sample, fit_geometry
from kikuchi.matching.lookalike import Lookalike
from kikuchi.matching.matcher import Matcher, flattened
from kikuchi.matching.search import Search
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import Texture
from kikuchi.scans import QUALITY_THRESHOLD, Scan, pattern_quality
from kikuchi.scans.preparation import resize_matrix
from kikuchi.simulate.detector.geometry import Geometry

#: Share of what a pattern shows that a phase must explain. Right phases of real scans explain 0.65 to 0.8 of it, wrong
#: ones 0.2 to 0.6 (`reports/adapt`).
EXPLAINED_LEAST = 0.6

#: Patterns are compared at no more pixels than this along the shorter side.
SHORTER = 60

#: Highest frequency compared, as a share of the pixels along the shorter side.
_HIGHEST = 2 / 3

#: Patterns that are looked at to choose those that the geometry is found with.
_LOOKED_AT = 1000

#: Patterns that the geometry is found with.
_FITTED = 48

#: Pixels with less than this share of the light of bright ones lie beside the screen.
_DARK = 0.1

#: From so many points on the scan's own mean is tried as its static background.
_ENOUGH_FOR_MEAN = 100


@dataclass(frozen=True)
class Survey:
    """A scan's geometry, spectrum and background, found from its own patterns.

    Attributes
    ----------
    matcher
        Of the candidates, at that geometry.
    lookalike
        Draws patterns as this scan records them.
    fit
        Of the patterns that the geometry was found with.
    background
        What patterns are divided by, shape (sy, sx), or None.
    background_from
        ``"file"``, ``"mean"`` or ``"none"``.
    centre_from
        ``"file"`` or ``"patterns"``: where the search for the pattern centre began.
    sample
        Indices of those patterns, shape (n,).
    ceiling
        The correlation that the noise of each allows, shape (n,).
    """

    matcher: Matcher
    lookalike: Lookalike
    fit: PoseFit
    background: np.ndarray | None
    background_from: str
    centre_from: str
    sample: np.ndarray
    ceiling: np.ndarray

    @property
    def explained(self) -> np.ndarray:
        """Share of each pattern's signal that its best phase explains, shape (n,)."""
        return np.clip(self.fit.scores, 0, None) / self.ceiling


def survey(
    scan: Scan,
    textures: Sequence[Texture],
    space_groups: Sequence[int],
    *,
    search: Search | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Survey:
    """Find how a scan was recorded.

    Parameters
    ----------
    scan
        The scan.
    textures, space_groups
        Of the candidates.
    search
        How much the matcher tries.
    say
        Told what is being done.

    Raises
    ------
    InputError
        Fewer than one pattern in fifty of those looked at is readable.
    """
    chosen = _readable(scan)
    raw = np.asarray(scan.read(chosen), np.float32)
    shape = compared_shape(scan.signal_shape)
    plain = Spectrum(shape, _HIGHEST * min(shape), mask=screen_mask(raw.mean(axis=0), shape))
    base = Geometry(shape, np.array([0.5, 0.3, 0.6]), 70.0 if scan.sample_tilt is None else scan.sample_tilt)
    tilt = scan.metadata.get("detector", {}) if isinstance(scan.metadata, dict) else {}
    if isinstance(tilt, dict):
        angles = [float(tilt.get(name) or 0.0) for name in ("tilt", "azimuthal", "twist")]
        base = Geometry(shape, base.pattern_centre, base.sample_tilt, *angles)
    phases = list(zip(textures, space_groups, strict=True))
    best: tuple[PoseFit, np.ndarray | None, str, str] | None = None
    for name, background in _backgrounds(scan):
        sample = Sample(flattened(raw, background), places(scan, chosen))
        for start in (scan.pattern_centre, None):
            if start is None and best is not None and best[2] == name and np.median(best[0].scores) > 0.35:
                continue  # what the file says fits
            say(f"finding the pattern centre ({'from the file' if start else 'unknown'}, background: {name})")
            centre = None if start is None else np.asarray(start, float)
            fit = fit_geometry(sample, phases, plain, base, centre=centre)
            if best is None or np.median(fit.scores) > np.median(best[0].scores):
                best = (fit, background, name, "patterns" if start is None else "file")
    assert best is not None
    fit, background, background_from, centre_from = best
    matcher = Matcher(tuple(textures), tuple(space_groups), fit.spectrum, base, fit.plane, search or Search())
    return Survey(
        matcher,
        _lookalike(raw, fit, base, background),
        fit,
        background,
        background_from,
        centre_from,
        chosen,
        fit.spectrum.ceiling(flattened(raw, background)),
    )


def compared_shape(signal_shape: tuple[int, int]) -> tuple[int, int]:
    """Return rows and columns at which patterns are compared, of the aspect of the screen.

    Examples
    --------
    >>> compared_shape((480, 640)), compared_shape((50, 50))
    ((60, 80), (50, 50))
    """
    factor = min(1.0, SHORTER / min(signal_shape))
    return round(signal_shape[0] * factor), round(signal_shape[1] * factor)


def screen_mask(mean: np.ndarray, shape: tuple[int, int]) -> np.ndarray | None:
    """Find which pixels see the screen: those that are not dark on average, without their rim.

    Parameters
    ----------
    mean
        Mean of patterns as recorded, shape (sy, sx).
    shape
        Rows and columns at which patterns are compared.

    Returns
    -------
    numpy.ndarray or None
        Shape `shape`, bool; None where nearly all pixels do.
    """
    from scipy.ndimage import binary_erosion, gaussian_filter

    dark = float(np.quantile(mean, 0.01))
    bright = float(np.quantile(mean, 0.75))
    light = gaussian_filter(mean - dark, min(mean.shape) / 60)
    lit = light > _DARK * (bright - dark)
    # A dark corner of the background is no rim: there the light falls to nothing in many pixels, not at once.
    if dark > 0.3 * bright or lit.mean() > 0.97 or lit.mean() < 0.3:
        return None
    share = resize_matrix(mean.shape[0], shape[0]) @ lit.astype(np.float32)
    inside = share @ resize_matrix(mean.shape[1], shape[1]).T > 0.9
    return binary_erosion(inside, iterations=2)


def places(scan: Scan, indices: np.ndarray) -> np.ndarray:
    """Return where points lie, in -1 to 1 along columns and rows of the scan, shape (n, 2)."""
    half = np.maximum((np.array([scan.shape[1], scan.shape[0]]) - 1) / 2, 1e-9)
    place = np.stack([scan.col[indices], scan.row[indices]], axis=1) / half - 1
    return np.where(np.array([scan.shape[1], scan.shape[0]]) > 1, place, 0.0)


def _readable(scan: Scan) -> np.ndarray:
    """Choose patterns of high quality, spread over the scan; of several bad ones none."""
    looked = np.unique(np.linspace(0, scan.n - 1, min(scan.n, _LOOKED_AT)).astype(int))
    quality = np.concatenate(
        [pattern_quality(scan.read(part)) for part in np.array_split(looked, max(1, len(looked) // 200))]
    )
    quality[np.isin(looked, list(scan.problems))] = 0
    good = quality > QUALITY_THRESHOLD
    if good.sum() < max(1, 0.02 * len(looked)):
        raise InputError(
            f"{int(good.sum())} of {len(looked)} patterns looked at show bands",
            path=scan.path,
            remedy="bin or average the patterns, or check that the file holds Kikuchi patterns",
        )
    looked, quality = looked[good], quality[good]
    if len(looked) <= _FITTED:
        return looked
    # The best of every region: one grain alone would leave the geometry loose.
    side = int(np.sqrt(_FITTED))
    block = np.floor((places(scan, looked) + 1) / 2 * (side - 1e-6)).astype(int)
    code = block[:, 0] * side + block[:, 1]
    order = np.lexsort((-quality, code))
    rank = np.arange(len(order)) - np.searchsorted(code[order], code[order])
    best = order[np.argsort(rank, kind="stable")][:_FITTED]
    return np.sort(looked[best])


def _backgrounds(scan: Scan) -> list[tuple[str, np.ndarray | None]]:
    own = scan.static_background
    if own is not None and np.all(np.isfinite(own)) and np.mean(own) > 0:
        return [("file", np.asarray(own, float))]
    if scan.n < _ENOUGH_FOR_MEAN:
        return [("none", None)]
    return [("mean", scan.mean_pattern()), ("none", None)]


def _lookalike(raw: np.ndarray, fit: PoseFit, base: Geometry, background: np.ndarray | None) -> Lookalike:
    shape = fit.spectrum.shape
    mean = raw.mean(axis=0) if background is None else background
    if mean.shape != shape:
        mean = resize_matrix(mean.shape[0], shape[0]) @ mean @ resize_matrix(mean.shape[1], shape[1]).T
    contrast = float(np.median(fit.spectrum.contrast(flattened(raw, background))))
    # The worse half may be wrong about the phase or the pose.
    scores = np.sort(fit.scores)[len(fit.scores) // 2 :]
    lower = scores - (np.median(scores) - np.sort(fit.scores)[len(fit.scores) // 4])
    return Lookalike(
        fit.spectrum,
        base,
        fit.plane,
        np.clip(np.concatenate([scores, lower]), 0.1, 0.95),
        contrast,
        (mean / mean.mean()).astype(np.float32),
    )
