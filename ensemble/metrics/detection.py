"""Separation of unfamiliar from familiar by a score."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_scores, as_share


def auroc(familiar: ArrayLike, unfamiliar: ArrayLike) -> float:
    """Probability that an unfamiliar pattern scores above a familiar one, ties counting half.

    Parameters
    ----------
    familiar, unfamiliar
        Scores, higher = stranger, shapes (N,) and (U,), each at least one.

    Returns
    -------
    float
        In [0, 1]; 0.5 is chance.

    Examples
    --------
    >>> auroc([0.1, 0.2], [0.2, 0.9])
    0.875
    """
    from sklearn.metrics import roc_auc_score

    known, unknown = _scores(familiar, unfamiliar)
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    return float(roc_auc_score(truth, np.concatenate([known, unknown])))


def fpr_at(familiar: ArrayLike, unfamiliar: ArrayLike, familiar_share: float = 0.95) -> float:
    """Share of unfamiliar patterns let through where this share of familiar ones is (FPR95).

    Parameters
    ----------
    familiar, unfamiliar
        Scores, higher = stranger, shapes (N,) and (U,), each at least one.
    familiar_share
        Share of familiar patterns to let through, in (0, 1].

    Returns
    -------
    float
        In [0, 1]; lower is better.

    Examples
    --------
    >>> fpr_at([1.0, 2.0, 3.0, 4.0], [3.5, 5.0], 1.0)
    0.5
    """
    known, unknown = _scores(familiar, unfamiliar)
    as_share(familiar_share, "the familiar share", one=True)
    return float((unknown <= np.quantile(known, familiar_share, method="higher")).mean())


def _scores(familiar: ArrayLike, unfamiliar: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known = as_scores(familiar, "scores of familiar patterns")
    unknown = as_scores(unfamiliar, "scores of unfamiliar patterns")
    if not len(known) or not len(unknown):
        raise InputError("detection needs at least one finite score of each kind")
    return known, unknown
