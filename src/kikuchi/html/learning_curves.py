"""Accuracy against training patterns per class, with the law that predicts how many more are needed."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ensemble.learning_curves import PowerLaw
from kikuchi.html.figures import LINE_COLOURS, _figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_learning_curves(
    curves: Mapping[str, tuple[Sequence[int], Sequence[float], PowerLaw | None]], target: float
) -> "Figure":
    """Draw every run as a point and every way's law as a line with its 95 % band.

    Parameters
    ----------
    curves
        By way: patterns a class and accuracy of every run, and the law; None where too few counts were tried.
    target
        Accuracy that is asked for, drawn as a line.

    Returns
    -------
    matplotlib.figure.Figure
    """
    figure = _figure(6.4, 4.2)
    axes = figure.subplots()
    most = max(max(counts) for counts, _, _ in curves.values())
    grid = np.geomspace(1, 4 * most, 80)
    axes.axhline(target, color="#666666", linestyle="--", linewidth=1)
    axes.annotate(f"target {target:.0%}", (grid[0], target), (2, 3), textcoords="offset points", fontsize=8)
    for colour, (way, (counts, accuracies, law)) in zip(LINE_COLOURS, curves.items(), strict=False):
        axes.plot(counts, accuracies, "o", markersize=3.5, alpha=0.6, color=colour, label=way)
        if law is None:
            continue
        tried = grid <= max(counts)
        axes.plot(grid[tried], 1 - law.error(grid[tried]), color=colour)
        axes.plot(grid[~tried], 1 - law.error(grid[~tried]), color=colour, linestyle=":")
        low, high = np.array([law.error_interval(n) for n in grid]).T
        axes.fill_between(grid, 1 - high, 1 - low, color=colour, alpha=0.15, linewidth=0)
    axes.set(
        xscale="log",
        xlabel="training patterns per class (dotted: predicted)",
        ylabel="accuracy on test patterns",
        ylim=(0, 1.02),
    )
    axes.legend(frameon=False, loc="lower right")
    return figure
