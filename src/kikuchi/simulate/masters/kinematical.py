"""Kinematical master patterns: every reflector draws one band on the sphere."""

from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.equivalent_pixels import equivalent_pixels
from kikuchi.simulate.masters.lambert import lambert_directions
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import KINEMATICAL
from kikuchi.simulate.masters.structure_factors import Reflectors, electron_wavelength, reflectors

_CHUNK = 4_000_000  # values in flight: a few tens of megabytes, whatever the size of the pattern


@dataclass(frozen=True)
class BandProfile:
    """Intensity profile across one band.

    The band of a reflector is 1 between its two edges (the Kossel cones at the Bragg angle) and 0 outside;
    dynamical diffraction adds an excess inside and a deficiency outside each edge, w / (1 + w^2) with w the
    distance to the edge in units of the two-beam width d / extinction distance (Reimer, Scanning Electron
    Microscopy, 2nd ed., 1998, sec. 9.1: anomalous absorption of the two Bloch waves).

    Parameters
    ----------
    intensity_exponent
        Bands are weighted with ``|F|`` to this power: 1 or 2 as in kikuchipy, less for patterns closer to
        dynamical ones.
    dynamical
        Share of the excess and deficiency in the profile, 0 (flat bands) to 1 (no flat part).
    edge_width
        Factor on the two-beam width of the edges, which smooths the flat part too; 0 gives sharp edges.
    """

    intensity_exponent: float = 1.0
    dynamical: float = 0.0
    edge_width: float = 0.0

    def __post_init__(self) -> None:
        if not (0 <= self.dynamical <= 1 and self.edge_width >= 0 and self.intensity_exponent >= 0):
            raise InputError(f"{self} is not possible", remedy="0 <= dynamical <= 1, nothing below 0")
        if self.dynamical > 0 and self.edge_width == 0:
            raise InputError(
                "a dynamical band profile needs edges with a width", remedy="set edge_width to 1"
            )


def kinematical_master(
    structure: Structure,
    voltage_kv: float = 20.0,
    *,
    half_size: int = 200,
    min_dspacing: float = 0.7,
    min_relative: float = 0.02,
    profile: BandProfile | None = None,
) -> MasterPattern:
    """Compute a kinematical master pattern on the Lambert squares.

    Sum over the reflectors of weight times band profile. Friedel's law holds, whatever the space group: the
    pattern has the symmetry of the Laue class.

    Parameters
    ----------
    structure
        The crystal.
    voltage_kv
        Accelerating voltage, kV.
    half_size
        Pixels from the pole to the edge; a hemisphere has 2 x half_size + 1 pixels along a side.
    min_dspacing
        Smallest interplanar spacing that takes part, angstrom.
    min_relative
        Reflectors weaker than this share of the strongest are left out.
    profile
        Run of the intensity across a band; flat bands weighted with ``|F|`` by default, as kikuchipy draws them.

    Returns
    -------
    master
        Both hemispheres, float32.

    Raises
    ------
    InputError
        If the voltage is not positive or no reflector is left.
    """
    profile = profile or BandProfile()
    bands = reflectors(structure, min_dspacing=min_dspacing, min_relative=min_relative)
    size = 2 * half_size + 1
    representatives, sets = equivalent_pixels(structure, size, friedel=True)
    directions = lambert_directions(size).reshape(-1, 3)[representatives]
    wavelength = electron_wavelength(voltage_kv)
    north = _band_sum(directions, bands, wavelength, profile)[sets].reshape(size, size)
    return MasterPattern.of(structure, voltage_kv, north, kind="kinematical", simulator=KINEMATICAL)


def _band_sum(
    directions: np.ndarray, bands: Reflectors, wavelength: float, profile: BandProfile
) -> np.ndarray:
    """Sum all bands at some directions, shape (n,), float32."""
    weights = np.abs(bands.structure_factors) ** profile.intensity_exponent
    weights = (weights / weights.sum()).astype(np.float32)
    sin_bragg = np.minimum(wavelength / (2 * bands.spacings), 1.0).astype(np.float32)
    normals = bands.normals.astype(np.float32).T
    # Two-beam width: spacing / extinction distance, with 1 / distance = wavelength |V_g| / (pi x 47.878).
    widths = bands.spacings * wavelength * np.abs(bands.structure_factors) / (np.pi * 47.878)
    widths = (profile.edge_width * widths).astype(np.float32)
    total = np.empty(len(directions), dtype=np.float32)
    step = max(1, _CHUNK // len(weights))
    for start in range(0, len(directions), step):
        sine = np.abs(directions[start : start + step].astype(np.float32) @ normals)
        if profile.edge_width == 0:
            total[start : start + step] = (sine <= sin_bragg) @ weights
            continue
        inside = (sin_bragg - sine) / widths
        across = (sin_bragg + sine) / widths
        flat = (inside / np.sqrt(1 + inside**2) + across / np.sqrt(1 + across**2)) / 2
        excess = inside / (1 + inside**2) + across / (1 + across**2)
        total[start : start + step] = ((1 - profile.dynamical) * flat + profile.dynamical * excess) @ weights
    return total
