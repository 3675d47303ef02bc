"""Pictures for where nothing is answered: the group put first, and the sets that compete."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import Status
from kikuchi.maps.colours import class_colours, rgb_of
from kikuchi.maps.frame import about, add_words, draw_map, map_size, new_figure
from kikuchi.maps.legend import add_legend, class_entries, entry, legend_height, status_entries
from kikuchi.maps.map_data import MapData
from kikuchi.maps.pictures import LEGEND_WIDTH, map_and_legend, phase_picture
from kikuchi.maps.raster import decision_pixels, first_choice_pixels, striped_pixels
from kikuchi.maps.tally import mostly_answered, tally

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = 3.6
MOST_SETS = 9
_OTHER = "#B8A9A9"
_FIRST = (
    "Colours: the space group put first, in full colour where it is answered, else faded by confidence. Greys: "
    "unfamiliar - like nothing seen in training; unreadable - no usable pattern; mixed - two known phases overlap."
)


def opening_picture(phase_map: MapData) -> "Figure":
    """Draw the answers; where less than half is answered, the first choices beside them.

    Returns
    -------
    Figure
        The figure.
    """
    return phase_picture(phase_map) if mostly_answered(phase_map) else _both(phase_map)


def first_choice_picture(phase_map: MapData) -> "Figure":
    """Draw the group put first at every point, faded by confidence where it is no answer.

    Returns
    -------
    Figure
        The figure.
    """
    return map_and_legend(
        phase_map,
        first_choice_pixels(phase_map),
        _first_entries(phase_map),
        f"First choice · {phase_map.name}",
        f"{about(phase_map)} {_FIRST}",
    )


def candidates_picture(phase_map: MapData) -> "Figure":
    """Draw which set of groups holds the right one at every point: two groups as stripes of both colours.

    Returns
    -------
    Figure
        The figure.
    """
    d = phase_map.decision
    sets, which, counts = np.unique(d.candidates, axis=0, return_inverse=True, return_counts=True)
    which = which.ravel()
    answerable = np.flatnonzero(sets.any(axis=1))
    order = answerable[np.argsort(-counts[answerable], kind="stable")]
    shown = order[:MOST_SETS]
    code_of = np.full(len(sets), len(shown))
    code_of[shown] = np.arange(len(shown))
    paints = [_set_paint(phase_map, np.flatnonzero(sets[s])) for s in shown]
    entries = [
        entry(first, _set_label(phase_map, np.flatnonzero(sets[s])), int(counts[s]), phase_map.n, second)
        for (first, second), s in zip(paints, shown, strict=True)
    ]
    rest = order[MOST_SETS:]
    if len(rest):
        entries.append(entry(_OTHER, f"{len(rest)} other sets", int(counts[rest].sum()), phase_map.n))
    entries += status_entries(tally(phase_map), [Status.UNFAMILIAR, Status.UNREADABLE])
    return map_and_legend(
        phase_map,
        striped_pixels(phase_map, code_of[which], [*paints, (_OTHER, _OTHER)]),
        entries,
        f"Candidate sets · {phase_map.name}",
        f"{about(phase_map)} Each set of space groups of which one should be right: one group in its colour, two as "
        "stripes of both, more as their mean.",
    )


def _both(phase_map: MapData) -> "Figure":
    entries = _first_entries(phase_map) + status_entries(tally(phase_map), [Status.AMBIGUOUS])
    width, height = map_size(phase_map, PANEL)
    figure = new_figure(
        2 * (max(width, 1.5) + 0.15) + LEGEND_WIDTH, max(height + 0.5, legend_height(entries)) + 0.7
    )
    left, right = figure.subplots(1, 2)
    draw_map(left, phase_map, first_choice_pixels(phase_map))
    left.set_title("first choice, faded by confidence", fontsize=8.5)
    draw_map(right, phase_map, decision_pixels(phase_map), scale=False)
    solved = int((phase_map.decision.status == Status.SOLVED).sum())
    right.set_title(f"answered: {solved:,} of {phase_map.n:,} points", fontsize=8.5)
    add_legend(figure, entries)
    add_words(
        figure,
        f"Space groups · {phase_map.name}",
        f"{about(phase_map)} Less than half is answered. Left: {_FIRST} The legend counts first choices. Right: the "
        "answers alone, and why the other points have none.",
        beside=LEGEND_WIDTH,
    )
    return figure


def _first_entries(phase_map: MapData) -> list:
    d, counts = phase_map.decision, tally(phase_map)
    chosen = d.winner[(d.status <= Status.AMBIGUOUS) & (d.winner >= 0)]
    first = np.bincount(chosen, minlength=len(counts.classes))
    entries = class_entries(counts.classes, first, counts.n, phase_map.labels)
    return entries + status_entries(counts, [Status.UNFAMILIAR, Status.UNREADABLE, Status.MIXED])


def _set_paint(phase_map: MapData, members: NDArray[np.intp]) -> tuple[str, str]:
    colours = [class_colours(phase_map.classes)[k] for k in members]
    if len(colours) <= 2:
        return colours[0], colours[-1]
    mean = np.round(0.6 * rgb_of(colours).mean(axis=0) + 0.4 * 225).astype(int)
    paint = "#{:02x}{:02x}{:02x}".format(*mean)
    return paint, paint


def _set_label(phase_map: MapData, members: NDArray[np.intp]) -> str:
    if len(members) == 1:
        return phase_map.labels[members[0]]
    return "{" + ", ".join(phase_map.words[k] for k in members) + "}"
