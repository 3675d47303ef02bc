"""Two maps of one scan, and where they differ."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi.crystallography.vendor_codes import symbol
from kikuchi.maps.colours import FLAT_TONES, NO_PATTERN_COLOUR, SPACE_GROUP_COLOURS, rgb_of
from kikuchi.maps.frame import add_words, new_figure
from kikuchi.maps.legend import add_legend, entry, legend_height
from kikuchi.maps.point_table import PointTable

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DIFFERENCES = (
    ("both answer and agree", "#D9D9D9"),
    ("both answer and differ", "#AA3377"),
    ("only the first answers", "#56B4E9"),
    ("only the second answers", "#009E73"),
    ("neither answers", "#FFFFFF"),
)
LEGEND_WIDTH = 2.7
_PANEL = 3.4


def differences(first: PointTable, second: PointTable) -> NDArray[np.int8]:
    """Say for every point which of `DIFFERENCES` holds, shape (N,).

    Examples
    --------
    A truth has no reason not to answer: where it has no crystal, it does not answer.
    """
    one, other = (np.where(record.status == 0, record.answer, 0) for record in (first, second))
    code = np.full(len(one), 4, np.int8)
    code[(one > 0) & (other == 0)] = 2
    code[(one == 0) & (other > 0)] = 3
    both = (one > 0) & (other > 0)
    code[both] = np.where(one[both] == other[both], 0, 1)
    return code


def comparison_picture(first: PointTable, second: PointTable) -> "Figure":
    """Draw both maps and where they differ, side by side; both must have rows and columns."""
    if first.place is None:
        raise ValueError("points without rows and columns have no picture")
    row, col = first.place.T
    shape = (int(row.max()) + 1, int(col.max()) + 1)
    code = differences(first, second)
    n = len(code)
    groups, counts = np.unique(
        np.concatenate([t.answer[(t.status == 0) & (t.answer > 0)] for t in (first, second)]),
        return_counts=True,
    )
    entries = [
        entry(SPACE_GROUP_COLOURS[int(g)], f"{g} {symbol(int(g))}", int(c), 2 * n)
        for g, c in sorted(zip(groups, counts, strict=True), key=lambda pair: -pair[1])
    ]
    for status in (Status.AMBIGUOUS, Status.MIXED, Status.UNFAMILIAR, Status.UNREADABLE):
        found = sum(int((t.status == status).sum()) for t in (first, second))
        if found:
            entries.append(entry(FLAT_TONES[status], STATUS_NAMES[status], found, 2 * n))
    for which, (name, colour) in enumerate(DIFFERENCES):
        if (code == which).any():
            entries.append(entry(colour, name, int((code == which).sum()), n))
    ratio = float(np.clip(shape[0] / shape[1], 0.2, 5.0))
    width = _PANEL if ratio < 1 else _PANEL / ratio
    figure = new_figure(
        3 * (max(width, 1.5) + 0.15) + LEGEND_WIDTH, max(width * ratio + 0.5, legend_height(entries)) + 0.7
    )
    paints = rgb_of([colour for _, colour in DIFFERENCES])
    pictures = (_painted(first), _painted(second), paints[code])
    names = (first.name, second.name, "where they differ")
    for axes, colours, name in zip(figure.subplots(1, 3), pictures, names, strict=True):
        image = np.full((*shape, 3), rgb_of(NO_PATTERN_COLOUR), np.uint8)
        image[row, col] = colours
        axes.imshow(image, interpolation="nearest")
        axes.set(xticks=[], yticks=[])
        axes.set_title(name if len(name) <= 40 else f"{name[:39]}…", fontsize=8.5)
    add_legend(figure, entries)
    add_words(
        figure,
        "Compared point by point",
        f"{n:,} common points. Left and middle: the answers in the colours of their space groups, greys for the "
        "reasons not to answer. Right: where they differ. Shares of groups and reasons are of both maps together.",
        beside=LEGEND_WIDTH,
    )
    return figure


def _painted(record: PointTable) -> NDArray[np.uint8]:
    groups = rgb_of([SPACE_GROUP_COLOURS[g] for g in range(1, 231)])
    painted = rgb_of(FLAT_TONES)[record.status]
    solved = (record.status == 0) & (record.answer > 0)
    painted[solved] = groups[record.answer[solved].astype(int) - 1]
    return painted
