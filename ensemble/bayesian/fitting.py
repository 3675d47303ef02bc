"""Fit a head with a posterior to features, by any of the methods."""

from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import ArrayLike

from ensemble.bayesian.dropout import fit_under_dropout
from ensemble.bayesian.heads import Heads, Scaling
from ensemble.bayesian.laplace import draw_laplace
from ensemble.bayesian.softmax_regression import choose_precision
from ensemble.bayesian.swag import draw_swag
from ensemble.errors import InputError
from ensemble.validation import as_choice, as_count, as_labels, as_numbers, as_scores, as_share

Method = Literal["dropout", "laplace", "variational", "nuts", "swag"]
METHODS: tuple[str, ...] = get_args(Method)


def fit_heads(
    method: str,
    features: ArrayLike,
    labels: ArrayLike,
    classes: int,
    *,
    draws: int = 50,
    seed: int = 0,
    rate: float = 0.5,
    prior: tuple[ArrayLike, ArrayLike] | None = None,
) -> Heads:
    """Fit a linear softmax layer to features and draw from its posterior.

    Parameters
    ----------
    method
        ``"laplace"``: normal about the mode, in closed form. ``"variational"``: independent normal weights on principal
        axes. ``"nuts"``: the posterior itself, slow; the reference. ``"swag"``: where gradient descent wanders.
        ``"dropout"``: one head fitted under dropout; its draws are masks, and none are stored.
    features
        Of the training patterns, (N, F).
    labels
        Class indices, (N,); a class may be absent.
    classes
        K.
    draws
        T.
    seed
        Of everything random.
    rate
        Share of features that ``"dropout"`` drops.
    prior
        Kernel (F, K) and bias (K,) that the prior is centred at, such as an older head's; zero where None. Its width
        is chosen by the evidence.

    Returns
    -------
    Heads
        T heads for each member.

    Raises
    ------
    InputError
        The method is unknown, the features are not finite or do not fit the labels.

    Examples
    --------
    Between two clouds of patterns half of the heads say one class, within a cloud nearly all of them its own:

    >>> x = np.r_[np.linspace(-2, -1, 50), np.linspace(1, 2, 50)][:, None]
    >>> heads = fit_heads("laplace", x, np.repeat([0, 1], 50), 2, draws=200)
    >>> p = heads.probabilities([[-2.0], [0.0], [2.0]])[:, :, 1]
    >>> [bool(low < share < high) for share, low, high in zip((p > 0.5).mean(axis=0), (0, 0.2, 0.8), (0.2, 0.8, 1))]
    [True, True, True]
    """
    as_choice(method, METHODS, "head")
    as_count(classes, "the number of classes")
    as_count(draws, "the number of draws")
    as_share(rate, "the dropout rate", zero=True)
    x = as_numbers(features, "features").astype(np.float64)
    if x.ndim != 2 or not len(x) or not np.isfinite(x).all():
        raise InputError(f"features of shape {x.shape} must be a finite table of at least one pattern")
    y = as_labels(labels, len(x), classes)
    if prior is not None:
        as_scores(prior[0], "the kernel of the prior", (x.shape[1], classes))
        as_scores(prior[1], "the bias of the prior", (classes,))
    rng = np.random.default_rng(seed)
    if method == "dropout":
        kernel, bias, precision = fit_under_dropout(x, y, classes, rate, rng, prior)
        none = np.empty((0, *kernel.shape))
        return Heads(kernel, bias, none, np.empty((0, classes)), {"precision": precision})
    scaling = Scaling.of(x)
    centre = None if prior is None else scaling.weights(*prior)
    problem, mode = choose_precision(scaling.columns(x), y, classes, centre=centre)
    report: dict[str, Any] = {"precision": problem.precision}
    middle = mode
    # A layer adds the same to a pattern's logits whichever method drew it: only the scatter differs.
    if method == "laplace":
        drawn = draw_laplace(problem, mode, draws, rng)
    elif method == "swag":
        drawn = draw_swag(problem, mode, draws, rng)
    elif method == "variational":
        from ensemble.bayesian.variational import draw_variational

        drawn, report["evidence_lower_bound"] = draw_variational(problem, mode, draws, rng)
        middle = drawn.mean(axis=0)
    else:
        from ensemble.bayesian.nuts import draw_nuts

        drawn, report["r_hat"], report["acceptance"] = draw_nuts(problem, mode, draws, rng)
        middle = drawn.mean(axis=0)
    return Heads(*scaling.layer(middle), *scaling.layer(drawn), report)
