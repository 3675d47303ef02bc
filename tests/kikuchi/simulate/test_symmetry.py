"""Space-group operations are those of the International Tables."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.symmetry import (
    is_centrosymmetric,
    orbit,
    origin_shift,
    point_group_operations,
    space_group_operations,
)

# Order of the general position from the International Tables, volume A.
GENERAL_MULTIPLICITY = {
    1: 1,
    2: 2,
    14: 4,
    62: 8,
    141: 32,
    167: 36,
    194: 24,
    216: 96,
    221: 48,
    227: 192,
    230: 96,
}


@pytest.mark.parametrize(("space_group", "multiplicity"), GENERAL_MULTIPLICITY.items())
def test_general_position_has_the_tabulated_multiplicity(space_group: int, multiplicity: int) -> None:
    assert len(space_group_operations(space_group)[0]) == multiplicity
    assert len(orbit(np.array([0.0812, 0.1931, 0.3377]), space_group)) == multiplicity


@pytest.mark.parametrize(
    ("space_group", "position", "multiplicity"),
    [
        (221, (0.5, 0.5, 0.5), 1),  # 1b
        (227, (1 / 8, 1 / 8, 1 / 8), 8),  # 8a, origin choice 2
        (227, (0, 0, 0), 16),  # 16c
        (223, (0.25, 0, 0.5), 6),  # 6c
        (230, (1 / 8, 1 / 8, 1 / 8), 16),  # 16b
        (230, (1 / 8, 3 / 8, -1 / 8), 48),  # 48g
        (194, (1 / 3, 2 / 3, 0.25), 2),  # 2c
    ],
)
def test_special_positions_have_the_tabulated_multiplicity(
    space_group: int, position: tuple[float, float, float], multiplicity: int
) -> None:
    assert len(orbit(np.array(position), space_group)) == multiplicity


def test_an_orbit_is_closed_under_its_group() -> None:
    positions = orbit(np.array([0.1, 0.2, 0.3]), 62)
    rotations, translations = space_group_operations(62)
    images = (np.einsum("gij,nj->gni", rotations, positions) + translations[:, None]).reshape(-1, 3)
    apart = images[:, None] - positions[None]
    assert np.abs(apart - np.round(apart)).max(axis=2).min(axis=1).max() < 1e-9


def test_ninety_two_groups_have_an_inversion_centre() -> None:
    # 11 Laue classes; the count of centrosymmetric space groups is in International Tables A, table 10.1.2.
    assert sum(is_centrosymmetric(space_group) for space_group in range(1, 231)) == 92


def test_point_groups_have_their_order() -> None:
    assert [len(point_group_operations(n)) for n in (1, 2, 16, 75, 143, 195, 221)] == [1, 2, 4, 4, 3, 12, 48]


def test_origin_choices_of_diamond_are_an_eighth_apart() -> None:
    from diffpy.structure.spacegroups import GetSpaceGroup

    operations = list(GetSpaceGroup(227).iter_symops())
    shift = origin_shift(227, np.array([op.R for op in operations]), np.array([op.t for op in operations]))
    # Silicon sits at (1/8, 1/8, 1/8) here and at the origin in diffpy's choice.
    assert np.allclose((np.array([1 / 8] * 3) + shift) % 0.25, 0)


@pytest.mark.parametrize("space_group", [0, 231])
def test_a_group_that_does_not_exist_is_refused(space_group: int) -> None:
    with pytest.raises(InputError, match="does not exist"):
        space_group_operations(space_group)
