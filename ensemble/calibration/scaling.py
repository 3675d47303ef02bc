"""Vector (logistic) and beta calibration: weights and an offset for every class.

netcal fits the same models by numerical differentiation, seconds where the exact gradient takes
milliseconds, and returns float32 input unchanged; the tests hold the two against each other.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.softmax import softmax

Parameters = dict[str, list[float]]


def fit_vector(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit vector scaling, softmax(w * log p + b) (Guo et al., ICML 2017).

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K).
    labels
        True class indices, shape (N,), every class present.

    Returns
    -------
    dict[str, Any]
        ``weight`` and ``bias``, K numbers each.
    """
    features = np.log(_open(probabilities))[..., None]
    weight, bias = _fit(features, labels, identity=np.array([1.0]), least=None)
    return {"weight": weight[:, 0].tolist(), "bias": bias.tolist()}


def apply_vector(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after vector scaling, shape (N, K).

    Returns
    -------
    numpy.ndarray
        Shape (N, K), rows summing to 1.

    Examples
    --------
    >>> apply_vector([[0.8, 0.2]], {"weight": [0.5, 0.5], "bias": [0.0, 0.0]}).round(4).tolist()
    [[0.6667, 0.3333]]
    """
    return softmax(np.log(_open(probabilities)) * parameters["weight"] + parameters["bias"])


def fit_beta(probabilities: NDArray[np.float64], labels: NDArray[np.intp]) -> Parameters:
    """Fit beta calibration (Kull, Silva Filho & Flach, EJS 2017), the classes joined by a softmax.

    Parameters
    ----------
    probabilities
        Pooled, shape (N, K).
    labels
        True class indices, shape (N,), every class present.

    Returns
    -------
    dict[str, Any]
        ``a`` (weight of log p), ``b`` (weight of -log(1 - p)) and ``bias``, K numbers each; a and b at least 0,
        so that more probability never becomes less.
    """
    p = _open(probabilities)
    features = np.stack([np.log(p), -np.log1p(-p)], axis=-1)
    weights, bias = _fit(features, labels, identity=np.array([1.0, 0.0]), least=0.0)
    return {"a": weights[:, 0].tolist(), "b": weights[:, 1].tolist(), "bias": bias.tolist()}


def apply_beta(probabilities: ArrayLike, parameters: Parameters) -> NDArray[np.float64]:
    """Probabilities after beta calibration, shape (N, K).

    Returns
    -------
    numpy.ndarray
        Shape (N, K), rows summing to 1.

    Examples
    --------
    >>> apply_beta([[0.8, 0.2]], {"a": [1.0, 1.0], "b": [0.0, 0.0], "bias": [0.0, 0.0]}).round(4).tolist()
    [[0.8, 0.2]]
    """
    p = _open(probabilities)
    z = np.log(p) * parameters["a"] - np.log1p(-p) * parameters["b"] + parameters["bias"]
    return softmax(z)


def _open(probabilities: ArrayLike) -> NDArray[np.float64]:
    """Clip to the open interval, where both logarithms are finite."""
    eps = np.finfo(np.float64).eps
    return np.clip(np.asarray(probabilities, dtype=np.float64), eps, 1.0 - eps)


def _fit(
    features: NDArray[np.float64],
    labels: NDArray[np.intp],
    *,
    identity: NDArray[np.float64],
    least: float | None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights (K, J) and offsets (K,) of softmax(sum_j w_kj f_nkj + b_k) with the smallest log-loss.

    As for the temperature, a normal prior around "change nothing" with the weight of one pattern keeps
    splits without a mistake from running to infinity, and fixes the offset that all classes share.
    """
    from scipy.optimize import minimize

    n, k, j = features.shape
    one_hot = np.eye(k)[labels]
    start = np.concatenate([np.tile(identity, k), np.zeros(k)])

    def objective(parameters: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights, bias = parameters[: k * j].reshape(k, j), parameters[k * j :]
        z = np.einsum("nkj,kj->nk", features, weights) + bias
        z -= z.max(axis=1, keepdims=True)
        log_total = np.log(np.exp(z).sum(axis=1, keepdims=True))
        excess = np.exp(z - log_total) - one_hot
        shift = parameters - start
        loss = (log_total[:, 0] - (z * one_hot).sum(axis=1)).sum() + 0.5 * shift @ shift
        slope = np.concatenate([np.einsum("nk,nkj->kj", excess, features).ravel(), excess.sum(axis=0)])
        return loss / n, (slope + shift) / n

    bounds = [(least, None)] * (k * j) + [(None, None)] * k
    best = minimize(objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 500}).x
    return best[: k * j].reshape(k, j), best[k * j :]
