"""Twins that simulators disagree about: where a scan holds both, its own points say where to divide them.

The difference of the two fits at each point is an order parameter: it separates an ordered crystal from its disordered
twin, but its zero depends on the simulator. Two Gaussians fitted to all points of the scan give the division instead,
or a few points whose phase a person knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ensemble.abstention import Status
from kikuchi.bundle.bundle import Bundle
from kikuchi.maps import PhaseMap
from kikuchi.postprocessing.labelled_division import divide_by_labels

#: Points that a mixture is fitted to at least.
_ENOUGH = 100

#: How far the two means lie apart at least, in standard deviations: nearer ones make one hump, and nothing is divided.
_APART = 2.5

#: Share of the points that the smaller part holds at least.
_SMALLEST = 0.02

_STEPS = 200


@dataclass(frozen=True)
class TwoParts:
    """A mixture of two Gaussians of one dimension.

    Attributes
    ----------
    means, spreads, shares
        Of the lower and the upper part, shape (2,).
    """

    means: np.ndarray
    spreads: np.ndarray
    shares: np.ndarray

    @property
    def apart(self) -> float:
        """Distance of the means in root-mean-square standard deviations."""
        return float((self.means[1] - self.means[0]) / np.sqrt(np.square(self.spreads).mean()))

    @property
    def bimodal(self) -> bool:
        """Whether the two parts are two humps, and neither is a few stray points."""
        return self.apart >= _APART and float(self.shares.min()) >= _SMALLEST

    def upper(self, values: np.ndarray) -> np.ndarray:
        """Return the probability of the upper part, shape of `values`."""
        logs = (
            np.log(self.shares)
            - np.log(self.spreads)
            - 0.5 * ((values[..., None] - self.means) / self.spreads) ** 2
        )
        odds = np.clip(logs[..., 1] - logs[..., 0], -500, 500)
        # Far out the wider part would take both ends.
        odds = np.where(values >= self.means[1], np.maximum(odds, 0), odds)
        odds = np.where(values <= self.means[0], np.minimum(odds, 0), odds)
        return np.asarray(1 / (1 + np.exp(-odds)))


def two_parts(values: np.ndarray) -> TwoParts:
    """Fit two Gaussians by expectation maximisation, begun at the best division into two.

    Parameters
    ----------
    values
        Shape (n,), finite.
    """
    ordered = np.sort(np.asarray(values, float))
    n = len(ordered)
    sums = np.cumsum(ordered)[:-1]
    left = np.arange(1, n)
    between = left * (n - left) * (sums / left - (ordered.sum() - sums) / (n - left)) ** 2
    cut = int(between.argmax()) + 1
    weight = (np.arange(n) >= cut).astype(float)
    floor = 0.05 * max(ordered.std(), 1e-12)
    for _ in range(_STEPS):
        both = np.stack([1 - weight, weight])
        count = np.maximum(both.sum(axis=1), 1e-9)
        means = both @ ordered / count
        spreads = np.sqrt((both * (ordered - means[:, None]) ** 2).sum(axis=1) / count).clip(floor)
        found = TwoParts(means, spreads, count / n)
        again = found.upper(ordered)
        if np.abs(again - weight).max() < 1e-6:
            break
        weight = again
    return found


def order_parameter(probabilities: np.ndarray) -> np.ndarray:
    """Return the log-likelihood of the second phase less that of the first, as a matcher scales it, shape (n,).

    Parameters
    ----------
    probabilities
        What the matcher says of two phases, shape (n, 2).
    """
    logs = np.log(np.maximum(np.asarray(probabilities, float), 1e-12))
    return logs[:, 1] - logs[:, 0]


def with_order_parameter(
    phase_map: PhaseMap, bundle: Bundle, labels: tuple[np.ndarray, np.ndarray] | None = None
) -> PhaseMap:
    """Divide two phases where simulators disagree about them: by labelled points, or by the scan's own mixture.

    Adds the columns ``order_parameter`` (log-likelihood of the second phase less that of the first as the matcher
    scales it) and ``by_order`` (the phase by that division; empty where there is none). No decision is changed and
    nothing is promised: without labels, that the scan holds both phases is taken for granted where two humps are seen.

    Parameters
    ----------
    phase_map
        As decided.
    bundle
        Made by `kikuchi.adapt` for two phases; others leave the map as it is.
    labels
        Indices of points and of their phases, shapes (n,) and (n,), by which to divide; also where simulators agree.

    Raises
    ------
    InputError
        The labels are of one phase, or contradict the patterns.
    """
    separability = bundle.manifest.get("adapted", {}).get("separability", {})
    doubted = any("disagree" in line for line in separability.get("doubts", []))
    if len(bundle.phases) != 2 or (labels is None and not doubted):
        return phase_map
    order = order_parameter(phase_map.member_probabilities[0])
    readable = phase_map.decision.status != Status.UNREADABLE
    second, meta = _divided(order, readable, labels, phase_map.words)
    names = np.array(phase_map.words, dtype=object)
    by_order = np.full(phase_map.n, "", dtype=object)
    if second is not None:
        by_order = np.where(readable, names[second.astype(int)], "")
    order = np.where(readable, order, np.nan).astype(np.float32)
    return replace(
        phase_map,
        columns=phase_map.columns | {"order_parameter": order, "by_order": by_order},
        meta=phase_map.meta | {"order_parameter": meta},
    )


def _divided(
    order: np.ndarray,
    readable: np.ndarray,
    labels: tuple[np.ndarray, np.ndarray] | None,
    words: Sequence[str],
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Return which points are of the second phase, None where nothing is divided, and how that was found."""
    meta: dict[str, Any] = {}
    by_mixture = None
    if readable.sum() >= _ENOUGH:
        parts = two_parts(order[readable])
        meta = {
            "means": parts.means.tolist(),
            "spreads": parts.spreads.tolist(),
            "shares": {word: float(share) for word, share in zip(words, parts.shares, strict=True)},
            "apart": parts.apart,
        }
        by_mixture = parts.upper(order) > 0.5 if parts.bimodal else None
    if labels is None:
        return by_mixture, {"divided": by_mixture is not None, "by": "mixture"} | meta
    points, phases = (column[readable[labels[0]]] for column in labels)
    division = divide_by_labels(order[points], phases == 1)
    second = division.upper(order)
    found = {"divided": True, "by": "labels"} | division.to_dict()
    if by_mixture is not None:
        # All points of the scan say more about two humps than a few, as long as these agree.
        wrong = int((by_mixture[points] != (phases == 1)).sum())
        found["labelled_wrong_by_mixture"] = wrong
        if wrong <= division.wrong:
            return by_mixture, found | meta | {"by": "mixture, which the labels confirm"}
    share = float(second[readable].mean())
    return second, found | {"shares": dict(zip(words, (1 - share, share), strict=True))}
