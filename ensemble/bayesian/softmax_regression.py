"""Multinomial logistic regression with a Gaussian prior: its mode, its curvature and its evidence."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.softmax import softmax
from ensemble.validation import as_count, as_labels, as_number, as_scores

#: Precisions that compete for the prior of standardised columns, in half decades.
PRECISIONS = tuple(10.0 ** (half / 2) for half in range(-4, 7))

_ITERATIONS = 500


@dataclass(frozen=True)
class Regression:
    """Patterns and the prior: everything that the posterior of the weights W depends on.

    p(class k of pattern n) is the softmax of x_n W; the entries of W are independent and normal about the prior's
    centre, with one precision.

    Attributes
    ----------
    x
        Columns, (N, D).
    y
        Class indices, (N,).
    classes
        K.
    precision
        Of the prior, above 0.
    centre
        Of the prior, (D, K).
    """

    x: NDArray[np.float64]
    y: NDArray[np.intp]
    classes: int
    precision: float
    centre: NDArray[np.float64]

    def probabilities(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Of every class, (N, K), under weights (D, K)."""
        return softmax(self.x @ weights)

    def loss(self, flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        """Return minus the log of the joint density (less a constant) of flat weights (D * K,), and its gradient."""
        weights = flat.reshape(self.centre.shape)
        z = self.x @ weights
        z -= z.max(axis=1, keepdims=True)
        p = np.exp(z)
        total = p.sum(axis=1)
        rows = np.arange(len(self.y))
        away = weights - self.centre
        value = float((np.log(total) - z[rows, self.y]).sum() + 0.5 * self.precision * (away**2).sum())
        p /= total[:, None]
        p[rows, self.y] -= 1
        return value, (self.x.T @ p + self.precision * away).ravel()

    def hessian(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the curvature of `loss` at weights (D, K), prior included: (D * K, D * K), class index fastest."""
        p = self.probabilities(weights)
        d, k = weights.shape
        blocks = np.empty((d, k, d, k))
        for a in range(k):
            for b in range(a, k):
                w = p[:, a] * ((a == b) - p[:, b])
                blocks[:, a, :, b] = blocks[:, b, :, a] = (self.x * w[:, None]).T @ self.x
        h = blocks.reshape(d * k, d * k)
        h[np.diag_indices(d * k)] += self.precision
        return h

    def factors(
        self, weights: NDArray[np.float64]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return eigenvalues and -vectors of the two Kronecker factors of the curvature without the prior.

        The curvature is taken as the product of the columns' second moment (D, D), summed over patterns, and the mean
        of diag(p) - p p^T (K, K) (Ritter, Botev & Barber, ICLR 2018).
        """
        p = self.probabilities(weights)
        outer = np.diag(p.mean(axis=0)) - p.T @ p / len(p)
        moment, u = np.linalg.eigh(self.x.T @ self.x)
        spread, v = np.linalg.eigh(outer)
        return np.maximum(moment, 0), u, np.maximum(spread, 0), v

    def log_evidence(self, weights: NDArray[np.float64]) -> float:
        """Log of the marginal likelihood after Laplace at the mode, the curvature taken as a Kronecker product."""
        moment, _, spread, _ = self.factors(weights)
        curvature = np.log(np.outer(moment, spread) + self.precision).sum()
        return -self.loss(weights.ravel())[0] + 0.5 * (weights.size * np.log(self.precision) - curvature)


def regression(
    x: ArrayLike, y: ArrayLike, classes: int, precision: float, centre: ArrayLike | None = None
) -> Regression:
    """Check and gather what `Regression` holds; a prior without a centre is centred at zero.

    Returns
    -------
    Regression
        The arrays, checked.
    """
    as_count(classes, "the number of classes")
    columns = as_scores(x, "columns", (None, None))
    shape = (columns.shape[1], classes)
    middle = np.zeros(shape) if centre is None else as_scores(centre, "the centre of the prior", shape)
    labels = as_labels(y, len(columns), classes)
    return Regression(columns, labels, classes, as_number(precision, "the precision", low=1e-300), middle)


def fit_map(problem: Regression, start: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
    """Return the mode of the posterior, (D, K); it is unique, so the start costs or saves time only.

    Descent runs on the principal axes of the columns, each scaled by its curvature were all classes equally probable:
    features of a network are so alike that it would take hundreds of steps on their own axes.
    """
    from scipy.optimize import minimize

    first = problem.centre if start is None else start
    moment, axes = np.linalg.eigh(problem.x.T @ problem.x)
    scale = (np.maximum(moment, 0) / problem.classes + problem.precision) ** -0.5

    def scaled(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        value, gradient = problem.loss((axes @ (scale[:, None] * flat.reshape(first.shape))).ravel())
        return value, (scale[:, None] * (axes.T @ gradient.reshape(first.shape))).ravel()

    begin = (axes.T @ first) / scale[:, None]
    found = minimize(
        scaled, begin.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS, "maxcor": 20}
    )
    return axes @ (scale[:, None] * found.x.reshape(first.shape))


def choose_precision(
    x: ArrayLike,
    y: ArrayLike,
    classes: int,
    *,
    centre: ArrayLike | None = None,
    precisions: tuple[float, ...] = PRECISIONS,
) -> tuple[Regression, NDArray[np.float64]]:
    """Choose the prior's precision by the evidence (MacKay, Neural Computation 4, 1992): no pattern is held out.

    Parameters
    ----------
    x
        Columns, (N, D).
    y
        Class indices, (N,); a class may have no pattern.
    classes
        K.
    centre
        Of the prior, (D, K); zero where None.
    precisions
        What competes. The search goes down from the largest and ends at the first that is worse than the one before.

    Returns
    -------
    problem, weights
        With the precision of the largest evidence, and the mode under it, (D, K).
    """
    if not precisions:
        raise InputError("no precision to choose from")
    best: tuple[float, Regression, NDArray[np.float64]] | None = None
    weights = None
    for precision in sorted(precisions, reverse=True):
        problem = regression(x, y, classes, precision, centre)
        weights = fit_map(problem, weights)
        evidence = problem.log_evidence(weights)
        if best is not None and evidence < best[0]:
            break
        best = (evidence, problem, weights)
    assert best is not None
    return best[1], best[2]
