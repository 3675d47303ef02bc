"""Doing less work: when a pattern needs no further member, exactly for a vote and measured for a cascade."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import permutations
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.calibration.temperature import apply_temperature, fit_temperature
from ensemble.errors import InputError
from ensemble.pooling import RULES, combine
from ensemble.softmax import softmax
from ensemble.validation import as_choice, as_labels, as_logits, as_number, as_order, as_share, as_weights

#: Up to so many members every order is tried.
_TRIED = 6


class Stopping(Protocol):
    """Says which patterns are finished."""

    @property
    def order(self) -> tuple[int, ...]:
        """Indices of all M members in the order they are run."""

    def finished(self, logits: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which patterns need no further member, (n,), from the logits (m, n, K) of the first m in order."""


@dataclass(frozen=True)
class VoteStop:
    """Exact early stop of a vote: finished when the members left cannot change the winner.

    With weight v of votes for the leader, u for the runner-up and r of the members to come, the winner is certain when
    v > u + r: then even all of r for the runner-up lose, and no tie is left for the mean probabilities to break.

    Attributes
    ----------
    order
        Indices of the members in the order they are run.
    weights
        Of the members, by index; equal where None.
    """

    order: tuple[int, ...]
    weights: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        as_order(self.order, len(self.order))
        as_weights(self.weights, len(self.order))

    def finished(self, logits: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which patterns need no further member.

        Examples
        --------
        >>> a, b = [2.0, 0.0], [0.0, 2.0]
        >>> VoteStop((0, 1, 2)).finished(np.array([[a, a], [a, b]])).tolist()
        [True, False]
        """
        m, n, k = logits.shape
        weight = np.ones(len(self.order)) if self.weights is None else np.asarray(self.weights)
        votes = np.zeros((n, k))
        for member, choice in zip(self.order, logits.argmax(axis=-1), strict=False):
            votes[np.arange(n), choice] += weight[member]
        ranked = np.sort(votes, axis=1)
        to_come = weight[list(self.order[m:])].sum()
        # Sums of unequal weights tie only up to round-off.
        finished = ranked[:, -1] > ranked[:, -2] + to_come + 1e-9 * weight.sum()
        # A member that gave NaN has no vote to count.
        return np.asarray(finished & ~np.isnan(logits).any(axis=(0, 2)))


@dataclass(frozen=True)
class Cascade:
    """Measured early stop: finished when the calibrated confidence of the members run so far is high enough.

    Attributes
    ----------
    order
        Indices of the members in the order they are run.
    temperatures
        Of the pool of the first 1, 2, ..., M - 1 members.
    threshold
        Confidence that ends a pattern, in (0, 1]; above 1 nothing ends before the last member.
    """

    order: tuple[int, ...]
    temperatures: tuple[float, ...]
    threshold: float

    def __post_init__(self) -> None:
        as_order(self.order, len(self.order))
        for temperature in self.temperatures:
            as_number(temperature, "a temperature of a cascade", low=1e-6)
        as_number(self.threshold, "the threshold of a cascade", low=0)

    def finished(self, logits: NDArray[np.floating]) -> NDArray[np.bool_]:
        """Return which patterns need no further member."""
        return np.asarray(self.confidence(logits) >= self.threshold)

    def confidence(self, logits: NDArray[np.floating]) -> NDArray[np.float64]:
        """Calibrated confidence (n,) of the pool of the first m members, from their logits (m, n, K)."""
        m = len(logits)
        if m > len(self.temperatures):
            return np.ones(logits.shape[1])
        pooled = softmax(logits).mean(axis=0)
        return np.asarray(apply_temperature(pooled, {"temperature": self.temperatures[m - 1]}).max(axis=1))

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "Cascade":
        """Read back what `to_dict` wrote."""
        return cls(tuple(d["order"]), tuple(d["temperatures"]), float(d["threshold"]))


def stopped(logits: ArrayLike, stopping: Stopping) -> NDArray[np.float32]:
    """Return the logits that a stopped run would have left: NaN where a member was skipped at a pattern.

    Parameters
    ----------
    logits
        Of all members, shape (M, N, K).
    stopping
        When to stop.
    """
    given = as_logits(logits).astype(np.float32, copy=False)
    as_order(stopping.order, len(given))
    out = np.full_like(given, np.nan)
    left = np.arange(given.shape[1])
    done: list[int] = []
    for member in stopping.order:
        out[member, left] = given[member, left]
        done.append(member)
        left = left[~stopping.finished(out[done][:, left])]
    return out


def filled(logits: ArrayLike) -> NDArray[np.float32]:
    """Let the members that ran speak for those that were skipped: log of their mean probability.

    The pool is then that of the members that ran; a vote decided by `VoteStop` keeps its winner, whatever is filled in.
    The mutual information is that of the members that ran, diluted: too small where few did.

    Parameters
    ----------
    logits
        Shape (M, N, K), NaN where a member did not run; a pattern that none ran on stays NaN.

    Returns
    -------
    numpy.ndarray
        Logits (M, N, K) without gaps.

    Examples
    --------
    >>> ran = np.log([[[0.75, 0.25]]])
    >>> np.exp(filled(np.concatenate([ran, np.full_like(ran, np.nan)]))[1]).round(2).tolist()
    [[0.75, 0.25]]
    """
    given = as_logits(logits).astype(np.float32, copy=False)
    without_skipped_votes: NDArray[np.bool_] = np.asarray(np.isnan(given).all(axis=-1))
    partly = np.flatnonzero(without_skipped_votes.any(axis=0) & ~without_skipped_votes.all(axis=0))
    if not len(partly):
        return given
    out = given.copy()
    ran = ~without_skipped_votes[:, partly]
    p = np.where(ran[..., None], softmax(given[:, partly]), 0.0)
    mean = np.log(np.maximum(p.sum(axis=0) / ran.sum(axis=0)[:, None], np.finfo(np.float32).tiny))
    for member in range(len(given)):
        here = without_skipped_votes[member, partly]
        out[member, partly[here]] = mean[here]
    return out


def best_order(logits: ArrayLike) -> tuple[int, ...]:
    """Order the members by what they decide: the order in which a vote needs the fewest of them.

    Parameters
    ----------
    logits
        Of held-out patterns, shape (M, N, K).

    Returns
    -------
    tuple[int, ...]
        Indices of the members. All orders are tried for up to six members; with more, members come by how often they
        vote with the winner.
    """
    given = as_logits(logits)
    given = given[:, ~np.isnan(given).any(axis=(0, 2))]
    if not given.shape[1]:
        raise InputError("no readable held-out pattern to order the members by")
    winner = combine(given, "vote").probabilities.argmax(axis=1)
    with_winner = (given.argmax(axis=-1) == winner).mean(axis=1)
    by_agreement = tuple(int(m) for m in np.argsort(-with_winner, kind="stable"))
    if len(given) > _TRIED:
        return by_agreement
    votes = given.argmax(axis=-1)
    return min(permutations(by_agreement), key=lambda order: _runs(votes, order, given.shape[-1]))


def fit_cascade(
    logits: ArrayLike,
    labels: ArrayLike,
    rule: str,
    *,
    order: Sequence[int],
    agreement: float = 0.999,
    weights: ArrayLike | None = None,
) -> Cascade:
    """Learn the confidence at which the members to come may be skipped.

    Parameters
    ----------
    logits
        Of held-out patterns, shape (M, N, K).
    labels
        True class indices, shape (N,), which the temperatures are fitted to.
    rule
        ``"vote"``, ``"average"`` or ``"geometric"``: whose label is to be kept.
    order
        In which the members run.
    agreement
        Share of patterns, in (0, 1], that must keep the label of the whole ensemble.
    weights
        Of the members, as in `combine`.

    Returns
    -------
    Cascade
        With the lowest threshold at and above which the held-out patterns agree.

    Raises
    ------
    InputError
        The rule needs draws, or the agreement is out of range.
    """
    if rule == "mc-dropout":
        raise InputError("mc-dropout draws from every member", remedy="use another rule, or no cascade")
    as_choice(rule, RULES, "rule")
    as_share(agreement, "the label agreement", one=True)
    given = as_logits(logits).astype(np.float32, copy=False)
    order = as_order(order, len(given))
    y = as_labels(labels, *given.shape[1:])
    final = combine(given, rule, weights=weights).probabilities.argmax(axis=1)
    stages = range(1, len(given))
    pools = [softmax(given[list(order[:m])]).mean(axis=0) for m in stages]
    temperatures = tuple(fit_temperature(p, y)["temperature"] for p in pools)
    confidence = np.array(
        [
            apply_temperature(p, {"temperature": t}).max(axis=1)
            for p, t in zip(pools, temperatures, strict=True)
        ]
    )
    same = np.array([_label_after(given, order[:m], rule, weights) == final for m in stages])
    allowed = int(np.floor((1 - agreement) * len(y) + 1e-9))
    threshold = float(np.nextafter(1, 2))
    for candidate in np.unique(np.quantile(confidence, np.linspace(0, 1, 2001), method="lower"))[::-1]:
        ends = confidence >= candidate
        first = ends.argmax(axis=0)
        lost = ends.any(axis=0) & ~same[first, np.arange(len(y))]
        if lost.sum() > allowed:
            break
        threshold = float(candidate)
    return Cascade(tuple(int(m) for m in order), temperatures, threshold)


def _label_after(
    logits: NDArray[np.float32], ran: Sequence[int], rule: str, weights: ArrayLike | None
) -> NDArray[np.intp]:
    """Winner of the rule when only some members ran and the others are filled in."""
    partial = np.full_like(logits, np.nan)
    partial[list(ran)] = logits[list(ran)]
    return combine(filled(partial), rule, weights=weights).probabilities.argmax(axis=1)


def _runs(votes: NDArray[np.intp], order: Sequence[int], k: int) -> int:
    """How many members a vote runs over all patterns, in this order."""
    n = votes.shape[1]
    counts = np.zeros((n, k), int)
    left = np.ones(n, bool)
    total = 0
    for m, member in enumerate(order, 1):
        total += int(left.sum())
        counts[np.arange(n), votes[member]] += 1
        ranked = np.sort(counts, axis=1)
        left &= ranked[:, -1] <= ranked[:, -2] + len(order) - m
    return total
