"""Convergent-beam electron diffraction disks, simulated: two-beam intensities of every reflector on a flat detector.

Within a disk each point is one direction of the incident beam, and so one deviation s from the Bragg condition;
there the reflector has sin^2(pi t w / xi) / w^2 of the beam, w^2 = 1 + (s xi)^2, with thickness t and extinction
distance xi (Williams & Carter, Transmission Electron Microscopy, 2009, eq. 13.50; no absorption, no interference of
reflectors). The disk in the middle keeps what is left.
"""

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.structure_factors import electron_wavelength, reflectors

VOLTAGE_KV = 200.0
ZONES = np.array([[0, 0, 1], [0, 1, 1], [1, 1, 1], [1, 1, 2]], float)
OFF_ZONE = 1.2  # degrees: patterns are taken near a zone axis, as one does
_HALF = 1.15  # from the middle of the detector to its edge, 1/angstrom
_RADIUS = 0.11  # of a disk, 1/angstrom: 2.8 mrad
_RELATIVISTIC = 1 + 1.9569e-3 * VOLTAGE_KV  # mass over rest mass


@dataclass(frozen=True)
class Beam:
    """A material as the beam sees it: both of each Friedel pair.

    Attributes
    ----------
    vectors
        Reciprocal-lattice vectors in the crystal's frame, 1/angstrom, shape (n, 3).
    extinction
        Extinction distances, angstrom, shape (n,).
    """

    vectors: np.ndarray
    extinction: np.ndarray


def beam_of(name: str) -> Beam:
    """Return the reflectors of one of the toolkit's structures."""
    found = reflectors(load_structure(name), min_dspacing=0.7, min_relative=0.01)
    vectors = found.normals / found.spacings[:, None]
    strength = _RELATIVISTIC * electron_wavelength(VOLTAGE_KV) * np.abs(found.structure_factors)
    distance = np.pi * 47.878 / strength
    return Beam(np.concatenate([vectors, -vectors]), np.concatenate([distance, distance]))


def near_zone_axes(n: int, rng: np.random.Generator) -> Rotation:
    """Draw rotations from the crystal's frame to the microscope's that bring a zone axis near the beam, along z."""
    zones = ZONES[rng.integers(len(ZONES), size=n)]
    zones *= rng.choice([-1.0, 1.0], size=zones.shape)
    zones = rng.permuted(zones, axis=1)
    zones /= np.linalg.norm(zones, axis=1, keepdims=True)
    upright = Rotation.concatenate([Rotation.align_vectors([[0, 0, 1]], [zone])[0] for zone in zones])
    spin = Rotation.from_rotvec(rng.uniform(0, 2 * np.pi, n)[:, None] * [0, 0, 1])
    off = np.radians(OFF_ZONE) * np.sqrt(rng.random(n))
    along = rng.uniform(0, 2 * np.pi, n)
    tilt = Rotation.from_rotvec(off[:, None] * np.stack([np.cos(along), np.sin(along), 0 * along], axis=1))
    return tilt * spin * upright


def disks(beam: Beam, rotation: Rotation, thickness: float, size: int = 64) -> np.ndarray:
    """Return the intensities of one pattern, shape (size, size), as shares of the direct beam.

    Parameters
    ----------
    beam
        The material.
    rotation
        Crystal's frame to the microscope's.
    thickness
        Angstrom.
    size
        Pixels along a side.
    """
    wave = 1 / electron_wavelength(VOLTAGE_KV)
    g = rotation.apply(beam.vectors)
    near = (np.hypot(g[:, 0], g[:, 1]) < _HALF * 1.5) & (np.abs(g[:, 2]) < 0.15)
    place = (np.arange(size) + 0.5) / size * 2 * _HALF - _HALF
    qx, qy = np.meshgrid(place, place)
    image = np.zeros((size, size))
    left = np.ones((size, size))
    step = place[1] - place[0]
    for (gx, gy, gz), distance in zip(g[near], beam.extinction[near], strict=True):
        kx, ky = qx - gx, qy - gy
        inside = kx**2 + ky**2 <= _RADIUS**2
        if not inside.any():
            continue
        kx, ky = kx[inside], ky[inside]
        kz = np.sqrt(wave**2 - kx**2 - ky**2)
        deviation = (wave**2 - (kx + gx) ** 2 - (ky + gy) ** 2 - (kz + gz) ** 2) / (2 * wave)
        w = np.sqrt(1 + (deviation * distance) ** 2)
        diffracted = (np.sin(np.pi * thickness * w / distance) / w) ** 2
        image[inside] += diffracted
        # The same direction of the incident beam loses it in the disk in the middle.
        rows, columns = (np.rint((k + _HALF) / step - 0.5).astype(int) for k in (ky, kx))
        np.subtract.at(left, (rows, columns), diffracted)
    middle = qx**2 + qy**2 <= _RADIUS**2
    image[middle] += np.maximum(left[middle], 0.05)
    return image


def recorded(intensity: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Record intensities (..., size, size) on a counting detector: Poisson counts on a weak diffuse halo, uint16."""
    size = intensity.shape[-1]
    place = (np.arange(size) + 0.5) / size * 2 - 1
    halo = 0.02 * np.exp(-(place[:, None] ** 2 + place**2) / 0.3)
    dose = np.exp(rng.uniform(np.log(60), np.log(400), intensity.shape[:-2]))[..., None, None]
    return np.minimum(rng.poisson(dose * (intensity + halo)), 65535).astype(np.uint16)
