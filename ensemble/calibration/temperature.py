"""One temperature for the whole pool: the calibration that a small split can carry."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.softmax import softmax
from ensemble.validation import as_labels, as_number, as_probabilities

_LOG_RANGE = np.log(100.0)
"""Temperatures from 0.01 to 100."""


def log_probabilities(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Logarithms that are finite where a probability is 0.

    Returns
    -------
    numpy.ndarray
        Logarithms, shape as given.
    """
    return np.log(np.maximum(probabilities, np.finfo(np.float64).tiny))


def fit_temperature(probabilities: ArrayLike, labels: ArrayLike) -> dict[str, float]:
    """Temperature T for which softmax(log p / T) has the smallest log-loss (Guo et al., ICML 2017).

    Fitted to pooled probabilities, not per member: members calibrated first make an under-confident
    pool (Rahaman & Thiery, NeurIPS 2021). The scale is identified by mistakes; where a split holds none,
    the likelihood would run to T = 0, and the weight of one pattern of a log-normal prior around T = 1
    holds it back.

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K).
    labels
        True class indices, shape (N,).

    Returns
    -------
    dict[str, float]
        ``{"temperature": T}``, T in [0.01, 100].
    """
    from scipy.optimize import minimize_scalar

    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    if len(y) == 0:
        return {"temperature": 1.0}
    z = log_probabilities(p)
    z -= z.max(axis=1, keepdims=True)
    picked = z[np.arange(len(y)), y]

    def objective(log_temperature: float) -> float:
        beta = np.exp(-log_temperature)
        likelihood = np.log(np.exp(beta * z).sum(axis=1)) - beta * picked
        return float(likelihood.sum() + 0.5 * log_temperature**2)

    fit = minimize_scalar(
        objective, bounds=(-_LOG_RANGE, _LOG_RANGE), method="bounded", options={"xatol": 1e-7}
    )
    return {"temperature": float(np.exp(fit.x))}


def apply_temperature(probabilities: ArrayLike, parameters: dict[str, float]) -> NDArray[np.float64]:
    """Probabilities at the fitted temperature, shape (N, K).

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K).
    parameters
        As `fit_temperature` returns them.

    Returns
    -------
    numpy.ndarray
        Shape (N, K), rows summing to 1.

    Examples
    --------
    >>> apply_temperature([[0.8, 0.2]], {"temperature": 2.0}).round(4).tolist()
    [[0.6667, 0.3333]]
    """
    if "temperature" not in parameters:
        raise InputError("no temperature among the parameters", remedy="give what `fit_temperature` returned")
    temperature = as_number(parameters["temperature"], "the temperature", low=1e-6)
    p = as_probabilities(probabilities, finite=False)
    return softmax(log_probabilities(p) / temperature)
