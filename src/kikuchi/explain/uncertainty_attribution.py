"""Attribution of the members' disagreement, the epistemic uncertainty, to pixels."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.expected_gradients import TOLERANCE, along_lines
from kikuchi.explain.explanation import explanation, on_grid, pattern_on_grid
from kikuchi.explain.gradients import Gradients, at_once
from kikuchi.explain.shapley import relative_error

if TYPE_CHECKING:
    import keras
    import shap

#: How close a sum is close, in nats; or it is so relatively.
TOLERANCE_NATS = 0.005

_BATCH = 96  # patterns at a time, where they are small


@dataclass(frozen=True)
class UncertaintyAttribution:
    """Attributions of the mutual information to each pixel as each member sees it.

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
        """Completeness: distance of the values' sum from the difference, relative to it."""
        return relative_error(float(sum(v.sum() for v in self.values)), self.value - self.base)

    @property
    def missed(self) -> float:
        """The same in nats: a difference near 0 makes any relative error large."""
        return abs(float(sum(v.sum() for v in self.values)) - (self.value - self.base))

    @property
    def close(self) -> bool:
        """Whether the sum is as close as it is tried to be brought."""
        return self.missed <= max(TOLERANCE * abs(self.value - self.base), TOLERANCE_NATS) * (1 + 1e-6)

    def to_explanation(self, patterns: Sequence[np.ndarray], members: Sequence[str]) -> "shap.Explanation":
        """Return a `shap.Explanation` with one sample a member, in nats, on the grid of the largest input.

        Parameters
        ----------
        patterns
            As each member takes it, M arrays (s, s).
        members
            Their names.
        """
        side = max(v.shape[0] for v in self.values)
        values = np.stack([on_grid(v, side) for v in self.values])
        # Members share one base: each sample's is an equal part, so that all values and bases sum to the value.
        bases = np.full((len(values), 1), self.base / len(values))
        data = np.stack([pattern_on_grid(p, side) for p in patterns])
        return explanation(values[..., None, None], bases, data[..., None], ["mutual information"], members)


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

    All members move together along the lines from the background.

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

    @property
    def lines(self) -> int:
        """Number of background patterns that lines begin at."""
        return len(self._ends)

    @property
    def batch(self) -> int:
        """Places on lines that go through the members together."""
        return self._batch

    def seconds_of_a_pass(self) -> float:
        """Return how long one pass of gradients takes, once it is compiled."""
        inputs = [np.zeros((self._batch, *b.shape[1:], 1), np.float32) for b in self._backgrounds]
        self._gradients(inputs)
        begin = time.perf_counter()
        self._gradients(inputs)
        return time.perf_counter() - begin

    def __call__(self, patterns: Sequence[np.ndarray], until: float | None = None) -> UncertaintyAttribution:
        """Attribute the mutual information for a pattern.

        Parameters
        ----------
        patterns
            As each member takes it, M arrays (s, s).
        until
            When no line is cut finer any more (`time.perf_counter`); never where None.
        """
        value = float(self._values([p[None] for p in patterns])[0])
        values = along_lines(
            self._gradients,
            patterns,
            self._backgrounds,
            value - self._ends,
            batch=self._batch,
            enough=TOLERANCE_NATS,
            until=until,
        )
        return UncertaintyAttribution(values, value, float(self._ends.mean()))

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
