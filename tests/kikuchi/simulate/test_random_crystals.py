"""Random crystals have the group they are drawn for, and are crystals."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.random_crystals import CONTACT, closest_contact, random_crystal
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.crystals.symmetry import orbit
from kikuchi.simulate.crystals.wyckoff import snap_to_special

M3M = tuple(range(221, 231))
OTHERS = (1, 2, 4, 9, 14, 15, 19, 36, 43, 62, 70, 82, 88, 96, 122, 141, 144, 148, 152, 161, 167, 173, 186, 194, 198,
          205, 216, 220)  # fmt: skip


def _spglib_number(crystal: Structure) -> int:
    """Ask spglib about atoms told apart by element and occupancy, without the package's own bookkeeping."""
    import spglib

    atoms = crystal.atoms
    kinds = [int(1000 * z + round(500 * o)) for z, o in zip(atoms.numbers, atoms.occupancies, strict=True)]
    cell = (crystal.direct_matrix.tolist(), atoms.positions.tolist(), kinds)
    dataset = spglib.get_symmetry_dataset(cell, symprec=0.01)
    assert dataset is not None
    return dataset.number


@pytest.mark.parametrize("space_group", M3M + OTHERS)
def test_spglib_finds_exactly_the_group_asked_for(space_group: int) -> None:
    crystal = random_crystal(space_group, np.random.default_rng([7, space_group]))
    assert _spglib_number(crystal) == space_group == crystal.space_group
    assert 1 <= len(crystal.sites) <= 4


@pytest.mark.parametrize("space_group", [221, 227, 62, 2])
def test_no_two_atoms_are_closer_than_their_radii_allow(space_group: int) -> None:
    radii = {"Ni": 1.24, "Al": 1.21}  # two of the table, by hand
    for seed in range(5):
        crystal = random_crystal(space_group, np.random.default_rng([seed, space_group]))
        assert CONTACT[0] - 0.01 <= closest_contact(crystal) <= CONTACT[1] + 0.01
    ni3al = load_structure("Ni3Al")
    assert closest_contact(ni3al) == pytest.approx(3.57 / np.sqrt(2) / (radii["Ni"] + radii["Ni"]), rel=1e-3)


def test_the_same_state_gives_the_same_crystal_and_another_another() -> None:
    crystals = [random_crystal(230, np.random.default_rng(seed)) for seed in (3, 3, 4)]
    assert crystals[0] == crystals[1] != crystals[2]


def test_crystals_of_a_group_differ_in_cell_sites_and_elements() -> None:
    crystals = [random_crystal(225, np.random.default_rng(seed)) for seed in range(8)]
    assert len({crystal.lattice[0] for crystal in crystals}) == 8
    assert len({len(crystal.sites) for crystal in crystals}) > 1
    assert len({crystal.name for crystal in crystals}) > 5


@pytest.mark.parametrize("space_group", [225, 227, 230, 194, 62])
def test_snapped_points_are_special_and_points_left_alone_general(space_group: int) -> None:
    matrix = load_structure({194: "Mg", 62: "Fe3C"}.get(space_group, "Ni")).direct_matrix
    general = len(orbit(np.array([0.0812, 0.1931, 0.3377]), space_group))
    rng = np.random.default_rng(0)
    for _ in range(10):
        point = rng.random(3)
        snapped = snap_to_special(point, space_group, matrix, reach=10.0)
        assert len(orbit(snapped, space_group)) < general
        assert np.allclose(snap_to_special(point, space_group, matrix, reach=0.0), point)


@pytest.mark.parametrize("space_group", [221, 229, 230])
def test_no_position_is_occupied_twice(space_group: int) -> None:
    for seed in range(10):
        positions = random_crystal(space_group, np.random.default_rng([seed, space_group])).atoms.positions
        apart = positions[:, None] - positions[None]
        same = np.abs(apart - np.round(apart)).max(axis=2) < 1e-3
        assert same.sum() == len(positions)


def test_requests_that_no_crystal_meets_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kikuchi.simulate.crystals.random_crystals._ATTEMPTS", 20)
    with pytest.raises(InputError, match="does not exist"):
        random_crystal(231, np.random.default_rng(0))
    with pytest.raises(InputError, match="no crystal of space group 228 has 3 atoms or fewer"):
        random_crystal(228, np.random.default_rng(0), max_atoms=3)
