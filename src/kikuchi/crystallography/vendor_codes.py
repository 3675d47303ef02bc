"""Space groups in file headers: symbol, its Laue class in each vendor's code, its cell."""

from bisect import bisect_left
from functools import cache

# Last space group of each Laue class, with its code in .ctf files (the position, from 1) and in .ang files.
_LAST_SPACE_GROUP = (2, 15, 74, 88, 142, 148, 167, 176, 194, 206, 230)
_EDAX_CODES = ("1", "20", "22", "4", "42", "3", "32", "6", "62", "23", "43")


def ctf_laue_code(space_group: int) -> int:
    """Return the Laue class as Channel text files number it.

    Examples
    --------
    >>> ctf_laue_code(225), ctf_laue_code(194), ctf_laue_code(2)
    (11, 9, 1)
    """
    return bisect_left(_LAST_SPACE_GROUP, space_group) + 1


def edax_symmetry_code(space_group: int) -> str:
    """Return the Laue class as EDAX's .ang files name it.

    Examples
    --------
    >>> edax_symmetry_code(225), edax_symmetry_code(194)
    ('43', '62')
    """
    return _EDAX_CODES[ctf_laue_code(space_group) - 1]


def unit_cell(space_group: int) -> tuple[float, float, float, float, float, float]:
    """Return a cell of unit edges with the angles of the crystal family, since no lattice is measured here.

    Returns
    -------
    tuple
        a, b, c and alpha, beta, gamma in degrees; gamma is 120 for trigonal and hexagonal groups.
    """
    return (1.0, 1.0, 1.0, 90.0, 90.0, 120.0 if 143 <= space_group <= 194 else 90.0)


@cache
def symbol(space_group: int) -> str:
    """Return the short Hermann-Mauguin symbol.

    Examples
    --------
    >>> symbol(225)
    'Fm-3m'
    """
    import gemmi

    return str(gemmi.SpaceGroup(space_group).short_name())


def phase_name(space_group: int) -> str:
    """Return a name that is unique among phases, since .ang headers know no more than the Laue class.

    Examples
    --------
    >>> phase_name(225)
    'SG225 Fm-3m'
    """
    return f"SG{space_group} {symbol(space_group)}"
