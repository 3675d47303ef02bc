"""Draws of a linear softmax layer, and the scaling of the features it is fitted on."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.validation import as_numbers


@dataclass(frozen=True)
class Heads:
    """T draws of a linear softmax layer, and the centre that they scatter about.

    Attributes
    ----------
    kernel, bias
        Of the centre (mode or mean), shapes (F, K) and (K,).
    kernels, biases
        Of the draws, shapes (T, F, K) and (T, K); of a dropout head, none: T = 0, its draws are masks.
    report
        What the fit says of itself: the prior's precision, and what the method measures.
    """

    kernel: NDArray[np.float64]
    bias: NDArray[np.float64]
    kernels: NDArray[np.float64]
    biases: NDArray[np.float64]
    report: dict[str, Any] = field(default_factory=dict)

    def probabilities(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return what every draw says of features (N, F): (T, N, K)."""
        from ensemble.softmax import softmax

        x = as_numbers(features, "features", (None, len(self.kernel))).astype(np.float64)
        return softmax(np.einsum("nf,tfk->tnk", x, self.kernels) + self.biases[:, None])


@dataclass(frozen=True)
class Scaling:
    """Features to the columns that are regressed on: centred, scaled, and a column of ones.

    Attributes
    ----------
    centre, scale
        Mean and standard deviation over the training patterns, (F,); constant features have scale 1.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def of(cls, features: ArrayLike, *, centred: bool = True) -> "Scaling":
        """Measure it on training features (N, F); not centred where zeros must stay zeros, as under dropout."""
        x = np.asarray(features, dtype=np.float64)
        spread = x.std(axis=0)
        centre = x.mean(axis=0) if centred else np.zeros(x.shape[1])
        return cls(centre, np.where(spread > 1e-6 * max(float(spread.max(initial=0.0)), 1e-12), spread, 1.0))

    def columns(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return the columns of features (N, F): (N, F + 1)."""
        scaled = (np.asarray(features, dtype=np.float64) - self.centre) / self.scale
        return np.hstack([scaled, np.ones((len(scaled), 1))])

    def layer(self, weights: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Turn weights of the columns (..., F + 1, K) into kernel (..., F, K) and bias (..., K) of the features."""
        kernel = weights[..., :-1, :] / self.scale[:, None]
        return kernel, weights[..., -1, :] - np.einsum("f,...fk->...k", self.centre, kernel)

    def weights(self, kernel: ArrayLike, bias: ArrayLike) -> NDArray[np.float64]:
        """Undo `layer`: the weights (F + 1, K) of a kernel (F, K) and a bias (K,)."""
        kernel = np.asarray(kernel, dtype=np.float64)
        last = np.asarray(bias, dtype=np.float64) + self.centre @ kernel
        return np.vstack([kernel * self.scale[:, None], last])
