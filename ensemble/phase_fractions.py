"""Phase fractions of a map, corrected for what the ensemble confuses and where it abstains.

The counts of a map are not its phase fractions: a class that is often mistaken for another, or on which the
ensemble abstains more often, is under-counted. With outcome frequencies q, true fractions pi and the
probabilities theta of each outcome given the truth, q = pi theta; theta is known from held-out data, and pi
follows (Rogan & Gladen 1978 for two classes; Saerens et al. 2002 for the EM step).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_groups, as_indices, as_labels, as_number, as_share

ABSTAINED = -1
"""Outcome of a pattern that is of a known class, or of two, but has no answer: ambiguous or mixed."""
LEFT_OUT = -2
"""Outcome of a pattern that is of no known class, or is no pattern: unfamiliar or unreadable."""

LEAST_BLOCKS = 20
"""Blocks of a map below which an interval would be a guess: its bootstrap knows nothing of blocks it never saw."""

_MOST_STEPS = 2000
_TOLERANCE = 1e-7
_CHUNK_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Fractions:
    """Phase fractions among the readable, familiar points of a map.

    Attributes
    ----------
    fraction
        Corrected, posterior mean, shape (K,), summing to 1.
    low, high
        Credible interval of each corrected fraction, shape (K,), of the material that the map is a sample of, not of
        this map alone; NaN where fewer than 20 blocks would carry it.
    plain
        Share of each class among the answered, shape (K,), as counted; NaN where nothing was answered.
    answered, abstained, left_out
        Points of the map.
    confidence
        Of the intervals.
    blocks
        Independent blocks of the map that the intervals rest on; None where every point counted by itself.
    """

    fraction: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    plain: NDArray[np.float64]
    answered: int
    abstained: int
    left_out: int
    confidence: float
    blocks: int | None = None


def outcomes(status: ArrayLike, winner: ArrayLike) -> NDArray[np.int16]:
    """Outcome of each pattern, for `phase_fractions`.

    Parameters
    ----------
    status
        `ensemble.abstention.Status` of each pattern, shape (N,).
    winner
        Class put first, shape (N,).

    Returns
    -------
    numpy.ndarray
        Class index where solved, `ABSTAINED` where ambiguous or mixed, else `LEFT_OUT`, shape (N,).

    Examples
    --------
    >>> outcomes([0, 1, 2, 3, 4], [4, 4, 4, 4, 4]).tolist()
    [4, -1, -2, -2, -1]
    """
    s = as_indices(status, "status", high=4)
    first = as_indices(winner, "winner", (len(s),), low=-1)
    if (first[s == 0] < 0).any():
        raise InputError("a solved pattern has no winner")
    return np.where(s == 0, first, np.where((s == 1) | (s == 4), ABSTAINED, LEFT_OUT)).astype(np.int16)


def phase_fractions(
    held_out_labels: ArrayLike,
    held_out_outcomes: ArrayLike,
    map_outcomes: ArrayLike,
    n_classes: int,
    *,
    blocks: ArrayLike | None = None,
    effective_sample_size: float | None = None,
    held_out_groups: ArrayLike | None = None,
    confidence: float = 0.95,
    n_draws: int = 2000,
    seed: int = 0,
) -> Fractions:
    """Phase fractions with credible intervals, from a map's outcomes and the held-out confusion.

    Draws theta from Dirichlet rows (held-out counts, abstaining as a column of its own) and the outcome
    frequencies from the map's counts, and solves each draw for the fractions of largest likelihood. What
    the map itself says about the confusion is not used: held-out data alone say how the ensemble errs.

    Parameters
    ----------
    held_out_labels
        True class indices, shape (H,), every class that can be in the map present.
    held_out_outcomes
        Outcome of the same patterns under the same rule, shape (H,); see `outcomes`.
    map_outcomes
        Outcome of each point of the map, shape (N,).
    n_classes
        K.
    blocks
        Grain or block of each point, shape (N,): whole blocks are then resampled (Bayesian bootstrap, Rubin
        1981), since neighbouring points are not independent. See `square_blocks`.
    effective_sample_size
        Number of independent points the map is worth; shrinks the counts. Not with blocks.
    held_out_groups
        Group of each held-out pattern, shape (H,): whole groups are then resampled, each counts once. A group is of
        one class.
    confidence
        Of the intervals, in (0, 1).
    n_draws
        Posterior draws.
    seed
        Of the draws.

    Returns
    -------
    Fractions
        The fractions of the material that the map samples, with the plain counts beside.

    Raises
    ------
    InputError
        If shapes or outcomes are wrong, a class in the held-out data is missing, or no point of the map is
        readable and familiar.

    Examples
    --------
    Nine in ten patterns of each class are recognised, and the map shows 30 % of class 1, of which a good
    part are confusions: the solution of 0.9 f + 0.1 (1 - f) = 0.3 is f = 0.25.

    >>> truth, seen = [0] * 1000 + [1] * 1000, [0] * 900 + [1] * 100 + [1] * 900 + [0] * 100
    >>> found = phase_fractions(truth, seen, [0] * 7000 + [1] * 3000, 2)
    >>> bool(found.low[1] < 0.25 < found.high[1]), found.plain[1].item()
    (True, 0.3)
    """
    as_count(n_classes, "the number of classes")
    as_share(confidence, "the confidence")
    as_count(n_draws, "the number of draws")
    shown = _outcomes(map_outcomes, n_classes)
    counts = _confusion(held_out_labels, held_out_outcomes, n_classes)
    kept = shown != LEFT_OUT
    if not kept.any():
        raise InputError("no point of the map is readable and familiar, so there are no fractions")
    column = np.where(shown[kept] == ABSTAINED, n_classes, shown[kept]).astype(np.intp)
    tally = np.bincount(column, minlength=n_classes + 1)
    rng = np.random.default_rng(seed)
    if blocks is not None:
        if effective_sample_size is not None or np.shape(blocks) != shown.shape:
            raise InputError("give either one block per point of the map or an effective sample size")
        whole = as_groups(blocks, len(shown), "blocks")
        frequency = _resample_blocks(whole[kept], column, n_classes + 1, n_draws, rng)
    else:
        size = float(len(column))
        if effective_sample_size is not None:
            size = as_number(effective_sample_size, "the effective sample size", low=1)
        frequency = _dirichlet(np.asarray(tally * (size / len(column))), n_draws, rng)
    groups = None if held_out_groups is None else np.asarray(held_out_groups)
    tables = None if groups is None else _group_tables(held_out_labels, held_out_outcomes, groups, n_classes)
    fraction = _solve_all(counts, frequency, rng, tables)
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(fraction, [tail, 1.0 - tail], axis=0)
    n_blocks = len(np.unique(np.asarray(blocks)[kept])) if blocks is not None else None
    if n_blocks is not None and n_blocks < LEAST_BLOCKS:
        low, high = np.full(n_classes, np.nan), np.full(n_classes, np.nan)
    answered = int(tally[:-1].sum())
    return Fractions(
        fraction=fraction.mean(axis=0),
        low=low,
        high=high,
        plain=tally[:-1] / answered if answered else np.full(n_classes, np.nan),
        answered=answered,
        abstained=int(tally[-1]),
        left_out=int((~kept).sum()),
        confidence=confidence,
        blocks=n_blocks,
    )


def square_blocks(row: ArrayLike, col: ArrayLike, size: int) -> NDArray[np.intp]:
    """Give each point the number of its square block, for block-wise intervals.

    Parameters
    ----------
    row, col
        Grid position of each point, shape (N,).
    size
        Side of a block in points: several grain diameters.

    Returns
    -------
    numpy.ndarray
        Block of each point, shape (N,).

    Examples
    --------
    >>> square_blocks([0, 0, 1, 2], [0, 1, 2, 0], 2).tolist()
    [0, 0, 1, 2]
    """
    as_count(size, "the side of a block")
    r = as_indices(row, "rows", low=np.iinfo(np.int32).min) // size
    c = as_indices(col, "columns", (len(r),), low=np.iinfo(np.int32).min) // size
    return np.unique(np.stack([r, c]), axis=1, return_inverse=True)[1].reshape(-1)


def effective_sample_size(map_outcomes: ArrayLike, blocks: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Independent points that a map is worth for each class (Kish 1965: n over the design effect).

    Parameters
    ----------
    map_outcomes
        Outcome of each point, shape (N,); see `outcomes`.
    blocks
        Grain or block of each point, shape (N,).
    n_classes
        K.

    Returns
    -------
    numpy.ndarray
        Ratio p (1 - p) over the variance of the share p between blocks, shape (K,), at most N; NaN for classes that
        are nowhere or everywhere, or where there is one block.
    """
    as_count(n_classes, "the number of classes")
    shown = _outcomes(map_outcomes, n_classes)
    kept = shown >= 0
    group = np.unique(as_groups(blocks, len(shown), "blocks")[kept], return_inverse=True)[1]
    sizes = np.bincount(group)
    n, b = int(kept.sum()), len(sizes)
    sizes_of = np.full(n_classes, np.nan)
    for c in range(n_classes):
        hits = np.bincount(group, shown[kept] == c)
        p = hits.sum() / max(n, 1)
        if b > 1 and 0.0 < p < 1.0:
            variance = ((hits - p * sizes) ** 2).sum() * b / (b - 1) / n**2
            sizes_of[c] = min(n, p * (1.0 - p) / variance) if variance > 0 else n
    return sizes_of


def _outcomes(values: ArrayLike, n_classes: int) -> NDArray[np.intp]:
    message = f"outcomes must be class indices below {n_classes}, or -1 or -2 for no answer"
    try:
        found = as_indices(values, "outcomes", low=LEFT_OUT, high=n_classes - 1)
    except InputError as error:
        raise InputError(message) from error
    if not len(found):
        raise InputError(message)
    return found


def _confusion(held_out_labels: ArrayLike, outcomes: ArrayLike, n_classes: int) -> NDArray[np.float64]:
    """Held-out counts of true class (row) and outcome (column, abstaining last), shape (K, K + 1)."""
    seen = _outcomes(outcomes, n_classes)
    labels = as_labels(held_out_labels, len(seen), n_classes, "held-out labels")
    kept = seen != LEFT_OUT
    column = np.where(seen[kept] == ABSTAINED, n_classes, seen[kept])
    flat = np.bincount(labels[kept] * (n_classes + 1) + column, minlength=n_classes * (n_classes + 1))
    counts = flat.reshape(n_classes, n_classes + 1).astype(np.float64)
    missing = np.flatnonzero(counts.sum(axis=1) == 0)
    if len(missing):
        raise InputError(
            f"class {missing[0]} has no readable held-out pattern, so its confusions are unknown",
            remedy="hold out patterns of every class",
        )
    return counts


def _dirichlet(counts: NDArray[np.floating], n: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Posterior draws of multinomial probabilities, shape (n, ..., J).

    Prior 1/J per cell, worth one observation in all: the overall objective prior of Berger, Bernardo & Sun
    (Bayesian Anal. 2015), where the usual 1/2 or 1 per cell would swamp short rows of many classes.
    """
    gamma = rng.standard_gamma(counts + 1.0 / counts.shape[-1], size=(n, *counts.shape))
    return gamma / gamma.sum(axis=-1, keepdims=True)


def _resample_blocks(
    blocks: NDArray, column: NDArray[np.intp], n_columns: int, n: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    group = np.unique(blocks, return_inverse=True)[1]
    n_blocks = int(group.max()) + 1
    table = np.bincount(group * n_columns + column, minlength=n_blocks * n_columns)
    weights = rng.standard_exponential((n, n_blocks))
    drawn = weights @ table.reshape(n_blocks, n_columns)
    return drawn / drawn.sum(axis=1, keepdims=True)


def _group_tables(labels: ArrayLike, seen: ArrayLike, groups: NDArray, n_classes: int) -> NDArray[np.float64]:
    """Outcome frequencies of each held-out group in the row of its class, shape (G, K (K + 1)), rows of weight 1."""
    y, s = np.asarray(labels), np.asarray(seen)
    if groups.shape != y.shape:
        raise InputError(
            f"expected one group for each of {len(y)} held-out patterns, not shape {groups.shape}"
        )
    kept = s != LEFT_OUT
    column = np.where(s[kept] == ABSTAINED, n_classes, s[kept])
    cell = y[kept] * (n_classes + 1) + column
    # A group of two classes counts as one of each.
    which = np.unique(np.stack([groups[kept], y[kept]]), axis=1, return_inverse=True)[1].reshape(-1)
    size = n_classes * (n_classes + 1)
    n = int(which.max()) + 1
    table = np.bincount(which * size + cell, minlength=n * size).reshape(n, size)
    return table / np.bincount(which)[:, None]


def _bootstrap_rows(
    tables: NDArray[np.float64], n: int, k: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw confusions, shape (n, K, K + 1), over whole groups; with one pattern a group these are `_dirichlet`'s."""
    drawn = (rng.standard_exponential((n, len(tables))) @ tables).reshape(n, k, k + 1)
    drawn = drawn + rng.standard_gamma(1.0 / (k + 1), size=drawn.shape)
    return drawn / drawn.sum(axis=-1, keepdims=True)


def _solve_all(
    counts: NDArray[np.float64],
    frequency: NDArray[np.float64],
    rng: np.random.Generator,
    tables: NDArray[np.float64] | None = None,
) -> NDArray[np.float64]:
    k = len(counts)
    out = np.empty((len(frequency), k))
    step = max(1, _CHUNK_BYTES // (8 * counts.size))
    for start in range(0, len(frequency), step):
        q = frequency[start : start + step]
        theta = _dirichlet(counts, len(q), rng) if tables is None else _bootstrap_rows(tables, len(q), k, rng)
        out[start : start + step] = _solve(theta, q)
    return out


def _solve(theta: NDArray[np.float64], frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Fractions (S, K) of largest likelihood for confusions (S, K, J) and frequencies (S, J), by EM."""
    fraction = _least_squares(theta, frequency)
    active = np.arange(len(theta))
    for _ in range(_MOST_STEPS):
        t, f = theta[active], fraction[active]
        expected = np.matmul(f[:, None, :], t)[:, 0]
        ratio = np.divide(frequency[active], expected, out=np.zeros_like(expected), where=expected > 0)
        better = f * np.matmul(t, ratio[:, :, None])[:, :, 0]
        better /= better.sum(axis=1, keepdims=True)
        fraction[active] = better
        active = active[np.abs(better - f).max(axis=1) > _TOLERANCE]
        if len(active) == 0:
            break
    return fraction


def _least_squares(theta: NDArray[np.float64], frequency: NDArray[np.float64]) -> NDArray[np.float64]:
    """Start of the EM: weighted least squares, every fraction at least a little above 0.

    From equal fractions the EM takes four times as many steps; from 0 it could not rise.
    """
    weighted = theta / np.maximum(frequency, 1e-9)[:, None, :]
    normal = np.matmul(weighted, theta.transpose(0, 2, 1))
    # Classes that no outcome distinguishes make the matrix singular.
    ridge = 1e-9 * np.trace(normal, axis1=1, axis2=2)[:, None, None] * np.eye(theta.shape[1])
    right = np.matmul(weighted, frequency[:, :, None])
    start = np.maximum(np.linalg.solve(normal + ridge, right)[:, :, 0], 1e-6)
    return start / start.sum(axis=1, keepdims=True)
