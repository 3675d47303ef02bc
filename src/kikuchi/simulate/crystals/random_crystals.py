"""Random crystals of a given space group, so that networks learn the symmetry and not a handful of materials."""

import tomllib
from functools import lru_cache
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Site, Structure, atomic_number, detected_space_group
from kikuchi.simulate.crystals.symmetry import space_group_operations
from kikuchi.simulate.crystals.wyckoff import snap_to_special

CONTACT = (0.88, 1.15)
"""Closest contact of two atoms as a share of the sum of their covalent radii: bcc tungsten 0.85, nickel 1.00, rock salt
1.05, aluminium 1.18."""

_ATTEMPTS = 2000
_CELL_EDGE = (2.4, 25.0)  # angstrom
_VOLUME_PER_ATOM = (6.0, 45.0)  # cubic angstrom: diamond 5.7, tungsten 15.9, caesium chloride 35


def random_crystal(space_group: int, rng: np.random.Generator, *, max_atoms: int = 128) -> Structure:
    """Draw a crystal that has exactly the given space group.

    A cell shape that the crystal system allows, one to four occupied orbits in general or special position, elements
    that differ in scattering power, occupancies and thermal factors. The cell is then scaled so that the closest pair
    of atoms touches (`CONTACT`). Draws that spglib finds to be of higher symmetry, or whose cell is unlike any real
    crystal's, are thrown away.

    Parameters
    ----------
    space_group
        Number of the space group, 1 to 230.
    rng
        The only source of chance: the same state gives the same crystal.
    max_atoms
        Most atoms in the conventional cell.

    Returns
    -------
    Structure
        A structure with exactly that space group.

    Raises
    ------
    InputError
        If there is no such group, or no crystal so small was found.

    Examples
    --------
    >>> crystal = random_crystal(225, np.random.default_rng(1))
    >>> detected_space_group(crystal)
    225
    """
    space_group_operations(space_group)
    for _ in range(_ATTEMPTS):
        crystal = _draw(space_group, rng, max_atoms)
        if crystal is not None and detected_space_group(crystal, symprec=0.02) == space_group:
            return crystal
    raise InputError(f"no crystal of space group {space_group} has {max_atoms} atoms or fewer")


def closest_contact(structure: Structure) -> float:
    """Return the closest contact between two atoms, as a share of the sum of their covalent radii.

    Two atoms on one position, as on a mixed site, are in contact at 0.

    Examples
    --------
    >>> from kikuchi.simulate.crystals.structure_files import load_structure
    >>> round(closest_contact(load_structure("Ni")), 2)
    1.0
    """
    atoms = structure.atoms
    radii = _radii()
    by_site = np.array([radii[site.element] for site in structure.sites])
    # One atom of every orbit against all atoms: the rest follows by symmetry.
    _, first = np.unique(atoms.site, return_index=True)
    apart = atoms.positions[first, None] - atoms.positions[None]
    apart -= np.round(apart)
    cells = np.stack(np.meshgrid(*[[-1, 0, 1]] * 3, indexing="ij"), axis=-1).reshape(-1, 1, 1, 3)
    distances = np.linalg.norm((apart + cells) @ structure.direct_matrix, axis=-1)
    # Every atom has itself at distance 0 in the cell in the middle, and nothing else may be there.
    distances[len(cells) // 2, np.arange(len(first)), first] = np.inf
    return float((distances.min(axis=0) / (by_site[:, None] + by_site[atoms.site])).min())


@lru_cache(maxsize=1)
def _radii() -> dict[str, float]:
    file = Path(__file__).parent / "data" / "covalent_radii.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _draw(space_group: int, rng: np.random.Generator, max_atoms: int) -> Structure | None:
    """Draw one candidate, or nothing where it is unlike a real crystal."""
    shape = _cell_shape(space_group, rng)
    unit = Structure("", space_group, shape, ())
    elements = draw_elements(1 + int(rng.choice(4, p=[0.15, 0.35, 0.3, 0.2])), rng)
    sites: list[Site] = []
    for element in elements:
        # Half of all orbits are pulled onto the most special position at hand, as in real crystals.
        reach = rng.choice([0.0, rng.uniform(0.05, 0.5), 1.0], p=[0.1, 0.4, 0.5])
        position = snap_to_special(rng.random(3), space_group, unit.direct_matrix, float(reach))
        sites.append(
            Site(
                element=element,
                position=(float(position[0]), float(position[1]), float(position[2])),
                occupancy=1.0 if rng.random() < 0.85 else round(float(rng.uniform(0.5, 1.0)), 3),
                b_iso=draw_b_iso(rng),
            )
        )
    candidate = Structure("", space_group, shape, tuple(sites))
    n_atoms = len(candidate.atoms.numbers)
    if n_atoms > max_atoms:
        return None
    contact = closest_contact(candidate)
    if contact < 1e-3:
        return None
    scale = rng.uniform(*CONTACT) / contact
    a, b, c = (round(scale * length, 4) for length in shape[:3])
    name = "".join(sorted(set(elements))) + f"-{space_group}"
    crystal = Structure(name, space_group, (a, b, c, *shape[3:]), tuple(sites), source="random")
    return crystal if is_plausible(crystal) else None


def is_plausible(structure: Structure) -> bool:
    """Whether a cell's edges and its volume per atom are like those of real crystals."""
    edges = structure.lattice[:3]
    volume = structure.volume / len(structure.atoms.numbers)
    edges_fit = _CELL_EDGE[0] <= min(edges) and max(edges) <= _CELL_EDGE[1]
    return edges_fit and _VOLUME_PER_ATOM[0] <= volume <= _VOLUME_PER_ATOM[1]


def draw_b_iso(rng: np.random.Generator) -> float:
    """Draw a Debye-Waller factor B, square angstrom."""
    return round(float(np.exp(rng.uniform(np.log(0.2), np.log(1.5)))), 3)


def draw_elements(count: int, rng: np.random.Generator, *, repeats: bool = True) -> list[str]:
    """Draw elements that scatter differently: with near equal ones a superlattice exists on paper only.

    Parameters
    ----------
    count
        How many.
    rng
        The only source of chance.
    repeats
        Whether one of them may be named twice.
    """
    table = _radii()
    numbers = {symbol: atomic_number(symbol) for symbol in table}
    chosen: list[str] = []
    while len(chosen) < count:
        if repeats and chosen and rng.random() < 0.2:
            chosen.append(chosen[int(rng.integers(len(chosen)))])
            continue
        symbol = list(table)[int(rng.integers(len(table)))]
        if all(abs(numbers[symbol] - numbers[other]) >= 0.2 * numbers[other] for other in chosen):
            chosen.append(symbol)
    return chosen


def _cell_shape(
    space_group: int, rng: np.random.Generator
) -> tuple[float, float, float, float, float, float]:
    """Draw a cell with a = 1 that the crystal system allows and no higher one does."""
    b, c = (_away_from_one(rng) for _ in range(2))
    while abs(b - c) < 0.04:
        c = _away_from_one(rng)
    if space_group >= 195:
        return 1.0, 1.0, 1.0, 90.0, 90.0, 90.0
    if space_group >= 143:
        return 1.0, 1.0, round(float(rng.uniform(0.6, 2.8)), 4), 90.0, 90.0, 120.0
    if space_group >= 75:
        return 1.0, 1.0, c, 90.0, 90.0, 90.0
    if space_group >= 16:
        return 1.0, b, c, 90.0, 90.0, 90.0
    if space_group >= 3:
        return 1.0, b, c, 90.0, round(float(rng.uniform(92, 118)), 2), 90.0
    alpha, beta, gamma = (round(float(angle), 2) for angle in rng.uniform(66, 88, size=3))
    return 1.0, b, c, alpha, beta, gamma


def _away_from_one(rng: np.random.Generator) -> float:
    """Draw an axial ratio that cannot be taken for 1."""
    ratio = np.exp(rng.uniform(0.04, 0.7))
    return round(float(ratio if rng.random() < 0.5 else 1 / ratio), 4)
