"""Many looks at one grain: pool calibrated probabilities over patterns that see the same crystal.

Patterns of one grain share the crystal and the orientation, and so their errors: n of them are worth fewer than n
independent ones. How many fewer is fitted on held-out groups of patterns, together with the pool's temperature.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.softmax import softmax
from ensemble.validation import as_count, as_flags, as_labels, as_number, as_numbers, as_probabilities

_STRAY = 0.02
"""Share of a grain's patterns that may belong to a neighbour, or to nothing: no single one has a veto."""

_LEAST_GRAINS = 20
"""Held-out grains of two patterns or more below which nothing is fitted."""


@dataclass(frozen=True)
class GrainPooling:
    """How much evidence the patterns of one grain are together.

    Attributes
    ----------
    exponent
        n patterns count as ``n ** exponent`` independent ones: 0 where they all say the same, 1 where each is a
        fresh look.
    temperature
        Of the pool; 1 where nothing was fitted.
    largest
        Grains count as no larger than this, the largest that was held out.
    n_grains
        Held-out grains it was fitted on; 0 where nothing was fitted and the pool is the plain geometric mean.
    """

    exponent: float = 0.0
    temperature: float = 1.0
    largest: int = 1
    n_grains: int = 0

    def __post_init__(self) -> None:
        as_number(self.exponent, "the exponent of a grain pooling", low=0, high=1)
        as_number(self.temperature, "the temperature of a grain pooling", low=1e-6)
        as_count(self.largest, "the largest grain")
        as_count(self.n_grains, "the number of grains", least=0)

    def apply(self, probabilities: ArrayLike, grains: ArrayLike) -> NDArray[np.float64]:
        """Return the pooled probabilities of every pattern's grain, shape (N, K).

        With p' = (1 - s) p + s / K, s a share of strays: softmax(n^exponent / temperature x mean log p').

        Parameters
        ----------
        probabilities
            Calibrated, of each pattern, shape (N, K); NaN rows are no evidence, and get their grain's answer.
        grains
            Number of each pattern's grain, shape (N,); negative numbers are patterns on their own.

        Returns
        -------
        numpy.ndarray
            NaN where no pattern of the grain is evidence.

        Examples
        --------
        >>> p = [[0.8, 0.2], [0.8, 0.2], [0.4, 0.6]]
        >>> GrainPooling(1.0, 1.0, 3, 50).apply(p, [0, 0, 0]).round(2).tolist()
        [[0.91, 0.09], [0.91, 0.09], [0.91, 0.09]]
        """
        p = as_probabilities(probabilities, finite=False)
        which, number = _numbered(grains, len(p))
        mean, count = _mean_logs(p, which, number)
        worth = np.minimum(np.maximum(count, 1), self.largest) ** self.exponent / self.temperature
        return softmax(mean * worth[:, None])[which]

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


def fit_grain_pooling(probabilities: ArrayLike, labels: ArrayLike, grains: ArrayLike) -> GrainPooling:
    """Fit exponent and temperature on held-out grains, each grain one observation.

    Patterns of one grain number with different labels are taken as different grains. Normal priors with the weight of
    one grain hold the exponent near 0 (fully dependent) and the log-temperature near 0.

    Parameters
    ----------
    probabilities
        Calibrated, of held-out patterns, shape (N, K); NaN rows do not take part.
    labels
        True class indices, shape (N,).
    grains
        Grain, or block of neighbours, of each pattern, shape (N,).

    Returns
    -------
    GrainPooling
        The pooling; the plain geometric mean where fewer than 20 held-out grains have two patterns or more.

    Raises
    ------
    InputError
        If the arrays do not fit together.
    """
    from scipy.optimize import minimize

    p = as_probabilities(probabilities, finite=False)
    y = as_labels(labels, *p.shape)
    which, _ = _numbered(grains, len(p))
    readable = ~np.isnan(p).any(axis=1)
    p, y, which = p[readable], y[readable], which[readable]
    _, first, which = np.unique(which * p.shape[1] + y, return_index=True, return_inverse=True)
    mean, count = _mean_logs(p, which, len(first))
    truth = y[first]
    several = count >= 2
    if several.sum() < _LEAST_GRAINS:
        return GrainPooling()
    logs = np.log(count)
    picked = mean[np.arange(len(truth)), truth]

    def objective(parameters: NDArray[np.float64]) -> float:
        exponent, log_temperature = parameters
        worth = np.exp(exponent * logs - log_temperature)
        z = mean * worth[:, None]
        top = z.max(axis=1)
        loss = top + np.log(np.exp(z - top[:, None]).sum(axis=1)) - worth * picked
        return float(loss.sum() + 0.5 * log_temperature**2 + 0.5 * (exponent / 0.5) ** 2)

    fit = minimize(objective, [0.2, 0.0], method="L-BFGS-B", bounds=[(0.0, 1.0), (-4.0, 4.0)])
    exponent, temperature = float(fit.x[0]), float(np.exp(fit.x[1]))
    return GrainPooling(exponent, temperature, int(count.max()), int(several.sum()))


def majority(flags: ArrayLike, grains: ArrayLike) -> NDArray[np.bool_]:
    """Return for every pattern whether more than half of its grain's patterns are flagged, shape (N,).

    Examples
    --------
    >>> majority([True, True, False, True, False], [0, 0, 0, 1, 1]).tolist()
    [True, True, True, False, False]
    """
    flagged = as_flags(flags, "flags").astype(float)
    which, number = _numbered(grains, len(flagged))
    return (np.bincount(which, flagged, number) > 0.5 * np.bincount(which, minlength=number))[which]


def _numbered(grains: ArrayLike, n: int) -> tuple[NDArray[np.intp], int]:
    """Give grains numbers from 0 on, and every negative one a number of its own."""
    g = as_numbers(grains, "grains")
    if g.shape != (n,) or (n and not np.issubdtype(g.dtype, np.integer)):
        raise InputError(f"expected the number of a grain for each of {n} patterns, not shape {g.shape}")
    alone = g < 0
    own = np.where(alone, g.max(initial=0) + 1 + np.arange(n), g)
    which = np.unique(own, return_inverse=True)[1]
    return which, int(which.max()) + 1 if n else 0


def _mean_logs(
    p: NDArray[np.float64], which: NDArray[np.intp], number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean of log p' over each grain's readable patterns, shape (G, K), NaN where there are none; and their number."""
    readable = ~np.isnan(p).any(axis=1)
    logs = np.log((1 - _STRAY) * p[readable] + _STRAY / p.shape[1])
    count = np.bincount(which[readable], minlength=number).astype(float)
    sums = np.stack([np.bincount(which[readable], column, number) for column in logs.T], axis=1)
    with np.errstate(invalid="ignore"):
        return sums / count[:, None], count
