"""Softmax in double precision, safe for any finite logits."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.validation import as_numbers

_FLOOR = -800.0
"""exp() of anything below is exactly 0, while 0 * floor is still 0 and not NaN."""


def _shifted(logits: ArrayLike) -> NDArray[np.float64]:
    z = as_numbers(logits, "logits").astype(np.float64)
    if z.ndim == 0 or z.shape[-1] == 0:
        return z
    z -= z.max(axis=-1, keepdims=True)
    return z


def softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Turn logits into probabilities along the last axis.

    Parameters
    ----------
    logits
        Unnormalised log-probabilities, shape (..., K). ``-inf`` is a class that is ruled out.

    Returns
    -------
    numpy.ndarray
        Probabilities, shape (..., K), in [0, 1], summing to 1. Rows that hold NaN or ``+inf`` are NaN.

    Examples
    --------
    >>> softmax([1000.0, 1000.0]).tolist()
    [0.5, 0.5]
    """
    with np.errstate(invalid="ignore"):
        p = _shifted(logits)
    np.exp(p, out=p)
    p /= p.sum(axis=-1, keepdims=True)
    return p


def log_softmax(logits: ArrayLike) -> NDArray[np.float64]:
    """Logarithm of `softmax`, without the underflow of taking it afterwards.

    Parameters
    ----------
    logits
        Unnormalised log-probabilities, shape (..., K).

    Returns
    -------
    numpy.ndarray
        Log-probabilities in nats, shape (..., K), at most 0.

    Examples
    --------
    >>> log_softmax([0.0, -2000.0]).tolist()
    [0.0, -2000.0]
    """
    with np.errstate(invalid="ignore"):
        z = _shifted(logits)
    z -= np.log(np.exp(z).sum(axis=-1, keepdims=True))
    return z


def softmax_and_entropy(logits: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Probabilities and their entropy in one pass, without a logarithm per class.

    Uses H = log sum exp(z) - sum p z on shifted logits, which is what makes a million patterns of ten
    members cheap.

    Parameters
    ----------
    logits
        Unnormalised log-probabilities, shape (..., K).

    Returns
    -------
    probabilities
        Shape (..., K).
    entropy
        Shape (...), nats, in [0, log K].

    Examples
    --------
    >>> p, h = softmax_and_entropy([[0.0, 0.0], [0.0, -np.inf]])
    >>> bool(np.allclose(h, [np.log(2), 0.0]))
    True
    """
    with np.errstate(invalid="ignore"):
        z = _shifted(logits)
    np.maximum(z, _FLOOR, out=z)
    p = np.exp(z)
    total = p.sum(axis=-1)
    p /= total[..., None]
    entropy = np.log(total) - np.einsum("...k,...k->...", p, z)
    return p, np.maximum(entropy, 0.0)
