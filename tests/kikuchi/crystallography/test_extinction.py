"""The table of extinction symbols says what the symmetry operations of two libraries imply."""

import itertools
import re
from functools import cache

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.crystallography.extinction import (
    diffraction,
    diffraction_hierarchy,
    extinction_table,
    same_extinction,
)
from kikuchi.simulate.crystals.symmetry import point_group_operations, space_group_operations

HKL = np.array(list(itertools.product(range(-6, 7), repeat=3)))
TOKEN = re.compile(r"\([a-d]{2}\)|[1-6][1-5]?/[a-d n]|[2-6][1-5]|[a-dn]|-|1")

CENTRING = {
    "P": lambda h, k, m: h * 0 == 1,
    "A": lambda h, k, m: (k + m) % 2 > 0,
    "C": lambda h, k, m: (h + k) % 2 > 0,
    "I": lambda h, k, m: (h + k + m) % 2 > 0,
    "F": lambda h, k, m: ((h + k) % 2 > 0) | ((k + m) % 2 > 0),
    "R": lambda h, k, m: (-h + k + m) % 3 > 0,
}
# A screw 2_1, 4_2 or 6_3 leaves every second reflection of its row, 3_1 and 6_2 every third, 4_1 every fourth.
SCREW = {"21": 2, "42": 2, "63": 2, "31": 3, "62": 3, "41": 4, "61": 6}


def glide(letter, a, b, c, axis):
    """Absent in the zone of a glide plane normal to a cell axis: a, b, c are the indices, `axis` the normal."""
    others = [x for i, x in enumerate((a, b, c)) if i != axis]
    if letter in "abc":
        return (a, b, c)["abc".index(letter)] % 2 > 0
    if letter.startswith("("):
        return glide(letter[1], a, b, c, axis) | glide(letter[2], a, b, c, axis)
    return sum(others) % {"n": 2, "d": 4}[letter] > 0


def absent_by_symbol(number):
    """Absences that the extinction symbol states, spread over the Laue class."""
    row = diffraction(number)
    centring = row.symbol[0]
    tokens = TOKEN.findall(row.symbol.replace("(obv)", "")[1:])
    h, k, m = HKL.T
    absent = np.zeros(len(HKL), bool)
    system = row.crystal_system
    for position, token in enumerate(tokens):
        for part in token.split("/"):
            if part in ("-", "1"):
                continue
            if system in ("orthorhombic", "monoclinic"):
                axis = position
                zone = HKL[:, axis] == 0
                row_only = (np.delete(HKL, axis, axis=1) == 0).all(axis=1)
                line = HKL[:, axis]
            elif position == 0:
                # Normal to c; International Tables write the cubic groups' first glide for c too.
                axis, zone, row_only, line = 2, m == 0, (h == 0) & (k == 0), m
            elif system in ("trigonal", "hexagonal"):
                # c glides only: normal to a (h -h 0 m with four indices) or to the direction between a and b.
                zone = (h == -k) if position == 1 else (h == k)
                assert part == "c"
                absent |= zone & (m % 2 > 0)
                continue
            elif position == 1:
                axis, zone, row_only, line = 0, h == 0, (k == 0) & (m == 0), h
            else:
                rule = {"c": m % 2, "n": m % 2, "d": (2 * h + m) % 4}[part]
                absent |= (h == k) & (rule > 0)
                continue
            if part in SCREW:
                absent |= row_only & (line % SCREW[part] > 0)
            else:
                absent |= zone & glide(part, h, k, m, axis)
    absent |= CENTRING[centring](h, k, m)
    return _spread(absent, number)


def _spread(absent, number):
    """Absences at every symmetry-equivalent reflection that lies in the box."""
    rotations = point_group_operations(number)
    images = (HKL @ np.concatenate([rotations, -rotations])).reshape(-1, len(HKL), 3)
    inside = np.abs(images).max(axis=2) <= 6
    index = np.where(inside, (images + 6) @ [169, 13, 1], 0)
    return (absent[index] & inside).any(axis=0)


def absent_by_operations(rotations, translations):
    """Reflections whose structure factor is its own with another phase: it is 0 (Waser 1955)."""
    itself = (HKL @ np.asarray(rotations) == HKL).all(axis=2)
    phase = np.asarray(translations) @ HKL.T
    return (itself & (np.abs(phase - np.round(phase)) > 1e-3)).any(axis=0)


@cache
def absent_by_spglib(number):
    return absent_by_operations(*space_group_operations(number))


@pytest.mark.parametrize("first", range(1, 231, 23))
def test_symbols_state_the_absences_of_spglibs_operations(first):
    for number in range(first, first + 23):
        assert np.array_equal(absent_by_symbol(number), absent_by_spglib(number)), number


def test_absences_agree_with_the_operations_of_diffpy():
    from diffpy.structure.spacegroups import GetSpaceGroup

    # Absences do not depend on the origin, on which the two libraries differ.
    for number in range(1, 231):
        operations = list(GetSpaceGroup(number).iter_symops())
        found = absent_by_operations(
            [np.rint(op.R).astype(int) for op in operations], [op.t for op in operations]
        )
        assert np.array_equal(found, absent_by_spglib(number)), number


def settings(number):
    """Changes of axes that leave the crystal system's conventions in place."""
    if 16 <= number <= 74:
        return [np.eye(3, dtype=int)[list(order)] for order in itertools.permutations(range(3))]
    if 3 <= number <= 15:
        cells = [m for m in itertools.product((-1, 0, 1), repeat=4) if abs(m[0] * m[3] - m[1] * m[2]) == 1]
        return [np.array([[a, 0, b], [0, 1, 0], [c, 0, d]]) for a, b, c, d in cells]
    return [np.eye(3, dtype=int)]


def test_classes_are_the_groups_with_equal_symmetry_and_equal_absences_up_to_axes():
    near = HKL[np.abs(HKL).max(axis=1) <= 5]
    derived = {}
    for number in range(1, 231):
        absent = set(map(tuple, HKL[absent_by_spglib(number)].tolist()))
        images = [[tuple(h) in absent for h in (near @ change).tolist()] for change in settings(number)]
        # In the trigonal system the lattice's symmetry is higher: the operations themselves tell -31m from -3m1.
        rotations = point_group_operations(number)
        laue = frozenset(tuple(r.ravel()) for r in np.concatenate([rotations, -rotations]))
        derived.setdefault((laue, tuple(min(images))), set()).add(number)
    tabulated = {}
    for number, row in extinction_table().items():
        tabulated.setdefault(row.extinction_class, set()).add(number)
    assert sorted(map(sorted, derived.values())) == sorted(map(sorted, tabulated.values()))


def test_there_are_eleven_laue_classes_and_122_extinction_classes_of_which_50_hold_one_group():
    rows = extinction_table().values()
    classes = [row.extinction_class for row in rows]
    assert len({row.crystal_system for row in rows}) == 7
    assert len({row.laue_class for row in rows}) == 11
    assert len(set(classes)) == 122
    assert sum(classes.count(name) == 1 for name in set(classes)) == 50


def test_laue_classes_are_the_point_groups_with_inversion():
    orders = {"-1": 2, "2/m": 4, "mmm": 8, "4/m": 8, "4/mmm": 16, "-3": 6, "-3m": 12}
    orders |= {"6/m": 12, "6/mmm": 24, "m-3": 24, "m-3m": 48}
    for number, row in extinction_table().items():
        rotations = point_group_operations(number)
        both = np.unique(np.concatenate([rotations, -rotations]), axis=0)
        assert len(both) == orders[row.laue_class], number


def test_the_ten_groups_of_m3m_have_ten_symbols():
    # The symbols as International Tables A, Table 1.6.4 prints them.
    expected = {221: "P---", 222: "Pn-n", 223: "P--n", 224: "Pn--", 225: "F---"}
    expected |= {226: "F--c", 227: "Fd--", 228: "Fd-c", 229: "I---", 230: "Ia-d"}
    assert {number: diffraction(number).symbol for number in expected} == expected


def test_groups_that_nobody_can_tell_apart():
    # International Tables A, 1.6.4: I222 and I2_12_12_1 by nothing, P3_1 and P3_2 as enantiomorphs, Pmn2_1 by axes.
    assert same_extinction(23) == (23, 24, 44, 71)
    assert same_extinction(144) == (144, 145)
    assert same_extinction(31) == (31, 59)
    assert same_extinction(61) == (61,)


def test_tree_over_the_papers_groups_is_cubic_down_to_the_extinction_class():
    tree = diffraction_hierarchy((221, 223, 225, 227, 229, 230))
    assert tree.nodes[0] == ("cubic",)
    assert tree.nodes[1] == ("m-3m",)
    assert len(tree.nodes[2]) == 6


def test_a_group_that_does_not_exist_is_refused():
    with pytest.raises(InputError, match="231"):
        diffraction(231)
