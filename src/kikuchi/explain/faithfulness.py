"""Whether an attribution can be believed: perturbation, place, and randomised weights."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ensemble.errors import InputError

if TYPE_CHECKING:
    import keras

Output = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Perturbation:
    """An output while pixels are taken from a pattern, or given to a blank, in the order of an attribution.

    Attributes
    ----------
    share
        Share of the pixels taken or given, (S + 1,), 0..1.
    deletion, insertion
        The output, (S + 1,): deletion from the pattern to the blank, insertion from the blank to the pattern, the
        most important pixels first.
    random_deletion, random_insertion
        The same in R random orders, (R, S + 1).
    """

    share: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray

    @property
    def deletion_gain(self) -> float:
        """Mean output under random deletion less that under deletion: positive where the order knows something."""
        return float(_area(self.random_deletion, self.share).mean() - _area(self.deletion, self.share))

    @property
    def insertion_gain(self) -> float:
        """Mean output under insertion less that under random insertion: positive where the order knows something."""
        return float(_area(self.insertion, self.share) - _area(self.random_insertion, self.share).mean())


def perturb(
    output: Output,
    pattern: np.ndarray,
    attribution: np.ndarray,
    blank: np.ndarray,
    *,
    steps: int = 16,
    random: int = 4,
    seed: int = 0,
) -> Perturbation:
    """Take pixels in the order of an attribution and watch the output (Petsiuk et al., BMVC 2018).

    Parameters
    ----------
    output
        From patterns (n, s, s) to values (n,), higher where the attribution is positive.
    pattern
        Prepared, (s, s).
    attribution
        (s, s); the largest first.
    blank
        What stands where a pixel is taken, (s, s): for instance the mean of the background.
    steps
        S.
    random
        R, random orders to compare with.
    seed
        Of the random orders.
    """
    rng = np.random.default_rng(seed)
    orders = [np.argsort(-attribution.ravel(), kind="stable")]
    orders += [rng.permutation(pattern.size) for _ in range(random)]
    counts = np.linspace(0, pattern.size, steps + 1).round().astype(int)
    taken = np.zeros((len(orders), steps + 1, pattern.size), bool)
    for i, order in enumerate(orders):
        for j, count in enumerate(counts):
            taken[i, j, order[:count]] = True
    taken = taken.reshape(-1, *pattern.shape)
    deleted = output(np.where(taken, blank, pattern).astype(np.float32)).reshape(len(orders), -1)
    inserted = output(np.where(taken, pattern, blank).astype(np.float32)).reshape(len(orders), -1)
    return Perturbation(counts / pattern.size, deleted[0], inserted[0], deleted[1:], inserted[1:])


def share_on(attribution: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    """Return the share of an attribution's absolute values that lies on a mask, and the mask's share of the area.

    Parameters
    ----------
    attribution
        (s, s).
    mask
        (s, s) bool: Kikuchi bands or zone axes, where they are known.

    Raises
    ------
    InputError
        The shapes differ.

    Examples
    --------
    >>> share_on(np.array([[3.0, -1.0], [0.0, 0.0]]), np.array([[True, False], [False, False]]))
    (0.75, 0.25)
    """
    if attribution.shape != mask.shape:
        raise InputError(f"a mask of {mask.shape} for an attribution of {attribution.shape}")
    size = np.abs(attribution)
    return float(size[mask].sum() / max(size.sum(), np.finfo(float).tiny)), float(mask.mean())


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float:
    """Return Spearman's correlation of two attributions, -1..1.

    Signs are kept. Absolute values agree whatever the weights are: where a pattern is far from the background, every
    attribution is large.
    """
    from scipy.stats import spearmanr

    return float(spearmanr(first.ravel(), second.ravel()).statistic)


@contextmanager
def randomised_weights(model: "keras.Model", seed: int = 0) -> Iterator[None]:
    """Shuffle every kernel of a model while the block runs (Adebayo et al., NeurIPS 2018).

    An attribution that stays what it was shows the pattern and not the model. Shuffling keeps each kernel's
    distribution; biases and normalisation stay, so that activations keep their scale.

    Parameters
    ----------
    model
        Its weights are put back when the block ends.
    seed
        Of the shuffle.
    """
    kept = model.get_weights()
    rng = np.random.default_rng(seed)
    try:
        model.set_weights(
            [rng.permutation(np.ravel(w)).reshape(np.shape(w)) if np.ndim(w) > 1 else w for w in kept]
        )
        yield
    finally:
        model.set_weights(kept)


def _area(curve: np.ndarray, share: np.ndarray) -> np.ndarray:
    return np.trapezoid(curve, share, axis=-1)
