"""The phases that a user names: a crystal structure, or a master pattern, each by its name."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate import MasterPattern, bloch_wave_master, cached_master, load_master, load_structure
from kikuchi.simulate.crystals.structures import Structure, detected_space_group
from kikuchi.simulate.masters.bloch_waves import Scattering
from kikuchi.simulate.masters.master_file import read_stored_master
from kikuchi.simulate.masters.structure_factors import affordable_spacing

#: Pixels from pole to edge: 0.8 degrees a pixel, half of what a pattern of 60 pixels resolves.
HALF_SIZE = 100

_MASTERS = (".sht", ".npz", ".h5", ".hdf5")
#: Cubic angstrom: cells above it have so many beams that only the stronger ones are taken.
_LARGE_CELL = 100.0

_STRUCTURES = (".cif", ".toml")

#: Masters whose correlation on the sphere is above this are of one phase.
_SAME = 0.995


@dataclass(frozen=True)
class Candidate:
    """A phase that a scan may hold.

    Attributes
    ----------
    name
        The user's: of the file, without its suffix, or of a structure that ships.
    space_group
        Number of the space group.
    lattice
        (a, b, c) in angstrom and (alpha, beta, gamma) in degrees; None where a master pattern does not say.
    structure
        The crystal; None where only a master pattern was given.
    file
        The master pattern that was given, else None.
    """

    name: str
    space_group: int
    lattice: tuple[float, float, float, float, float, float] | None
    structure: Structure | None
    file: Path | None = None

    def master(self, voltage_kv: float) -> MasterPattern:
        """Return the master pattern that patterns are matched with."""
        if self.file is not None:
            return load_master(self.file, half_size=HALF_SIZE)
        return self.simulated(voltage_kv, "usual")

    def simulated(self, voltage_kv: float, simulator: str) -> MasterPattern:
        """Return a master pattern by one of `SIMULATORS`.

        Raises
        ------
        InputError
            Only a master pattern was given, or the cell is too large.
        """
        if self.structure is None:
            raise InputError(
                f"{self.name}: a master pattern cannot be simulated anew", remedy="give its CIF too"
            )
        compute, settings = SIMULATORS[simulator]
        if self.structure.volume > _LARGE_CELL:
            spacing = affordable_spacing(self.structure)
            settings = settings | {"min_dspacing": spacing, "max_beams": 90}
        return cached_master(compute, self.structure, voltage_kv, **settings)

    def to_dict(self) -> dict[str, Any]:
        """Return what a bundle keeps of it, as plain JSON."""
        return {
            "name": self.name,
            "space_group": self.space_group,
            "lattice": None if self.lattice is None else list(self.lattice),
            "structure": None if self.structure is None else self.structure.to_dict(),
            "file": None if self.file is None else self.file.name,
        }


#: Bloch waves with other absorption, depth and beams: what is not known of real scattering.
SIMULATORS: dict[str, tuple[Callable[..., MasterPattern], dict[str, Any]]] = {
    "usual": (bloch_wave_master, {"half_size": HALF_SIZE}),
    "other scattering": (
        bloch_wave_master,
        {
            "half_size": HALF_SIZE,
            "excitation": 15.0,
            "scattering": Scattering(
                depth=0.65, absorption=1.5, debye_waller=1.6, energies=2, least_energy=0.8
            ),
        },
    ),
}


def candidates(names: Sequence[str | Path]) -> list[Candidate]:
    """Open what ``--phase`` was given.

    Parameters
    ----------
    names
        Each a CIF, a structure file, a master pattern (``.sht``, ``.npz``, ``.h5``) or a structure that ships.

    Returns
    -------
    list of Candidate
        In the user's order; names that would be the same get a number.

    Raises
    ------
    InputError
        Fewer than two, one that cannot be read, or two that are the same.
    """
    if len(names) < 2:
        raise InputError(
            f"{len(names)} phase{'' if len(names) == 1 else 's'} to choose from",
            remedy="give at least two, as --phase Ni.cif --phase Ni3Al.cif",
        )
    opened = [_opened(name) for name in names]
    for i, one in enumerate(opened):
        for other in opened[:i]:
            if one.structure is not None and one.structure == other.structure:
                raise InputError(
                    f"the phases {other.name!r} and {one.name!r} are one structure", remedy="name it once"
                )
    taken: dict[str, int] = {}
    made = []
    for one in opened:
        taken[one.name] = taken.get(one.name, 0) + 1
        if taken[one.name] > 1:
            one = Candidate(f"{one.name}-{taken[one.name]}", *list(vars(one).values())[1:])
        made.append(one)
    return made


def check_distinct(phases: Sequence[Candidate], masters: Sequence[MasterPattern]) -> None:
    """Refuse two phases whose patterns are the same.

    Raises
    ------
    InputError
        Two masters have a correlation above 0.995 in the frame that they are given in.
    """
    for i, one in enumerate(masters):
        for j, other in enumerate(masters[:i]):
            if one.north.shape == other.north.shape:
                alike = min(
                    float(np.corrcoef(a.ravel(), b.ravel())[0, 1])
                    for a, b in ((one.north, other.north), (one.south, other.south))
                )
                if alike > _SAME:
                    raise InputError(
                        f"the phases {phases[j].name!r} and {phases[i].name!r} have the same patterns "
                        f"(correlation {alike:.3f})",
                        remedy="name one of them",
                    )


def _opened(name: str | Path) -> Candidate:
    path = Path(name)
    suffix = path.suffix.lower()
    if suffix in _MASTERS:
        master = load_master(path, half_size=HALF_SIZE)
        structure = _stored_structure(path)
        lattice = None if structure is None else structure.lattice
        return Candidate(path.stem, master.space_group, lattice, structure, path)
    structure = load_structure(name)
    if suffix in _STRUCTURES:
        found = detected_space_group(structure)
        if found != structure.space_group:
            raise InputError(
                f"says space group {structure.space_group} and its atoms have {found}",
                path=path,
                remedy="correct the group or the positions",
            )
        if suffix == ".cif" and structure.space_group == 1 and len(structure.sites) > 1:
            raise InputError(
                "has no symmetry but translation",
                path=path,
                remedy="export the CIF with its space group, or with all its positions exact",
            )
    return Candidate(
        path.stem if suffix in _STRUCTURES else str(name), structure.space_group, structure.lattice, structure
    )


def _stored_structure(path: Path) -> Structure | None:
    if path.suffix.lower() != ".npz":
        return None
    try:
        return read_stored_master(path).structure
    except InputError:
        return None
