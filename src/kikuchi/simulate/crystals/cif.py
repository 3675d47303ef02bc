"""Read a crystal structure from a CIF, in whatever setting, into the standard one."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure, structure_from_dict
from kikuchi.simulate.crystals.symmetry import orbit, standard_hall_number

#: Angstrom; the cells of viruses are shorter.
_LONGEST_EDGE = 1e4


def read_cif(path: str | Path, *, symprec: float = 1e-3) -> Structure:
    """Read a CIF.

    diffpy.structure expands the cell and spglib brings it into the standard setting, so that the file's own setting,
    origin and even a missing space-group symbol do not matter. The group is the one the atoms have.

    Parameters
    ----------
    path
        The file.
    symprec
        Distance in angstrom under which two atoms coincide.

    Raises
    ------
    InputError
        If the file cannot be read or has no atoms or no symmetry that spglib can find.
    """
    import spglib
    from diffpy.structure import loadStructure

    path = Path(path)
    try:
        # The parser prints what it cannot read, line after line.
        with redirect_stdout(StringIO()):
            content = loadStructure(str(path), fmt="cif")
    except Exception as error:  # the parser behind raises types of its own
        detail = (str(error) or type(error).__name__).splitlines()[0]
        raise InputError(f"not a crystal structure: {detail}", path=path) from None
    if not content:  # None where the file has no data block
        raise InputError("the file holds no atoms", path=path)
    lattice = content.lattice
    positions: list[list[float]] = []
    species: list[list[tuple[str, float, float]]] = []
    for atom in content:
        element = "".join(letter for letter in atom.element if letter.isalpha())  # without its charge
        entry = (element, float(atom.occupancy), round(8 * np.pi**2 * float(atom.Uisoequiv), 4) or 0.5)
        apart = np.array(positions).reshape(-1, 3) - atom.xyz
        near = np.abs(apart - np.round(apart)).max(axis=1, initial=0) < 1e-3 if positions else np.array([])
        if len(near) and near.any():
            species[int(near.argmax())].append(entry)
        else:
            positions.append([float(value) for value in atom.xyz])
            species.append([entry])
    kinds = [sorted((element, occupancy) for element, occupancy, _ in entries) for entries in species]
    distinct = [list(kind) for kind in dict.fromkeys(map(tuple, kinds))]
    numbers = [1 + distinct.index(kind) for kind in kinds]
    _check_cell(np.asarray(lattice.stdbase), np.asarray(positions), path)
    cell = (np.asarray(lattice.stdbase).tolist(), positions, numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=symprec)
    if found is None:
        raise InputError(
            "spglib finds no symmetry in it", path=path, remedy="look for atoms on top of each other"
        )
    standard = spglib.get_symmetry_dataset(
        cell, symprec=symprec, hall_number=standard_hall_number(found.number)
    )
    assert standard is not None
    sites: list[dict] = []
    taken: list[np.ndarray] = []
    for position, kind in zip(standard.std_positions, standard.std_types, strict=True):
        apart = np.array(taken).reshape(-1, 3) - position
        if len(taken) and np.abs(apart - np.round(apart)).max(axis=1).min() < 1e-3:
            continue
        taken.extend(orbit(position, found.number, tolerance=1e-3))
        sites += [
            {"element": element, "position": position.tolist(), "occupancy": occupancy, "b_iso": b_iso}
            for element, occupancy, b_iso in species[numbers.index(int(kind))]
        ]
    rows = np.asarray(standard.std_lattice)
    lengths = np.linalg.norm(rows, axis=1)
    cosines = [rows[i] @ rows[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    angles = np.round(np.rad2deg(np.arccos(cosines)), 4)
    return structure_from_dict(
        {
            "name": path.stem,
            "space_group": int(found.number),
            "lattice": [*lengths.tolist(), *angles.tolist()],
            "site": sites,
            "source": path.name,
        },
        path=path,
    )


def _check_cell(edges: np.ndarray, positions: np.ndarray, path: Path) -> None:
    """Refuse what spglib would die of: it takes infinite numbers as they are."""
    lengths = np.abs(edges).max(axis=1)
    if not (np.all(lengths > 0) and np.all(lengths < _LONGEST_EDGE) and np.isfinite(positions).all()):
        raise InputError(
            "has a cell or a position that no crystal has",
            path=path,
            remedy="check the lengths, the angles and the positions",
        )
