"""Structure files hold the crystals they claim to hold."""

from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structure_files import PAPER_MATERIALS, load_structure, structure_names
from kikuchi.simulate.crystals.structures import detected_space_group, structure_from_dict

# Kaufmann et al., Sci. Rep. 11, 8172 (2021), table 1.
PAPER_GROUPS = {
    221: ("FeAl", "NiAl", "Ni3Al", "Fe3Ni"),
    223: ("Cr3Si", "Mo3Si"),
    225: ("Ni", "Al", "NbC", "TaC", "TiC"),
    227: ("Si", "Ge"),
    229: ("W", "Ta", "Fe"),
    230: ("Al4CoNi2", "Al4Ni3"),
}

NICKEL = {
    "name": "Ni",
    "space_group": 225,
    "lattice": 3.52,
    "site": [{"element": "Ni", "position": [0, 0, 0]}],
}


def test_the_eighteen_materials_have_the_groups_of_the_paper() -> None:
    expected = {name: group for group, names in PAPER_GROUPS.items() for name in names}
    assert {name: load_structure(name).space_group for name in PAPER_MATERIALS} == expected
    assert len(PAPER_MATERIALS) == 18


@pytest.mark.parametrize("name", structure_names())
def test_spglib_finds_the_stated_group(name: str) -> None:
    structure = load_structure(name)
    assert detected_space_group(structure) == structure.space_group
    assert structure.source


@pytest.mark.parametrize(
    ("name", "density"),
    # Handbook densities at room temperature, g/cm3 (CRC Handbook of Chemistry and Physics, 97th ed.).
    [("Ni", 8.90), ("Al", 2.70), ("Si", 2.33), ("W", 19.3), ("Fe", 7.87), ("TiC", 4.93), ("Mg", 1.74),
     ("GaAs", 5.32), ("TiO2", 4.23), ("Quartz", 2.65), ("Fe3C", 7.69), ("Cu2O", 6.0), ("Corundum", 3.99)],
)  # fmt: skip
def test_contents_of_the_cell_give_the_known_density(name: str, density: float) -> None:
    weights = {
        5: 10.81, 6: 12.011, 8: 15.999, 12: 24.305, 13: 26.982, 14: 28.085, 22: 47.867, 26: 55.845,
        28: 58.693, 29: 63.546, 31: 69.723, 33: 74.922, 74: 183.84,
    }  # fmt: skip
    structure = load_structure(name)
    atoms = structure.atoms
    mass = sum(weights[int(n)] * o for n, o in zip(atoms.numbers, atoms.occupancies, strict=True))
    assert mass / structure.volume * 1.66054 == pytest.approx(density, rel=0.02)


def test_vacancies_of_al4ni3_leave_seven_eighths_of_the_b2_sites() -> None:
    atoms = load_structure("Al4Ni3").atoms
    assert [(atoms.numbers == z).sum() for z in (13, 28)] == [64, 48]
    tenth = np.round(atoms.positions * 8)
    assert np.allclose(atoms.positions * 8, tenth)  # every atom on a site of the B2 superlattice


@pytest.mark.parametrize("name", ["Si", "Cr3Si", "Cu2O", "NaZn13", "TiO2", "Sn"])
def test_orix_and_diffpy_expand_to_the_same_cell(name: str) -> None:
    structure = load_structure(name)
    theirs = structure.to_phase().expand_asymmetric_unit().structure
    ours = structure.atoms
    assert len(theirs) == len(ours.numbers)
    fractional = np.array([atom.xyz_cartn for atom in theirs]) @ np.linalg.inv(structure.direct_matrix)
    matrix = structure.direct_matrix
    assert np.allclose(_nearest(fractional, matrix), _nearest(ours.positions, matrix), atol=0.01)


def _nearest(positions: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    """Each atom's distance to its nearest neighbour, sorted, whatever the origin and the order of the atoms."""
    apart = positions[:, None] - positions[None]
    distances = np.linalg.norm((apart - np.round(apart)) @ matrix, axis=2)
    return np.sort((distances + 1e3 * np.eye(len(positions))).min(axis=1))


def test_a_users_own_file_loads(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(
        'name = "mine"\nspace_group = 194\nlattice = [3.2, 3.2, 5.2, 90, 90, 120]\n'
        '[[site]]\nelement = "Mg"\nposition = [0.3333333333, 0.6666666667, 0.25]\n'
    )
    assert len(load_structure(file).atoms.numbers) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"lattice": [3.5, 3.5, 3.6, 90, 90, 90]}, "does not have the symmetry of group 225"),
        ({"lattice": [1, 1, 1, 60, 60, 170]}, "make no cell"),
        ({"lattice": -3.5}, "must be positive"),
        ({"lattice": [3.5, 3.5]}, "not a sound structure"),
        ({"site": []}, "no sites"),
        ({"site": [{"element": "Xx", "position": [0, 0, 0]}]}, "unknown element 'Xx'"),
        ({"site": [{"element": "Ni", "position": [0, 0]}]}, "not a sound structure"),
        ({"site": [{"element": "Ni", "position": [0, 0, 0], "occupancy": 1.5}]}, "occupancy"),
        ({"site": [{"position": [0, 0, 0]}]}, "no 'element'"),
        ({"space_group": 300}, "does not exist"),
    ],
)
def test_unsound_structures_are_refused(change: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        structure_from_dict({**NICKEL, **change}, path="mine.toml")


def test_unknown_names_and_broken_files_are_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no structure is called 'Unobtainium'.*Ni3Al"):
        load_structure("Unobtainium")
    with pytest.raises(InputError, match=r"absent.toml: no such structure file"):
        load_structure(tmp_path / "absent.toml")
    broken = tmp_path / "broken.toml"
    broken.write_text("lattice = [")
    with pytest.raises(InputError, match=r"broken.toml: is not valid TOML"):
        load_structure(broken)
