"""CIFs come out as the crystals they hold, whatever their setting, and nothing in them is evaluated."""

from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.cif import checked_operation, read_cif
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.crystals.symmetry import space_group_operations

CELL = """{bom}data_x
_cell_length_a {a}
_cell_length_b {b}
_cell_length_c {c}
_cell_angle_alpha {alpha}
_cell_angle_beta {beta}
_cell_angle_gamma {gamma}
{symmetry}
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
{atoms}
"""
CUBE = {"a": "4.0", "b": "4.0", "c": "4.0(2)", "alpha": 90, "beta": 90, "gamma": "90."}


def cif(path: Path, atoms: str = "A1 Po 0 0 0 1", symmetry: str = "", bom: str = "", **cell: object) -> Path:
    path.write_text(CELL.format(bom=bom, atoms=atoms, symmetry=symmetry, **(CUBE | cell)), encoding="utf-8")
    return path


def listed(*operations: str, tag: str = "_symmetry_equiv_pos_as_xyz") -> str:
    return "\n".join(["loop_", tag, *(f"'{o}'" for o in operations)])


def in_letters(rotation: np.ndarray, translation: np.ndarray) -> str:
    """Write an operation as CIFs do."""
    rows = []
    for row, shift in zip(rotation, translation, strict=True):
        terms = "".join({1: "+", -1: "-"}[n] + axis for n, axis in zip(row, "xyz", strict=True) if n)
        rows.append(terms + (f"+{round(shift * 24)}/24" if shift else ""))
    return ",".join(rows)


@pytest.mark.parametrize("name", ["Ni", "Si", "TiO2", "Quartz", "Fe3C", "NaZn13", "Corundum", "Sn", "NbC"])
def test_a_structure_written_with_its_operations_is_read_back(name: str, tmp_path: Path) -> None:
    known = load_structure(name)
    operations = [in_letters(r, t) for r, t in zip(*space_group_operations(known.space_group), strict=True)]
    atoms = "\n".join(
        f"{s.element}{i} {s.element} {s.position[0]:.6f} {s.position[1]:.6f} {s.position[2]:.6f} {s.occupancy}"
        for i, s in enumerate(known.sites)
    )
    edges = dict(zip(CUBE, known.lattice, strict=True))
    found = read_cif(cif(tmp_path / "a.cif", atoms, listed(*operations), **edges))
    assert found.space_group == known.space_group
    assert found.lattice == pytest.approx(known.lattice, abs=1e-3)
    assert sorted(found.atoms.numbers) == sorted(known.atoms.numbers)
    assert neighbours(found) == pytest.approx(neighbours(known), abs=2e-3)


def neighbours(structure: Structure) -> np.ndarray:
    """Distances of every two atoms, sorted: the same whatever the origin."""
    apart = structure.atoms.positions[:, None] - structure.atoms.positions[None]
    return np.sort(np.linalg.norm((apart - np.round(apart)) @ structure.direct_matrix, axis=2), axis=None)


# Polonium is the one element that is primitive cubic; with the centring named it is a body- or face-centred cell.
@pytest.mark.parametrize(
    ("symmetry", "group", "atoms"),
    [
        ("", 221, 1),
        ("_space_group_IT_number 225", 225, 4),
        ("_symmetry_Int_Tables_number 229", 229, 2),
        ("_symmetry_space_group_name_H-M 'F m -3 m'", 225, 4),
        ("_space_group_name_H-M_alt 'I m -3 m'", 229, 2),
        ("_symmetry_space_group_name_H-M 'F d -3 m S'", 227, 8),
        ("_symmetry_space_group_name_Hall '-F 4 2 3'", 225, 4),
        (listed("x,y,z", "x+1/2,y+1/2,z+1/2"), 229, 2),
        (listed("x, y, z", ".5+X, 0.5+Y, 1/2+Z", tag="_space_group_symop_operation_xyz"), 229, 2),
    ],
)
def test_symmetry_may_be_told_in_many_ways(symmetry: str, group: int, atoms: int, tmp_path: Path) -> None:
    structure = read_cif(cif(tmp_path / "po.cif", symmetry=symmetry))
    assert (structure.space_group, len(structure.atoms.numbers)) == (group, atoms)
    # At the origin of F d -3 m's first choice lies 8a of diamond; everything else is one point of a lattice.
    assert structure.lattice[0] == pytest.approx(4.0)


def test_atoms_beside_a_symmetry_element_are_put_on_it(tmp_path: Path) -> None:
    """Hexagonal magnesium with 0.333 and 0.667, as many files have it, has two atoms in its cell."""
    operations = [in_letters(r, t) for r, t in zip(*space_group_operations(194), strict=True)]
    hexagonal = {"a": 3.209, "b": 3.209, "c": 5.211, "gamma": 120}
    found = read_cif(cif(tmp_path / "mg.cif", "Mg1 Mg 0.333 0.667 0.25 1", listed(*operations), **hexagonal))
    assert (found.space_group, len(found.atoms.numbers)) == (194, 2)


def test_elements_displacements_and_dummies(tmp_path: Path) -> None:
    file = cif(tmp_path / "a.cif", "Fe1A Fe3+ 0 0 0 0.75\nD1 D 0.5 0.5 0.5 1.000(2)\nCg . 0.2 0.2 0.2 1")
    text = file.read_text().replace(
        "_occupancy\n", "_occupancy\n_atom_site_U_iso_or_equiv\n_atom_site_calc_flag\n"
    )
    text = (
        text.replace("0.75\n", "0.75 0.0127 d\n")
        .replace("1.000(2)\n", "1.000(2) . .\n")
        .replace("0.2 1\n", "0.2 1 . dum\n")
    )
    anisotropic = "loop_\n_atom_site_aniso_label\n" + "".join(
        f"_atom_site_aniso_U_{ij}\n" for ij in ("11", "22", "33", "12", "13", "23")
    )
    file.write_text(text + anisotropic + "D1 0.01 0.02 0.03 0 0 0\n")
    sites = {site.element: site for site in read_cif(file).sites}
    assert {e: s.occupancy for e, s in sites.items()} == {"Fe": 0.75, "H": 1.0}
    # B = 8 pi^2 U; of an anisotropic U in a cubic cell the mean of its diagonal.
    assert sites["Fe"].b_iso == pytest.approx(8 * np.pi**2 * 0.0127, abs=1e-3)
    assert sites["H"].b_iso == pytest.approx(8 * np.pi**2 * 0.02, abs=1e-3)


def test_encodings_of_windows(tmp_path: Path) -> None:
    assert read_cif(cif(tmp_path / "bom.cif", bom="\ufeff")).space_group == 221
    latin = cif(tmp_path / "latin.cif")
    latin.write_bytes(latin.read_bytes().replace(b"data_x\n", b"data_x\n_publ_author 'M\xfcller'\n"))
    assert read_cif(latin).space_group == 221


def test_of_several_blocks_the_first_with_atoms_is_taken(tmp_path: Path) -> None:
    file = cif(tmp_path / "a.cif")
    file.write_text("data_global\n_journal_name 'none'\n\n" + file.read_text())
    assert read_cif(file).space_group == 221


@pytest.mark.parametrize(
    ("operation", "plain"),
    [
        ("x,y,z", "x,y,z"),
        ("1/2 + X, -Y, .5 - z", "1/2+x,-y,.5-z"),
        ("-x+y,-x,z+2/3", "-x+y,-x,z+2/3"),
        ("x,y", None),
        ("x,y,z,x", None),
        ("x,y,2*z", None),
        ("x,y,z**9", None),
        ("x,y,z+0*(1)", None),
        ("x,y,z;", None),
        ("x,y,z\n", None),
        ("x,y,z+1e5", None),
        ("x,y,\uff5a", None),
        ("h,k,l", None),
        ("", None),
        ("x," * 5000, None),
    ],
)
def test_operations_follow_their_grammar(operation: str, plain: str | None) -> None:
    assert checked_operation(operation) == plain


@pytest.mark.parametrize("tag", ["_symmetry_equiv_pos_as_xyz", "_space_group_symop_operation_xyz"])
@pytest.mark.parametrize(
    "operation",
    [
        'x,y,z+0*(__import__("os").system("touch {canary}"))',
        'x,y,z+0*(open("{canary}","w")!=0)',
        "(lambda:0)(),y,z",
        "x,y,0*z",
        "2*x,y,z",
        "x,x,z",
        "x,y,z+[0]",
    ],
)
def test_a_cif_runs_nothing(operation: str, tag: str, tmp_path: Path) -> None:
    canary = tmp_path / "ran"
    file = cif(tmp_path / "a.cif", symmetry=listed("x,y,z", operation.format(canary=canary), tag=tag))
    with pytest.raises(InputError, match=r"a\.cif: .* is no symmetry operation"):
        read_cif(file)
    assert not canary.exists()


def test_the_parser_that_evaluates_is_not_even_imported(tmp_path: Path) -> None:
    import subprocess
    import sys

    code = (
        "import sys; from kikuchi.simulate.crystals.cif import read_cif; read_cif(sys.argv[1]); "
        "print([m for m in sys.modules if m.endswith('p_cif') or 'orix' in m or 'kikuchipy' in m])"
    )
    words = [sys.executable, "-c", code, str(cif(tmp_path / "po.cif"))]
    assert subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a": 0}, "no crystal has"),
        ({"a": "?"}, "no crystal has"),
        ({"a": 1e9}, "no crystal has"),
        ({"gamma": 180}, "no crystal has"),
        ({"gamma": 300}, "no crystal has"),
        ({"alpha": 20, "beta": 120}, "no crystal has"),
        ({"atoms": "A1 Po ? 0 0 1"}, "no crystal has"),
        ({"atoms": "A1 Po nan 0 0 1"}, "no crystal has"),
        ({"atoms": "A1 Qq 0 0 0 1"}, "unknown element 'Qq'"),
        ({"atoms": "A1 Po 0 0 0 2"}, "occupancy of Po"),
        ({"symmetry": listed(*["x,y,z"] * 193)}, "193 symmetry operations"),
        ({"symmetry": "_symmetry_space_group_name_Hall 'nonsense'"}, "not a crystal structure"),
    ],
)
def test_what_is_no_crystal_is_refused_in_one_line(change: dict, message: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_cif(cif(tmp_path / "a.cif", **change))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path))
