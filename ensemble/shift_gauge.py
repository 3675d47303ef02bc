"""Shift gauge: a two-sample test whether a scan is like what was certified, before any promise.

Rabanser, Günnemann & Lipton, "Failing loudly" (NeurIPS 2019) find that univariate tests of a classifier's outputs,
corrected for their number, detect most shifts that harm it. Only independent units may enter: one point of a grain or
block. Two situations are distinguished:

- the scan has many units of the kind that was held out (grains, blocks): Kolmogorov-Smirnov tests, one a feature,
  Bonferroni over the features (`compare_units`);
- what was held out is whole scans or crystals, of which the new scan is a single one: its medians are ranked among
  theirs, a conformal p-value (`rank_unit`).
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_numbers, as_share

#: Units below which nothing is tested.
LEAST_UNITS = 5


@dataclass(frozen=True)
class Deviation:
    """How one feature of the scan lies against the held-out patterns.

    Attributes
    ----------
    feature
        Its name.
    p_value
        Of this feature alone, in (0, 1].
    shift
        Difference of the medians, in robust standard deviations of the held-out units; positive = the scan lies
        higher.
    """

    feature: str
    p_value: float
    shift: float


@dataclass(frozen=True)
class Gauge:
    """Whether a scan is like what was certified.

    Attributes
    ----------
    alike
        False where the test rejects; None where there are too few units to test.
    p_value
        Of all features together, in (0, 1].
    level
        Rate of false alarms.
    units, held_out_units
        Independent units of the scan and of the held-out patterns.
    deviations
        Of every feature, the most deviant first.
    method
        ``"units"`` or ``"rank"``, see this module.
    """

    alike: bool | None
    p_value: float
    level: float
    units: int
    held_out_units: int
    deviations: tuple[Deviation, ...]
    method: str

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


def compare_units(
    held_out: ArrayLike,
    scan: ArrayLike,
    features: Sequence[str],
    *,
    level: float = 0.05,
) -> Gauge:
    """Compare many independent units of a scan with held-out ones, feature by feature.

    Parameters
    ----------
    held_out
        Features of independent held-out units, mixed as the scan is where its mixture may differ (see
        `ensemble.abstention.answered_class.thinned`), shape (H, F), finite.
    scan
        Features of independent units of the scan, shape (S, F), finite.
    features
        Their F names.
    level
        Rate of false alarms, in (0, 1).

    Returns
    -------
    Gauge
        The gauge; `alike` is None where either side has fewer than 5 units.

    Raises
    ------
    InputError
        If the arrays do not fit together or are not finite.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gauge = compare_units(rng.normal(size=(200, 2)), rng.normal([0, 2], size=(50, 2)), ["brightness", "noise"])
    >>> gauge.alike, gauge.deviations[0].feature
    (False, 'noise')
    """
    from scipy.stats import ks_2samp

    known, new = _checked(held_out, scan, features, level)
    least = min(len(known), len(new))
    if least < LEAST_UNITS:
        return Gauge(None, 1.0, level, len(new), len(known), (), "units")
    centre, scale = _robust(known)
    deviations = [
        Deviation(
            name,
            float(ks_2samp(known[:, f], new[:, f], method="auto").pvalue),
            float((np.median(new[:, f]) - centre[f]) / scale[f]),
        )
        for f, name in enumerate(features)
    ]
    together = min(1.0, len(features) * min(d.p_value for d in deviations))
    return Gauge(together > level, together, level, len(new), len(known), _ordered(deviations), "units")


def rank_unit(
    held_out: ArrayLike,
    scan: ArrayLike,
    features: Sequence[str],
    worse: Sequence[int] | None = None,
    *,
    level: float = 0.05,
) -> Gauge:
    """Rank one unit - the medians over a scan, or over one of its phases - among held-out units of the same kind.

    Parameters
    ----------
    held_out
        Features of the units it is ranked among, shape (H, F).
    scan
        Features of the scan's own unit, shape (F,), or of several, shape (S, F), each of which is tested
        (Bonferroni).
    features
        Their F names.
    worse
        Which side of each feature speaks against the scan: 1 higher, -1 lower, F numbers; either where None.
    level
        Rate of false alarms.

    Returns
    -------
    Gauge
        The gauge. Every unit, the scan's among them, is as odd as its most extreme rank over the features; the p-value
        is the share of units at least as odd. Ranks weigh the features alike, however long their tails are. It is exact
        where the scan's unit is exchangeable with the held-out ones. `alike` is None where H is too small for any
        p-value to reach the level.

    Raises
    ------
    InputError
        If the arrays do not fit together or are not finite, or a side is neither 1 nor -1.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> gauge = rank_unit(rng.normal(size=(99, 1)), [9.0], ["noise"], [1])
    >>> gauge.alike, gauge.p_value
    (False, 0.01)
    """
    new = np.atleast_2d(as_numbers(scan, "features"))
    known, new = _checked(held_out, new, features, level)
    sides = None if worse is None else np.asarray(worse)
    if sides is not None and (sides.shape != (len(features),) or not np.isin(sides, (-1, 1)).all()):
        raise InputError(f"the worse sides of {len(features)} features are as many numbers, 1 or -1")
    if len(known) < LEAST_UNITS or not len(new) or (1 + len(known)) * level < len(new):
        return Gauge(None, 1.0, level, len(new), len(known), (), "rank")
    centre, scale = _robust(known)
    ranks = [_oddness(np.vstack([known, one]), sides) for one in new]
    p = np.array([(r.min(axis=1) <= r[-1].min()).mean() for r in ranks])
    worst = int(np.argmin(p))
    of_feature = ranks[worst][-1] / (1 + len(known))
    shift = (new[worst] - centre) / scale
    deviations = [Deviation(name, float(of_feature[f]), float(shift[f])) for f, name in enumerate(features)]
    together = min(1.0, float(p[worst]) * len(new))
    return Gauge(together > level, together, level, len(new), len(known), _ordered(deviations), "rank")


def _oddness(units: NDArray[np.float64], sides: NDArray[Any] | None) -> NDArray[np.float64]:
    """Of each unit and feature, how many units lie at least as far out: on the worse side, or from the middle."""
    from scipy.stats import rankdata

    out = np.abs(units - np.median(units, axis=0)) if sides is None else units * sides
    return np.asarray(rankdata(-out, method="max", axis=0))


def _ordered(deviations: list[Deviation]) -> tuple[Deviation, ...]:
    return tuple(sorted(deviations, key=lambda d: (d.p_value, -abs(d.shift))))


def _robust(known: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median, and the median absolute deviation as a standard deviation; the plain one where that is 0."""
    centre = np.median(known, axis=0)
    mad = 1.4826 * np.median(np.abs(known - centre), axis=0)
    spread = np.where(mad > 0, mad, known.std(axis=0))
    return centre, np.where(spread > 0, spread, 1.0)


def _checked(
    held_out: ArrayLike, scan: ArrayLike, features: Sequence[str], level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    known, new = as_numbers(held_out, "features"), as_numbers(scan, "features")
    wide = (len(features),)
    if known.ndim != 2 or new.ndim != 2 or known.shape[1:] != wide or new.shape[1:] != wide or not features:
        raise InputError(
            f"features of {known.shape} held-out units and {new.shape} of the scan, {len(features)} names"
        )
    if not np.isfinite(known).all() or not np.isfinite(new).all():
        raise InputError("features must be finite", remedy="leave unreadable patterns out")
    as_share(level, "the rate of false alarms")
    return known.astype(np.float64), new.astype(np.float64)
