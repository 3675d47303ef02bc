"""Where Kikuchi bands and zone axes lie in a pattern whose crystal, orientation and geometry are known."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kikuchi.simulate.crystals.structures import Structure
    from kikuchi.simulate.detector.geometry import Geometry

#: Planes whose structure factor is this share of the strongest one's draw the bands that are looked at.
STRONG = 0.5

#: A zone axis is where so many of these bands cross, ...
CROSSING = 3

#: ... and reaches so far around that direction, degrees.
ZONE_RADIUS = 4.0


@dataclass(frozen=True)
class Planes:
    """The bands of a crystal.

    Attributes
    ----------
    normals
        Unit normals of the lattice planes in the crystal's frame, one of each Friedel pair, (P, 3).
    sin_bragg
        Sine of the Bragg angle: the band is where a direction is no further from the plane, (P,).
    axes
        Unit vectors of the zone axes, one of each pair of opposites, (Z, 3).
    """

    normals: np.ndarray
    sin_bragg: np.ndarray
    axes: np.ndarray


@dataclass(frozen=True)
class Physics:
    """Bands and zone axes at each pixel of a pattern.

    Attributes
    ----------
    band
        Whether it lies on a band, (rows, columns) bool.
    zone_axis
        Whether it lies at a zone axis, the same shape.
    centre
        How close it is to the middle of the nearest band, in half widths of that band: 0 in the middle, -1 at the
        edge, lower beyond.
    """

    band: np.ndarray
    zone_axis: np.ndarray
    centre: np.ndarray


def planes_of(structure: "Structure", voltage_kv: float) -> Planes:
    """Return the strong bands of a crystal, and where at least three of them cross.

    Parameters
    ----------
    structure
        The crystal.
    voltage_kv
        Accelerating voltage, kV.
    """
    from kikuchi.simulate.masters.structure_factors import electron_wavelength, reflectors

    found = reflectors(structure, min_relative=STRONG)
    # Higher orders of one plane have wider bands about the same line: the first one is what is seen.
    order = np.argsort(-found.spacings, kind="stable")
    kept: list[int] = []
    for i in order:
        if not any(abs(found.normals[i] @ found.normals[j]) > 1 - 1e-9 for j in kept):
            kept.append(int(i))
    normals = found.normals[kept]
    sines = np.minimum(electron_wavelength(voltage_kv) / (2 * found.spacings[kept]), 1)
    return Planes(normals, sines, _crossings(normals))


def physics_of(planes: Planes, rotation: np.ndarray, geometry: "Geometry") -> Physics:
    """Return what each pixel of one pattern shows.

    Parameters
    ----------
    planes
        Of the crystal.
    rotation
        Unit quaternion from the sample's frame to the crystal's, (4,).
    geometry
        Of one pattern.
    """
    from kikuchi.simulate.detector.orientations import rotation_matrices

    matrix = rotation_matrices(np.atleast_2d(rotation))[0]
    directions = geometry.directions()[0] @ matrix.T  # v_crystal = R v_sample
    widths = np.abs(directions @ planes.normals.T) / planes.sin_bragg
    nearest = widths.min(axis=-1)
    at_axis = np.zeros(nearest.shape, bool)
    if len(planes.axes):
        at_axis = np.abs(directions @ planes.axes.T).max(axis=-1) >= np.cos(np.deg2rad(ZONE_RADIUS))
    return Physics(nearest <= 1, at_axis, -nearest)


def _crossings(normals: np.ndarray) -> np.ndarray:
    """Return the directions that lie in at least `CROSSING` of the planes, (Z, 3)."""
    axes: list[np.ndarray] = []
    for i in range(len(normals)):
        for j in range(i):
            axis = np.cross(normals[i], normals[j])
            axis /= np.linalg.norm(axis)
            in_plane = (np.abs(normals @ axis) < 1e-6).sum()
            if in_plane >= CROSSING and not any(abs(axis @ known) > 1 - 1e-9 for known in axes):
                axes.append(axis)
    return np.array(axes).reshape(-1, 3)
