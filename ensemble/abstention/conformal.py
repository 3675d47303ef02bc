"""Sets of classes that hold the truth with a chosen probability: split conformal prediction, LAC scores."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.validation import as_groups, as_labels, as_probabilities, as_scores, as_share


def fit_conformal(
    probabilities: ArrayLike,
    labels: ArrayLike,
    coverage: float = 0.95,
    *,
    class_conditional: bool = False,
    groups: ArrayLike | None = None,
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
    groups
        Scan, grain or block of each pattern, shape (N,): neighbours are not independent, and every group counts
        once, whatever its size (hierarchical conformal prediction, Lee, Barber & Willett, arXiv:2306.06342). The
        coverage is then that of a pattern of a new group.

    Returns
    -------
    numpy.ndarray
        Threshold of each class, shape (K,), in [0, 1]; 0 where the data are too few to leave a class out.

    Raises
    ------
    InputError
        If coverage is not in (0, 1), or there is not one group for each pattern.

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
    group = np.arange(len(y)) if groups is None else as_groups(groups, len(y))
    if class_conditional:
        return np.array([_threshold(truth[y == c], group[y == c], coverage) for c in range(k)])
    return np.full(k, _threshold(truth, group, coverage))


def _threshold(truth: NDArray[np.float64], group: NDArray, coverage: float) -> float:
    _, which, sizes = np.unique(group, return_inverse=True, return_counts=True)
    if len(sizes) < len(truth):
        return _grouped_threshold(truth, 1.0 / sizes[which], len(sizes), coverage)
    n = len(truth)
    # 1e-9 keeps (n + 1) coverage from rising to the next whole number by round-off.
    rank = int(np.ceil((n + 1) * coverage - 1e-9))
    if rank > n:
        return 0.0
    # The rank-th smallest of 1 - p is the rank-th largest of p.
    return float(np.partition(truth, n - rank)[n - rank])


def _grouped_threshold(
    truth: NDArray[np.float64], share: NDArray[np.float64], n_groups: int, coverage: float
) -> float:
    """Quantile of the scores, each group with the weight 1 / (groups + 1), the rest of it at infinity."""
    order = np.argsort(-truth, kind="stable")
    reached = np.cumsum(share[order]) / (n_groups + 1)
    enough = np.flatnonzero(reached >= coverage - 1e-9)
    return float(truth[order[enough[0]]]) if len(enough) else 0.0


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
    numpy.ndarray
        Shape (N, K); a row may be empty, which says that every class is stranger than the held-out truths were.

    Examples
    --------
    >>> conformal_sets([[0.7, 0.3], [0.5, 0.5]], [0.4, 0.4]).tolist()
    [[True, False], [True, True]]
    """
    p = as_probabilities(probabilities, finite=False)
    return p >= as_scores(thresholds, "the thresholds of the sets", (p.shape[1],), low=0)
