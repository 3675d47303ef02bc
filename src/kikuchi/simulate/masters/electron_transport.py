"""From which depths and with which energies backscattered electrons leave: a Monte Carlo model of the bulk.

Single scattering by the screened Rutherford cross-section and continuous slowing down (Joy, Monte Carlo Modeling for
Electron Microscopy and Microanalysis, 1995; Joy & Luo, Scanning 11, 176, 1989), as EMsoft has it (Callahan & De Graef,
Microsc. Microanal. 19, 1255, 2013). The crystal enters by its mean atom and its density only.
"""

from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure

_ELECTRONS = 20_000
_MOST_STEPS = 2000
_PER_CUBIC_ANGSTROM = 1.66053907  # g/cm^3 of one atomic mass unit in a cubic angstrom
DECAYS = np.array([0.12, 0.3, 0.7, 1.5, 3.0])
"""Decay lengths of the exponentials that stand for a distribution of depths, in units of the mean depth."""


@dataclass(frozen=True)
class Backscattered:
    """Backscattered electrons in a few groups of energy, each with its own distribution of depths.

    The density of the depth z within group i is the sum over j of shares[i, j] exp(-z / lengths[i, j]) / lengths[i, j].

    Parameters
    ----------
    energies_kev
        Mean energy of each group, keV, descending, shape (n,).
    weights
        Share of each group in all electrons, sum 1, shape (n,).
    shares
        Coefficients of the exponentials, sum 1 in each group, shape (n, m).
    lengths
        Decay lengths, angstrom, shape (n, m).
    """

    energies_kev: np.ndarray
    weights: np.ndarray
    shares: np.ndarray
    lengths: np.ndarray


def backscattered(
    structure: Structure,
    voltage_kv: float,
    groups: int,
    *,
    least_energy: float = 0.5,
    tilt: float = 70.0,
    electrons: int = _ELECTRONS,
    seed: int = 0,
) -> Backscattered:
    """Follow electrons through the bulk, and group those that come out by their energy.

    Parameters
    ----------
    structure
        The crystal.
    voltage_kv
        Accelerating voltage, kV.
    groups
        Groups of energy, of equal shares of the electrons.
    least_energy
        Electrons that keep less than this share of the beam's energy are left out, in [0.2, 1).
    tilt
        Angle between the beam and the surface normal, degrees.
    electrons
        Electrons that go in.
    seed
        Seed of the random numbers.

    Raises
    ------
    InputError
        If a number is out of range.
    """
    if groups < 1 or not 0.2 <= least_energy < 1 or not 0 <= tilt < 90 or electrons < 100:
        raise InputError(
            "backscattered electrons: at least one group, an energy share in [0.2, 1), a tilt below 90"
        )
    number, weight, density = mean_atom(structure)
    energies, depths = trajectories(
        number,
        weight,
        density,
        voltage_kv,
        least_energy * voltage_kv,
        tilt=tilt,
        electrons=electrons,
        seed=seed,
    )
    order = np.argsort(energies)[::-1]
    parts = np.array_split(order, groups)
    fits = [exponentials(depths[part]) for part in parts]
    return Backscattered(
        energies_kev=np.array([energies[part].mean() for part in parts]),
        weights=np.array([len(part) for part in parts]) / len(order),
        shares=np.stack([shares for shares, _ in fits]),
        lengths=np.stack([lengths for _, lengths in fits]),
    )


def mean_atom(structure: Structure) -> tuple[float, float, float]:
    """Return the mean atomic number, the mean atomic weight (g/mol) and the density (g/cm^3) of a crystal.

    Examples
    --------
    >>> from kikuchi.simulate.crystals.structure_files import load_structure
    >>> [round(value, 2) for value in mean_atom(load_structure("Ni"))]
    [28.0, 58.69, 8.91]
    """
    import gemmi

    atoms = structure.atoms
    weights = np.array([gemmi.Element(int(number)).weight for number in atoms.numbers])
    total = atoms.occupancies.sum()
    mass = float((weights * atoms.occupancies).sum())
    number = float((atoms.numbers * atoms.occupancies).sum() / total)
    return number, mass / float(total), mass / structure.volume * _PER_CUBIC_ANGSTROM


def trajectories(
    number: float,
    weight: float,
    density: float,
    voltage_kv: float,
    least_kev: float,
    *,
    tilt: float = 70.0,
    electrons: int = _ELECTRONS,
    seed: int = 0,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the energy, keV, and the depth, angstrom, of every electron that leaves with at least `least_kev`.

    The depth is that of the last scattering along the way out, the path that diffraction has to shape the electron.
    A backscattering at the very first collision has no depth and does not count.

    Parameters
    ----------
    number, weight, density
        Mean atomic number, atomic weight (g/mol) and density (g/cm^3).
    voltage_kv, least_kev
        Energy at the start and at which electrons are given up, keV.
    tilt
        Angle between the beam and the surface normal, degrees.
    electrons
        Electrons that go in.
    seed
        Seed of the random numbers.
    """
    rng = np.random.default_rng(seed)
    ionisation = 1e-3 * (9.76 * number + 58.5 * number**-0.19)
    sine, cosine = np.sin(np.deg2rad(tilt)), np.cos(np.deg2rad(tilt))
    x, y, z = np.full(electrons, sine), np.zeros(electrons), np.full(electrons, cosine)
    depth, energy = np.zeros(electrons), np.full(electrons, float(voltage_kv))
    inside = np.zeros(electrons, dtype=bool)
    energies, depths = [np.empty(0)], [np.empty(0)]
    for _ in range(_MOST_STEPS):
        screening = 3.4e-3 * number ** (2 / 3) / energy
        free_path = weight / (density * _cross_section(number, energy, screening))
        step = free_path * rng.standard_exponential(len(energy))
        u = rng.random(len(energy))
        along = 1 - 2 * screening * u / (1 + screening - u)
        x, y, z = _turned(x, y, z, along, 2 * np.pi * rng.random(len(energy)))
        # 0.00785 Z/(A E) ln(1.166 E/J + 0.9911): keV per g/cm^3 and nanometre is 1e-1 of it per angstrom and 1e-7 cm.
        loss = step * 0.1 * density * 0.00785 * number / (weight * energy)
        energy = energy - loss * np.log(1.166 * energy / ionisation + 0.9911)
        before, depth = depth, depth + step * z
        out = depth <= 0
        seen = out & inside & (energy >= least_kev)
        energies.append(energy[seen])
        depths.append(np.abs(before[seen] / np.minimum(z[seen], -1e-5)))
        goes_on = ~out & (energy > least_kev)
        if not goes_on.any():
            break
        x, y, z, depth, energy = (values[goes_on] for values in (x, y, z, depth, energy))
        inside = np.ones(len(energy), dtype=bool)
    return np.concatenate(energies), np.concatenate(depths)


def _cross_section(number: float, energy: np.ndarray, screening: np.ndarray) -> np.ndarray:
    """Return the screened Rutherford cross-section of a mole of atoms, such that A / (rho sigma) is in angstrom."""
    relativistic = ((energy + 511) / (energy + 1024)) ** 2
    area = 5.21e-21 * number**2 / energy**2 * 4 * np.pi / (screening * (1 + screening)) * relativistic
    return area * 6.02214076e23 * 1e-8


def _turned(
    x: np.ndarray, y: np.ndarray, z: np.ndarray, along: np.ndarray, azimuth: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Turn unit vectors by a polar angle, given as its cosine, and an azimuth about themselves."""
    across = np.sqrt(np.maximum(1 - along**2, 0))
    flat = np.sqrt(np.maximum(1 - z**2, 1e-20))
    cosine, sine = across * np.cos(azimuth), across * np.sin(azimuth)
    # At the pole any perpendicular pair serves; with flat this small the first is (x, y) over its own length.
    pole = flat < 1e-6
    ex, ey = np.where(pole, 1.0, x / flat), np.where(pole, 0.0, y / flat)
    return (
        x * along + cosine * z * ex - sine * ey,
        y * along + cosine * z * ey + sine * ex,
        z * along - cosine * np.where(pole, 0.0, flat),
    )


def exponentials(depths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Fit the share of electrons from beyond each depth by decaying exponentials.

    Parameters
    ----------
    depths
        Depths of single electrons, shape (n,), in any unit.

    Returns
    -------
    shares, lengths
        Coefficients, sum 1, and decay lengths in the unit of the depths, shape (m,).

    Raises
    ------
    InputError
        If there are fewer than 20 electrons.
    """
    from scipy.optimize import nnls

    if len(depths) < 20:
        raise InputError("too few electrons come back", remedy="fewer groups of energy, or more electrons")
    lengths = DECAYS * depths.mean()
    beyond = 1 - (np.arange(200) + 0.5) / 200
    z = np.quantile(depths, 1 - beyond)
    shares, _ = nnls(np.exp(-z[:, None] / lengths), beyond)
    return shares / shares.sum(), lengths
