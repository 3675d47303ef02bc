"""Dynamical master patterns by Bloch waves on the CPU, no GPU needed.

What decides how near such masters come to EMsoft's is measured in reports/simulation: that the damping of the waves is
solved for and not only perturbed by, that electrons of several energies leave from several depths, that beams which
scatter weakly but are strongly excited through others take part, and that absorption is each element's own. What keeps
it quick: beams far from the Ewald sphere are folded into the rest, and damping is solved for between
excited waves only.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.masters.electron_transport import Backscattered, backscattered
from kikuchi.simulate.masters.equivalent_pixels import equivalent_pixels
from kikuchi.simulate.masters.fourier_coefficients import FourierCoefficients, fourier_coefficients
from kikuchi.simulate.masters.lambert import lambert_directions
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import bloch_waves_by
from kikuchi.simulate.masters.structure_factors import electron_wavelength

_REST_ENERGY_KEV = 510.99895
_LEAST_COUPLING = 0.1
"""Beams are chosen as if they scattered at least this share of the strongest: others may excite them."""
_LEAST_EXCITED = 1e-3
"""Bloch waves that hold less of the incoming wave, all together, are left out once they are known."""


@dataclass(frozen=True)
class Scattering:
    """Assumptions about the electrons beyond the crystal structure.

    Parameters
    ----------
    depth
        Factor on the depths from which electrons come; 1 is what the Monte Carlo model gives.
    least_depth
        Added to every depth, angstrom; EMsoft counts depths from one nanometre, which matters for heavy elements.
    absorption
        Factor on the absorptive scattering of each element; 1 is what its thermal motion and excitations give.
    debye_waller
        Factor on the structure's Debye-Waller factors.
    energies
        Groups of electron energies that are solved for, each of an equal share of the electrons.
    least_energy
        Electrons that keep less than this share of the beam's energy are left out, in [0.2, 1).
    tilt
        Angle between beam and surface normal, degrees.
    """

    depth: float = 1.0
    least_depth: float = 10.0
    absorption: float = 1.0
    debye_waller: float = 1.0
    energies: int = 3
    least_energy: float = 0.7
    tilt: float = 70.0

    def __post_init__(self) -> None:
        if not (
            self.depth > 0
            and min(self.least_depth, self.absorption) >= 0
            and self.debye_waller >= 0
            and self.energies >= 1
        ):
            raise InputError(
                f"{self} is not possible", remedy="a positive depth, no negative factor, at least one energy"
            )


def bloch_wave_master(
    structure: Structure,
    voltage_kv: float = 20.0,
    *,
    half_size: int = 50,
    min_dspacing: float = 0.5,
    max_beams: int = 150,
    excitation: float = 30.0,
    far: float = 300.0,
    scattering: Scattering | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> MasterPattern:
    """Compute a dynamical master pattern by many-beam Bloch waves.

    The intensity that leaves in a direction is, by reciprocity, what a plane wave coming in along it does at the atoms,
    each weighted by the square of its atomic number (Winkelmann et al., Ultramicroscopy 107, 414, 2007), summed over
    depths and energies of the backscattered electrons (Callahan & De Graef, Microsc. Microanal. 19, 1255, 2013).

    Parameters
    ----------
    structure, voltage_kv, half_size, min_dspacing
        As for `kikuchi.simulate.kinematical_master`.
    max_beams
        Most beams in one direction; the time grows with its cube.
    excitation
        Beams are taken up to this ratio of excitation error to coupling, ``|K^2 - |K + g|^2| / |U_g|``, where no
        beam is taken to couple less than a tenth of the strongest.
    far
        Beams beyond that and up to this ratio act by second-order perturbation.
    scattering
        Depths, energies and absorption of the electrons.
    advance
        Called with (directions done, directions in all) while it computes.

    Returns
    -------
    master
        Both hemispheres, float32.

    Raises
    ------
    InputError
        If the cell is too large for the smallest spacing, or a number is out of range.
    """
    if max_beams < 2 or not excitation > 0:
        raise InputError("Bloch waves take at least two beams and a positive excitation limit")
    scattering = scattering or Scattering()
    coefficients = fourier_coefficients(structure, min_dspacing, scattering.debye_waller)
    electrons = backscattered(
        structure,
        voltage_kv,
        scattering.energies,
        least_energy=scattering.least_energy,
        tilt=scattering.tilt,
    )
    waves = [
        Waves(
            coefficients,
            electrons,
            group,
            depth=scattering.depth,
            least_depth=scattering.least_depth,
            absorption=scattering.absorption,
        )
        for group in range(scattering.energies)
    ]
    centric = is_centrosymmetric(structure.space_group)
    size = 2 * half_size + 1
    representatives, sets = equivalent_pixels(structure, size, friedel=centric)
    directions = lambert_directions(size).reshape(-1, 3)[representatives]

    sides = [directions] if centric else [directions, directions * (1, 1, -1)]
    total, done = len(sides) * len(waves) * len(directions), 0

    def hemisphere(turned: np.ndarray) -> np.ndarray:
        nonlocal done
        values = np.zeros(len(turned))
        for weight, wave in zip(electrons.weights, waves, strict=True):
            for place, direction in enumerate(turned):
                values[place] += weight * wave.intensity(direction, max_beams, excitation, far)
                done += 1
                if advance is not None:
                    advance(done, total)
        return values.astype(np.float32)[sets].reshape(size, size)

    north, *south = map(hemisphere, sides)
    return MasterPattern.of(
        structure,
        voltage_kv,
        north,
        south[0] if south else None,
        kind="dynamical",
        simulator=bloch_waves_by(scattering),
    )


class Waves:
    """The waves of one energy in a crystal, and the intensity they give in a direction.

    Parameters
    ----------
    coefficients
        Fourier coefficients of the crystal.
    electrons
        Energies and depths of the backscattered electrons.
    group
        Which group of them.
    depth, absorption
        Factors on the depths and on the absorptive potential.
    least_depth
        Added to every depth, angstrom.
    """

    def __init__(
        self,
        coefficients: FourierCoefficients,
        electrons: Backscattered,
        group: int,
        *,
        depth: float = 1.0,
        least_depth: float = 0.0,
        absorption: float = 1.0,
    ) -> None:
        energy = float(electrons.energies_kev[group])
        mass = 1 + energy / _REST_ENERGY_KEV
        self._crystal = coefficients
        # The mean potential refracts and damps all beams alike; depths of electrons hold the damping already.
        self._potential = mass * coefficients.potential
        self._absorbing = mass * absorption * coefficients.absorptive(energy)
        self._wave_number = 1 / electron_wavelength(energy)
        strength = np.abs(self._potential[coefficients.origin + coefficients.offsets])
        floor = _LEAST_COUPLING * strength.max(initial=0.0)
        self._couplings = np.maximum(strength, floor)
        self._shares, self._lengths = electrons.shares[group], depth * electrons.lengths[group]
        self._least_depth = least_depth

    def intensity(self, direction: np.ndarray, max_beams: int, excitation: float, far: float = 0.0) -> float:
        """Return the intensity that leaves in a direction, a unit vector in the crystal frame."""
        crystal, wave_number = self._crystal, self._wave_number
        # A wave that comes in along the detected direction runs against it: K = -wave_number * direction.
        mismatch = 2 * wave_number * (crystal.vectors @ direction) - crystal.squares
        ratio = np.abs(mismatch) / self._couplings
        chosen = np.flatnonzero(ratio < excitation)
        if len(chosen) > max_beams - 1:
            chosen = chosen[np.argpartition(ratio[chosen], max_beams - 1)[: max_beams - 1]]
            excitation = ratio[chosen].max()
        offsets = np.concatenate([[0], crystal.offsets[chosen]])
        pairs = crystal.origin + offsets[:, None] - offsets
        matrix, absorbing, emission = self._potential[pairs], self._absorbing[pairs], crystal.emission[pairs]
        np.fill_diagonal(matrix, np.concatenate([[0], mismatch[chosen]]))
        outer = np.flatnonzero((ratio > excitation) & (ratio < far))
        if len(outer):
            self._fold(matrix, absorbing, emission, offsets, outer, mismatch)
        values, waves = np.linalg.eigh(matrix)
        # Few of the waves hold the incoming one. Between those, damping is solved for: waves of nearly one wave vector,
        # as a superlattice makes them, are mixed by it, which first order misses.
        excited = np.abs(waves[0]) ** 2
        order = np.argsort(excited)
        kept = order[np.cumsum(excited[order]) > _LEAST_EXCITED]
        waves = np.ascontiguousarray(waves[:, kept])
        damped = 1j * (waves.conj().T @ (absorbing @ waves))
        damped[np.diag_indices(len(kept))] += values[kept]
        at_atoms = waves.conj().T @ (emission @ waves)
        values, mixing = np.linalg.eig(damped)
        amplitudes = np.linalg.solve(mixing, waves[0].conj())
        # The depth integral of two waves' interference, exp(-z / length) / length exp(2 pi i (g_k - g_j*) z) dz.
        phase = np.pi * 1j / wave_number * (values.conj()[:, None] - values)
        integral = np.zeros_like(phase)
        for share, length in zip(self._shares, self._lengths, strict=True):
            integral += share / (1 + length * phase)
        integral *= np.exp(-self._least_depth * phase)
        at_atoms = mixing.conj().T @ at_atoms @ mixing
        return float((amplitudes.conj() @ (at_atoms * integral) @ amplitudes).real)

    def _fold(
        self,
        matrix: np.ndarray,
        absorbing: np.ndarray,
        emission: np.ndarray,
        offsets: np.ndarray,
        outer: np.ndarray,
        mismatch: np.ndarray,
    ) -> None:
        """Fold beams far from the Ewald sphere into the matrices of those near it, in place.

        Bethe's perturbation (Ann. Phys. 392, 55, 1928): an outer beam's amplitude is that of the beams that couple to
        it over its mismatch. All three matrices need it; with the potential alone masters get worse, not better.
        """
        across = self._crystal.origin + offsets[:, None] - self._crystal.offsets[outer]
        coupling = self._potential[across]
        admixed = coupling / mismatch[outer]
        matrix -= admixed @ coupling.conj().T
        for operator, values in ((absorbing, self._absorbing), (emission, self._crystal.emission)):
            first_order = admixed @ values[across].conj().T
            operator -= first_order + first_order.conj().T
