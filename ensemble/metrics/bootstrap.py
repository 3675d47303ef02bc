"""An interval for any metric."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_groups, as_share


class Interval(NamedTuple):
    """A metric on all data and its bootstrap interval."""

    value: float
    low: float
    high: float


def bootstrap_interval(
    metric: Callable[..., float],
    *arrays: ArrayLike,
    groups: ArrayLike | None = None,
    confidence: float = 0.95,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Percentile bootstrap interval of a metric (Efron & Tibshirani 1993, ch. 13).

    Parameters
    ----------
    metric
        Called as ``metric(*arrays)``.
    *arrays
        Arrays of N rows, resampled together.
    groups
        Scan or grain of each row, shape (N,): whole groups are resampled, since neighbours are not
        independent and an interval that ignores it is too narrow.
    confidence
        In (0, 1).
    n_resamples
        Resamples; those for which the metric is undefined (raises `InputError` or is NaN) do not count.
    seed
        Of the resampling.

    Returns
    -------
    Interval
        Value, low and high; low and high are NaN where no resample has a defined metric.

    Raises
    ------
    InputError
        If the arrays are empty or differ in length.

    Examples
    --------
    >>> import numpy as np
    >>> bootstrap_interval(np.mean, np.ones(10))
    Interval(value=1.0, low=1.0, high=1.0)
    """
    data = [np.asarray(a) for a in arrays]
    as_share(confidence, "the confidence")
    as_count(n_resamples, "the number of resamples", least=0)
    n = len(data[0]) if data and data[0].ndim else 0
    if n == 0 or any(a.ndim == 0 or len(a) != n for a in data):
        raise InputError("a bootstrap needs arrays of the same length, at least one row")
    draw = _resampler(n, groups, np.random.default_rng(seed))
    values = []
    for _ in range(n_resamples):
        rows = draw()
        try:
            values.append(float(metric(*(a[rows] for a in data))))
        except InputError:
            continue
    defined = np.array(values)[~np.isnan(values)]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(defined, [tail, 1.0 - tail]) if len(defined) else (np.nan, np.nan)
    return Interval(float(metric(*data)), float(low), float(high))


def _resampler(n: int, groups: ArrayLike | None, rng: np.random.Generator) -> Callable[[], NDArray[np.intp]]:
    if groups is None:
        return lambda: rng.integers(0, n, n)
    group = as_groups(groups, n)
    members = np.split(np.argsort(group, kind="stable"), np.cumsum(np.bincount(group))[:-1])
    return lambda: np.concatenate([members[g] for g in rng.integers(0, len(members), len(members))])
