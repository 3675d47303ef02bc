"""Read a crystal structure from a CIF, in whatever setting, into the standard one.

gemmi reads the file (Wojdyr, J. Open Source Softw. 7, 4200 (2022)): it evaluates nothing. Symmetry operations are text
from a file all the same, and are held against their grammar before anything else sees them.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure, structure_from_dict
from kikuchi.simulate.crystals.symmetry import orbit, standard_hall_number

if TYPE_CHECKING:
    import gemmi

#: Angstrom; the cells of viruses are shorter.
_LONGEST_EDGE = 1e4
#: Largest file, bytes; most operations (192 is the most a group has) and most atoms of a cell.
_LARGEST, _MOST_OPERATIONS, _MOST_ATOMS = 2**26, 192, 10_000
#: Fractions of the cell under which two positions are one, and under which an atom lies on a symmetry element: files
#: round (1/3, 2/3) to (0.333, 0.667), whose images are 0.001 apart.
_SAME, _BESIDE = 1e-3, 2.5e-3

_NUMBER = r"(?:[0-9]{1,3}(?:/[0-9]{1,2})?|[0-9]{0,3}\.[0-9]{1,12})"
_COMPONENT = rf"[+-]?(?:[xyz]|{_NUMBER})(?:[+-](?:[xyz]|{_NUMBER})){{0,3}}"
#: One symmetry operation without blanks, as ``-x+1/2,y-x,0.5-z``: ITA's shorthand, and nothing else.
_OPERATION = re.compile(rf"{_COMPONENT},{_COMPONENT},{_COMPONENT}")

_OPERATIONS = (
    "_space_group_symop_operation_xyz",
    "_symmetry_equiv_pos_as_xyz",
    "_space_group_symop.operation_xyz",
    "_symmetry_equiv.pos_as_xyz",
)
_HALL = ("_space_group_name_Hall", "_symmetry_space_group_name_Hall")
_SYMBOLS = ("_space_group_name_H-M_alt", "_symmetry_space_group_name_H-M")
_NUMBERS = ("_space_group_IT_number", "_symmetry_Int_Tables_number")
_EDGES = tuple(f"_cell_{what}" for what in ("length_a", "length_b", "length_c"))
_ANGLES = tuple(f"_cell_angle_{what}" for what in ("alpha", "beta", "gamma"))
_POSITION = tuple(f"_atom_site_fract_{axis}" for axis in "xyz")
_ANISOTROPIC = tuple(f"_atom_site_aniso_U_{ij}" for ij in ("11", "22", "33", "12", "13", "23"))
#: What databases write behind a symbol, and gemmi after a colon: origin choice 1 or 2, hexagonal or rhombohedral axes.
_CHOICES = {"S": "1", "Z": "2", "H": "H", "R": "R"}


def read_cif(path: str | Path, *, symprec: float = 1e-3) -> Structure:
    """Read a CIF.

    The cell is filled by the file's own operations, and spglib brings it into the standard setting, so that the file's
    setting, origin and even a missing space-group symbol do not matter. The group is the one the atoms have.

    Parameters
    ----------
    path
        The file; of several blocks the first with atoms is taken.
    symprec
        Distance in angstrom under which two atoms coincide.

    Raises
    ------
    InputError
        If the file cannot be read, has no atoms, a symmetry operation that is none, or no symmetry that spglib can
        find.
    """
    import spglib

    path = Path(path)
    block = _block(path)
    try:
        edges, angles = _numbers(block, _EDGES), _numbers(block, _ANGLES)
        basis, sites = _basis([*edges, *angles], path), _sites(block, path)
        rotations, translations = _operations(block, angles, path)
    except InputError:
        raise
    except (ArithmeticError, RuntimeError, TypeError, ValueError) as error:  # of gemmi and NumPy
        raise InputError(f"not a crystal structure: {_first_line(error)}", path=path) from None
    positions: list[np.ndarray] = []
    species: list[list[tuple[str, float, float]]] = []
    for site in sites:
        for xyz in _images(site.pop("position"), rotations, translations):
            entry = (site["element"], site["occupancy"], site["b_iso"])
            near = _near(np.array(positions).reshape(-1, 3), xyz)
            if near.any():
                species[int(near.argmax())].append(entry)
            else:
                positions.append(xyz)
                species.append([entry])
            if len(positions) > _MOST_ATOMS:
                raise InputError(f"has more than {_MOST_ATOMS} atoms in its cell", path=path)
    kinds = [sorted((element, occupancy) for element, occupancy, _ in entries) for entries in species]
    distinct = [list(kind) for kind in dict.fromkeys(map(tuple, kinds))]
    numbers = [1 + distinct.index(kind) for kind in kinds]
    cell = (basis.tolist(), [xyz.tolist() for xyz in positions], numbers)
    found = spglib.get_symmetry_dataset(cell, symprec=symprec)
    if found is None:
        raise InputError(
            "spglib finds no symmetry in it", path=path, remedy="look for atoms on top of each other"
        )
    standard = spglib.get_symmetry_dataset(
        cell, symprec=symprec, hall_number=standard_hall_number(found.number)
    )
    assert standard is not None
    held: list[dict] = []
    taken: list[np.ndarray] = []
    for position, kind in zip(standard.std_positions, standard.std_types, strict=True):
        if _near(np.array(taken).reshape(-1, 3), position).any():
            continue
        taken.extend(orbit(position, found.number, tolerance=_SAME))
        held += [
            {"element": element, "position": position.tolist(), "occupancy": occupancy, "b_iso": b_iso}
            for element, occupancy, b_iso in species[numbers.index(int(kind))]
        ]
    rows = np.asarray(standard.std_lattice)
    lengths = np.linalg.norm(rows, axis=1)
    cosines = [rows[i] @ rows[j] / lengths[i] / lengths[j] for i, j in ((1, 2), (0, 2), (0, 1))]
    return structure_from_dict(
        {
            "name": path.stem,
            "space_group": int(found.number),
            "lattice": [*lengths.tolist(), *np.round(np.rad2deg(np.arccos(cosines)), 4).tolist()],
            "site": held,
            "source": path.name,
        },
        path=path,
    )


def checked_operation(text: str) -> str | None:
    """Return a symmetry operation without blanks and in small letters, None where it is none.

    Examples
    --------
    >>> checked_operation("1/2+X, -Y, .5-z")
    '1/2+x,-y,.5-z'
    >>> checked_operation("x,y,z+0*(1)") is None
    True
    """
    plain = re.sub(r"[ \t]", "", text).lower() if len(text) < 200 else ""
    return plain if _OPERATION.fullmatch(plain) else None


def _block(path: Path) -> "gemmi.cif.Block":
    from gemmi import cif

    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path) from None
    if len(content) > _LARGEST:
        raise InputError(f"is larger than {_LARGEST >> 20} MiB", path=path, remedy="give the structure alone")
    for encoding in ("utf-8-sig", "latin-1"):
        try:
            text = content.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    try:
        blocks = list(cif.read_string(text))
    except Exception as error:  # gemmi raises ValueError and RuntimeError, and others may follow
        raise InputError(f"not a CIF: {_first_line(error).removeprefix('string:')}", path=path) from None
    for block in blocks:
        if block.find_loop(_POSITION[0]):
            return block
    raise InputError("the file holds no atoms", path=path)


def _numbers(block: "gemmi.cif.Block", tags: tuple[str, ...]) -> list[float]:
    from gemmi import cif

    return [cif.as_number(block.find_value(tag) or "?") for tag in tags]


def _basis(cell: list[float], path: Path) -> np.ndarray:
    """Rows a, b, c, angstrom; what spglib would die of is refused."""
    import gemmi

    if not (
        np.isfinite(cell).all() and min(cell) > 0 and max(cell[:3]) < _LONGEST_EDGE and max(cell[3:]) < 180
    ):
        raise _no_cell(path)
    cosines = np.cos(np.deg2rad(cell[3:]))
    # Square of the volume over that of the box with the same edges; gemmi draws the root of a negative one as well.
    if not 1 + 2 * cosines.prod() - (cosines**2).sum() > 1e-6:
        raise _no_cell(path)
    return np.array(gemmi.UnitCell(*cell).orth.mat.tolist()).T


def _no_cell(path: Path) -> InputError:
    return InputError(
        "has a cell or a position that no crystal has",
        path=path,
        remedy="check the lengths, the angles and the positions",
    )


def _sites(block: "gemmi.cif.Block", path: Path) -> list[dict[str, Any]]:
    """Atoms of the asymmetric unit: element, position, occupancy and B."""
    from gemmi import cif

    optional = ("label", "type_symbol", "occupancy", "U_iso_or_equiv", "B_iso_or_equiv", "calc_flag")
    table = block.find([*_POSITION, *(f"?_atom_site_{tag}" for tag in optional)])
    anisotropic = {row.str(0): row for row in block.find(["_atom_site_aniso_label", *_ANISOTROPIC])}
    sites = []
    for row in table:
        record = {tag: row.str(3 + i) for i, tag in enumerate(optional) if row.has(3 + i)}
        if record.get("calc_flag") == "dum":  # the centre of a ring, and no atom
            continue
        position = np.array([cif.as_number(row[axis]) for axis in range(3)])
        if not np.isfinite(position).all() or np.abs(position).max() > 1e3:
            raise _no_cell(path)
        u_iso = cif.as_number(record.get("U_iso_or_equiv") or "?")
        b_iso = cif.as_number(record.get("B_iso_or_equiv") or "?")
        if not np.isfinite(b_iso):
            b_iso = 8 * np.pi**2 * u_iso
        if not np.isfinite(b_iso) and record.get("label") in anisotropic:
            b_iso = 8 * np.pi**2 * _equivalent(block, anisotropic[record["label"]])
        occupancy = cif.as_number(record.get("occupancy") or "?")
        sites.append(
            {
                "element": _element(record.get("type_symbol") or record.get("label") or ""),
                "position": position,
                "occupancy": float(occupancy) if np.isfinite(occupancy) else 1.0,
                "b_iso": round(float(b_iso), 4) if np.isfinite(b_iso) and b_iso else 0.5,
            }
        )
    if not sites:
        raise InputError("the file holds no atoms", path=path)
    return sites


def _equivalent(block: "gemmi.cif.Block", row: Any) -> float:
    """Equivalent isotropic U of an anisotropic one, square angstrom."""
    import gemmi
    from gemmi import cif

    cell = gemmi.UnitCell(*_numbers(block, _EDGES), *_numbers(block, _ANGLES))
    return float(cell.calculate_u_eq(gemmi.SMat33d(*(cif.as_number(row[i]) for i in range(1, 7)))))


def _element(text: str) -> str:
    """Chemical symbol of ``Fe3+`` or ``Fe1A``; deuterium scatters electrons as hydrogen does."""
    match = re.match(r"[A-Za-z]+", text)
    symbol = match[0].capitalize() if match else text
    return "H" if symbol == "D" else symbol


def _operations(block: "gemmi.cif.Block", angles: list[float], path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Rotations (n, 3, 3) and translations (n, 3): as listed, else those of the symbol, else the identity."""
    import gemmi

    for tag in _OPERATIONS:
        column = block.find_values(tag)
        listed = [column.str(row) for row in range(len(column))]
        if not listed:
            continue
        if len(listed) > _MOST_OPERATIONS:
            raise InputError(f"lists {len(listed)} symmetry operations", path=path, remedy="192 are the most")
        operations = [_operation(text, path) for text in listed]
        break
    else:
        named = _of_the_symbol(block, angles)
        operations = [gemmi.Op("x,y,z")] if named is None else list(named)
    whole = gemmi.Op.DEN
    rotations = np.array([operation.rot for operation in operations]) // whole
    return rotations, np.array([operation.tran for operation in operations]) / whole


def _operation(text: str, path: Path) -> "gemmi.Op":
    import gemmi

    plain = checked_operation(text)
    if plain is not None:
        operation = gemmi.Op(plain)
        if abs(operation.det_rot()) == gemmi.Op.DEN**3:
            return operation
    raise InputError(
        f"{text[:60]!r} is no symmetry operation", path=path, remedy="one such as -x+1/2,y,z is expected"
    )


def _of_the_symbol(block: "gemmi.cif.Block", angles: list[float]) -> "gemmi.GroupOps | None":
    """Operations of the space group that is named; of two origins the first, as a symbol alone is read."""
    import gemmi
    from gemmi import cif

    for tag in _HALL:
        symbol = cif.as_string(block.find_value(tag) or "?").strip()
        if symbol:
            return gemmi.symops_from_hall(symbol[:60])
    for tag in _SYMBOLS:
        symbol = cif.as_string(block.find_value(tag) or "?").strip()
        head, _, last = symbol.rpartition(" ")
        if head and last in _CHOICES:
            symbol = f"{head}:{_CHOICES[last]}"
        group = gemmi.find_spacegroup_by_name(symbol, angles[0], angles[2]) if symbol else None
        if group is not None:
            return group.operations()
    for tag in _NUMBERS:
        number = cif.as_int(block.find_value(tag) or "?", 0)
        if 1 <= number <= 230:
            return gemmi.find_spacegroup_by_number(number).operations()
    return None


def _images(position: np.ndarray, rotations: np.ndarray, translations: np.ndarray) -> list[np.ndarray]:
    """All images of a position in the cell, once each; one beside a symmetry element is put on it."""
    images = rotations @ position + translations
    apart = images - position
    stay = np.abs(apart - np.round(apart)).max(axis=1) < _BESIDE
    if stay.any():
        position = position + (apart[stay] - np.round(apart[stay])).mean(axis=0)
        images = rotations @ position + translations
    kept: list[np.ndarray] = []
    for image in images % 1.0:
        if not _near(np.array(kept).reshape(-1, 3), image).any():
            kept.append(image)
    return kept


def _near(positions: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    apart = positions - xyz
    return (
        np.abs(apart - np.round(apart)).max(axis=1, initial=0) < _SAME
        if len(positions)
        else np.zeros(0, bool)
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
