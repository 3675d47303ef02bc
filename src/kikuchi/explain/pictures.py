"""Attributions drawn: red for what speaks for an output, blue for what speaks against it, over the grey pattern."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.disagreement import Disagreement, on_grid
from kikuchi.explain.shapley import Attribution

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Pixels, in standard deviation, that an attribution is blurred by before it is drawn: its sum stays what it was.
BLUR = 1.0

#: Classes side by side in one row of a picture.
ACROSS = 5

_WIDTH = 2.15  # inches of one panel


def shapley_overlay(
    pattern: np.ndarray,
    attributions: Sequence[Attribution],
    names: Sequence[str],
    title: str,
    caption: str,
    *,
    activations: Sequence[np.ndarray] | None = None,
) -> "Figure":
    """Draw Shapley values over a pattern for several classes, as the paper's Fig. 4, with Grad-CAM below.

    Parameters
    ----------
    pattern
        Prepared, (s, s), -1..1.
    attributions
        Of the logit of each class, in the order they are to be drawn: by falling probability.
    names
        What stands above each.
    title, caption
        Above and below.
    activations
        Grad-CAM of the same classes, (s, s) each, in logits per place of the last convolution.
    """
    side = max(a.values.shape[0] for a in attributions)
    maps = [smoothed(on_grid(a.values, side)) for a in attributions]
    columns = min(len(maps), ACROSS)
    kinds = 1 if activations is None else 2
    rows = kinds * -(-len(maps) // columns)
    figure = _figure(1 + columns, rows, title, caption)
    grid = figure.subplots(rows, 1 + columns, squeeze=False)
    for one in grid.ravel():
        one.set_axis_off()
    _pattern(grid[0][0], pattern, "prepared pattern")
    # Rows of Shapley values and of Grad-CAM take turns.
    above = grid[::kinds, 1:].ravel()[: len(maps)]
    limit = _limit(maps)
    for one, values, name in zip(above, maps, names, strict=True):
        drawn = _overlay(one, pattern, values, limit, name)
    # The bars share the height: beside rows that take turns they would lie on one another.
    share = rows // kinds
    _bar_beside(figure, drawn, list(grid[:share].ravel()), "Shapley value, 10⁻³ logits per pixel")
    if activations is not None:
        limit = _limit(activations)
        for one, values, name in zip(grid[1::2, 1:].ravel(), activations, names, strict=False):
            lit = _heat(one, pattern, values, f"Grad-CAM, {name.split(':')[0]}", limit)
        bar = "Grad-CAM, 10⁻³ logits per place"
        _bar_beside(figure, lit, list(grid[share:].ravel()), bar)
    return figure


def disagreement_card(
    pattern: np.ndarray,
    disagreement: Disagreement,
    names: Sequence[str],
    classes: tuple[int, ...],
    title: str,
    caption: str,
) -> "Figure":
    """Draw one disagreement: every member's margin, what they share, where they part, what makes them part.

    Parameters
    ----------
    pattern
        Prepared for the largest input, (s, s), -1..1.
    disagreement
        What `kikuchi.explain.explain_disagreement` found.
    names
        Of the M members, with what they say.
    classes
        Space-group numbers of the K classes.
    title, caption
        Above and below.
    """
    a, b = (classes[k] for k in disagreement.pair)
    side = disagreement.side
    margins = [smoothed(on_grid(m.values, side)) for m in disagreement.margins]
    mean, spread = np.mean(margins, axis=0), np.std(margins, axis=0)
    information = smoothed(disagreement.information)
    columns = max(4, min(len(margins), 5))
    rows = 1 + -(-len(margins) // columns)
    figure = _figure(columns, rows, title, caption, below=0.5)
    grid = figure.subplots(rows, columns, squeeze=False)
    for one in grid.ravel():
        one.set_axis_off()
    top = grid[0]
    _pattern(top[0], pattern, "prepared pattern")
    limit = _limit([*margins, mean])
    signed = _overlay(top[1], pattern, mean, limit, f"what the members share:\nred for {a}, blue for {b}")
    parts = _heat(top[2], pattern, spread, "where they part:\nspread over the members")
    nats = _overlay(
        top[3],
        pattern,
        information,
        _limit([information]),
        f"what makes them disagree:\n{disagreement.uncertainty.value:.2f} nats of mutual information",
    )
    below = grid[1:].ravel()[: len(margins)]
    for one, values, name, margin in zip(below, margins, names, disagreement.margins, strict=True):
        _overlay(one, pattern, values, limit, f"{name}\nlogit {a} less logit {b}: {margin.value:+.1f}")
    for one, drawn, unit in ((top[1], signed, "logits"), (top[2], parts, "logits"), (top[3], nats, "nats")):
        _bar(figure, drawn, one.inset_axes((0.05, -0.09, 0.9, 0.04)), f"10⁻³ {unit} per pixel", across=True)
    _bar_beside(figure, signed, list(grid[1:].ravel()), f"logit {a} less logit {b}, 10⁻³ per pixel")
    return figure


def png(figure: "Figure", dpi: int = 110) -> bytes:
    """Return a figure as PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def smoothed(values: np.ndarray, deviation: float = BLUR) -> np.ndarray:
    """Blur an attribution for the eye; mirrored at the border, so that its sum stays what it was."""
    from scipy.ndimage import gaussian_filter

    return gaussian_filter(values, deviation, mode="reflect")


def _limit(maps: Sequence[np.ndarray]) -> float:
    """Where colours end: exceeded by one pixel in 200, so that a few do not drown the rest."""
    return max(float(np.quantile(np.abs(np.stack(maps)), 0.995)), 1e-12)


def _figure(columns: int, rows: int, title: str, caption: str, below: float = 0.0) -> "Figure":
    import textwrap

    from matplotlib.figure import Figure

    width = columns * _WIDTH + 0.9
    lines = textwrap.wrap(caption, int(width * 14))
    figure = Figure(
        figsize=(width, rows * (_WIDTH + 0.45) + below + 0.5 + 0.16 * len(lines)), layout="constrained"
    )
    figure.suptitle("\n".join(textwrap.wrap(title, int(width * 9))), fontsize=11, x=0.01, ha="left")
    figure.supxlabel("\n".join(lines), fontsize=7.5, color="0.25", x=0.01, ha="left")
    return figure


def _pattern(axes: "Axes", pattern: np.ndarray, name: str) -> None:
    axes.imshow(pattern, cmap="gray", vmin=-1, vmax=1, interpolation="nearest", extent=(0, 1, 1, 0))
    axes.set_axis_off()
    axes.set_title(name, fontsize=8)


def _overlay(axes: "Axes", pattern: np.ndarray, values: np.ndarray, limit: float, name: str) -> Any:
    """Draw signed values: colour by sign, opacity by size."""
    _pattern(axes, 0.35 * pattern + 0.35, name)
    opacity = np.clip(np.abs(values) / limit, 0, 1) ** 0.7
    return axes.imshow(
        values,
        cmap="RdBu_r",
        vmin=-limit,
        vmax=limit,
        alpha=opacity,
        interpolation="nearest",
        extent=(0, 1, 1, 0),
    )


def _heat(
    axes: "Axes", pattern: np.ndarray, values: np.ndarray, name: str, limit: float | None = None
) -> Any:
    limit = _limit([values]) if limit is None else limit
    _pattern(axes, 0.35 * pattern + 0.35, name)
    opacity = np.clip(values / limit, 0, 1) ** 0.7
    return axes.imshow(
        values,
        cmap="Purples",
        vmin=0,
        vmax=limit,
        alpha=opacity,
        interpolation="nearest",
        extent=(0, 1, 1, 0),
    )


def _bar_beside(figure: "Figure", drawn: Any, axes: "list[Axes]", label: str) -> None:
    _bar(figure, drawn, None, label, beside=axes)


def _bar(
    figure: "Figure",
    drawn: Any,
    place: "Axes | None",
    label: str,
    *,
    beside: "list[Axes] | None" = None,
    across: bool = False,
) -> None:
    """Draw a colour bar in thousandths, opaque whatever the picture's opacity is."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.ticker import MaxNLocator

    colours = ScalarMappable(Normalize(1000 * drawn.norm.vmin, 1000 * drawn.norm.vmax), drawn.cmap)
    where: dict[str, Any] = (
        {"cax": place} if beside is None else {"ax": beside, "fraction": 0.03, "pad": 0.01}
    )
    bar = figure.colorbar(
        colours,
        orientation="horizontal" if across else "vertical",
        ticks=MaxNLocator(3 if across else 5),
        **where,
    )
    bar.set_label(label, fontsize=7.5)
    bar.ax.tick_params(labelsize=7)
