"""Divide groups of held-out patterns between two uses, every class on both sides where it has two groups."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_groups, as_labels, as_share


def stratified_groups(
    groups: ArrayLike, labels: ArrayLike, share: float, rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Choose about this share of the groups, class by class, and leave at least one group of every class.

    Drawn without a look at the classes, a class of few groups is easily absent from one side: what is certified there
    says nothing of it. Of a class with one group, that group is left.

    Parameters
    ----------
    groups
        What may not be divided (a scan, a grain), of each pattern, shape (N,).
    labels
        Class index of each pattern, shape (N,). A group of several classes counts for the one with the fewest groups.
    share
        Of the groups to choose, in (0, 1).
    rng
        Source of chance.

    Returns
    -------
    numpy.ndarray
        Which patterns are in a chosen group, shape (N,).

    Examples
    --------
    >>> chosen = stratified_groups(range(8), [0, 0, 0, 0, 0, 0, 1, 1], 0.4, np.random.default_rng(0))
    >>> int(chosen[:6].sum()), int(chosen[6:].sum())
    (2, 1)
    """
    as_share(share, "the share of groups")
    n = len(np.atleast_1d(np.asarray(groups)))
    group = as_groups(groups, n)
    y = as_labels(labels, n, int(np.max(labels, initial=0)) + 1)
    stratum = _strata(group, y)
    chosen = np.zeros(len(stratum), dtype=bool)
    for label in np.unique(stratum):
        own = rng.permutation(np.flatnonzero(stratum == label))
        wanted = round(share * len(own))
        chosen[own[: min(max(wanted, 1), len(own) - 1)]] = True
    return chosen[group]


def split_groups(
    n: int,
    groups: ArrayLike | None,
    rng: np.random.Generator,
    *,
    labels: ArrayLike | None = None,
    share: float = 1 / 3,
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Draw indices that plan and indices that test; of each testing group, one pattern.

    Parameters
    ----------
    n
        Patterns.
    groups
        Of each pattern, shape (N,); each on its own where None.
    rng
        Source of chance.
    labels
        Class index of each pattern, shape (N,): every class then tests, see `stratified_groups`.
    share
        Of the groups that plans.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Indices that plan and indices that test.

    Raises
    ------
    InputError
        There are fewer than two groups.
    """
    group = np.arange(n) if groups is None else as_groups(groups, n)
    n_groups = int(group.max()) + 1 if n else 0
    if n_groups < 2:
        raise InputError(
            f"{n_groups} held-out patterns or groups cannot both set and test the thresholds",
            remedy="hold out more patterns, of at least two scans or grains",
        )
    plans = np.zeros(n, dtype=bool)
    if labels is not None:
        plans = stratified_groups(group, labels, share, rng)
    if not plans.any():
        shuffled = rng.permutation(n_groups)
        plans = np.isin(group, shuffled[: max(1, round(share * n_groups))])
    planning = np.flatnonzero(plans)
    candidates = rng.permutation(np.flatnonzero(~plans))
    testing = np.sort(candidates[np.unique(group[candidates], return_index=True)[1]])
    return planning, testing


def _strata(group: NDArray[np.intp], y: NDArray[np.intp]) -> NDArray[np.intp]:
    """Class that each group counts for, (G,): the one with the fewest groups among its own."""
    pairs = np.unique(np.stack([group, y]), axis=1)
    groups_of = np.bincount(pairs[1])
    order = np.lexsort((groups_of[pairs[1]], pairs[0]))
    first = np.unique(pairs[0][order], return_index=True)[1]
    return pairs[1][order][first]
