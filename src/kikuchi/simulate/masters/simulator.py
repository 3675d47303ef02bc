"""Simulators as an ensemble: Bloch waves whose free numbers are drawn anew for every crystal.

A network that has seen one simulator learns its look. No program knows the depths, the absorption or the motion of the
atoms exactly, and programs differ in them and in where they cut their sums; masters drawn over that range make what
is learned the crystal's own. What was drawn is written into the master's file.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.bloch_waves import Scattering, bloch_wave_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import DRAWN
from kikuchi.simulate.masters.structure_factors import affordable_spacing


@dataclass(frozen=True)
class Simulator:
    """Every setting of `bloch_wave_master` that changes what it computes, but for the crystal, voltage and pixels.

    Parameters
    ----------
    scattering
        Depths, energies and absorption of the electrons.
    min_dspacing
        Smallest interplanar spacing, angstrom.
    max_beams, excitation, far
        Which beams take part in full, and which by perturbation.
    """

    scattering: Scattering = field(default_factory=Scattering)
    min_dspacing: float = 0.5
    max_beams: int = 150
    excitation: float = 30.0
    far: float = 300.0

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, which `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> "Simulator":
        """Build a simulator from plain data.

        Raises
        ------
        InputError
            If a name is unknown or a number is out of range.
        """
        try:
            settings = dict(content)
            return cls(scattering=Scattering(**settings.pop("scattering", {})), **settings)
        except TypeError as error:
            raise InputError(f"not the settings of a simulator: {error}") from None


def draw_simulator(
    rng: np.random.Generator | int,
    structure: Structure | None = None,
    *,
    least_spacing: float = 0.5,
    most_reflectors: int = 2000,
) -> Simulator:
    """Draw the settings of one crystal's master.

    Factors on depth (0.6 to 1.6), absorption (0.6 to 1.6) and Debye-Waller factors (0.6 to 1.8) are log-uniform, as are
    the limits on beams (15 to 60, and ten times that); the least depth is uniform from 0 to 15 angstrom, the least
    energy from 0.6 to 0.85 of the beam's, in 2 to 4 groups. EMsoft's own masters lie inside: for nickel,
    factors of 1 come nearest to them (reports/simulation).

    Parameters
    ----------
    rng
        Source of the numbers, or its seed: the same seed gives the same simulator.
    structure
        The crystal; with it, `min_dspacing` is what its cell can afford.
    least_spacing
        Smallest interplanar spacing, angstrom.
    most_reflectors
        As in `affordable_spacing`.

    Returns
    -------
    Simulator
        The settings.

    Examples
    --------
    >>> draw_simulator(1) == draw_simulator(1)
    True
    >>> draw_simulator(1) == draw_simulator(2)
    False
    """
    rng = np.random.default_rng(rng)

    def factor(low: float, high: float) -> float:
        return round(float(np.exp(rng.uniform(np.log(low), np.log(high)))), 4)

    scattering = Scattering(
        depth=factor(*DRAWN["depth"]),
        least_depth=round(float(rng.uniform(*DRAWN["least_depth"])), 2),
        absorption=factor(*DRAWN["absorption"]),
        debye_waller=factor(*DRAWN["debye_waller"]),
        energies=int(rng.integers(2, 5)),
        least_energy=round(float(rng.uniform(*DRAWN["least_energy"])), 4),
    )
    excitation = factor(15, 60)
    spacing = least_spacing
    if structure is not None:
        spacing = affordable_spacing(structure, least=least_spacing, most_reflectors=most_reflectors)
    return Simulator(scattering, spacing, max_beams=120, excitation=excitation, far=10 * excitation)


def simulated_master(
    structure: Structure,
    voltage_kv: float = 20.0,
    *,
    simulator: Simulator | None = None,
    half_size: int = 100,
) -> MasterPattern:
    """Compute a master pattern as a simulator says; the two together are what `cached_master` keys by.

    Parameters
    ----------
    structure
        The crystal.
    voltage_kv
        Accelerating voltage, kV.
    simulator
        The settings; by default those that come nearest to EMsoft.
    half_size
        Pixels from the pole to the edge.

    Returns
    -------
    MasterPattern
        Both hemispheres, float32.
    """
    settings = simulator or Simulator()
    return bloch_wave_master(
        structure,
        voltage_kv,
        half_size=half_size,
        min_dspacing=settings.min_dspacing,
        max_beams=settings.max_beams,
        excitation=settings.excitation,
        far=settings.far,
        scattering=settings.scattering,
    )
