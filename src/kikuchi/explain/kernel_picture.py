"""Two members side by side: their first kernels, what these make of patterns, and what each would like to see."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.kernels import Match

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_FAIR = (
    "Kernels are summed over the channels that hold the same pattern and brought to unit norm, which makes one channel "
    "and three comparable; their sign is kept. d: Euclidean distance, 0 the same, 1.41 unrelated, 2 the negative."
)


def kernel_picture(
    matches: Sequence[Match], kernels: tuple[np.ndarray, np.ndarray], names: tuple[str, str]
) -> "Figure":
    """Draw the most similar kernels of two members, as the paper's Fig. 2.

    Parameters
    ----------
    matches
        From `kikuchi.explain.kernels.nearest_kernels`, the closest first.
    kernels
        Of each member, (F, h, w).
    names
        Of the members.
    """
    columns = len(matches)
    figure = _figure(
        1.2 * columns + 1.2,
        3.5,
        f"First layers: the most similar kernels of {names[0]} and {names[1]}",
        _FAIR,
    )
    grid = figure.subplots(2, columns, squeeze=False)
    drawn: Any = None
    for column, match in enumerate(matches):
        for row, (number, kernel) in enumerate(zip((match.first, match.second), kernels, strict=True)):
            one = kernel[number] / np.linalg.norm(kernel[number])
            drawn = grid[row][column].imshow(one, cmap="RdBu_r", vmin=-1, vmax=1)
            grid[row][column].set_title(f"kernel {number}", fontsize=8)
        grid[0][column].set_title(f"d = {match.distance:.2f}\nkernel {match.first}", fontsize=8)
    _name_rows(grid, names)
    _bar(figure, drawn, grid, "weight at unit norm")
    return figure


def feature_picture(
    matches: Sequence[Match],
    patterns: Sequence[np.ndarray],
    maps: Sequence[tuple[np.ndarray, np.ndarray]],
    labels: Sequence[str],
    names: tuple[str, str],
) -> "Figure":
    """Draw what the most similar kernels of two members make of one pattern per class, as the paper's Fig. 3.

    Parameters
    ----------
    matches
        The pairs to draw.
    patterns
        One prepared pattern per class, (s, s), -1..1.
    maps
        For each of them what the first convolutions of both members make of it, (h, w, F).
    labels
        What stands beside each pattern.
    names
        Of the members.
    """
    rows, columns = len(patterns), 1 + 2 * len(matches)
    caption = (
        "What the first convolution gives before normalisation, each map in its own range: dark low, bright high. "
        "Kernels that lie side by side are those of the picture of the first layers, in its order."
    )
    figure = _figure(
        1.15 * columns + 0.6, 1.16 * rows + 0.9, f"What {names[0]} and {names[1]} make of a pattern", caption
    )
    grid = figure.subplots(rows, columns, squeeze=False)
    for line, pattern, both in zip(grid, patterns, maps, strict=True):
        line[0].imshow(pattern, cmap="gray", vmin=-1, vmax=1)
        for place, match in enumerate(matches):
            for side, number in enumerate((match.first, match.second)):
                line[1 + 2 * place + side].imshow(both[side][..., number], cmap="gray")
    grid[0][0].set_title("prepared\npattern", fontsize=8)
    for place, match in enumerate(matches):
        for side, number in enumerate((match.first, match.second)):
            grid[0][1 + 2 * place + side].set_title(f"{names[side]}\nkernel {number}", fontsize=8)
    _name_rows(grid, labels)
    return figure


def wish_picture(
    wishes: Sequence[tuple[np.ndarray, np.ndarray]], names: Sequence[str], classes: Sequence[int]
) -> "Figure":
    """Draw the patterns that raise each class' logit the most, a row per member.

    Parameters
    ----------
    wishes
        From `kikuchi.explain.activation_maximisation.maximise`, for every member that is drawn.
    names
        Of these members.
    classes
        Space-group numbers of the K classes.
    """
    caption = (
        "Found by gradient ascent from noise, blurred at every step and kept within the contrast of prepared "
        "patterns. The number is the logit of the class less the mean of the others. These are no patterns of a "
        "crystal: they show what the member counts as evidence."
    )
    figure = _figure(
        1.6 * len(classes) + 1.2,
        1.7 * len(wishes) + 0.9,
        "What each member would most like to see of a space group",
        caption,
    )
    grid = figure.subplots(len(wishes), len(classes), squeeze=False)
    drawn: Any = None
    for line, (patterns, logits) in zip(grid, wishes, strict=True):
        for k, (axes, number) in enumerate(zip(line, classes, strict=True)):
            drawn = axes.imshow(patterns[k], cmap="gray", vmin=-1, vmax=1)
            margin = logits[k, k] - np.delete(logits[k], k).mean()
            axes.set_title(f"{number}: {margin:+.1f}", fontsize=8)
    _name_rows(grid, names)
    _bar(figure, drawn, grid, "prepared grey value")
    return figure


def _figure(width: float, height: float, title: str, caption: str) -> "Figure":
    import textwrap

    from matplotlib.figure import Figure

    lines = textwrap.wrap(caption, int(width * 13.5))
    figure = Figure(figsize=(width, height + 0.14 * len(lines)), layout="constrained")
    figure.suptitle("\n".join(textwrap.wrap(title, int(width * 9))), fontsize=11, x=0.01, ha="left")
    figure.supxlabel("\n".join(lines), fontsize=7.5, color="0.25", x=0.01, ha="left")
    return figure


def _name_rows(grid: np.ndarray, names: Sequence[str]) -> None:
    for axes in grid.ravel():
        axes.set(xticks=[], yticks=[])
    for line, name in zip(grid, names, strict=True):
        line[0].set_ylabel(name, fontsize=8)


def _bar(figure: "Figure", drawn: Any, grid: np.ndarray, label: str) -> None:
    bar = figure.colorbar(drawn, ax=list(grid.ravel()), fraction=0.03, pad=0.01)
    bar.set_label(label, fontsize=7.5)
    bar.ax.tick_params(labelsize=7)
