"""The first layers of two members side by side: kernels alike, and what they make of a pattern."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from kikuchi.explain.kernels import Match

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def kernel_picture(
    matches: Sequence[Match],
    kernels: tuple[np.ndarray, np.ndarray],
    maps: tuple[np.ndarray, np.ndarray],
    names: tuple[str, str],
) -> "Figure":
    """Draw the most similar kernels of two members with their feature maps, as the paper's Figs. 2 and 3.

    Parameters
    ----------
    matches
        From `kikuchi.explain.kernels.nearest_kernels`, the closest first.
    kernels
        Of each member, (F, h, w).
    maps
        What each makes of the same pattern, (h, w, F).
    names
        Of the members.
    """
    import textwrap

    from matplotlib.figure import Figure

    columns = len(matches)
    width = 1.35 * columns + 1.2
    figure = Figure(figsize=(width, 6.9), layout="constrained")
    figure.suptitle(f"First layers: the most similar kernels of {names[0]} and {names[1]}", fontsize=11)
    caption = (
        "Kernels summed over the channels that hold the same pattern, at unit norm: red weighs positive, blue "
        "negative. d: Euclidean distance at unit norm, sign kept (0 the same, 1.41 unrelated, 2 the negative). Maps "
        "before normalisation, each in its own range."
    )
    figure.supxlabel("\n".join(textwrap.wrap(caption, int(width * 13))), fontsize=7.5, color="0.25")
    grid = figure.subplots(4, columns, squeeze=False)
    for column, match in enumerate(matches):
        pairs = zip((match.first, match.second), kernels, maps, strict=True)
        for row, (number, kernel, features) in enumerate(pairs):
            one = kernel[number] / np.linalg.norm(kernel[number])
            grid[2 * row][column].imshow(one, cmap="RdBu_r", vmin=-1, vmax=1)
            grid[2 * row + 1][column].imshow(features[..., number], cmap="gray")
            grid[2 * row][column].set_title(f"kernel {number}", fontsize=8)
        grid[0][column].set_title(f"d = {match.distance:.2f}\nkernel {match.first}", fontsize=8)
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
    for row, name in enumerate((names[0], "its map", names[1], "its map")):
        grid[row][0].set_ylabel(name, fontsize=8)
    return figure
