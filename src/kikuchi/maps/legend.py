"""Legends with counts and shares."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi.crystallography.vendor_codes import symbol
from kikuchi.maps.colours import STATUS_TONES, class_colours
from kikuchi.maps.tally import Tally

LONGEST_LEGEND = 14


def class_entries(
    classes: Sequence[int],
    counts: NDArray[np.integer],
    total: int,
    labels: Sequence[str] | None = None,
) -> list[tuple[dict[str, Any], str]]:
    """Return one entry per class that was found, most frequent first; `labels` in place of its number and symbol.

    Returns
    -------
    list
        The paint of a swatch and its label; past `LONGEST_LEGEND` groups the rest share a last line.
    """
    colours = class_colours(classes)
    order = [int(k) for k in np.argsort(-counts, kind="stable") if counts[k] > 0]
    entries: list[tuple[dict[str, Any], str]] = [
        (
            {"facecolor": colours[k]},
            _label(labels[k] if labels else f"{classes[k]} {symbol(classes[k])}", counts[k], total),
        )
        for k in order[:LONGEST_LEGEND]
    ]
    rest = order[LONGEST_LEGEND:]
    if rest:
        label = _label(f"{len(rest)} more groups", counts[rest].sum(), total)
        entries.append(({"facecolor": "none", "edgecolor": "none"}, label))
    return entries


def status_entries(counts: Tally, statuses: Sequence[Status]) -> list[tuple[dict[str, Any], str]]:
    """Return one entry per status that a point has."""
    return [
        (
            {
                "facecolor": STATUS_TONES[s].colour,
                "edgecolor": STATUS_TONES[s].stripes,
                "hatch": 4 * STATUS_TONES[s].slope,
            },
            _label(STATUS_NAMES[s], counts.status_counts[s], counts.n),
        )
        for s in statuses
        if counts.status_counts[s]
    ]


def entry(
    colour: str, name: str, count: int, total: int, stripes: str | None = None
) -> tuple[dict[str, Any], str]:
    """Return one entry: a colour, perhaps with stripes of another, and a label with count and share."""
    paint: dict[str, Any] = {"facecolor": colour}
    if stripes is not None and stripes != colour:
        paint |= {"edgecolor": stripes, "hatch": "////"}
    return paint, _label(name, count, total)


def legend_height(entries: Sequence[object]) -> float:
    """Return the height a legend needs, inches."""
    return 0.25 * len(entries) + 0.2


def add_legend(figure: Any, entries: Sequence[tuple[dict[str, Any], str]]) -> None:
    """Put a legend to the right of a figure's axes."""
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(label=label, linewidth=0, **paint) for paint, label in entries],
        loc="outside right upper",
        frameon=False,
        fontsize=8.5,
        handlelength=1.8,
        handleheight=1.2,
    )


def _label(name: str, count: int, total: int) -> str:
    # Spaces of Latin-1: one beyond it is a second font to cut for every PDF, some tenth of a second each.
    grouped = f"{count:,}".replace(",", "\xa0")
    return f"{name}\xa0 {grouped} ({_percent(count, total)})"


def _percent(count: int, total: int) -> str:
    share = 100 * count / total
    return f"{share:.1f} %" if share >= 0.1 or count == 0 else "< 0.1 %"
