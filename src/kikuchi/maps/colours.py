"""One fixed colour per space group, greys for the reasons not to answer, and maps for numbers.

A space group has the same colour in every map of every ensemble. Any two of the ten groups of m-3m differ by at
least 12 in CIEDE2000, any two of all 230 by at least 2, and a group from any grey of a reason by at least 8: to
normal eyes and under protanopia and deuteranopia alike (`kikuchi.maps.colour_vision`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention import Status
from kikuchi.maps.colour_table import SPACE_GROUP_COLOURS

__all__ = [
    "ENTROPY_COLOURS",
    "FLAT_TONES",
    "NO_PATTERN_COLOUR",
    "SPACE_GROUP_COLOURS",
    "STATUS_TONES",
    "Tone",
    "class_colours",
    "rgb_of",
]

NO_PATTERN_COLOUR = "#FFFFFF"
ENTROPY_COLOURS = "viridis"
CONFIDENCE_COLOURS = "cividis"
DISAGREEMENT_COLOURS = "magma"


@dataclass(frozen=True)
class Tone:
    r"""Paint of the points of one status: a colour, and stripes where colour alone is not enough.

    Attributes
    ----------
    colour
        Ground, ``"#RRGGBB"``.
    stripes
        Colour of the stripes; the ground's where there are none.
    slope
        Direction of the stripes: ``"/"``, ``"\\"`` or ``""`` for none.
    """

    colour: str
    stripes: str
    slope: Literal["/", "\\", ""]


STATUS_TONES: dict[Status, Tone] = {
    Status.SOLVED: Tone("#56B4E9", "#56B4E9", ""),
    Status.AMBIGUOUS: Tone("#D9D9D9", "#737373", "/"),
    Status.UNFAMILIAR: Tone("#8C8C8C", "#F2F2F2", "\\"),
    Status.UNREADABLE: Tone("#262626", "#262626", ""),
    # The ground of what is ambiguous, since candidates are known here too; no other grey is free.
    Status.MIXED: Tone("#D9D9D9", "#262626", "\\"),
}
"""Paint of each status; where a map shows space groups, `Status.SOLVED` takes the group's colour."""

FLAT_TONES: tuple[str, ...] = tuple(
    "#5E5E5E" if status == Status.MIXED else STATUS_TONES[status].colour for status in Status
)
"""Colours of the statuses where no stripes are drawn."""


def class_colours(classes: Sequence[int]) -> tuple[str, ...]:
    """Return a colour for every class: its space group's, or one of m-3m's that is free where another class has that.

    Examples
    --------
    >>> len(set(class_colours((225, 225, 229))))
    3
    """
    taken: list[str] = []
    spare = [SPACE_GROUP_COLOURS[g] for g in range(221, 231)]
    reserved = {SPACE_GROUP_COLOURS[g] for g in classes}
    for group in classes:
        colour = SPACE_GROUP_COLOURS[group]
        if colour in taken:
            colour = next((c for c in spare if c not in taken and c not in reserved), colour)
        taken.append(colour)
    return tuple(taken)


def rgb_of(colours: ArrayLike) -> NDArray[np.uint8]:
    """Return ``"#RRGGBB"`` strings as bytes.

    Parameters
    ----------
    colours
        Strings, any shape (...).

    Returns
    -------
    numpy.ndarray
        Red, green and blue in 0-255, shape (..., 3).

    Examples
    --------
    >>> rgb_of(["#0072B2", "#FFFFFF"]).tolist()
    [[0, 114, 178], [255, 255, 255]]
    """
    names = np.asarray(colours, dtype=str)
    flat = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in names.ravel()]
    return np.array(flat, dtype=np.uint8).reshape(*names.shape, 3)
