"""Reflectors of a crystal and their electron structure factors."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure

# Mott-Bethe scattering amplitudes f (angstrom) to Fourier coefficients of the potential: V_g = 47.878 F /
# volume.
_VOLT_ANGSTROM_SQUARED = 47.87801


@dataclass(frozen=True)
class Reflectors:
    """Families of lattice planes, one of each Friedel pair.

    Parameters
    ----------
    hkl
        Miller indices, shape (n, 3).
    normals
        Unit normals in the Cartesian crystal frame, shape (n, 3).
    spacings
        Interplanar spacings, angstrom, shape (n,).
    structure_factors
        Fourier coefficients of the electrostatic potential, volt, complex, shape (n,).
    """

    hkl: np.ndarray
    normals: np.ndarray
    spacings: np.ndarray
    structure_factors: np.ndarray


def electron_wavelength(voltage_kv: float) -> float:
    """Return the relativistic electron wavelength, angstrom.

    Examples
    --------
    >>> round(electron_wavelength(20), 5)
    0.08589
    """
    if not voltage_kv > 0:
        raise InputError(
            f"a voltage of {voltage_kv} kV is not possible", remedy="give a positive voltage in kV"
        )
    volts = 1e3 * voltage_kv
    return float(12.2642597 / np.sqrt(volts * (1 + 0.97847535e-6 * volts)))


def structure_factors(structure: Structure, hkl: np.ndarray) -> np.ndarray:
    """Return the Fourier coefficients of a crystal's electrostatic potential.

    Scattering factors of Doyle & Turner, Acta Cryst. A 24, 390 (1968), with isotropic Debye-Waller factors.

    Parameters
    ----------
    structure
        The crystal.
    hkl
        Miller indices, shape (n, 3).

    Returns
    -------
    structure_factors
        Volt, complex, shape (n,).
    """
    from diffsims.structure_factor.atomic_scattering_parameters import get_atomic_scattering_parameters

    def amplitude(number: int, s_squared: np.ndarray) -> np.ndarray:
        try:
            a, b = get_atomic_scattering_parameters(number)
        except (IndexError, ValueError):
            site = structure.atoms.site[structure.atoms.numbers == number][0]
            raise InputError(
                f"no scattering factor is known for {structure.sites[site].element}",
                remedy="elements H to Cf",
            ) from None
        return (a * np.exp(-b * s_squared[:, None])).sum(axis=1)

    return sum_over_atoms(structure, hkl, amplitude) * _VOLT_ANGSTROM_SQUARED / structure.volume


def sum_over_atoms(
    structure: Structure, hkl: np.ndarray, amplitude: Callable[[int, np.ndarray], np.ndarray | float]
) -> np.ndarray:
    """Return the Fourier coefficients of something that every atom of a cell carries, smeared by its motion.

    Parameters
    ----------
    structure
        The crystal, with occupancies and isotropic Debye-Waller factors.
    hkl
        Miller indices, shape (n, 3).
    amplitude
        From an atomic number and (sin(theta) / wavelength)^2 of the reflectors, square reciprocal angstrom, shape (n,),
        to the amplitude of such an atom at rest, shape (n,) or one number.

    Returns
    -------
    coefficients
        Complex, shape (n,), in the unit of `amplitude`.
    """
    atoms = structure.atoms
    s_squared = ((hkl @ structure.reciprocal_matrix) ** 2).sum(axis=1) / 4
    total = np.zeros(len(hkl), dtype=complex)
    for index in np.unique(atoms.site):
        here = atoms.site == index
        number, occupancy, b_iso = (a[here][0] for a in (atoms.numbers, atoms.occupancies, atoms.b_iso))
        weight = occupancy * np.exp(-b_iso * s_squared) * amplitude(int(number), s_squared)
        total += weight * np.exp(-2j * np.pi * (hkl @ atoms.positions[here].T)).sum(axis=1)
    return total


def reflectors(structure: Structure, *, min_dspacing: float = 0.7, min_relative: float = 0.02) -> Reflectors:
    """Return the reflectors that matter for a Kikuchi pattern, one of each Friedel pair.

    Parameters
    ----------
    structure
        The crystal.
    min_dspacing
        Smallest interplanar spacing, angstrom.
    min_relative
        Reflectors weaker than this share of the strongest are left out; systematic absences always are.

    Raises
    ------
    InputError
        If no reflector is left, or the cell is so large that there are over a million.
    """
    if not min_dspacing > 0:
        raise InputError(f"min_dspacing {min_dspacing} must be a positive length in angstrom")
    limits = np.floor(np.array(structure.lattice[:3]) / min_dspacing).astype(int)
    if np.prod(2.0 * limits + 1) > 4e6:
        raise InputError(f"{structure.name} has too many reflectors", remedy="raise min_dspacing")
    axes = [np.arange(-limit, limit + 1) for limit in limits]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    hkl = hkl[
        len(hkl) // 2 + 1 :
    ]  # the second half holds the Friedel partners of the first, in reverse order
    vectors = hkl @ structure.reciprocal_matrix
    lengths = np.linalg.norm(vectors, axis=1)
    near = lengths <= 1 / min_dspacing
    hkl, vectors, lengths = hkl[near], vectors[near], lengths[near]
    factors = structure_factors(structure, hkl)
    if len(factors) == 0:
        raise InputError(f"{structure.name} has no reflector", remedy="lower min_dspacing")
    strong = np.abs(factors) > max(min_relative, 1e-6) * np.abs(factors).max()
    return Reflectors(
        hkl=hkl[strong],
        normals=vectors[strong] / lengths[strong, None],
        spacings=1 / lengths[strong],
        structure_factors=factors[strong],
    )


def affordable_spacing(structure: Structure, *, least: float = 0.75, most_reflectors: int = 500) -> float:
    """Return the smallest spacing of planes, angstrom, that leaves a number of beams one can afford.

    Parameters
    ----------
    structure
        The crystal.
    least
        No smaller spacing is returned, angstrom.
    most_reflectors
        One of each Friedel pair, at least 3 % as strong as the strongest.
    """
    spacing = least
    while len(reflectors(structure, min_dspacing=spacing, min_relative=0.03).hkl) > most_reflectors:
        spacing *= 1.1
    return round(spacing, 3)
