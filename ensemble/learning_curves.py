"""Learning curves: error against the number of training patterns, and how many more would reach a target."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_number, as_scores, as_share

_RESAMPLES = 200
_EXPONENTS = np.arange(4, 601) / 200
_MOST = 1e7
"""Numbers of patterns beyond this are reported as out of reach."""


@dataclass(frozen=True)
class PowerLaw:
    """Error = floor + scale * n^-exponent (Hestness et al., arXiv 1712.00409, 2017), with its scatter.

    Attributes
    ----------
    floor, scale, exponent
        What no number of patterns removes, in [0, 1); the error above it at n = 1; how fast that falls.
    scatter
        The same three, fitted to resampled measurements, (B, 3).
    """

    floor: float
    scale: float
    exponent: float
    scatter: NDArray[np.float64]

    def __post_init__(self) -> None:
        as_number(self.floor, "the floor of a power law", low=0, high=1)
        as_number(self.scale, "the scale of a power law", low=0)
        as_number(self.exponent, "the exponent of a power law", low=1e-6)
        if not len(as_scores(self.scatter, "the scatter of a power law", (None, 3), low=0)):
            raise InputError("the scatter of a power law needs at least one row")

    def error(self, n: ArrayLike) -> NDArray[np.float64]:
        """Return the error at n patterns a class, in [0, 1]."""
        return _error(np.array([self.floor, self.scale, self.exponent]), _patterns(n))

    def error_interval(self, n: float, confidence: float = 0.95) -> tuple[float, float]:
        """Return the interval of the error at n patterns a class."""
        count = _patterns(as_number(n, "the number of patterns"))
        found = [float(_error(row, count)) for row in self.scatter]
        return tuple(np.quantile(found, _tails(confidence)).tolist())  # type: ignore[return-value]

    def needed(self, error: float, confidence: float = 0.95) -> tuple[float, float, float]:
        """Return how many patterns a class reach an error: value, low, high; infinite where none do.

        Examples
        --------
        >>> law = PowerLaw(0.0, 1.0, 0.5, np.array([[0.0, 1.0, 0.5]]))
        >>> [round(n) for n in law.needed(0.1)]
        [100, 100, 100]
        """
        as_share(error, "the error to reach", zero=True, one=True)
        value = _needed(np.array([self.floor, self.scale, self.exponent]), error)
        found = np.array([_needed(row, error) for row in self.scatter])
        low, high = np.quantile(found, _tails(confidence), method="nearest")
        return value, float(low), float(high)


def fit_power_law(counts: ArrayLike, errors: ArrayLike, tested: int, *, seed: int = 0) -> PowerLaw:
    """Fit a power law with a floor to measured errors.

    Repeats at one count differ by more than the test's own chance, because the training patterns differ: the spread is
    taken from them, pooled over counts relative to the binomial's, and never below it. The scatter is that of fits to
    errors drawn about the fitted law.

    Parameters
    ----------
    counts
        Training patterns a class of each run, (R,), at least 1, of three counts or more.
    errors
        Error rate of each run, (R,), in [0, 1].
    tested
        Patterns that each error was measured on.
    seed
        Of the resampling.

    Returns
    -------
    PowerLaw
        The law, with draws of its parameters.

    Raises
    ------
    InputError
        There are fewer than three counts.

    Examples
    --------
    >>> n = np.array([1, 4, 16, 64, 256])
    >>> law = fit_power_law(n, 0.05 + 0.6 * n**-0.5, tested=10**6)
    >>> round(law.floor, 3), round(law.scale, 3), round(law.exponent, 3)
    (0.05, 0.6, 0.5)
    """
    n = as_scores(counts, "numbers of patterns", low=1)
    e = as_scores(errors, "errors", (len(n),), low=0, high=1)
    as_count(tested, "the number of tested patterns")
    if len(np.unique(n)) < 3:
        raise InputError("a learning curve needs errors at three numbers of patterns or more")
    width = _width(n, e, tested)
    best = _least_squares(n, e[None], width)[0]
    rng = np.random.default_rng(seed)
    drawn = _error(best, n) + width * rng.standard_normal((_RESAMPLES, len(n)))
    floor, scale, exponent = best.tolist()
    return PowerLaw(floor, scale, exponent, _least_squares(n, np.clip(drawn, 0, 1), width))


def _width(n: NDArray[np.float64], e: NDArray[np.float64], tested: int) -> NDArray[np.float64]:
    """Return the standard deviation of each error: the binomial's, times how much more repeats differ."""
    chance = np.sqrt(np.maximum(e * (1 - e), 0.25 / tested) / tested)
    ratios = []
    for count in np.unique(n):
        own = n == count
        if own.sum() > 1:
            ratios += ((e[own] - e[own].mean()) / chance[own]).tolist()
    freedom = len(ratios) - sum((n == c).sum() > 1 for c in np.unique(n))
    more = np.sqrt(np.square(ratios).sum() / freedom) if freedom > 0 else 1.0
    return chance * max(more, 1.0)


def _least_squares(
    n: NDArray[np.float64], errors: NDArray[np.float64], width: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Fit floor, scale and exponent to each row of errors (B, R): (B, 3).

    For a given exponent the law is a straight line in n^-exponent, solved in closed form; exponents are tried in turn.
    """
    weight = width**-2 / (width**-2).sum()
    best = np.full(len(errors), np.inf)
    law = np.zeros((len(errors), 3))
    middle = errors @ weight
    for exponent in _EXPONENTS:
        x = n**-exponent
        away = x - x @ weight
        slope = np.maximum((errors * weight) @ away / ((weight * away) @ away), 0)
        floor = middle - slope * (x @ weight)
        below = floor < 0
        slope = np.where(below, np.maximum((errors * weight) @ x / ((weight * x) @ x), 0), slope)
        floor = np.maximum(floor, 0)
        misfit = (weight * (floor[:, None] + slope[:, None] * x - errors) ** 2).sum(axis=1)
        better = misfit < best
        best[better] = misfit[better]
        law[better] = np.stack([floor, slope, np.full(len(errors), exponent)], axis=1)[better]
    return law


def _error(law: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.minimum(law[0] + law[1] * n ** -law[2], 1.0)


def _needed(law: NDArray[np.float64], error: float) -> float:
    above = error - law[0]
    if above <= 0:
        return float("inf")
    n = max((law[1] / above) ** (1 / law[2]), 1.0)
    return float(n) if n <= _MOST else float("inf")


def _patterns(n: ArrayLike) -> NDArray[np.float64]:
    return as_scores(n, "the number of patterns", None, low=1)


def _tails(confidence: float) -> list[float]:
    as_share(confidence, "the confidence")
    return [(1 - confidence) / 2, (1 + confidence) / 2]
