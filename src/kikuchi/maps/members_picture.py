"""Answers of each member, side by side, and where they differ (Fig. 5 of the paper)."""

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from kikuchi.maps.colours import DISAGREEMENT_COLOURS
from kikuchi.maps.frame import about, add_words, draw_map, map_size, new_figure
from kikuchi.maps.legend import add_legend, class_entries, legend_height
from kikuchi.maps.map_data import MapData
from kikuchi.maps.raster import class_pixels, pixels
from kikuchi.maps.tally import tally

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PANEL = 2.9
LEGEND_WIDTH = 2.9


def outvoted_share(votes: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return the share of members that do not say what most say.

    Parameters
    ----------
    votes
        Class index each member puts first, shape (M, N); -1 where it did not answer.

    Returns
    -------
    numpy.ndarray
        Shape (N,), in [0, 1 - 1/M]; NaN where no member answered.

    Examples
    --------
    >>> outvoted_share(np.array([[0, 0], [0, 1], [0, 1], [0, 2]])).tolist()
    [0.0, 0.5]
    """
    voting = (votes >= 0).sum(axis=0)
    most = np.zeros(votes.shape[1], dtype=int)
    for k in range(int(votes.max(initial=-1)) + 1):
        most = np.maximum(most, (votes == k).sum(axis=0))
    with np.errstate(invalid="ignore"):
        return np.where(voting > 0, 1.0 - most / voting, np.nan)


def members_picture(phase_map: MapData) -> "Figure":
    """Draw the map of every member, and the share of members outvoted at every point.

    Returns
    -------
    Figure
        The figure.
    """
    d, m = phase_map.decision, len(phase_map.members)
    counts = tally(phase_map)
    panels = m + 1
    width, height = map_size(phase_map, PANEL)
    across = panels if panels <= 3 else round(math.sqrt(panels * 1.6 * (height + 0.4) / width))
    across = min(panels, max(1, across))
    down = math.ceil(panels / across)
    entries = class_entries(
        phase_map.classes, counts.member_counts.sum(axis=0), m * counts.n, phase_map.labels
    )
    figure = new_figure(
        across * (max(width, 1.3) + 0.15) + LEGEND_WIDTH,
        max(down * (max(height, 0.5) + 0.6), legend_height(entries)) + 0.7,
    )
    axes = figure.subplots(down, across, squeeze=False).ravel()
    letters = int(max(width, 1.3) * 11)
    for i in range(m):
        draw_map(axes[i], phase_map, class_pixels(phase_map, d.votes[i]), scale=i == 0)
        axes[i].set_title(
            _panel_title(phase_map.members[i], phase_map.member_kinds[i], letters), fontsize=8.5
        )
    share = pixels(phase_map, outvoted_share(d.votes).astype(np.float32), np.float32(np.nan))
    highest = max(0.5, 1.0 - 1.0 / m)
    drawn = draw_map(
        axes[m], phase_map, share, scale=False, cmap=DISAGREEMENT_COLOURS, vmin=0.0, vmax=highest
    )
    axes[m].set_title("share of members outvoted", fontsize=8.5)
    # Inside the panel's own cell, so that the panels stay of one size.
    bar = figure.colorbar(drawn, cax=axes[m].inset_axes((0.0, -0.1, 1.0, 0.05)), orientation="horizontal")
    bar.ax.tick_params(labelsize=7.5)
    for left_over in axes[panels:]:
        left_over.remove()
    add_legend(figure, entries)
    agree = np.mean((d.votes == d.votes[0]).all(axis=0) & (d.votes[0] >= 0))
    add_words(
        figure,
        f"What each member says · {phase_map.name}",
        f"{about(phase_map)} Every pattern in the colour of the space group a member puts first, whether the ensemble "
        f"answers or not; legend: all members together. All members agree on {100 * agree:.1f} % of the patterns.",
        beside=LEGEND_WIDTH,
    )
    return figure


def _panel_title(name: str, kind: str, length: int) -> str:
    """Return name and kind, the name shortened in the middle, since members differ at the end."""
    ending = "" if kind in name else f" ({kind})"
    room = max(8, length - len(ending))
    short = name if len(name) <= room else f"{name[: room // 2]}…{name[-(room - room // 2 - 1) :]}"
    return short + ending
