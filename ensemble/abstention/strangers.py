"""A threshold for strangers, set where examples of them are at hand, at a rate of false alarms that can be read.

A score alone says who is stranger than whom; what fails in use is the threshold. Here it is set on held-out familiar
*crystals* (or grains), each of which counts once, so that a stated share of new ones is called strange; and where
strangers of some kind are at hand - crystals outside the classes, overlaps of two crystals, shadows, noise - several
scores are weighed against them first (logistic regression, ridge penalty), on other groups than those that set the
threshold. The same serves for ``mixed``: overlaps of two known phases as the strangers, and the two likeliest classes
as the candidates.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.ood import energy
from ensemble.errors import InputError
from ensemble.pooling import combine
from ensemble.validation import (
    as_count,
    as_groups,
    as_logits,
    as_number,
    as_numbers,
    as_probabilities,
    as_scores,
    as_share,
)

_RIDGE = 1.0
_FITTING_SHARE = 0.5
# A distance of 0 has no logarithm.
_NEAREST = 1e-6
# Estimates of it from few draws may lie so far below 0.
_LOOSE = 0.1


@dataclass(frozen=True)
class StrangerGate:
    """A linear score of several features, and the threshold above which a pattern is called strange.

    Attributes
    ----------
    centre, scale
        Of each feature among familiar patterns, F numbers.
    weights
        Of the standardised features, F numbers; higher = stranger.
    threshold
        Patterns with a larger score are strange.
    false_alarm
        Share of familiar groups that it was set to call strange.
    groups
        Familiar groups that set it.
    """

    centre: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    threshold: float
    false_alarm: float
    groups: int

    def __post_init__(self) -> None:
        rows = {
            name: as_scores(getattr(self, name), f"the {name} of a gate")
            for name in ("centre", "scale", "weights")
        }
        if len({len(row) for row in rows.values()}) != 1 or not (rows["scale"] > 0).all():
            raise InputError("a gate needs a centre, a scale above 0 and a weight for each feature")
        as_number(self.threshold, "the threshold of a gate")
        as_share(self.false_alarm, "the rate of false alarms")
        as_count(self.groups, "the number of groups", least=0)

    def score(self, features: ArrayLike) -> NDArray[np.float64]:
        """Return how strange patterns are, shape (N,), from their features, shape (N, F); NaN where one is NaN.

        Raises
        ------
        InputError
            If there is another number of features.
        """
        x = as_numbers(features, "features").astype(np.float64)
        if x.ndim != 2 or x.shape[1] != len(self.weights):
            raise InputError(f"features of shape {x.shape} where {len(self.weights)} columns are expected")
        return ((x - self.centre) / self.scale) @ np.asarray(self.weights)

    def flag(self, features: ArrayLike) -> NDArray[np.bool_]:
        """Return which patterns are strange, shape (N,); those without a number are not."""
        return np.asarray(self.score(features) > self.threshold)

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "StrangerGate":
        """Read back what `to_dict` wrote.

        Raises
        ------
        InputError
            If a field is missing or no number.
        """
        try:
            rows = {name: tuple(float(v) for v in d[name]) for name in ("centre", "scale", "weights")}
            if len({len(row) for row in rows.values()}) != 1:
                raise ValueError("rows of different lengths")
            return cls(
                **rows,
                threshold=float(d["threshold"]),
                false_alarm=float(d["false_alarm"]),
                groups=int(d["groups"]),
            )
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"not a gate for strangers: {error!r}") from error


def false_alarm_threshold(
    scores: ArrayLike, groups: ArrayLike | None = None, false_alarm: float = 0.05
) -> float:
    """Threshold that a stated share of new familiar groups exceeds, on average over their patterns.

    Parameters
    ----------
    scores
        Of held-out familiar patterns, higher = stranger, shape (N,), finite.
    groups
        Crystal, grain or scan of each, shape (N,): each counts once; patterns by themselves where None.
    false_alarm
        In (0, 1).

    Returns
    -------
    float
        The hierarchical conformal quantile (Lee, Barber & Willett, arXiv:2306.06342): the chance that a
        pattern of a new familiar group exceeds it is at most `false_alarm`. Infinite where the groups are
        fewer than 1 / false_alarm - 1.

    Raises
    ------
    InputError
        If the arrays do not fit, a score is not finite, or the rate is out of range.

    Examples
    --------
    Of 99 crystals the fifth strangest sets it:

    >>> false_alarm_threshold(np.arange(99.0), None, 0.05)
    94.0
    """
    s = as_scores(scores, "scores of familiar patterns")
    g = np.arange(len(s)) if groups is None else as_groups(groups, len(s))
    if not len(s):
        raise InputError("a threshold needs one finite score and one group for each familiar pattern")
    as_share(false_alarm, "the rate of false alarms")
    _, which, sizes = np.unique(g, return_inverse=True, return_counts=True)
    order = np.argsort(s, kind="stable")
    reached = np.cumsum(1.0 / sizes[which][order]) / (len(sizes) + 1)
    enough = np.flatnonzero(reached >= 1.0 - false_alarm - 1e-9)
    return float(s[order[enough[0]]]) if len(enough) else float("inf")


def fit_stranger_gate(
    familiar: ArrayLike,
    strangers: ArrayLike,
    *,
    groups: ArrayLike | None = None,
    false_alarm: float = 0.05,
    seed: int = 0,
) -> StrangerGate:
    """Weigh features against strangers, and set the threshold on other familiar groups.

    Parameters
    ----------
    familiar
        Features of held-out familiar patterns, shape (N, F), finite.
    strangers
        Of strangers of the kind to be caught, shape (S, F), finite.
    groups
        Crystal or grain of each familiar pattern, shape (N,); half of the groups weigh, the others set the threshold.
    false_alarm
        Share of familiar patterns of new groups that may be called strange.
    seed
        Of the division.

    Returns
    -------
    StrangerGate
        Weights and threshold.

    Raises
    ------
    InputError
        If the arrays do not fit or are not finite, or there are fewer than four familiar groups or no stranger.
    """
    from scipy.optimize import minimize

    x, z = (as_numbers(f, "features").astype(np.float64) for f in (familiar, strangers))
    if x.ndim != 2 or z.ndim != 2 or x.shape[1] != z.shape[1] or not len(z):
        raise InputError(
            f"features of {x.shape} familiar patterns and {z.shape} strangers do not fit together"
        )
    if not np.isfinite(x).all() or not np.isfinite(z).all():
        raise InputError("features must be finite", remedy="leave unreadable patterns out")
    as_count(seed, "the seed", least=0)
    g = np.arange(len(x)) if groups is None else as_groups(groups, len(x))
    names = np.unique(g)
    if len(names) < 4:
        raise InputError(f"{len(names)} familiar groups are too few to weigh features and to set a threshold")
    chosen = np.random.default_rng(seed).permutation(names)[: round(_FITTING_SHARE * len(names))]
    weighs = np.isin(g, chosen)
    centre, spread = x[weighs].mean(axis=0), x[weighs].std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    rows = np.vstack([(x[weighs] - centre) / scale, (z - centre) / scale])
    sign = np.repeat([-1.0, 1.0], [int(weighs.sum()), len(z)])
    # Both kinds weigh the same, whatever their numbers.
    share = np.repeat([0.5 / weighs.sum(), 0.5 / len(z)], [int(weighs.sum()), len(z)]) * len(rows)

    def loss(w: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        margin = sign * (rows @ w[:-1] + w[-1])
        pull = -share * sign / (1.0 + np.exp(np.minimum(margin, 500.0)))
        gradient = np.append(rows.T @ pull + _RIDGE * w[:-1], pull.sum())
        return float(
            (share * np.logaddexp(0.0, -margin)).sum() + 0.5 * _RIDGE * (w[:-1] ** 2).sum()
        ), gradient

    weights = minimize(loss, np.zeros(rows.shape[1] + 1), jac=True, method="L-BFGS-B").x[:-1]
    scores = ((x[~weighs] - centre) / scale) @ weights
    threshold = false_alarm_threshold(scores, g[~weighs], false_alarm)
    return StrangerGate(
        tuple(centre.tolist()),
        tuple(scale.tolist()),
        tuple(weights.tolist()),
        # JSON has no word for infinity.
        min(threshold, float(np.finfo(np.float64).max)),
        false_alarm,
        len(np.unique(g[~weighs])),
    )


#: What `gate_features` gives, in order.
GATE_FEATURES = ("distance", "energy", "spread", "disagreement")


def gate_features(logits: ArrayLike, unfamiliarity: ArrayLike) -> NDArray[np.float64]:
    """Features that tell crystals outside the classes, all of what members say anyway.

    Strangers excite the classes' outputs less and less unevenly than familiar crystals do: energy and spread hold most
    of it, a distance to training features alone little (`reports/trust`).

    Parameters
    ----------
    logits
        Shape (M, N, K).
    unfamiliarity
        Distance to training features, see `ensemble.abstention.Familiarity.score`, shape (N,), at least 0.

    Returns
    -------
    numpy.ndarray
        Shape (N, 4), columns as in `GATE_FEATURES`: log of the distance; energy, see
        `ensemble.abstention.energy`; minus the standard deviation, over the classes, of the members' mean logits;
        mutual information, nats. NaN where a logit or the distance is.

    Raises
    ------
    InputError
        If the arrays do not fit together.

    Examples
    --------
    >>> gate_features([[[2.0, 0.0]]], [1.0]).round(3).tolist()
    [[0.0, -2.127, -1.0, 0.0]]
    """
    z = as_logits(logits).astype(np.float64)
    distance = as_scores(unfamiliarity, "unfamiliarity", (z.shape[1],), missing=True, low=0)
    return np.stack(
        [
            np.log(np.maximum(distance, _NEAREST)),
            energy(z),
            -z.mean(axis=0).std(axis=-1),
            combine(z, "average").mutual_information,
        ],
        axis=1,
    )


def overlap_features(probabilities: ArrayLike, mutual_information: ArrayLike) -> NDArray[np.float64]:
    """Features that tell an overlap of two known classes from one class: the two likeliest share what there is.

    Parameters
    ----------
    probabilities
        Calibrated, shape (N, K), K at least 2.
    mutual_information
        Shape (N,), nats.

    Returns
    -------
    numpy.ndarray
        Shape (N, 3): log-odds of the second against the first, log of what the others have, mutual
        information.

    Examples
    --------
    >>> overlap_features([[0.5, 0.5, 0.0]], [0.1]).round(2).tolist()
    [[0.0, -6.91, 0.1]]
    """
    p = as_probabilities(probabilities, finite=False)
    mutual = as_scores(mutual_information, "mutual information", missing=True, low=-_LOOSE)
    if p.shape[1] < 2 or mutual.shape != (len(p),):
        raise InputError(f"probabilities {p.shape} and mutual information {mutual.shape} do not fit together")
    top = np.sort(p, axis=1)[:, ::-1]
    others = 1.0 - top[:, 0] - top[:, 1]
    return np.stack(
        [np.log(np.maximum(top[:, 1], 1e-9) / top[:, 0]), np.log(np.maximum(others, 1e-3)), mutual], axis=1
    )
