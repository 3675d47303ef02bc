"""Laplace's approximation of the last layer: a normal distribution about the mode, in closed form."""

import numpy as np
from numpy.typing import NDArray

from ensemble.bayesian.softmax_regression import Regression

#: Weights up to which the whole covariance is kept; beyond, its Kronecker factors (4096 weights: 0.13 GB).
MOST_WEIGHTS = 4096


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
        return mode + (whitening(problem, mode) @ rng.standard_normal((mode.size, draws))).T.reshape(
            draws, *mode.shape
        )
    return mode + draw_kronecker(problem, mode, draws, rng)


def whitening(problem: Regression, mode: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return L^-T of the curvature L L^T at the mode: it turns standard normal numbers into draws about it."""
    from scipy.linalg import solve_triangular

    lower = np.linalg.cholesky(problem.hessian(mode))
    return solve_triangular(lower, np.eye(mode.size), lower=True, overwrite_b=True).T


def draw_kronecker(
    problem: Regression, mode: NDArray[np.float64], draws: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw deviations (T, D, K) from the mode, the curvature taken as a Kronecker product plus the prior."""
    moment, u, spread, v = problem.factors(mode)
    deviation = rng.standard_normal((draws, *mode.shape)) / np.sqrt(
        np.outer(moment, spread) + problem.precision
    )
    return u @ deviation @ v.T
