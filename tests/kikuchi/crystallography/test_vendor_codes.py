import pytest
import spglib

from kikuchi.crystallography.vendor_codes import (
    ctf_laue_code,
    edax_symmetry_code,
    phase_name,
    symbol,
    unit_cell,
)

# Point groups of each Laue class (International Tables A), in the order in which Channel text files number the
# classes, with EDAX's name of the class (OIM Analysis).
LAUE_CLASSES = [
    ("1 -1", "1"),
    ("2 m 2/m", "20"),
    ("222 mm2 mmm", "22"),
    ("4 -4 4/m", "4"),
    ("422 4mm -42m -4m2 4/mmm", "42"),
    ("3 -3", "3"),
    ("32 3m -3m", "32"),
    ("6 -6 6/m", "6"),
    ("622 6mm -6m2 -62m 6/mmm", "62"),
    ("23 m-3", "23"),
    ("432 -43m m-3m", "43"),
]


def test_laue_codes_of_all_groups_agree_with_spglib():
    codes = {
        point_group: (position, edax)
        for position, (point_groups, edax) in enumerate(LAUE_CLASSES, start=1)
        for point_group in point_groups.split()
    }
    types = [t for hall in range(1, 531) if (t := spglib.get_spacegroup_type(hall)) is not None]
    for t in types:
        assert (ctf_laue_code(t.number), edax_symmetry_code(t.number)) == codes[t.pointgroup_international], t
    assert {t.number for t in types} == set(range(1, 231))


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
