"""A last layer fitted under dropout, so that its masks mean what MC-dropout takes them for."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.bayesian.heads import Scaling
from ensemble.bayesian.softmax_regression import choose_precision, fit_map, regression

_COPIES = 8


def fit_under_dropout(
    features: ArrayLike,
    labels: ArrayLike,
    classes: int,
    rate: float,
    rng: np.random.Generator,
    prior: tuple[ArrayLike, ArrayLike] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Fit one head to several copies of every pattern, each with features dropped at random.

    The noise is drawn once, so the loss is smooth, convex and solved exactly: no learning rate, no epochs. A pattern
    counts as one whatever the number of its copies.

    Parameters
    ----------
    features, labels
        (N, F) and (N,), class indices.
    classes
        K.
    rate
        Share of features dropped, in [0, 1).
    rng
        Of the masks.
    prior
        Kernel (F, K) and bias (K,) that the prior is centred at; zero where None.

    Returns
    -------
    kernel, bias, precision
        (F, K), (K,), and the prior's precision, chosen by the evidence without dropout.
    """
    x = np.asarray(features, dtype=np.float64)
    scaling = Scaling.of(x, centred=False)
    centre = None if prior is None else scaling.weights(*prior)
    problem, mode = choose_precision(scaling.columns(x), labels, classes, centre=centre)
    if rate > 0:
        kept = rng.random((_COPIES, *x.shape)) >= rate
        noisy = (x * kept / (1 - rate)).reshape(-1, x.shape[1])
        repeated = np.tile(problem.y, _COPIES)
        # The sum over copies is _COPIES times the mean over them; so must the prior be.
        many = regression(
            scaling.columns(noisy), repeated, classes, problem.precision * _COPIES, problem.centre
        )
        mode = fit_map(many, mode)
    return *scaling.layer(mode), problem.precision
