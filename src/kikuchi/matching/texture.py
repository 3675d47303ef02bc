"""A master pattern together with how it changes when the crystal turns."""

from dataclasses import dataclass

import numpy as np

from kikuchi.simulate import MasterPattern
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import rotation_matrices
from kikuchi.simulate.detector.projection import crystal_basis
from kikuchi.simulate.masters.lambert import lambert_directions


@dataclass(frozen=True)
class Texture:
    """Intensity and its three derivatives by a small turn, on two Lambert squares.

    Parameters
    ----------
    north, south
        Shape (h, h, 4), float32: intensity I, and L = v x grad I, so that turning all directions v by a small rotation
        vector w (radians, crystal frame) changes I by w . L.
    """

    north: np.ndarray
    south: np.ndarray


def texture_of(master: MasterPattern) -> Texture:
    """Derive a texture, by central differences of three quarters of a pixel.

    Parameters
    ----------
    master
        Both hemispheres; the intensities are brought to mean 0 and standard deviation 1 over the sphere.
    """
    halves = [np.asarray(half, dtype=np.float32) for half in (master.north, master.south)]
    mean = np.mean([half.mean() for half in halves])
    spread = np.sqrt(np.mean([np.square(half - mean).mean() for half in halves]))
    plain = [((half - mean) / max(spread, 1e-12)).astype(np.float32)[..., None] for half in halves]
    plain = [np.ascontiguousarray(half) for half in plain]
    size = len(plain[0])
    step = 0.75 * np.sqrt(2) / ((size - 1) / 2)
    up = lambert_directions(size).reshape(-1, 3)
    made = []
    for own, sign in zip(plain, (1, -1), strict=True):
        directions = up * (1, 1, sign)
        channels = [own.reshape(-1)]
        for axis in np.eye(3):
            turned = [directions @ _turn(axis, angle).T for angle in (step, -step)]
            ahead, behind = (_sample(plain, vectors) for vectors in turned)
            channels.append((ahead - behind) / (2 * step))
        made.append(np.stack(channels, axis=-1).reshape(size, size, 4).astype(np.float32))
    return Texture(*made)


def views(texture: Texture, rotations: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Project a texture onto the detector.

    Parameters
    ----------
    texture
        Of one phase.
    rotations
        Unit quaternions, scalar first, shape (n, 4).
    geometry
        For one pattern (used for all) or for n.

    Returns
    -------
    numpy.ndarray
        Shape (n, 4, rows, columns), float32: the pattern, and its derivatives by a turn about the crystal's x, y and z.
    """
    return _projected(texture.north, texture.south, rotations, geometry)


def plain_views(texture: Texture, rotations: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Project the intensities alone, shape (n, rows, columns), float32."""
    north, south = (np.ascontiguousarray(half[..., :1]) for half in (texture.north, texture.south))
    return _projected(north, south, rotations, geometry)[:, 0]


def _projected(north: np.ndarray, south: np.ndarray, rotations: np.ndarray, geometry: Geometry) -> np.ndarray:
    from kikuchi.matching.kernel import project_texture

    basis = np.ascontiguousarray(crystal_basis(np.atleast_2d(rotations), geometry))
    if not np.isfinite(basis).all():
        raise ValueError("orientations and pattern centres must be finite")
    out = np.empty((len(basis), north.shape[-1], *geometry.shape), dtype=np.float32)
    project_texture(north, south, basis, geometry.shape, out)
    return out


def _sample(halves: list[np.ndarray], directions: np.ndarray) -> np.ndarray:
    """Interpolate intensities at directions (n, 3)."""
    from kikuchi.matching.kernel import project_texture

    basis = np.zeros((len(directions), 3, 3), dtype=np.float32)
    basis[:, 0] = directions
    out = np.empty((len(directions), 1, 1, 1), dtype=np.float32)
    project_texture(halves[0], halves[1], basis, (1, 1), out)
    return out[:, 0, 0, 0]


def _turn(axis: np.ndarray, angle: float) -> np.ndarray:
    quaternion = np.concatenate([[np.cos(angle / 2)], np.sin(angle / 2) * axis])
    return rotation_matrices(quaternion[None])[0]
