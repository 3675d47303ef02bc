"""Which pixels make the members disagree: the epistemic uncertainty itself, attributed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.gradients import Gradients, at_once
from kikuchi.explain.shapley import relative_error

if TYPE_CHECKING:
    import keras

#: Places on every way from a background pattern at first, and at most, on average over the ways.
PLACES, MOST = 16, 64

#: How close a sum is close, relative or in nats.
TOLERANCE = 0.05
TOLERANCE_NATS = 0.005

_BATCH = 96  # patterns at a time, where they are small


@dataclass(frozen=True)
class UncertaintyAttribution:
    """How much each pixel, as each member sees it, moved the mutual information.

    Attributes
    ----------
    values
        One (s, s) per member, nats. Each member has the pattern as an input of its own, so that all of them
        together sum to ``value - base``.
    value, base
        Mutual information for the pattern, and its mean over the background, nats.
    """

    values: tuple[np.ndarray, ...]
    value: float
    base: float

    @property
    def error(self) -> float:
        """How far the values are from summing to the difference, relative to it (completeness)."""
        return relative_error(float(sum(v.sum() for v in self.values)), self.value - self.base)

    @property
    def missed(self) -> float:
        """The same in nats: a difference near 0 makes any relative error large."""
        return abs(float(sum(v.sum() for v in self.values)) - (self.value - self.base))


def mutual_information(logits: Sequence[Any], weights: np.ndarray) -> Any:
    """Return the mutual information of members as a tensor: entropy of the mean less mean of the entropies.

    Parameters
    ----------
    logits
        One tensor (n, K) per member.
    weights
        Of the M members, summing to 1.

    Returns
    -------
    tensor
        (n,), nats; of the members as they are, before any calibration.
    """
    from keras import ops

    entropy, mean = 0.0, 0.0
    for w, z in zip(np.asarray(weights, float).tolist(), logits, strict=True):
        log_p = ops.log_softmax(z, axis=-1)
        p = ops.exp(log_p)
        mean += w * p
        entropy -= w * ops.sum(p * log_p, axis=-1)
    # A class that all members rule out underflows to 0, where p log p is 0 but its gradient would be NaN.
    return -ops.sum(mean * ops.log(ops.maximum(mean, 1e-30)), axis=-1) - entropy


class Uncertainty:
    """The mutual information of an ensemble, attributed to pixels by expected gradients (Erion et al. 2021).

    Gradients are averaged along the straight line from each background pattern to the pattern, all members moving
    together, in the middles of equal parts: networks of ReLU bend along a line, and no rule of higher order is closer.
    What each line must sum to is known, the difference of its ends; where the whole is not close, the lines that miss
    most are cut into three times as many parts, whose middles include those that are there. (Places at random miss the
    sum by a third.)

    Parameters
    ----------
    members
        M members.
    backgrounds
        The same B patterns as each member takes them, (B, s, s).
    weights
        Of the M members; equal where None.
    """

    def __init__(
        self,
        members: Sequence["keras.Model"],
        backgrounds: Sequence[np.ndarray],
        *,
        weights: np.ndarray | None = None,
    ) -> None:
        self._members, self._backgrounds = list(members), list(backgrounds)
        self._weights = np.ones(len(members)) if weights is None else np.asarray(weights, float)
        self._weights = self._weights / self._weights.sum()
        self._batch = at_once(members, _BATCH)
        self._ends = self._values(self._backgrounds)
        self._gradients = Gradients(
            lambda inputs: mutual_information(
                [m(x, training=False)[0] for m, x in zip(self._members, inputs, strict=True)], self._weights
            )
        )

    def __call__(self, patterns: Sequence[np.ndarray]) -> UncertaintyAttribution:
        """Attribute the mutual information for a pattern, given as each member takes it: M arrays (s, s)."""
        value = float(self._values([p[None] for p in patterns])[0])
        count = len(self._ends)
        sums = [np.zeros((count, *p.shape)) for p in patterns]
        parts, lines = np.zeros(count, int), np.arange(count)
        while True:
            self._add(patterns, sums, lines, parts[lines])
            parts[lines] = np.where(parts[lines] == 0, PLACES, 3 * parts[lines])
            values = tuple(np.einsum("n,nij->ij", 1 / parts / count, s) for s in sums)
            found = UncertaintyAttribution(values, value, float(self._ends.mean()))
            if found.error <= TOLERANCE or found.missed <= TOLERANCE_NATS or parts.sum() >= MOST * count:
                return found
            missed = sum(s.sum(axis=(1, 2)) for s in sums) / parts - (value - self._ends)
            worst = np.argsort(-np.abs(missed), kind="stable")
            # As many as fill a pass.
            lines = worst[: 1 + int(np.searchsorted(np.cumsum(2 * parts[worst]), self._batch))]

    def _add(
        self, patterns: Sequence[np.ndarray], sums: list[np.ndarray], lines: np.ndarray, parts: np.ndarray
    ) -> None:
        """Add gradient times difference at the next places of some lines, which have been cut into so many parts."""
        places = [_places(n) for n in parts]
        which, place = np.repeat(lines, [len(p) for p in places]), np.concatenate(places).astype(np.float32)
        pairs = list(zip(patterns, self._backgrounds, strict=True))
        for start in range(0, len(which), self._batch):
            part = slice(start, start + self._batch)
            deltas = [p - background[which[part]] for p, background in pairs]
            inputs = [
                _filled(background[which[part]] + place[part, None, None] * delta, self._batch)
                for delta, (_, background) in zip(deltas, pairs, strict=True)
            ]
            for total, gradient, delta in zip(sums, self._gradients(inputs), deltas, strict=True):
                np.add.at(total, which[part], gradient[: len(delta), ..., 0] * delta)

    def _values(self, patterns: Sequence[np.ndarray]) -> np.ndarray:
        from keras import ops

        values = []
        for start in range(0, len(patterns[0]), self._batch):
            part = [np.asarray(p[start : start + self._batch], np.float32)[..., None] for p in patterns]
            # Not `predict`, which compiles a graph for every member.
            logits = [
                m(ops.convert_to_tensor(x), training=False)[0]
                for m, x in zip(self._members, part, strict=True)
            ]
            values.append(ops.convert_to_numpy(mutual_information(logits, self._weights)))
        return np.concatenate(values).astype(np.float64)


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
