"""SWAG of the last layer: the normal distribution that the steps of gradient descent wander in."""

import numpy as np
from numpy.typing import NDArray

from ensemble.bayesian.softmax_regression import Regression
from ensemble.softmax import softmax

_MOST_BATCH, _BURN_IN, _SNAPSHOTS, _RANK = 32, 10, 60, 20


def draw_swag(
    problem: Regression, mode: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw from SWAG's normal distribution (Maddox et al., NeurIPS 2019): diagonal and low rank, in equal parts.

    Descent begins at the mode, with a constant step, and the weights are kept after every pass over the patterns. The
    step is the one at which descent wanders as widely as the posterior is wide, eps = 2 S / N * D / tr C for batches of
    S and the covariance C of one pattern's gradient (Mandt, Hoffman & Blei, JMLR 18, 2017), kept below the step that
    diverges. Nothing is tuned.

    Parameters
    ----------
    problem
        Patterns and prior.
    mode
        Of the posterior, (D, K).
    draws
        T.
    rng
        Source of chance.

    Returns
    -------
    numpy.ndarray
        (T, D, K).
    """
    kept = _snapshots(problem, mode, rng)
    mean = kept.mean(axis=0)
    # Round-off may leave a variance below zero.
    diagonal = np.sqrt(np.maximum((kept**2).mean(axis=0) - mean**2, 0))
    columns = (kept - mean)[-_RANK:]
    narrow = rng.standard_normal((draws, *mode.shape)) * diagonal
    wide = np.tensordot(rng.standard_normal((draws, len(columns))), columns, axes=1)
    return mean + narrow / np.sqrt(2) + wide / np.sqrt(2 * (len(columns) - 1))


def step_size(problem: Regression, mode: NDArray[np.float64], batch: int) -> float:
    """Return the constant step of descent on the mean loss over patterns, for batches of so many."""
    n = len(problem.y)
    residual = problem.probabilities(mode)
    residual[np.arange(n), problem.y] -= 1
    length = (problem.x**2).sum(axis=1)
    trace = float((length * (residual**2).sum(axis=1)).mean())
    wanted = 2 * batch / n * mode.size / max(trace, 1e-12)
    # diag(p) - p p^T has no eigenvalue above 1/2.
    largest = 0.5 * np.linalg.eigvalsh(problem.x.T @ problem.x / n)[-1] + problem.precision / n
    return float(min(wanted, 1 / largest))


def _snapshots(
    problem: Regression, mode: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    n = len(problem.y)
    # Few patterns need small batches, or descent has no noise to wander by.
    size = int(np.clip(n // 10, 1, _MOST_BATCH))
    eps = step_size(problem, mode, size)
    truth = np.eye(problem.classes)[problem.y]
    weights = mode.copy()
    kept = np.empty((_SNAPSHOTS, *mode.shape))
    for epoch in range(_BURN_IN + _SNAPSHOTS):
        order = rng.permutation(n)
        for start in range(0, n, size):
            batch = order[start : start + size]
            x = problem.x[batch]
            gradient = x.T @ (softmax(x @ weights) - truth[batch]) / len(batch)
            weights = weights - eps * (gradient + problem.precision / n * (weights - problem.centre))
        if epoch >= _BURN_IN:
            kept[epoch - _BURN_IN] = weights
    return kept
