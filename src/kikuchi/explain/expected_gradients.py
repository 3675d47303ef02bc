"""Expected gradients (Erion et al., Nat. Mach. Intell. 2021) of a function, along lines whose sums are known."""

import time
from collections.abc import Callable, Sequence

import numpy as np

#: Places on every line from a background pattern at first, and at most, on average over the lines.
PLACES, MOST = 16, 64

#: How close a sum is close, relative.
TOLERANCE = 0.05


def along_lines(
    gradients: Callable[[list[np.ndarray]], list[np.ndarray]],
    patterns: Sequence[np.ndarray],
    backgrounds: Sequence[np.ndarray],
    rises: np.ndarray,
    *,
    batch: int,
    tolerance: float = TOLERANCE,
    enough: float = 0.0,
    until: float | None = None,
) -> tuple[np.ndarray, ...]:
    """Average gradient times difference along the straight lines from background patterns to a pattern.

    The places are the middles of equal parts of a line: networks of ReLU bend along a line, and no rule of higher order
    is closer. What each line must sum to is known, the difference of its ends; where the whole is not close, the lines
    that miss most are cut into three times as many parts, whose middles include those that are there. (Places at random
    miss the sum by a third.)

    Parameters
    ----------
    gradients
        Of the function, at M arrays of `batch` patterns, (batch, s, s, 1): arrays of these shapes.
    patterns
        The pattern as each of the function's M inputs takes it, (s, s).
    backgrounds
        The same B patterns as each input takes them, (B, s, s).
    rises
        By how much the function is higher for the pattern than for each background pattern, (B,).
    batch
        Patterns at a time.
    tolerance, enough
        How far the whole may be from its sum: relative to it, or in units of the function.
    until
        When no line is cut finer any more (`time.perf_counter`); never where None.

    Returns
    -------
    tuple of arrays
        One (s, s) per input; all of them together sum to the mean of `rises`.
    """
    count, wanted = len(rises), float(np.mean(rises))
    sums = [np.zeros((count, *p.shape)) for p in patterns]
    parts, lines = np.zeros(count, int), np.arange(count)
    while True:
        _add(gradients, patterns, backgrounds, sums, lines, parts[lines], batch)
        parts[lines] = np.where(parts[lines] == 0, PLACES, 3 * parts[lines])
        missed = sum(s.sum(axis=(1, 2)) for s in sums) / parts - rises
        close = abs(missed.mean()) <= max(tolerance * abs(wanted), enough)
        late = until is not None and time.perf_counter() > until
        if close or late or parts.sum() >= MOST * count:
            return tuple(np.einsum("n,nij->ij", 1 / parts / count, s) for s in sums)
        worst = np.argsort(-np.abs(missed), kind="stable")
        # As many as fill a pass.
        lines = worst[: 1 + int(np.searchsorted(np.cumsum(2 * parts[worst]), batch))]


def _add(
    gradients: Callable[[list[np.ndarray]], list[np.ndarray]],
    patterns: Sequence[np.ndarray],
    backgrounds: Sequence[np.ndarray],
    sums: list[np.ndarray],
    lines: np.ndarray,
    parts: np.ndarray,
    batch: int,
) -> None:
    """Add gradient times difference at the next places of some lines, which have been cut into so many parts."""
    places = [_places(n) for n in parts]
    which, place = np.repeat(lines, [len(p) for p in places]), np.concatenate(places).astype(np.float32)
    pairs = list(zip(patterns, backgrounds, strict=True))
    for start in range(0, len(which), batch):
        part = slice(start, start + batch)
        deltas = [p - background[which[part]] for p, background in pairs]
        inputs = [
            _filled(background[which[part]] + place[part, None, None] * delta, batch)
            for delta, (_, background) in zip(deltas, pairs, strict=True)
        ]
        for total, gradient, delta in zip(sums, gradients(inputs), deltas, strict=True):
            np.add.at(total, which[part], gradient[: len(delta), ..., 0] * delta)


def _places(parts: int) -> np.ndarray:
    """Return the middles of the parts of a line, 0..1, that its middles of a third as many, if any, leave out.

    Examples
    --------
    >>> PLACES, len(_places(0)), _places(2).round(3).tolist()
    (16, 16, [0.083, 0.417, 0.583, 0.917])
    """
    if not parts:
        return (np.arange(PLACES) + 0.5) / PLACES
    return ((np.arange(parts)[:, None] + [1 / 6, 5 / 6]) / parts).ravel()


def _filled(patterns: np.ndarray, size: int) -> np.ndarray:
    """Fill the last batch up, so that one graph serves all: (size, s, s, 1)."""
    batch = np.zeros((size, *patterns.shape[1:], 1), np.float32)
    batch[: len(patterns), ..., 0] = patterns
    return batch
