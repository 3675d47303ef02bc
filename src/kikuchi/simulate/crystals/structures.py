"""Crystal structures: a cell, a space group and the sites of its asymmetric unit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.symmetry import orbit, origin_shift, space_group_operations

if TYPE_CHECKING:
    from orix.crystal_map import Phase


@dataclass(frozen=True)
class Site:
    """One site of the asymmetric unit.

    Parameters
    ----------
    element
        Chemical symbol, as ``"Ni"``.
    position
        Fractional coordinates (x, y, z).
    occupancy
        Share of the site that is filled, in (0, 1].
    b_iso
        Isotropic Debye-Waller factor B, in square angstrom.
    """

    element: str
    position: tuple[float, float, float]
    occupancy: float = 1.0
    b_iso: float = 0.5


@dataclass(frozen=True)
class Atoms:
    """Every atom of one conventional cell.

    Parameters
    ----------
    positions
        Fractional coordinates in [0, 1), shape (n, 3).
    numbers
        Atomic numbers, shape (n,).
    occupancies
        Occupancies in (0, 1], shape (n,).
    b_iso
        Debye-Waller factors, square angstrom, shape (n,).
    site
        Index of the site of the asymmetric unit, shape (n,).
    """

    positions: np.ndarray
    numbers: np.ndarray
    occupancies: np.ndarray
    b_iso: np.ndarray
    site: np.ndarray


@dataclass(frozen=True)
class Structure:
    """A crystal structure in the standard setting of the International Tables.

    Origin choice 2 (inversion centre at the origin), unique axis b, hexagonal axes for rhombohedral groups.

    Parameters
    ----------
    name
        Name of the material, as shown to people.
    space_group
        Number of the space group, 1 to 230.
    lattice
        Lattice parameters (a, b, c) in angstrom and (alpha, beta, gamma) in degrees.
    sites
        Sites of the asymmetric unit.
    source
        Where the structure is published.
    """

    name: str
    space_group: int
    lattice: tuple[float, float, float, float, float, float]
    sites: tuple[Site, ...]
    source: str = field(default="", compare=False)

    @cached_property
    def direct_matrix(self) -> np.ndarray:
        """Rows a, b, c in the Cartesian crystal frame (x along a, z along c*), angstrom, shape (3, 3)."""
        a, b, c = self.lattice[:3]
        cos_alpha, cos_beta, cos_gamma = np.cos(np.deg2rad(self.lattice[3:]))
        sin_gamma = np.sqrt(1 - cos_gamma**2)
        c_y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
        c_z_squared = 1 - cos_beta**2 - c_y**2
        if c_z_squared <= 0:
            raise InputError(f"the angles {self.lattice[3:]} of {self.name} make no cell")
        rows = np.array(
            [
                [a, 0, 0],
                [b * cos_gamma, b * sin_gamma, 0],
                [c * cos_beta, c * c_y, c * np.sqrt(c_z_squared)],
            ]
        )
        # Right angles should be exactly that, or symmetry operations turn out slightly skew.
        return np.where(np.abs(rows) < 1e-12 * max(a, b, c), 0.0, rows)

    @cached_property
    def reciprocal_matrix(self) -> np.ndarray:
        """Rows a*, b*, c* in the Cartesian crystal frame, 1/angstrom (no 2 pi), shape (3, 3)."""
        return np.linalg.inv(self.direct_matrix).T

    @property
    def volume(self) -> float:
        """Volume of the conventional cell, cubic angstrom."""
        return float(np.linalg.det(self.direct_matrix))

    @cached_property
    def atoms(self) -> Atoms:
        """Every atom of the conventional cell."""
        orbits = [orbit(np.array(site.position), self.space_group) for site in self.sites]
        counts = [len(positions) for positions in orbits]
        return Atoms(
            positions=np.concatenate(orbits),
            numbers=np.repeat([atomic_number(site.element) for site in self.sites], counts),
            occupancies=np.repeat([site.occupancy for site in self.sites], counts),
            b_iso=np.repeat([site.b_iso for site in self.sites], counts),
            site=np.repeat(np.arange(len(self.sites)), counts),
        )

    def to_phase(self) -> "Phase":
        """Return the structure as an orix phase, in the origin that orix's own space groups use.

        orix takes its groups from diffpy.structure, where the inversion centre may be off the origin; the
        sites are shifted to match. For structure factors with diffsims, fill the cell with orix first
        (``phase.expand_asymmetric_unit()``): diffsims' own filling is right on orthogonal axes only.
        """
        from diffpy.structure import Atom, Lattice
        from diffpy.structure import Structure as DiffpyStructure
        from orix.crystal_map import Phase

        operations = list(Phase(space_group=self.space_group).space_group.iter_symops())
        shift = origin_shift(
            self.space_group,
            np.array([operation.R for operation in operations]),
            np.array([operation.t for operation in operations]),
        )
        atoms = []
        for site in self.sites:
            atom = Atom(site.element, (np.array(site.position) + shift) % 1.0, occupancy=site.occupancy)
            atom.Bisoequiv = site.b_iso
            atoms.append(atom)
        structure = DiffpyStructure(atoms=atoms, lattice=Lattice(*self.lattice), title=self.name)
        return Phase(name=self.name, space_group=self.space_group, structure=structure)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, the same shape as a structure file."""
        return {
            "name": self.name,
            "space_group": self.space_group,
            "source": self.source,
            "lattice": list(self.lattice),
            "site": [
                {
                    "element": site.element,
                    "position": list(site.position),
                    "occupancy": site.occupancy,
                    "b_iso": site.b_iso,
                }
                for site in self.sites
            ],
        }


def detected_space_group(structure: Structure, *, symprec: float = 1e-3) -> int:
    """Return the space group that spglib finds in the fully expanded cell.

    Parameters
    ----------
    structure
        The crystal; atoms that share a position count as one mixed species.
    symprec
        Distance in angstrom under which two atoms coincide.

    Examples
    --------
    >>> from kikuchi.simulate.crystals.structure_files import load_structure
    >>> detected_space_group(load_structure("Ge"))
    227
    """
    import spglib

    atoms = structure.atoms
    apart = atoms.positions[:, None] - atoms.positions[None]
    same = np.abs(apart - np.round(apart)).max(axis=2) < 1e-4
    first = same.argmax(axis=1)
    species: dict[tuple, int] = {}
    positions, kinds = [], []
    for index in np.unique(first):
        content = sorted(zip(atoms.numbers[same[index]], atoms.occupancies[same[index]], strict=True))
        positions.append(atoms.positions[index].tolist())
        kinds.append(species.setdefault(tuple(content), len(species) + 1))
    dataset = spglib.get_symmetry_dataset(
        (structure.direct_matrix.tolist(), positions, kinds), symprec=symprec
    )
    return 0 if dataset is None else int(dataset.number)


def atomic_number(element: str) -> int:
    """Return the atomic number of a chemical symbol.

    Raises
    ------
    InputError
        If there is no such element.

    Examples
    --------
    >>> atomic_number("Ni")
    28
    """
    from diffsims.structure_factor.atomic_scattering_parameters import ELEMENTS

    try:
        return ELEMENTS.index(element.strip().lower()) + 1
    except ValueError:
        raise InputError(f"unknown element {element!r}", remedy="use a chemical symbol such as Ni") from None


def structure_from_dict(content: dict[str, Any], *, path: str | Path | None = None) -> Structure:
    """Build a structure from plain data and check that it makes sense.

    Parameters
    ----------
    content
        ``name``, ``space_group``, ``lattice`` (six numbers, or one for a cubic cell), ``source`` and a list
        ``site`` of tables with ``element``, ``position`` and optionally ``occupancy`` and ``b_iso``.
    path
        Where the data comes from, for error messages.

    Raises
    ------
    InputError
        If something is missing, out of range, or the cell does not fit the space group.
    """
    try:
        sites = tuple(
            Site(
                element=str(site["element"]),
                position=_three(site["position"]),
                occupancy=float(site.get("occupancy", 1.0)),
                b_iso=float(site.get("b_iso", 0.5)),
            )
            for site in content["site"]
        )
        structure = Structure(
            name=str(content["name"]),
            space_group=int(content["space_group"]),
            lattice=_lattice(content["lattice"]),
            sites=sites,
            source=str(content.get("source", "")),
        )
        _check(structure)
    except KeyError as error:
        raise InputError(f"the structure has no {error}", path=path) from None
    except InputError as error:
        raise InputError(error.what, path=path, remedy=error.remedy) from None
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"not a sound structure: {error}", path=path) from None
    return structure


def _three(values: Sequence[float]) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z


def _lattice(values: float | Sequence[float]) -> tuple[float, float, float, float, float, float]:
    if isinstance(values, int | float):
        values = (values, values, values, 90.0, 90.0, 90.0)
    a, b, c, alpha, beta, gamma = (float(value) for value in values)
    return a, b, c, alpha, beta, gamma


def _check(structure: Structure) -> None:
    if not structure.sites:
        raise InputError("the structure has no sites")
    if not np.isfinite(structure.lattice).all() or min(structure.lattice) <= 0:
        raise InputError("lattice parameters must be positive numbers")
    for site in structure.sites:
        atomic_number(site.element)
        if not np.isfinite(site.position).all():
            raise InputError(f"the position of {site.element} must be three finite numbers")
        if not 0 < site.occupancy <= 1:
            raise InputError(
                f"the occupancy of {site.element} is {site.occupancy}", remedy="0 < occupancy <= 1"
            )
        if not 0 <= site.b_iso < 20:
            raise InputError(f"b_iso of {site.element} is {site.b_iso}", remedy="0 to 20 square angstrom")
    metric = structure.direct_matrix @ structure.direct_matrix.T
    rotations = space_group_operations(structure.space_group)[0]
    turned = rotations.transpose(0, 2, 1) @ metric @ rotations
    if not np.allclose(turned, metric, rtol=1e-4, atol=1e-4 * metric.max()):
        raise InputError(
            f"the cell {structure.lattice} does not have the symmetry of group {structure.space_group}"
        )
