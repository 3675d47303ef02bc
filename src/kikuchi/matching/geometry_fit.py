"""Where a screen stands, found from the patterns themselves: one pattern centre for a scan, and a plane through it.

The crystals' orientations are free, so that only what changes the shape of a pattern can be found: the pattern centre
and how it moves over the scan, and the blur. A tilt of the camera or of the sample turns all crystals alike and leaves
their patterns as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from kikuchi.matching.refine import refine, turned
from kikuchi.matching.search import CentrePlane, Matching, Search, base_at
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import Texture, views
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import rotation_matrices

#: Pattern centres to begin with where nobody knows: what cameras have, and what their fits reach from there.
STARTS = tuple((0.5, y, z) for z in (0.42, 0.5, 0.6, 0.72, 0.88) for y in (0.12, 0.25, 0.4, 0.55))

#: How far a pattern centre usually is from a start or from what a file says, fractions of the screen.
_PRIOR = 0.1

#: And by how much it differs between the middle and the edge of a scan.
_PRIOR_SLOPE = 0.01

_QUICK = Search(resolution=4.0, entries=6, steps=(2, 2, 0), shorter=30, highest=18.0)
_CAREFUL = Search(entries=8)
_LONGEST_SHIFT = 0.03


@dataclass(frozen=True)
class PoseFit:
    """Patterns, the phase that each fits best and its pose, all with one plane of pattern centres.

    Attributes
    ----------
    plane
        Of pattern centres.
    phase
        Index of the best phase, shape (n,).
    rotations
        Unit quaternions, shape (n, 4).
    scores
        Normalised correlations of the best phase, shape (n,).
    spectrum
        With the blur that was found.
    """

    plane: CentrePlane
    phase: np.ndarray
    rotations: np.ndarray
    scores: np.ndarray
    spectrum: Spectrum


@dataclass(frozen=True)
class Sample:
    """Some patterns of a scan, as recorded, and where they lie.

    Attributes
    ----------
    patterns
        Shape (n, sy, sx).
    place
        Shape (n, 2), in -1 to 1 along columns and rows of the scan; zeros where it has no extent.
    """

    patterns: np.ndarray
    place: np.ndarray


def fit_geometry(
    sample: Sample,
    phases: Sequence[tuple[Texture, int]],
    spectrum: Spectrum,
    base: Geometry,
    *,
    centre: np.ndarray | None = None,
    keep: int = 6,
    few: int = 16,
    careful: Search = _CAREFUL,
) -> PoseFit:
    """Find the pattern centre, its plane over the scan and the blur.

    Every start is tried with a coarse dictionary on a few patterns; the best ones are refined together with the
    orientations at fewer pixels, the best of these at all pixels.

    Parameters
    ----------
    sample
        Patterns of good quality, spread over the scan.
    phases
        Texture and space group of every candidate.
    spectrum
        How they are compared.
    base
        Angles of the camera; its shape and pattern centre are not used.
    centre
        What the file says, shape (3,): the starts are then around it. None tries `STARTS`.
    keep
        Starts that are refined.
    few
        Patterns that judge the starts.
    careful
        How orientations are looked for once the pattern centre is nearly known.
    """
    spectrum = spectrum.whitened(spectrum.of_patterns(sample.patterns))
    coarse = spectrum.coarser(30, 18.0)
    starts = np.array(STARTS) if centre is None else _around(np.asarray(centre, float))
    some = np.unique(np.linspace(0, len(sample.patterns) - 1, few).astype(int))
    first = Sample(sample.patterns[some], sample.place[some])
    fits = [
        posed(first, CentrePlane(start, np.zeros((2, 3))), phases, coarse, base, _QUICK) for start in starts
    ]
    # Few patterns say little of a start: more of them are followed.
    best = sorted(fits, key=worth, reverse=True)[: keep + max(0, 8 - len(some))]
    moved = sorted((adjust(first, fit, phases, base, steps=8, slopes=False) for fit in best), key=worth)[
        -3 if len(some) < 8 else -2 :
    ]
    # With each pattern centre that was found, orientations are looked for anew.
    again = [posed(first, fit.plane, phases, spectrum, base, careful) for fit in moved]
    again = [adjust(first, fit, phases, base, steps=6, slopes=False) for fit in again]
    whole = posed(sample, max(again, key=worth).plane, phases, spectrum, base, careful)
    whole = adjust(sample, whole, phases, base, steps=6, slopes=True)
    measured = _measured(sample, whole, phases, base)
    whole = posed(sample, whole.plane, phases, measured, base, careful)
    whole = adjust(sample, whole, phases, base, steps=6, slopes=True)
    whole = replace(whole, spectrum=_measured(sample, whole, phases, base))
    return adjust(sample, whole, phases, base, steps=6, slopes=True)


def worth(fit: PoseFit) -> float:
    """Quality of the fit; patterns that are explained well count, since chance explains each a little."""
    return float((np.maximum(fit.scores, 0) ** 3).sum())


def posed(
    sample: Sample,
    plane: CentrePlane,
    phases: Sequence[tuple[Texture, int]],
    spectrum: Spectrum,
    base: Geometry,
    search: Search,
) -> PoseFit:
    """Find each pattern's phase and orientation at given pattern centres."""
    found = [
        Matching(*phase, spectrum, base, plane, search).match(sample.patterns, sample.place)
        for phase in phases
    ]
    scores = np.stack([score for _, score in found])
    phase = scores.argmax(axis=0)
    each = np.arange(len(phase))
    rotations = np.stack([rotation for rotation, _ in found])[phase, each]
    return PoseFit(plane, phase, rotations, scores[phase, each], spectrum)


def _measured(
    sample: Sample, fit: PoseFit, phases: Sequence[tuple[Texture, int]], base: Geometry
) -> Spectrum:
    """Measure the spectrum on the half of the patterns that fit best."""
    good = np.flatnonzero(fit.scores >= np.median(fit.scores))
    features = fit.spectrum.of_patterns(sample.patterns[good])
    some = PoseFit(fit.plane, fit.phase[good], fit.rotations[good], fit.scores[good], fit.spectrum)
    return fit.spectrum.measured(
        features, _models(some, fit.spectrum, phases, base, sample.place[good])[:, 0]
    )


def adjust(
    sample: Sample,
    fit: PoseFit,
    phases: Sequence[tuple[Texture, int]],
    base: Geometry,
    *,
    steps: int,
    slopes: bool,
) -> PoseFit:
    """Refine orientations and the plane of pattern centres together, by Gauss-Newton.

    Orientations are eliminated pattern by pattern (the Schur complement of bundle adjustment), which leaves three or
    nine unknowns, held by a wide prior around where they begin.
    """
    spectrum, place = fit.spectrum, sample.place
    features = spectrum.of_patterns(sample.patterns)
    plane, rotations = fit.plane, np.array(fit.rotations)
    columns = 9 if slopes and np.ptp(place, axis=0).max() > 0 else 3
    prior = np.concatenate([np.full(3, _PRIOR), np.full(6, _PRIOR_SLOPE)])[:columns] ** -2.0
    origin = np.concatenate([plane.middle, plane.slope.ravel()])[:columns]
    best = None
    damping = 1e-3
    for _ in range(steps + 1):
        normal, slope, back, scores = _equations(
            features, fit.phase, phases, rotations, base, plane, spectrum, place
        )
        total = float(np.square(scores).sum())
        if best is not None and total <= best[0]:
            damping *= 8
            if damping > 1e3:
                break
        else:
            best = (total, plane, rotations, scores, normal, slope, back)
            damping = max(damping / 4, 1e-4)
        _, plane, rotations, _, normal, slope, back = best
        now = np.concatenate([plane.middle, plane.slope.ravel()])[:columns]
        noise = max(1 - best[0] / len(features), 0.02) / spectrum.size
        matrix = normal[:columns, :columns] / noise
        matrix = matrix + np.diag(prior + damping * np.diag(matrix))
        step = np.linalg.solve(matrix, slope[:columns] / noise - prior * (now - origin))
        step *= min(1.0, _LONGEST_SHIFT / max(np.abs(step).max(), 1e-12))
        vectors = back(step)
        plane = _moved(plane, step)
        rotations = turned(rotations, vectors)
        if np.abs(step).max() < 2e-5:
            break
    assert best is not None
    geometry = base_at(base, spectrum, best[1].at(place))
    rotations, scores = _refine_each(features, fit.phase, phases, best[2], geometry, spectrum)
    return PoseFit(best[1], fit.phase, rotations, scores, spectrum)


def _around(centre: np.ndarray) -> np.ndarray:
    steps = [(0, 0, 0)] + [
        tuple(sign * size * axis) for axis in np.eye(3) for size in (0.03, 0.08) for sign in (1, -1)
    ]
    return centre + np.array(steps)


def _models(
    fit: PoseFit,
    spectrum: Spectrum,
    phases: Sequence[tuple[Texture, int]],
    base: Geometry,
    place: np.ndarray,
) -> np.ndarray:
    images = _images(fit.phase, phases, fit.rotations, base_at(base, spectrum, fit.plane.at(place)))
    return spectrum.of_models(images)


def _images(
    phase: np.ndarray, phases: Sequence[tuple[Texture, int]], rotations: np.ndarray, geometry: Geometry
) -> np.ndarray:
    images = np.empty((len(phase), 4, *geometry.shape), np.float32)
    for k in np.unique(phase):
        here = np.flatnonzero(phase == k)
        images[here] = views(phases[k][0], rotations[here], geometry.take(here))
    return images


def _equations(
    features: Any, phase: Any, phases: Any, rotations: Any, base: Any, plane: Any, spectrum: Any, place: Any
) -> Any:
    """Give the normal equations of the nine unknowns of the plane, orientations eliminated.

    Returns the matrix (9, 9), the right-hand side (9,), a function from the solution to the turns (n, 3), and the
    scores (n,).
    """
    centre = plane.at(place)
    geometry = base_at(base, spectrum, centre)
    images = _images(phase, phases, rotations, geometry)
    shifts = _centre_derivatives(images[:, 1:], rotations, geometry)
    model = spectrum.of_models(np.concatenate([images, shifts], axis=1)).astype(float)
    s, j = model[:, 0], model[:, 1:]
    length = np.maximum(np.linalg.norm(s, axis=1), 1e-30)
    along = np.einsum("nd,nd->n", features, s) / length
    s = s / length[:, None]
    # All in units of the pattern's share of the model, projected off the model.
    j = j - np.einsum("nkd,nd->nk", j, s)[..., None] * s[:, None]
    j *= (np.maximum(along, 0.05) / length)[:, None, None]
    rest = features - along[:, None] * s
    gram = np.einsum("nkd,nld->nkl", j, j)
    pull = np.einsum("nkd,nd->nk", j, rest)
    turn = gram[:, :3, :3] + (1e-3 * np.trace(gram[:, :3, :3], axis1=1, axis2=2) / 3 + 1e-12)[
        :, None, None
    ] * np.eye(3)
    inverse = np.linalg.inv(turn)
    cross = gram[:, :3, 3:]
    own = gram[:, 3:, 3:] - np.swapaxes(cross, 1, 2) @ inverse @ cross
    right = pull[:, 3:] - (np.swapaxes(cross, 1, 2) @ inverse @ pull[:, :3, None])[..., 0]
    where = np.concatenate([np.ones((len(place), 1)), place], axis=1)
    normal = np.einsum("na,nb,nij->aibj", where, where, own).reshape(9, 9)
    slope = np.einsum("na,ni->ai", where, right).ravel()

    def back(step: np.ndarray) -> np.ndarray:
        full = np.zeros(9)
        full[: len(step)] = step
        moved = where @ full.reshape(3, 3)
        vectors = (inverse @ (pull[:, :3, None] - cross @ moved[..., None]))[..., 0]
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors * np.minimum(1, np.deg2rad(3.0) / np.maximum(length, 1e-12))

    return normal, slope, back, along


def _centre_derivatives(turns: np.ndarray, rotations: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Return derivatives of patterns by the pattern centre, from those by a rotation; shape (n, 3, rows, columns).

    A pixel looks along v; with the pattern centre v changes by e, and its direction as if the crystal were turned by
    (v x e) / v^2.
    """
    n_rows, n_columns = geometry.shape
    aspect = n_columns / n_rows
    to_crystal = rotation_matrices(rotations) @ geometry.detector_to_sample()
    in_detector = np.einsum("nij,niyx->njyx", to_crystal, turns)
    centre = np.broadcast_to(np.atleast_2d(geometry.pattern_centre), (len(turns), 3))
    x = aspect * ((np.arange(n_columns) + 0.5) / n_columns - centre[:, :1])[:, None, :]
    y = (centre[:, 1:2] - (np.arange(n_rows) + 0.5) / n_rows)[:, :, None]
    z = centre[:, 2][:, None, None]
    square = x**2 + y**2 + z**2
    lx, ly, lz = np.moveaxis(in_detector, 1, 0)
    # v x e for e along x, y and z
    by_x = (z * ly - y * lz) / square
    by_y = (-z * lx + x * lz) / square
    by_z = (y * lx - x * ly) / square
    return np.stack([-aspect * by_x, by_y, by_z], axis=1).astype(np.float32)


def _refine_each(features: Any, phase: Any, phases: Any, rotations: Any, geometry: Any, spectrum: Any) -> Any:
    found, scores = np.array(rotations), np.empty(len(phase))
    for k in np.unique(phase):
        here = np.flatnonzero(phase == k)
        found[here], scores[here] = refine(
            features[here], phases[k][0], rotations[here], geometry.take(here), spectrum, steps=3
        )
    return found, scores


def _moved(plane: CentrePlane, step: np.ndarray) -> CentrePlane:
    full = np.zeros(9)
    full[: len(step)] = step
    return CentrePlane(plane.middle + full[:3], plane.slope + full[3:].reshape(2, 3))
