"""Which pixels make the members disagree: the epistemic uncertainty itself, attributed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.gradients import Gradients
from kikuchi.explain.shapley import relative_error

if TYPE_CHECKING:
    import keras

#: Places on the way from each background pattern, in one round.
STEPS = 16

#: Rounds, each on the middle of what the rounds before left open: 1, 2 or 4 of them are evenly spaced.
ROUNDS = (0.0, 0.5, 0.25, 0.75)

#: Nobody needs more rounds once the sum is as close as this, relative or in nats.
TOLERANCE = 0.05
TOLERANCE_NATS = 0.005

_BATCH = 64


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
    together. Every line has places at even distances from a random start, and more between them until the sum is
    close: what makes members disagree changes quickly along a line, and places at random miss the sum by a third.

    Parameters
    ----------
    members
        M members.
    backgrounds
        The same B patterns as each member takes them, (B, s, s).
    weights
        Of the M members; equal where None.
    steps
        Places on each line.
    seed
        Of the shifts, the same for every pattern.
    """

    def __init__(
        self,
        members: Sequence["keras.Model"],
        backgrounds: Sequence[np.ndarray],
        *,
        weights: np.ndarray | None = None,
        steps: int = STEPS,
        seed: int = 0,
    ) -> None:
        self._members, self._backgrounds = list(members), list(backgrounds)
        self._weights = np.ones(len(members)) if weights is None else np.asarray(weights, float)
        self._weights = self._weights / self._weights.sum()
        self._steps, self._seed = steps, seed
        self._base = float(self._values(self._backgrounds).mean())
        self._gradients = Gradients(
            lambda inputs: mutual_information(
                [m(x, training=False)[0] for m, x in zip(self._members, inputs, strict=True)], self._weights
            )
        )

    def __call__(self, patterns: Sequence[np.ndarray]) -> UncertaintyAttribution:
        """Attribute the mutual information for a pattern, given as each member takes it: M arrays (s, s)."""
        value = float(self._values([p[None] for p in patterns])[0])
        sums = [np.zeros(p.shape) for p in patterns]
        for done, offset in enumerate(ROUNDS, start=1):
            for total, one in zip(sums, self._round(patterns, offset), strict=True):
                total += one
            found = UncertaintyAttribution(tuple(total / done for total in sums), value, self._base)
            if found.error <= TOLERANCE or found.missed <= TOLERANCE_NATS:
                break
        return found

    def _round(self, patterns: Sequence[np.ndarray], offset: float) -> list[np.ndarray]:
        """Average gradient times difference over every line, at places moved on by a share of a step."""
        pairs = list(zip(patterns, self._backgrounds, strict=True))
        count = len(self._backgrounds[0])
        shift = (np.random.default_rng(self._seed).random(count) + offset) % 1
        places = ((np.arange(self._steps)[:, None] + shift) / self._steps).ravel().astype(np.float32)
        which = np.tile(np.arange(count), self._steps)
        sums = [np.zeros(p.shape) for p in patterns]
        for start in range(0, len(places), _BATCH):
            part = slice(start, start + _BATCH)
            deltas = [p - background[which[part]] for p, background in pairs]
            inputs = [
                _filled(background[which[part]] + places[part, None, None] * delta)
                for delta, (_, background) in zip(deltas, pairs, strict=True)
            ]
            for total, gradient, delta in zip(sums, self._gradients(inputs), deltas, strict=True):
                total += (gradient[: len(delta), ..., 0] * delta).sum(axis=0)
        return [total / len(places) for total in sums]

    def _values(self, patterns: Sequence[np.ndarray]) -> np.ndarray:
        from keras import ops

        inputs = [ops.convert_to_tensor(np.asarray(p, np.float32)[..., None]) for p in patterns]
        # Not `predict`, which compiles a graph for every member.
        logits = [m(x, training=False)[0] for m, x in zip(self._members, inputs, strict=True)]
        return ops.convert_to_numpy(mutual_information(logits, self._weights)).astype(np.float64)


def _filled(patterns: np.ndarray) -> np.ndarray:
    """Fill the last batch up, so that one graph serves all: (_BATCH, s, s, 1)."""
    batch = np.zeros((_BATCH, *patterns.shape[1:], 1), np.float32)
    batch[: len(patterns), ..., 0] = patterns
    return batch
