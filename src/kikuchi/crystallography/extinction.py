"""Levels that diffraction distinguishes: crystal system, Laue class, extinction class, and only then the space group.

A Kikuchi pattern shows the symmetry of the Laue class (Friedel's law holds in kinematical diffraction, and deviations
from it are weak in dynamical patterns) and which reflections are systematically absent. Space groups that share both
are one *extinction class*: no pattern decides between 207, 215 and 221. There are 122 classes for 230 groups, and 50
of them hold a single group.

The table beside this file, ``extinction.csv``, gives for each space group in its standard setting the Laue class and
the extinction symbol of International Tables for Crystallography, Vol. A, Table 1.6.4 (2016; Table 3.1.4.1 in the
fifth edition, 2002): letters and screws where reflections are absent, a dash where none are. In the Laue class -3m
with a primitive lattice the symmetry's orientation to the lattice shows, hence -31m and -3m1. The column ``class`` is
the symbol of the last space group of the class, in which axes are named anew: P-n- (31) is P--n (59) with other axes.
The tests derive every absence from the symmetry operations of two libraries and compare.
"""

import csv
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from ensemble.errors import InputError
from ensemble.hierarchy import Hierarchy

LEVELS = ("crystal_system", "laue_class", "extinction_class", "space_group")
"""From what the eye sees first to what only a structure analysis can say."""

_LAST_OF_SYSTEM = {
    2: "triclinic",
    15: "monoclinic",
    74: "orthorhombic",
    142: "tetragonal",
    167: "trigonal",
    194: "hexagonal",
    230: "cubic",
}


class Diffraction(NamedTuple):
    """Crystal system, Laue class and extinction class of a space group.

    Attributes
    ----------
    crystal_system
        One of seven, as ``"cubic"``.
    laue_class
        One of eleven, as ``"m-3m"``.
    extinction_class
        One of 122: Laue symmetry and symbol, as ``"m-3m F---"``; ``"-31m P--c"`` names the orientation too.
    symbol
        Extinction symbol in the group's own standard setting, as ``"F---"``.
    """

    crystal_system: str
    laue_class: str
    extinction_class: str
    symbol: str


@lru_cache(maxsize=1)
def extinction_table() -> dict[int, Diffraction]:
    """Return what diffraction shows of every space group, by number, 1 to 230.

    Examples
    --------
    >>> len({row.extinction_class for row in extinction_table().values()})
    122
    """
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return {int(row["space_group"]): _read(row) for row in csv.DictReader(file)}


def _read(row: dict[str, str]) -> Diffraction:
    number, oriented = int(row["space_group"]), row["laue"]
    system = next(name for last, name in _LAST_OF_SYSTEM.items() if number <= last)
    laue = "-3m" if oriented in ("-31m", "-3m1") else oriented
    return Diffraction(system, laue, f"{oriented} {row['class']}", row["symbol"])


def diffraction(space_group: int) -> Diffraction:
    """Return what diffraction shows of one space group.

    Raises
    ------
    InputError
        If there is no such group.

    Examples
    --------
    >>> diffraction(225)
    Diffraction(crystal_system='cubic', laue_class='m-3m', extinction_class='m-3m F---', symbol='F---')
    """
    try:
        return extinction_table()[space_group]
    except KeyError:
        raise InputError(
            f"space group {space_group!r} does not exist", remedy="use a number from 1 to 230"
        ) from None


def same_extinction(space_group: int) -> tuple[int, ...]:
    """Return all space groups that no diffraction pattern of this kind distinguishes from one, itself included.

    Examples
    --------
    >>> same_extinction(221), same_extinction(222)
    ((207, 215, 221), (222,))
    """
    wanted = diffraction(space_group).extinction_class
    return tuple(n for n, row in extinction_table().items() if row.extinction_class == wanted)


def diffraction_hierarchy(classes: Sequence[int]) -> Hierarchy:
    """Return the tree over given space groups: crystal system, Laue class, extinction class, space group.

    Parameters
    ----------
    classes
        Space groups, in the order of the probabilities' columns.

    Examples
    --------
    >>> tree = diffraction_hierarchy((221, 225, 194))
    >>> tree.nodes[1]
    ('m-3m', '6/mmm')
    """
    rows = [diffraction(number) for number in classes]
    labels = [row[:3] for row in rows]
    return Hierarchy.from_paths(
        LEVELS, [(*path, str(number)) for path, number in zip(labels, classes, strict=True)]
    )
