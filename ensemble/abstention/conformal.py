"""Sets of classes that hold the truth with a chosen probability: split conformal prediction, LAC scores."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.validation import as_labels, as_probabilities, as_scores, as_share


def fit_conformal(
    probabilities: ArrayLike, labels: ArrayLike, coverage: float = 0.95, *, class_conditional: bool = False
) -> NDArray[np.float64]:
    """Smallest probability with which a class enters the set (Sadinle, Lei & Wasserman, JASA 2019).

    The finite-sample quantile, the ceil((n + 1) coverage)-th smallest of the n scores 1 - p(truth), makes the
    coverage hold for any n and any model, on patterns exchangeable with the held-out ones.

    Parameters
    ----------
    probabilities
        Calibrated, held-out, shape (N, K).
    labels
        True class indices, shape (N,).
    coverage
        Probability that the set holds the truth, in (0, 1).
    class_conditional
        Hold the coverage within each class, not only on average. A class with fewer than
        coverage / (1 - coverage) patterns is then in every set.

    Returns
    -------
    Threshold of each class, shape (K,), in [0, 1]; 0 where the data are too few to leave a class out.

    Raises
    ------
    InputError
        If coverage is not in (0, 1).

    Examples
    --------
    >>> p = [[0.9, 0.1]] * 15 + [[0.6, 0.4]] * 4
    >>> fit_conformal(p, [0] * 19, coverage=0.95).tolist()
    [0.6, 0.6]
    """
    as_share(coverage, "the coverage of the sets")
    p = as_probabilities(probabilities)
    y = as_labels(labels, *p.shape)
    truth = p[np.arange(len(y)), y]
    k = p.shape[1]
    if class_conditional:
        return np.array([_threshold(truth[y == c], coverage) for c in range(k)])
    return np.full(k, _threshold(truth, coverage))


def _threshold(truth: NDArray[np.float64], coverage: float) -> float:
    n = len(truth)
    # 1e-9 keeps (n + 1) coverage from rising to the next whole number by round-off.
    rank = int(np.ceil((n + 1) * coverage - 1e-9))
    if rank > n:
        return 0.0
    # The rank-th smallest of 1 - p is the rank-th largest of p.
    return float(np.partition(truth, n - rank)[n - rank])


def conformal_sets(probabilities: ArrayLike, thresholds: ArrayLike) -> NDArray[np.bool_]:
    """Classes that could be right.

    Parameters
    ----------
    probabilities
        Calibrated, shape (N, K).
    thresholds
        As `fit_conformal` returns them, shape (K,).

    Returns
    -------
    Shape (N, K); a row may be empty, which says that every class is stranger than the held-out truths were.

    Examples
    --------
    >>> conformal_sets([[0.7, 0.3], [0.5, 0.5]], [0.4, 0.4]).tolist()
    [[True, False], [True, True]]
    """
    p = as_probabilities(probabilities, finite=False)
    return p >= as_scores(thresholds, "the thresholds of the sets", (p.shape[1],), low=0)
