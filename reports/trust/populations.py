"""Populations with a known truth, to draw held-out data from."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ensemble.softmax import softmax

CLASSES = 6


class Population(NamedTuple):
    """Probabilities an ensemble gives, and the truth; `groups` where patterns come in grains."""

    probabilities: NDArray[np.float64]
    labels: NDArray[np.intp]
    groups: NDArray[np.intp] | None = None

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """Whether the class put first is not the truth, shape (N,)."""
        return self.probabilities.argmax(axis=1) != self.labels


def draw_labels(probabilities: NDArray, rng: np.random.Generator) -> NDArray[np.intp]:
    reached = probabilities.cumsum(axis=1) > rng.random((len(probabilities), 1))
    return np.where(reached.any(axis=1), reached.argmax(axis=1), probabilities.shape[1] - 1)


def independent(n: int, scale: float, shown: float, rng: np.random.Generator) -> Population:
    """Independent patterns: true logits of this scale, shown times `shown` (1 = calibrated)."""
    z = scale * rng.normal(size=(n, CLASSES))
    return Population(softmax(shown * z), draw_labels(softmax(z), rng))


def grained(n_grains: int, size: int, scale: float, rng: np.random.Generator) -> Population:
    """Grains whose pixels share their truth and nearly their logits: neighbours are right or wrong together."""
    z = scale * rng.normal(size=(n_grains, CLASSES))
    labels = np.repeat(draw_labels(softmax(z), rng), size)
    shared = np.repeat(z, size, axis=0) + 0.3 * rng.normal(size=(n_grains * size, CLASSES))
    return Population(softmax(shared), labels, np.repeat(np.arange(n_grains), size))
