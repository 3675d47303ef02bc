"""The frame of every picture: a figure of a size that suits the map, its axes, title and caption."""

import textwrap
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kikuchi.maps.full_grid import is_hexagonal
from kikuchi.maps.map_data import MapData
from kikuchi.maps.scale_bar import add_scale_bar

LONGEST_RATIO = 5.0
"""A map longer than this is stretched across, since a thread of a picture shows nothing."""


def extent(phase_map: MapData) -> tuple[float, float]:
    """Return width and height of the area the map covers, in micrometres; in points where no step is known."""
    dy, dx = usable_step(phase_map) or (1.0, 1.0)
    rows, cols = phase_map.shape
    return dx * (cols + 0.5 * is_hexagonal(phase_map)), dy * rows


def usable_step(phase_map: MapData) -> tuple[float, float] | None:
    """Return the steps (dy, dx), micrometres, one standing in for the other in a map of one line.

    None where neither is known, and for a single point, which has none.
    """
    if phase_map.shape == (1, 1):
        return None
    known = [s if s and np.isfinite(s) else None for s in phase_map.step]
    dy, dx = known[0] or known[1], known[1] or known[0]
    return None if dy is None or dx is None else (float(dy), float(dx))


def map_size(phase_map: MapData, longest: float) -> tuple[float, float]:
    """Return width and height of a map on paper, in inches, the longer side being `longest`."""
    width, height = extent(phase_map)
    ratio = float(np.clip(width / height, 1 / LONGEST_RATIO, LONGEST_RATIO))
    return (longest, longest / ratio) if ratio > 1 else (longest * ratio, longest)


def new_figure(width: float, height: float) -> Any:
    """Return a figure of a size in inches that no window and no global state knows."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=150, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def draw_map(axes: Any, phase_map: MapData, image: NDArray, *, scale: bool = True, **style: Any) -> Any:
    """Draw pixels on axes in micrometres, first row on top, with a scale bar below where the step is known.

    Returns
    -------
    matplotlib.image.AxesImage
        What was drawn.
    """
    width, height = extent(phase_map)
    drawn = axes.imshow(image, extent=(0, width, height, 0), interpolation="nearest", aspect="auto", **style)
    across, down = map_size(phase_map, 1.0)
    axes.set_box_aspect(down / across)
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(linewidth=0.6, color="0.4")
    if scale and usable_step(phase_map) is not None:
        add_scale_bar(axes, width)
    return drawn


def add_words(figure: Any, title: str, caption: str, beside: float = 0.0) -> None:
    """Put a title above, wrapped to the figure's width less `beside` inches; the caption becomes the figure's label.

    Captions stand apart: in ``figures/captions.md``, and in the files' own metadata.
    """
    width = figure.get_size_inches()[0]
    title_lines = textwrap.wrap(title, max(12, int((width - beside) * 9)))
    figure.suptitle("\n".join(title_lines), fontsize=11, x=0.01, ha="left")
    figure.set_label(caption)


def about(phase_map: MapData) -> str:
    """Return size and step of a map in words."""
    rows, cols = phase_map.shape
    points = f"{phase_map.n} pattern" + ("s" if phase_map.n != 1 else "")
    text = f"{points} on {rows} x {cols} points"
    if phase_map.n < rows * cols:
        text += ", white where none was recorded"
    if is_hexagonal(phase_map):
        text += " of a hexagonal grid"
    step = usable_step(phase_map)
    if phase_map.shape == (1, 1):
        return text + "."
    if step is None:
        return text + ", step unknown."
    text += (
        f", step {step[1]:g} µm."
        if np.isclose(*step)
        else f", steps {step[1]:g} µm along and {step[0]:g} µm down."
    )
    width, height = extent(phase_map)
    if not 1 / LONGEST_RATIO <= width / height <= LONGEST_RATIO:
        text += " Not to scale: stretched across, and the scale bar holds along x only."
    return text
