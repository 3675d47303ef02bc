"""Targets of the auxiliary task: directions in a cubic crystal by part of the screen, and how near zone axes are."""

from dataclasses import replace
from functools import lru_cache

import numpy as np

from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import rotation_matrices

#: Zone axes whose nearness is a target, beside where they lie in the standard triangle.
ZONE_AXES = ((0, 0, 1), (1, 1, 1), (0, 1, 1), (1, 1, 2), (0, 1, 2))
NEAR = 6.0  # degrees: standard deviation of the hill around an axis

#: Targets of a direction: three of where it lies in the standard triangle, one of each axis.
TARGETS = 3 + len(ZONE_AXES)


def zone_axis_targets(rotations: np.ndarray, geometry: Geometry, cells: int) -> np.ndarray:
    """Tell of a square grid of parts of the screen what their middle looks at.

    For point group m-3m: directions that its symmetry makes equal have equal targets.

    Parameters
    ----------
    rotations
        Unit quaternions, scalar first, from the sample's frame to the crystal's, shape (n, 4).
    geometry
        For one pattern (used for all) or for n.
    cells
        Parts along a side.

    Returns
    -------
    numpy.ndarray
        Shape (n, cells, cells, `TARGETS`), float32: absolute direction cosines in ascending order, then the nearness
        to each of `ZONE_AXES`; each with mean 0 and variance 1 over all directions.
    """
    directions = replace(geometry, shape=(cells, cells)).directions()
    # v_crystal = R v_sample; the arrays hold row vectors.
    turned = directions @ np.swapaxes(rotation_matrices(np.atleast_2d(rotations)), -1, -2)[:, None]
    mean, deviation = _moments()
    return ((_targets(turned) - mean) / deviation).astype(np.float32)


def _targets(directions: np.ndarray) -> np.ndarray:
    unit = directions / np.linalg.norm(directions, axis=-1, keepdims=True)
    folded = np.sort(np.abs(unit), axis=-1)
    hills = []
    for axis in ZONE_AXES:
        cosine = folded @ (np.array(axis) / np.linalg.norm(axis))
        hills.append(np.exp(-0.5 * (np.degrees(np.arccos(np.clip(cosine, -1, 1))) / NEAR) ** 2))
    return np.concatenate([folded, np.stack(hills, axis=-1)], axis=-1)


@lru_cache(maxsize=1)
def _moments() -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over directions that are spread evenly (a spiral of Fibonacci's)."""
    n = 20_000
    z = 1 - (2 * np.arange(n) + 1) / n
    angle = np.pi * (1 + 5**0.5) * np.arange(n)
    radius = np.sqrt(1 - z**2)
    record = _targets(np.stack([radius * np.cos(angle), radius * np.sin(angle), z], axis=-1))
    return record.mean(axis=0), record.std(axis=0)
