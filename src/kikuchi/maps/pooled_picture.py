"""The map of single points beside the map of whole grains."""

from typing import TYPE_CHECKING

import numpy as np

from ensemble.abstention import Status
from kikuchi.maps.frame import about, add_words, draw_map, map_size, new_figure
from kikuchi.maps.legend import add_legend, class_entries, legend_height, status_entries
from kikuchi.maps.map_data import MapData
from kikuchi.maps.raster import decision_pixels
from kikuchi.maps.tally import tally

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = 3.6
LEGEND_WIDTH = 2.7


def pooled_picture(alone: MapData, together: MapData) -> "Figure":
    """Draw both maps with one legend, that of the points by themselves.

    Parameters
    ----------
    alone
        Every point by itself: the decisions.
    together
        The same points as their grains answer.
    """
    counts = tally(alone)
    entries = class_entries(counts.classes, counts.solved_counts, counts.n, alone.labels)
    entries += status_entries(counts, [s for s in Status if s != Status.SOLVED])
    width, height = map_size(alone, PANEL)
    figure = new_figure(
        2 * (max(width, 1.5) + 0.15) + LEGEND_WIDTH, max(height + 0.5, legend_height(entries)) + 0.7
    )
    for axes, drawn, title in zip(
        figure.subplots(1, 2),
        (alone, together),
        ("each point by itself", "the points of a grain together"),
        strict=True,
    ):
        draw_map(axes, drawn, decision_pixels(drawn), scale=drawn is alone)
        answered = np.mean(drawn.decision.status == Status.SOLVED)
        axes.set_title(f"{title}, {100 * answered:.1f} % answered", fontsize=8.5)
    add_legend(figure, entries)
    add_words(
        figure,
        f"Space groups, alone and by grain · {alone.name}",
        f"{about(alone)} Left: the decisions, with the legend's counts. Right: probabilities pooled over connected "
        "points that see one crystal. The pooled map stands beside the decisions and changes none of them.",
        beside=LEGEND_WIDTH,
    )
    return figure
