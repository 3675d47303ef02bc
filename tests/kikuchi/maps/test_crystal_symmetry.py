import pytest
from orix.quaternion.symmetry import get_point_group

from kikuchi.maps.crystal_symmetry import ctf_laue_code, edax_symmetry_code, phase_name, symbol, unit_cell

# The order of Laue classes in Channel text files, and EDAX's names of them (OIM Analysis).
LAUE = {
    "-1": (1, "1"),
    "2/m": (2, "20"),
    "mmm": (3, "22"),
    "4/m": (4, "4"),
    "4/mmm": (5, "42"),
    "-3": (6, "3"),
    "-3m": (7, "32"),
    "6/m": (8, "6"),
    "6/mmm": (9, "62"),
    "m-3": (10, "23"),
    "m-3m": (11, "43"),
}


def test_laue_codes_of_all_groups_agree_with_orix():
    for space_group in range(1, 231):
        laue = get_point_group(space_group).laue.name
        assert (ctf_laue_code(space_group), edax_symmetry_code(space_group)) == LAUE[laue], space_group


@pytest.mark.parametrize(
    ("space_group", "expected"),
    [
        (62, "Pnma"),
        (194, "P63/mmc"),
        (221, "Pm-3m"),
        (225, "Fm-3m"),
        (227, "Fd-3m"),
        (229, "Im-3m"),
        (230, "Ia-3d"),
    ],
)
def test_symbols_are_those_of_the_international_tables(space_group, expected):
    assert symbol(space_group) == expected


def test_names_of_all_phases_differ():
    assert len({phase_name(g) for g in range(1, 231)}) == 230


def test_gamma_is_120_for_trigonal_and_hexagonal_groups_only():
    assert [g for g in range(1, 231) if unit_cell(g)[5] == 120] == list(range(143, 195))
