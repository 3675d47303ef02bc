"""Vector (logistic) and beta calibration: a weight and an offset for every class."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.softmax import softmax

Parameters = dict[str, list[float]]


def fit_vector(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit vector scaling, softmax(w * log p + b) (Guo et al., ICML 2017), by netcal.

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K), float64: netcal differentiates numerically and returns float32 unchanged.
    labels
        True class indices, shape (N,), every class present.

    Returns
    -------
    ``weight`` and ``bias``, K numbers each.
    """
    from netcal.scaling import LogisticCalibration

    model = LogisticCalibration(method="mle").fit(np.asarray(probabilities, dtype=np.float64), labels)
    weight, bias = np.atleast_1d(model.weights), np.atleast_1d(model.intercept)
    if probabilities.shape[1] == 2:
        # netcal scales the log-odds of the second class alone.
        weight, bias = np.repeat(weight, 2), np.array([0.0, bias[0]])
    return {"weight": weight.tolist(), "bias": bias.tolist()}


def apply_vector(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after vector scaling, shape (N, K).

    Examples
    --------
    >>> apply_vector([[0.8, 0.2]], {"weight": [0.5, 0.5], "bias": [0.0, 0.0]}).round(4).tolist()
    [[0.6667, 0.3333]]
    """
    p = _open(probabilities)
    return softmax(np.log(p) * parameters["weight"] + parameters["bias"])


def fit_beta(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit beta calibration (Kull, Silva Filho & Flach, EJS 2017), several classes by a softmax, by netcal.

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K), float64.
    labels
        True class indices, shape (N,), every class present.

    Returns
    -------
    ``a`` (weight of log p), ``b`` (weight of -log(1 - p)) and ``bias``, K numbers each; a and b at least 0.
    """
    from netcal.scaling import BetaCalibration

    model = BetaCalibration(method="mle").fit(np.asarray(probabilities, dtype=np.float64), labels)
    # The properties of this class raise KeyError in netcal 1.4; the fitted values lie where it samples them.
    weights = np.reshape(model._sites["weights"]["values"], (-1, 2))
    bias = np.atleast_1d(model._sites["bias"]["values"])
    if probabilities.shape[1] == 2:
        # netcal models the second class; the first then has logit 0.
        weights, bias = np.vstack([[0.0, 0.0], weights]), np.array([0.0, bias[0]])
    return {"a": weights[:, 0].tolist(), "b": weights[:, 1].tolist(), "bias": bias.tolist()}


def apply_beta(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after beta calibration, shape (N, K).

    Examples
    --------
    >>> apply_beta([[0.8, 0.2]], {"a": [1.0, 1.0], "b": [0.0, 0.0], "bias": [0.0, 0.0]}).round(4).tolist()
    [[0.8, 0.2]]
    """
    p = _open(probabilities)
    z = np.log(p) * parameters["a"] - np.log1p(-p) * parameters["b"] + parameters["bias"]
    return softmax(z)


def _open(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Clip to the open interval as netcal does, so that fitting and applying see the same logarithms."""
    eps = np.finfo(np.float64).eps
    return np.clip(np.asarray(probabilities, dtype=np.float64), eps, 1.0 - eps)
