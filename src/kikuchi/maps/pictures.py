"""Pictures of a map. Each function returns a Matplotlib figure, for a notebook or for `savefig`."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import Status
from kikuchi.maps.colours import CONFIDENCE_COLOURS, ENTROPY_COLOURS
from kikuchi.maps.frame import about, add_words, draw_map, map_size, new_figure
from kikuchi.maps.legend import add_legend, class_entries, legend_height, status_entries
from kikuchi.maps.map_data import MapData
from kikuchi.maps.raster import decision_pixels, pixels, status_pixels
from kikuchi.maps.tally import tally

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LONGEST = 5.5
NARROWEST = 3.0
LEGEND_WIDTH = 2.7
WORDS_HEIGHT = 0.7


def phase_picture(phase_map: MapData) -> "Figure":
    """Draw which space group every point has, and why some have none.

    Returns
    -------
    Figure
        The figure.
    """
    counts = tally(phase_map)
    entries = class_entries(counts.classes, counts.solved_counts, counts.n, phase_map.labels)
    entries += status_entries(counts, [s for s in Status if s != Status.SOLVED])
    caption = (
        f"{about(phase_map)} Colours: space group of the points with a solution. Greys: no solution, and why; "
        "ambiguous - known groups compete; unfamiliar - like nothing seen in training; unreadable - no usable pattern; "
        "mixed - two known phases overlap."
    )
    return map_and_legend(
        phase_map, decision_pixels(phase_map), entries, f"Space groups · {phase_map.name}", caption
    )


def status_picture(phase_map: MapData) -> "Figure":
    """Draw where there is a solution, and where not and why.

    Returns
    -------
    Figure
        The figure.
    """
    counts = tally(phase_map)
    caption = (
        f"{about(phase_map)} Solved - the ensemble answers; ambiguous - known groups compete; "
        "unfamiliar - like nothing seen in training; unreadable - no usable pattern; mixed - two known phases overlap."
    )
    return map_and_legend(
        phase_map,
        status_pixels(phase_map),
        status_entries(counts, list(Status)),
        f"Solved or not · {phase_map.name}",
        caption,
    )


def entropy_picture(phase_map: MapData) -> "Figure":
    """Draw the total uncertainty: entropy of the mean of the members, in nats and as a share of log K.

    Returns
    -------
    Figure
        The figure.
    """
    k = len(phase_map.classes)
    highest = float(np.log(max(2, k)))
    caption = (
        f"{about(phase_map)} Entropy of the mean of the members, 0 where all are sure of the same group, "
        f"log K = {highest:.2f} nats where nothing is known (K = {k}). Before calibration, so "
        "that confident points may be above 0. White: no value."
    )
    return _measure_picture(
        phase_map,
        phase_map.decision.entropy,
        highest,
        ENTROPY_COLOURS,
        "uncalibrated uncertainty (nats)",
        f"Total uncertainty · {phase_map.name}",
        caption,
        share_label="share of log K",
    )


def confidence_picture(phase_map: MapData) -> "Figure":
    """Draw the calibrated probability of the group put first.

    Returns
    -------
    Figure
        The figure.
    """
    caption = (
        f"{about(phase_map)} Calibrated probability of the group that the ensemble puts first, whether it "
        f"answers or not; 1 / K = {1 / len(phase_map.classes):.2f} is a guess. White: no value."
    )
    return _measure_picture(
        phase_map,
        phase_map.decision.confidence,
        1.0,
        CONFIDENCE_COLOURS,
        "confidence (probability)",
        f"Confidence · {phase_map.name}",
        caption,
    )


def map_and_legend(
    phase_map: MapData, image: NDArray[np.uint8], entries: list, title: str, caption: str
) -> "Figure":
    """Draw a map of painted points with its legend beside it."""
    width, height = map_size(phase_map, LONGEST)
    figure = new_figure(
        max(width, NARROWEST) + LEGEND_WIDTH, max(height, legend_height(entries)) + WORDS_HEIGHT
    )
    draw_map(figure.subplots(), phase_map, image)
    add_legend(figure, entries)
    add_words(figure, title, caption, beside=LEGEND_WIDTH)
    return figure


def _measure_picture(
    phase_map: MapData,
    values: NDArray[np.floating],
    highest: float,
    colours: str,
    label: str,
    title: str,
    caption: str,
    share_label: str | None = None,
) -> "Figure":
    width, height = map_size(phase_map, LONGEST)
    figure = new_figure(max(width, NARROWEST) + 1.6, max(height, 2.4) + WORDS_HEIGHT)
    axes = figure.subplots()
    image = pixels(phase_map, np.asarray(values, dtype=np.float32), np.float32(np.nan))
    drawn = draw_map(axes, phase_map, image, cmap=colours, vmin=0.0, vmax=highest)
    bar = figure.colorbar(drawn, ax=axes, fraction=0.08, pad=0.03)
    bar.set_label(label)
    if share_label:
        shares = bar.ax.secondary_yaxis("left", functions=(lambda v: v / highest, lambda s: s * highest))
        shares.set_ylabel(share_label)
    add_words(figure, title, caption)
    return figure
