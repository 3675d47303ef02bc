"""The figures of an evaluation: arrays in, a Matplotlib figure out; nothing is computed here but what is drawn."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from ensemble.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe & Ito: apart for colour-blind readers; the order is by contrast on white.
LINE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_RIGHT, _WRONG, _IDEAL = "#0072B2", "#D55E00", "#666666"


def reliability_diagram(
    confidence: ArrayLike,
    accuracy: ArrayLike,
    counts: ArrayLike,
    *,
    band: ArrayLike | None = None,
    title: str = "Reliability",
) -> "Figure":
    """Draw how often the answer is right against how sure it was.

    Parameters
    ----------
    confidence, accuracy
        Mean confidence and share of right answers per bin, shape (B,), 0..1; NaN for an empty bin.
    counts
        Patterns per bin, shape (B,).
    band
        Lower and upper end of the 95 % bootstrap interval of the accuracy, shape (2, B).
    title
        Above the diagram.

    Returns
    -------
    matplotlib.figure.Figure
        The diagram, with a histogram of the counts below it.
    """
    c, a, n = (np.asarray(values, dtype=float) for values in (confidence, accuracy, counts))
    _same_shape(confidence=c, accuracy=a, counts=n)
    known = n > 0
    figure = _figure(4.6, 5.2)
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    axes.plot([0, 1], [0, 1], color=_IDEAL, linestyle="--", linewidth=1, label="perfectly calibrated")
    if band is not None:
        low, high = np.asarray(band, dtype=float)
        axes.fill_between(c[known], low[known], high[known], color=_RIGHT, alpha=0.2, label="95 % interval")
    axes.plot(c[known], a[known], color=_RIGHT, marker="o", markersize=4, label="measured")
    axes.set(ylabel="share of right answers", title=title, xlim=(0, 1), ylim=(0, 1))
    axes.legend(loc="upper left", frameon=False)
    edges = np.linspace(0, 1, len(n) + 1)
    below.bar(
        edges[:-1], n, width=np.diff(edges), align="edge", color="#9AA5B1", edgecolor="white", linewidth=0.4
    )
    below.set(xlabel="confidence", ylabel="patterns")
    return figure


def risk_coverage_curve(
    curves: Mapping[str, tuple[ArrayLike, ArrayLike]], *, promise: tuple[float, float] | None = None
) -> "Figure":
    """Draw the error rate among the answered against the share answered.

    Parameters
    ----------
    curves
        Coverage and selective risk, each shape (T,), 0..1, by the name of who answers.
    promise
        Coverage and certified risk of the threshold in use.

    Returns
    -------
    matplotlib.figure.Figure
        One line per name; risk on a linear axis from zero.
    """
    figure = _figure(5.2, 4.0)
    axes = figure.subplots()
    for (name, (coverage, risk)), colour in zip(curves.items(), _colours(len(curves)), strict=True):
        axes.plot(np.asarray(coverage), np.asarray(risk), color=colour, label=name)
    if promise is not None:
        coverage, risk = promise
        axes.plot([coverage], [risk], "k*", markersize=11, label=f"promised: risk at most {100 * risk:.3g} %")
    axes.set(xlabel="coverage (share answered)", ylabel="selective risk (errors among answered)", xlim=(0, 1))
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False)
    return figure


def confidence_histogram(confidence: ArrayLike, right: ArrayLike, *, bins: int = 25) -> "Figure":
    """Draw how sure the ensemble was where it was right and where it was wrong.

    Parameters
    ----------
    confidence
        Shape (N,), 0..1; NaN is left out.
    right
        Whether each answer is right, shape (N,), bool.
    bins
        Of equal width between 0 and 1.

    Returns
    -------
    matplotlib.figure.Figure
        Two histograms on a logarithmic count axis, because errors are few.
    """
    c, is_right = np.asarray(confidence, dtype=float), np.asarray(right, dtype=bool)
    _same_shape(confidence=c, right=is_right)
    figure = _figure(5.2, 3.6)
    axes = figure.subplots()
    edges = np.linspace(0, 1, bins + 1)
    known = np.isfinite(c)
    right_counts, wrong_counts = (
        np.histogram(c[known & chosen], edges)[0] for chosen in (is_right, ~is_right)
    )
    axes.stairs(
        right_counts, edges, fill=True, color=_RIGHT, alpha=0.45, label=f"right: {right_counts.sum():,}"
    )
    axes.stairs(wrong_counts, edges, color=_WRONG, linewidth=2, label=f"wrong: {wrong_counts.sum():,}")
    axes.set(xlabel="confidence", ylabel="patterns", xlim=(0, 1), yscale="log")
    axes.set_ylim(bottom=0.8)
    axes.legend(loc="upper left", frameon=False)
    return figure


def confusion_matrix(counts: ArrayLike, names: Sequence[str], *, title: str = "") -> "Figure":
    """Draw who is taken for whom.

    Parameters
    ----------
    counts
        Patterns by true class (rows) and answer (columns), shape (K, L) with L >= K: columns after the first K
        are reasons not to answer.
    names
        Of the L columns; the first K are also those of the rows.
    title
        Above the matrix.

    Returns
    -------
    matplotlib.figure.Figure
        Shares of each row as greys, counts written in.
    """
    matrix = np.asarray(counts, dtype=float)
    rows, columns = matrix.shape
    if len(names) != columns:
        raise InputError(f"{len(names)} names for a confusion matrix of {columns} columns")
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = _figure(1.9 + 0.62 * columns, 1.5 + 0.5 * rows)
    axes = figure.subplots()
    image = axes.imshow(share, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i, j in np.ndindex(rows, columns):
        colour = "white" if share[i, j] > 0.55 else "black"
        axes.text(j, i, f"{matrix[i, j]:.0f}", ha="center", va="center", fontsize=8, color=colour)
    axes.set_xticks(range(columns), names, rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(rows), names[:rows])
    axes.set(xlabel="answer", ylabel="truth", title=title)
    axes.tick_params(length=0)
    figure.colorbar(image, ax=axes, label="share of the row", fraction=0.046)
    return figure


def loss_history(histories: Mapping[str, Sequence[tuple[ArrayLike, ArrayLike]]]) -> "Figure":
    """Draw how the losses fell: mean and one standard deviation over the members of a kind.

    Parameters
    ----------
    histories
        Training and validation loss of each member, each shape (epochs,), by kind. Members may have stopped
        after different numbers of epochs.

    Returns
    -------
    matplotlib.figure.Figure
        One panel per kind: Fig. 1 of Kaufmann, Lane, Liu & Vecchio, Sci. Rep. 11, 8172 (2021).
    """
    figure = _figure(4.2 * max(len(histories), 1), 3.5)
    panels = np.atleast_1d(figure.subplots(1, max(len(histories), 1), sharey=True))
    for axes, (kind, members) in zip(panels, histories.items(), strict=False):
        for which, (name, colour) in enumerate((("training", _RIGHT), ("validation", _WRONG))):
            _draw_mean_and_spread(
                axes, [np.asarray(losses[which], dtype=float) for losses in members], name, colour
            )
        plural = "" if len(members) == 1 else "s"
        axes.set(xlabel="epoch", title=f"{kind} ({len(members)} member{plural})", yscale="log")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    panels[0].set_ylabel("loss (categorical cross-entropy)")
    return figure


def _draw_mean_and_spread(axes: "Axes", losses: Sequence[np.ndarray], name: str, colour: str) -> None:
    longest = max(map(len, losses))
    table = np.full((len(losses), longest), np.nan)
    for row, values in zip(table, losses, strict=True):
        row[: len(values)] = values
    running = np.isfinite(table).sum(axis=0)
    mean = np.nansum(table, axis=0) / running
    epochs = np.arange(1, longest + 1)
    axes.plot(epochs, mean, color=colour, label=name)
    # A single member has no spread, and neither has the epoch that only one member reached.
    several = running > 1
    spread = np.zeros(longest)
    spread[several] = np.nanstd(table[:, several], axis=0, ddof=1)
    low = np.maximum(mean - spread, table[np.isfinite(table)].min() * 0.5)
    axes.fill_between(epochs, low, mean + spread, where=several, color=colour, alpha=0.2, linewidth=0)


def _figure(width: float, height: float) -> "Figure":
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _colours(n: int) -> list[str]:
    return [LINE_COLOURS[i % len(LINE_COLOURS)] for i in range(n)]


def _same_shape(**arrays: np.ndarray) -> None:
    shapes = {name: array.shape for name, array in arrays.items()}
    if len(set(shapes.values())) != 1:
        raise InputError(f"arrays of a figure must have one shape, not {shapes}")
