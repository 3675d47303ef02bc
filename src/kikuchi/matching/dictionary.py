"""A dictionary: simulations of a phase in all orientations, coarse enough to be searched in one matrix product."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from kikuchi.matching.spectrum import Spectrum, unit
from kikuchi.matching.texture import Texture, plain_views
from kikuchi.simulate.detector.geometry import Geometry

_BATCH = 256

#: Numbers of one product of patterns and dictionary that are kept at a time.
_PRODUCTS = 2**24


@dataclass(frozen=True)
class Dictionary:
    """Unit features of one phase in many orientations.

    Attributes
    ----------
    rotations
        Unit quaternions, shape (m, 4).
    features
        Shape (m, D), float32.
    """

    rotations: np.ndarray
    features: np.ndarray

    def best(self, features: np.ndarray, keep: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Return the likest entries of each pattern.

        Parameters
        ----------
        features
            Unit features, shape (n, D).
        keep
            How many.

        Returns
        -------
        entries, scores
            Shapes (n, keep), the likest first.
        """
        keep = min(keep, len(self.rotations))
        entries = np.empty((len(features), keep), dtype=np.intp)
        scores = np.empty((len(features), keep), dtype=np.float32)
        batch = max(1, _PRODUCTS // len(self.rotations))
        for start in range(0, len(features), batch):
            part = slice(start, start + batch)
            alike = features[part] @ self.features.T
            top = np.argpartition(alike, -keep, axis=1)[:, -keep:]
            own = np.take_along_axis(alike, top, axis=1)
            order = np.argsort(-own, axis=1)
            entries[part] = np.take_along_axis(top, order, axis=1)
            scores[part] = np.take_along_axis(own, order, axis=1)
        return entries, scores


def build_dictionary(
    texture: Texture, rotations: np.ndarray, geometry: Geometry, spectrum: Spectrum
) -> Dictionary:
    """Simulate a phase in the given orientations.

    Parameters
    ----------
    texture
        Of the phase.
    rotations
        Unit quaternions, shape (m, 4), see `fundamental_orientations`.
    geometry
        One for all, of the spectrum's shape.
    spectrum
        How patterns are compared.
    """
    features = np.empty((len(rotations), spectrum.size), dtype=np.float32)
    for start in range(0, len(rotations), _BATCH):
        part = slice(start, start + _BATCH)
        features[part] = unit(spectrum.of_models(plain_views(texture, rotations[part], geometry)))
    return Dictionary(rotations, features)


@lru_cache(maxsize=32)
def fundamental_orientations(space_group: int, resolution: float) -> np.ndarray:
    """Sample the orientations that a crystal's symmetry leaves different, by orix.

    Parameters
    ----------
    space_group
        Number of the space group, 1 to 230.
    resolution
        Mean distance of neighbours, degrees.

    Returns
    -------
    numpy.ndarray
        Unit quaternions, shape (m, 4): 4958 for m-3m and 13 times as many for -1 at four degrees.
    """
    from orix.quaternion.symmetry import get_point_group
    from orix.sampling import get_sample_fundamental

    rotations = get_sample_fundamental(resolution, point_group=get_point_group(space_group))
    found = np.array(rotations.data, dtype=float)
    found.setflags(write=False)
    return found
