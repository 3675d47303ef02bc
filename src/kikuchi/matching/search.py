"""Match patterns with one phase: dictionary, then refinement at few pixels, then at all."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from kikuchi.matching.dictionary import Dictionary, build_dictionary, fundamental_orientations
from kikuchi.matching.refine import refine
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import Texture, plain_views
from kikuchi.simulate.detector.geometry import Geometry

#: Most entries of a dictionary; crystals of little symmetry are sampled more coarsely than was asked.
_MOST_ENTRIES = 100_000


@dataclass(frozen=True)
class CentrePlane:
    """A pattern centre that changes linearly over a scan.

    Attributes
    ----------
    middle
        (PCx, PCy, PCz) at the scan's middle, Bruker's convention, shape (3,).
    slope
        Its change from the middle to the edge along columns and along rows, shape (2, 3).
    """

    middle: np.ndarray
    slope: np.ndarray

    def at(self, place: np.ndarray) -> np.ndarray:
        """Return the pattern centre at places (n, 2), in -1 to 1 along columns and rows; shape (n, 3)."""
        return self.middle + place @ self.slope


@dataclass(frozen=True)
class Search:
    """Effort of a search.

    Attributes
    ----------
    resolution
        Degrees between the orientations of the dictionary.
    entries
        Likest entries of the dictionary that are refined.
    steps
        Refinements at few pixels of all entries, at few pixels of the best two, and at all pixels of the best one.
    shorter, highest
        Few pixels: along the shorter side, and the highest frequency in half waves along it.
    """

    resolution: float = 3.0
    entries: int = 4
    steps: tuple[int, int, int] = (2, 0, 6)
    shorter: int = 36
    highest: float = 24.0


@dataclass(frozen=True)
class Matching:
    """Everything that stays while the patterns of a scan are matched with one phase.

    Parameters
    ----------
    texture, space_group
        The phase.
    spectrum
        How patterns are compared.
    base
        Angles of the camera; its shape and pattern centre are not used.
    plane
        Of pattern centres.
    search
        Effort of a search.
    """

    texture: Texture
    space_group: int
    spectrum: Spectrum
    base: Geometry
    plane: CentrePlane
    search: Search = field(default_factory=Search)

    @cached_property
    def coarse(self) -> Spectrum:
        """The comparison at few pixels."""
        if min(self.spectrum.shape) <= self.search.shorter:
            return self.spectrum
        return self.spectrum.coarser(self.search.shorter, self.search.highest)

    @cached_property
    def dictionary(self) -> Dictionary:
        """Simulations at the pattern centre of the scan's middle."""
        resolution = self.search.resolution
        rotations = fundamental_orientations(self.space_group, resolution)
        while len(rotations) > _MOST_ENTRIES:
            resolution *= 1.25
            rotations = fundamental_orientations(self.space_group, resolution)
        return build_dictionary(
            self.texture, rotations, base_at(self.base, self.coarse, self.plane.middle), self.coarse
        )

    def match(self, patterns: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Find each pattern's orientation.

        Parameters
        ----------
        patterns
            (n, sy, sx) as recorded, without static background.
        place
            In -1 to 1 along columns and rows of the scan, shape (n, 2).

        Returns
        -------
        rotations, scores
            Unit quaternions (n, 4) and normalised correlations (n,).
        """
        full = self.spectrum.of_patterns(patterns)
        few = full if self.coarse is self.spectrum else self.coarse.of_patterns(patterns)
        return self.match_features(few, full, place)

    def match_features(
        self, few: np.ndarray, full: np.ndarray, place: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Find orientations as `match` does, from unit features at few pixels and at all, shapes (n, d) and (n, D)."""
        entries, _ = self.dictionary.best(few, self.search.entries)
        all_steps, two_steps, last_steps = self.search.steps
        rotations, scores = self._refined(
            few, place, self.dictionary.rotations[entries], self.coarse, all_steps
        )
        if two_steps:
            two = np.argsort(-scores, axis=1)[:, :2]
            begin = np.take_along_axis(rotations, two[..., None], axis=1)
            rotations, scores = self._refined(few, place, begin, self.coarse, two_steps)
        best = scores.argmax(axis=1)[:, None]
        rotations = np.take_along_axis(rotations, best[..., None], axis=1)
        scores = np.take_along_axis(scores, best, axis=1)
        if last_steps and self.coarse is not self.spectrum:
            rotations, scores = self._refined(full, place, rotations, self.spectrum, last_steps)
        return rotations[:, 0], scores[:, 0]

    def models(self, rotations: np.ndarray, place: np.ndarray, spectrum: Spectrum) -> np.ndarray:
        """Simulate the features of patterns at poses (n, 4) and places (n, 2), not normalised, shape (n, d)."""
        geometry = base_at(self.base, spectrum, self.plane.at(place))
        return spectrum.of_models(plain_views(self.texture, rotations, geometry))

    def refined(
        self, patterns: np.ndarray, place: np.ndarray, rotations: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Refine orientations that are known to a few degrees, at all pixels; as `match` otherwise."""
        found, scores = self._refined(
            self.spectrum.of_patterns(patterns),
            place,
            rotations[:, None],
            self.spectrum,
            self.search.steps[2],
        )
        return found[:, 0], scores[:, 0]

    def _refined(
        self, features: np.ndarray, place: np.ndarray, rotations: np.ndarray, spectrum: Spectrum, steps: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """Refine several orientations (n, e, 4) of each pattern."""
        n, each = rotations.shape[:2]
        geometry = base_at(self.base, spectrum, np.repeat(self.plane.at(place), each, axis=0))
        found, scores = refine(
            np.repeat(features, each, axis=0),
            self.texture,
            rotations.reshape(-1, 4),
            geometry,
            spectrum,
            steps=steps,
        )
        return found.reshape(n, each, 4), scores.reshape(n, each)


def base_at(base: Geometry, spectrum: Spectrum, centre: np.ndarray) -> Geometry:
    """Return the camera with one pattern centre (3,) or one per pattern (n, 3), at the spectrum's pixels."""
    return Geometry(
        spectrum.shape, np.asarray(centre, float), base.sample_tilt, base.tilt, base.azimuthal, base.twist
    )
