"""A scale bar of a round length."""

import math
from typing import Any


def round_length(width: float) -> float:
    """Return the longest of 1, 2 or 5 times a power of ten that is at most a third of a width.

    Examples
    --------
    >>> round_length(100.0), round_length(4.5), round_length(0.9)
    (20.0, 1.0, 0.2)
    """
    goal = width / 3
    power = 10.0 ** math.floor(math.log10(goal) + 1e-9)
    return max(step * power for step in (1, 2, 5) if step * power <= goal * (1 + 1e-9))


def add_scale_bar(axes: Any, width: float) -> None:
    """Put a scale bar below a map.

    Parameters
    ----------
    axes
        Matplotlib axes whose data are in micrometres.
    width
        Width of the map, micrometres.
    """
    from mpl_toolkits.axes_grid1.anchored_artists import AnchoredSizeBar

    length = round_length(width)
    low, high = sorted(axes.get_ylim())
    axes.add_artist(
        AnchoredSizeBar(
            axes.transData,
            length,
            f"{length:g} µm",
            loc="upper left",
            bbox_to_anchor=(0, 0),
            bbox_transform=axes.transAxes,
            borderpad=0.4,
            pad=0,
            sep=3,
            frameon=False,
            size_vertical=(high - low) / 150,
            fill_bar=True,
        )
    )
