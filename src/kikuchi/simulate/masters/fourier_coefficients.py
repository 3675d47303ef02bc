"""Fourier coefficients of a crystal: what couples Bloch waves, what damps them, and what backscatters."""

from dataclasses import dataclass, field

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.masters.scattering_factors import absorptive_amplitude, elastic_amplitude

_MOST_DIFFERENCES = 4_000_000

#: Of the strongest coefficient: from here on two scatterings in a row count.
_DETOUR = 0.1

#: Strongest beams that a detour may begin with.
_DETOURS = 200


@dataclass(frozen=True)
class FourierCoefficients:
    """A crystal in reciprocal space, on a box of Miller indices that holds every difference of two beams.

    Beams and differences are numbered alike: beam b has the flat index `origin` + `offsets[b]`, and the difference of
    two beams `origin` + `offsets[b]` - `offsets[c]`.

    Parameters
    ----------
    potential
        2 m e V_g / h^2 for the rest mass, 1/square angstrom, flat; that of g = 0 is left out.
    emission
        Square of the atomic number summed over the atoms of the cell, with their motion, flat.
    origin
        Flat index of g = 0.
    vectors, squares, offsets
        Beams: reciprocal vectors, 1/angstrom, shape (n, 3), their squared lengths and offsets, shape (n,).
    """

    potential: np.ndarray
    emission: np.ndarray
    origin: int
    vectors: np.ndarray
    squares: np.ndarray
    offsets: np.ndarray
    _sites: list[tuple[int, float, np.ndarray]] = field(repr=False)
    _lengths: np.ndarray = field(repr=False)
    _of_length: np.ndarray = field(repr=False)
    _scale: float = field(repr=False)

    def absorptive(self, energy_kev: float) -> np.ndarray:
        """Return the imaginary part of the potential for electrons of an energy, as `potential`."""
        total = np.zeros_like(self.potential)
        for number, b_iso, waves in self._sites:
            amplitude = absorptive_amplitude(number, self._lengths, b_iso, energy_kev)
            total += amplitude[self._of_length] * waves
        total *= self._scale
        total[self.origin] = 0
        return total


def fourier_coefficients(
    structure: Structure, min_dspacing: float, debye_waller: float = 1.0
) -> FourierCoefficients:
    """Compute the Fourier coefficients of a crystal.

    Parameters
    ----------
    structure
        The crystal.
    min_dspacing
        Smallest interplanar spacing of a beam, angstrom.
    debye_waller
        Factor on the structure's Debye-Waller factors.

    Raises
    ------
    InputError
        If the cell is too large for the smallest spacing, or an element is not in the tables.
    """
    if not min_dspacing > 0:
        raise InputError(f"min_dspacing {min_dspacing} must be a positive length in angstrom")
    # Beams g couple through the coefficient of g - h, which reaches twice as far.
    limits = 2 * np.floor(np.array(structure.lattice[:3]) / min_dspacing).astype(int)
    if np.prod(2.0 * limits + 1) > _MOST_DIFFERENCES:
        raise InputError(f"{structure.name} has too many reflectors", remedy="raise min_dspacing")
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = hkl @ structure.reciprocal_matrix
    squares = (vectors**2).sum(axis=1)
    origin = len(hkl) // 2
    unique, of_length = np.unique(squares.round(9), return_inverse=True)
    lengths = np.sqrt(unique)

    sites = _sites(structure, axes, debye_waller)
    potential, emission = np.zeros(len(hkl), dtype=complex), np.zeros(len(hkl), dtype=complex)
    for number, b_iso, waves in sites:
        motion = np.exp(-b_iso * unique / 4)
        potential += (elastic_amplitude(number, lengths) * motion)[of_length] * waves
        emission += (number**2 * motion)[of_length] * waves
    # V_g = 47.878 F / volume in volt, and h^2 / (2 m e) = 150.412 V angstrom^2: together 1 / (pi volume).
    scale = 1 / (np.pi * structure.volume)
    potential *= scale
    potential[origin] = 0
    if is_centrosymmetric(structure.space_group) and np.abs(potential.imag).max() < 1e-9:
        # With the inversion centre at the origin everything is real, and the eigenproblem four times as quick.
        potential, emission = potential.real.copy(), emission.real.copy()
        sites = [(number, b_iso, waves.real.copy()) for number, b_iso, waves in sites]
    strength = np.abs(potential)
    near = np.flatnonzero(squares <= min_dspacing**-2)
    beams = _beams(near[near != origin], origin, strength)
    return FourierCoefficients(
        potential=potential,
        emission=emission,
        origin=origin,
        vectors=vectors[beams],
        squares=squares[beams],
        offsets=beams - origin,
        _sites=sites,
        _lengths=lengths,
        _of_length=of_length.ravel(),
        _scale=scale,
    )


def _beams(near: np.ndarray, origin: int, strength: np.ndarray) -> np.ndarray:
    """Return which of the vectors nearby, flat indices (n,), take part: those that scatter, directly or by a detour.

    A glide plane or a screw axis forbids (222) of diamond, but electrons come to it by (111) twice. Vectors that the
    lattice's centring forbids are out of reach of any detour.
    """
    direct = strength[near] > 1e-3 * strength.max()
    strong = strength > _DETOUR * strength.max()
    reached = direct.copy()
    rest = np.flatnonzero(~direct)
    first = near[strong[near]]
    for offset in first[np.argsort(-strength[first], kind="stable")][:_DETOURS] - origin:
        reached[rest] |= strong[near[rest] - offset]
    return near[reached]


def _sites(
    structure: Structure, axes: list[np.ndarray], debye_waller: float
) -> list[tuple[int, float, np.ndarray]]:
    """Return atomic number, Debye-Waller factor and summed waves exp(-2 pi i g.r), with occupancy, of every site."""
    atoms, sites = structure.atoms, []
    for index in np.unique(atoms.site):
        here = atoms.site == index
        # A wave is a product of one along each axis.
        along = [np.exp(-2j * np.pi * np.outer(atoms.positions[here, axis], axes[axis])) for axis in range(3)]
        plane = (along[0][:, :, None] * along[1][:, None, :]).reshape(here.sum(), -1)
        waves = (plane.T @ along[2]).ravel() * atoms.occupancies[here][0]
        sites.append((int(atoms.numbers[here][0]), debye_waller * float(atoms.b_iso[here][0]), waves))
    return sites
