"""Refine orientations: Gauss-Newton on the normalised correlation of a pattern with its simulation."""

from dataclasses import dataclass

import numpy as np

from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import Texture, views
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import product

#: Radians: no step is longer, since bands are hardly wider.
_LONGEST_STEP = np.deg2rad(2.0)

#: Radians: a shorter step changes nothing that a pattern shows.
_FINISHED = np.deg2rad(0.01)

#: Patterns that are simulated at a time: four images each stay in a core's cache.
_BATCH = 64


@dataclass(frozen=True)
class Look:
    """A simulation at a pose against its pattern.

    Attributes
    ----------
    score
        Normalised correlation, shape (n,).
    step
        The turn that Gauss-Newton suggests, rotation vector in the crystal frame, radians, shape (n, 3).
    """

    score: np.ndarray
    step: np.ndarray


def refine(
    features: np.ndarray,
    texture: Texture,
    rotations: np.ndarray,
    geometry: Geometry,
    spectrum: Spectrum,
    *,
    steps: int = 6,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn each crystal until its simulation is most like its pattern.

    Parameters
    ----------
    features
        Unit features of the patterns, shape (n, D), see `Spectrum.of_patterns`.
    texture
        Of the phase.
    rotations
        Where to begin, unit quaternions, shape (n, 4), within about three degrees.
    geometry
        For one pattern (used for all) or for n, of the spectrum's shape.
    spectrum
        How they are compared.
    steps
        Most simulations of a pattern after the first.

    Returns
    -------
    rotations, scores
        Shapes (n, 4) and (n,). No score is below that of the beginning.
    """
    rotations = np.array(rotations, dtype=float)
    n = len(rotations)
    scores = np.empty(n)
    common = geometry.n == 1
    for start in range(0, n, _BATCH):
        part = np.arange(start, min(start + _BATCH, n))
        here = geometry if common else geometry.take(part)
        rotations[part], scores[part] = _refined(
            features[part], texture, rotations[part], here, spectrum, steps, common
        )
    return rotations, scores


def _refined(
    features: np.ndarray,
    texture: Texture,
    rotations: np.ndarray,
    geometry: Geometry,
    spectrum: Spectrum,
    steps: int,
    common: bool,
) -> tuple[np.ndarray, np.ndarray]:
    seen = look(features, texture, rotations, geometry, spectrum)
    best, step = seen.score.copy(), seen.step.copy()
    for _ in range(steps):
        left = np.flatnonzero(np.linalg.norm(step, axis=1) > _FINISHED)
        if not len(left):
            break
        trial = turned(rotations[left], step[left])
        seen = look(features[left], texture, trial, geometry if common else geometry.take(left), spectrum)
        better = seen.score > best[left]
        gained = left[better]
        rotations[gained], best[gained], step[gained] = trial[better], seen.score[better], seen.step[better]
        step[left[~better]] *= 0.3
    return rotations, best


def look(
    features: np.ndarray, texture: Texture, rotations: np.ndarray, geometry: Geometry, spectrum: Spectrum
) -> Look:
    """Simulate patterns at given poses and say how alike they are, and where to turn.

    With model s and derivatives J, both projected off s, the correlation with p grows fastest to second order along
    the solution of ``J J' d = J p / a``, a being p's share of s (the variable projection of Golub & Pereyra, SIAM J.
    Numer. Anal. 10, 413, 1973).
    """
    model = spectrum.of_models(views(texture, rotations, geometry))
    s, j = model[:, 0], model[:, 1:]
    square = np.maximum(np.einsum("nd,nd->n", s, s), 1e-30)
    along = np.einsum("nd,nd->n", features, s)
    score = along / np.sqrt(square)
    own = np.einsum("nkd,nd->nk", j, s)
    gram = np.einsum("nkd,nld->nkl", j, j) - own[:, :, None] * own[:, None] / square[:, None, None]
    slope = np.einsum("nkd,nd->nk", j, features) - own * (along / square)[:, None]
    scale = np.maximum(along / square, 0.05 / np.sqrt(square))
    gram += (1e-3 * np.trace(gram, axis1=1, axis2=2) / 3 + 1e-12)[:, None, None] * np.eye(3)
    step = np.linalg.solve(gram, slope[..., None])[..., 0] / scale[:, None]
    length = np.linalg.norm(step, axis=1, keepdims=True)
    step *= np.minimum(1, _LONGEST_STEP / np.maximum(length, 1e-12))
    return Look(score, step)


def turned(rotations: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Turn crystals by rotation vectors in their own frame.

    Parameters
    ----------
    rotations
        Unit quaternions, shape (n, 4).
    vectors
        Radians, shape (n, 3).

    Examples
    --------
    >>> turned(np.array([[1.0, 0, 0, 0]]), np.array([[0, 0, np.pi]])).round(6) + 0.0
    array([[0., 0., 0., 1.]])
    """
    angle = np.linalg.norm(vectors, axis=1, keepdims=True)
    half = angle / 2
    # sin(a / 2) / a, which is a half where a vanishes
    axis = vectors * np.where(angle > 1e-9, np.sin(half) / np.maximum(angle, 1e-9), 0.5)
    made = product(np.concatenate([np.cos(half), axis], axis=1), rotations)
    return made / np.linalg.norm(made, axis=1, keepdims=True)
