"""Laplace's approximation of the last layer: a normal distribution about the mode, in closed form."""

import numpy as np
from numpy.typing import NDArray

from ensemble.bayesian.softmax_regression import Regression

#: Weights up to which the whole curvature is inverted (six classes of a compact member are 1542, done in a second);
#: beyond, its Kronecker factors.
MOST_WEIGHTS = 2000


def draw_laplace(
    problem: Regression, mode: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw from the normal distribution whose precision is the curvature at the mode.

    For a last layer the generalised Gauss-Newton matrix is the Hessian itself (Daxberger et al., NeurIPS 2021).

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
    if mode.size <= MOST_WEIGHTS:
        normal = rng.standard_normal((mode.size, draws))
        return mode + _whitened(problem, mode, normal).T.reshape(draws, *mode.shape)
    return mode + draw_kronecker(problem, mode, draws, rng)


def whitening(problem: Regression, mode: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return L^-T of the curvature L L^T at the mode: it turns standard normal numbers into draws about it."""
    return _whitened(problem, mode, np.eye(mode.size))


def _whitened(
    problem: Regression, mode: NDArray[np.float64], normal: NDArray[np.float64]
) -> NDArray[np.float64]:
    from scipy.linalg import solve_triangular

    lower = np.linalg.cholesky(problem.hessian(mode))
    return solve_triangular(lower, normal, lower=True, trans="T")


def draw_kronecker(
    problem: Regression, mode: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw deviations (T, D, K) from the mode, the curvature taken as a Kronecker product plus the prior.

    Returns
    -------
    numpy.ndarray
        Deviations, shape (T, D, K).
    """
    moment, u, spread, v = problem.factors(mode)
    deviation = rng.standard_normal((draws, *mode.shape)) / np.sqrt(
        np.outer(moment, spread) + problem.precision
    )
    return u @ deviation @ v.T
