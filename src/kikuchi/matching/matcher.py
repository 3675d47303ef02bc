"""The matcher, a member that knows the physics: how alike patterns are to each phase, and where crystals point."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from kikuchi.matching.search import CentrePlane, Matching, Search
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import Texture
from kikuchi.simulate.detector.geometry import Geometry

#: Scores closer to 1 than this are taken for it: no pattern is without noise.
_NEAREST = 1e-3


@dataclass(frozen=True)
class Matches:
    """Patterns matched with every phase.

    Attributes
    ----------
    scores
        Normalised correlation at the refined pose, shape (n, K).
    rotations
        Unit quaternions, sample to crystal, shape (n, K, 4).
    ceiling
        The correlation that the pattern's own noise allows, shape (n,), see `Spectrum.ceiling`.
    """

    scores: np.ndarray
    rotations: np.ndarray
    ceiling: np.ndarray

    @property
    def explained(self) -> np.ndarray:
        """Share of each pattern's signal that the best phase explains, 0 to about 1, shape (n,)."""
        return np.clip(self.scores.max(axis=1), 0, None) / self.ceiling


@dataclass(frozen=True)
class Evidence:
    """From scores to logits: how much a difference of scores is worth, fitted on held-out simulations.

    Attributes
    ----------
    slope
        Of the log-likelihood that scores would be worth if noise alone parted pattern and simulation.
    bias
        Added to each class, shape (K,).
    """

    slope: float
    bias: tuple[float, ...]

    def logits(self, scores: np.ndarray, size: int) -> np.ndarray:
        """Return logits (n, K).

        With Gaussian noise of unknown strength the likelihood of a model, amplitude and noise maximised, is
        (1 - r^2) to the power of minus half the number of features.
        """
        return self.slope * log_likelihood(scores, size) + np.asarray(self.bias)


def log_likelihood(scores: np.ndarray, size: int) -> np.ndarray:
    """Return -D / 2 log(1 - r^2) of scores r, shape as given; negative scores count as 0.

    Examples
    --------
    >>> log_likelihood(np.array([0.0, 0.6]), 1000).round(1).tolist()
    [-0.0, 223.1]
    """
    return -size / 2 * np.log(1 - np.clip(scores, 0, 1 - _NEAREST) ** 2)


def fit_evidence(scores: np.ndarray, labels: np.ndarray, size: int) -> Evidence:
    """Fit slope and biases by the log-loss of labelled matches (logistic regression with one common slope).

    Parameters
    ----------
    scores
        Shape (n, K).
    labels
        True class indices, shape (n,).
    size
        Number of features D.

    Returns
    -------
    Evidence
        Slope and biases.
    """
    from scipy.optimize import minimize
    from scipy.special import log_softmax

    evidence = log_likelihood(np.asarray(scores, float), size)
    evidence = evidence - evidence.mean(axis=1, keepdims=True)
    k = evidence.shape[1]

    def loss(x: np.ndarray) -> float:
        logits = np.exp(x[0]) * evidence + np.append(x[1:], 0)
        # A prior as weak as two patterns keeps classes that never mix from infinite slopes.
        chosen = log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
        return float(-chosen.sum() + 0.5 * (x[0] + 1) ** 2 / 4 + 0.5 * np.square(x[1:]).sum() / 4)

    found = minimize(loss, np.zeros(k), method="L-BFGS-B", bounds=[(-8, 1)] + [(-6, 6)] * (k - 1))
    bias = np.append(found.x[1:], 0.0)
    return Evidence(float(np.exp(found.x[0])), tuple((bias - bias.mean()).tolist()))


@dataclass(frozen=True)
class Matcher:
    """All phases, ready to be matched with the patterns of one scan.

    Parameters
    ----------
    textures, space_groups
        Of the K phases.
    spectrum
        How patterns are compared.
    base
        Angles of the camera.
    plane
        Of pattern centres.
    search
        How much is tried.
    """

    textures: tuple[Texture, ...]
    space_groups: tuple[int, ...]
    spectrum: Spectrum
    base: Geometry
    plane: CentrePlane
    search: Search = field(default_factory=Search)

    @cached_property
    def phases(self) -> list[Matching]:
        """One matching for each phase; dictionaries are made when they are first asked for."""
        return [
            Matching(texture, group, self.spectrum, self.base, self.plane, self.search)
            for texture, group in zip(self.textures, self.space_groups, strict=True)
        ]

    @cached_property
    def warm(self) -> bool:
        """Make all dictionaries now, and say so: threads that asked for one at once would make it twice."""
        return all(len(phase.dictionary.rotations) > 0 for phase in self.phases)

    def match(self, patterns: np.ndarray, place: np.ndarray | None = None) -> Matches:
        """Match patterns with every phase.

        Parameters
        ----------
        patterns
            (n, sy, sx) as recorded, the static background taken off, see `flattened`.
        place
            In -1 to 1 along columns and rows of the scan, shape (n, 2); its middle where None.
        """
        where = np.zeros((len(patterns), 2)) if place is None else place
        found = [phase.match(patterns, where) for phase in self.phases]
        return Matches(
            np.stack([scores for _, scores in found], axis=1),
            np.stack([rotations for rotations, _ in found], axis=1),
            self.spectrum.ceiling(patterns),
        )

    def settings(self) -> dict[str, Any]:
        """Return everything but the textures, as plain JSON."""
        return {
            "space_groups": list(self.space_groups),
            "spectrum": {
                "shape": list(self.spectrum.shape),
                "highest": self.spectrum.highest,
                "blur": self.spectrum.blur,
            },
            "camera": {
                name: float(getattr(self.base, name))
                for name in ("sample_tilt", "tilt", "azimuthal", "twist")
            },
            "pattern_centre": self.plane.middle.tolist(),
            "pattern_centre_slope": self.plane.slope.tolist(),
        }


def flattened(patterns: np.ndarray, background: np.ndarray | None) -> np.ndarray:
    """Divide patterns by a static background, float32; patterns as they are where there is none.

    Parameters
    ----------
    patterns
        Shape (n, sy, sx).
    background
        Shape (sy, sx), any scale.

    Returns
    -------
    numpy.ndarray
        Shape as the patterns', float32.
    """
    raw = np.asarray(patterns, dtype=np.float32)
    if background is None:
        return raw
    level = np.nan_to_num(np.asarray(background, np.float64))
    return raw / np.maximum(level / level.mean(), 0.02).astype(np.float32)
