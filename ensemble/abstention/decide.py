"""Decide, for every pattern, whether to answer and if not, why."""

from dataclasses import dataclass, replace
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.rule import AbstentionRule
from ensemble.errors import InputError
from ensemble.pooling import Combined
from ensemble.validation import as_indices, as_numbers, as_probabilities


class Status(IntEnum):
    """Status of a pattern."""

    SOLVED = 0
    AMBIGUOUS = 1
    UNFAMILIAR = 2
    UNREADABLE = 3
    MIXED = 4


STATUS_NAMES: tuple[str, ...] = tuple(s.name.lower() for s in Status)


@dataclass(frozen=True)
class Decision:
    """One decision a pattern, in scan order.

    Attributes
    ----------
    status
        `Status` of each pattern, shape (N,).
    winner
        Class put first by the calibrated probabilities, shape (N,); -1 where there are none. It is the answer
        only where the status is solved.
    candidates
        Classes that could be right, shape (N, K): the winner alone where solved, at least two classes where
        ambiguous, the two that overlap where mixed, none where unfamiliar or unreadable.
    probabilities
        Calibrated, shape (N, K); NaN where a member gave NaN.
    confidence
        Largest calibrated probability, shape (N,).
    entropy, expected_entropy, mutual_information, variation_ratio
        As in `Combined`, shape (N,).
    unfamiliarity, quality
        As given, shape (N,); NaN where not given.
    votes
        Class index each member puts first, shape (M, N).
    """

    status: NDArray[np.int8]
    winner: NDArray[np.int16]
    candidates: NDArray[np.bool_]
    probabilities: NDArray[np.float64]
    confidence: NDArray[np.float64]
    entropy: NDArray[np.float64]
    expected_entropy: NDArray[np.float64]
    mutual_information: NDArray[np.float64]
    variation_ratio: NDArray[np.float64]
    unfamiliarity: NDArray[np.float64]
    quality: NDArray[np.float64]
    votes: NDArray[np.int16]


def decide(
    combined: Combined,
    probabilities: ArrayLike,
    rule: AbstentionRule,
    *,
    unfamiliarity: ArrayLike | None = None,
    quality: ArrayLike | None = None,
) -> Decision:
    """Answer, or give the first reason that applies: unreadable, unfamiliar, ambiguous.

    Parameters
    ----------
    combined
        The pool, for its uncertainties and votes.
    probabilities
        Calibrated, shape (N, K). NaN rows are unreadable, and never an error.
    rule
        As `fit_abstention` returns it.
    unfamiliarity
        Shape (N,), higher = stranger; NaN is unreadable. Needed where the rule judges it.
    quality
        Shape (N,); at or below the rule's threshold, or NaN, is unreadable. All readable where None.

    Returns
    -------
    Decision
        The decision for each of the N patterns.

    Raises
    ------
    InputError
        If a shape is wrong, or the rule judges unfamiliarity and none is given.
    """
    p = as_probabilities(probabilities, finite=False)
    n, k = p.shape
    if k != rule.n_classes or combined.probabilities.shape != p.shape:
        raise InputError(
            f"probabilities {p.shape}, pool {combined.probabilities.shape} and rule "
            f"({rule.n_classes} classes) do not belong together"
        )
    if rule.familiarity_threshold is not None and unfamiliarity is None:
        raise InputError("this abstention rule judges unfamiliarity, and none was given")
    distance, clarity = _or_nan(unfamiliarity, n), _or_nan(quality, n)
    chosen = rule.gate(p, unfamiliarity=distance, quality=None if quality is None else clarity)
    status = np.full(n, Status.AMBIGUOUS, dtype=np.int8)
    status[chosen.answered] = Status.SOLVED
    status[~chosen.familiar] = Status.UNFAMILIAR
    status[~chosen.readable] = Status.UNREADABLE
    winner = p.argmax(axis=1).astype(np.int16)
    confidence = p.max(axis=1)
    winner[np.isnan(confidence)] = -1
    return Decision(
        status=status,
        winner=winner,
        candidates=_candidates(p, chosen.sets, status),
        probabilities=p,
        confidence=confidence,
        entropy=combined.entropy,
        expected_entropy=combined.expected_entropy,
        mutual_information=combined.mutual_information,
        variation_ratio=combined.variation_ratio,
        unfamiliarity=distance,
        quality=clarity,
        votes=combined.votes,
    )


def with_mixed(decision: Decision, where: ArrayLike, second: ArrayLike) -> Decision:
    """Say of patterns that two known classes overlap in them; both are then the candidates, and neither the answer.

    Parameters
    ----------
    decision
        As `decide` returns it.
    where
        Whether a pattern shows two classes, shape (N,), bool. Patterns that are unreadable, and those without a
        winner, stay what they are.
    second
        The other class of each, shape (N,); read only where `where` is true.

    Returns
    -------
    Decision
        The decision with `Status.MIXED` there.

    Raises
    ------
    InputError
        If a shape is wrong, or a second class is none of the K, or the winner itself.
    """
    n, k = decision.candidates.shape
    found = np.asarray(where)
    if found.shape != (n,) or found.dtype != bool:
        raise InputError(f"which of {n} patterns are mixed is told by as many truth values")
    found = found & (decision.status != Status.UNREADABLE) & (decision.winner >= 0)
    other = as_indices(second, "the second class", (n,), low=-1)[found]
    if (other < 0).any() or (other >= k).any() or (other == decision.winner[found]).any():
        raise InputError("a mixed pattern needs a second class of its own")
    candidates = decision.candidates.copy()
    candidates[found] = False
    rows = np.flatnonzero(found)
    candidates[rows, decision.winner[rows]] = candidates[rows, other] = True
    status = np.where(found, np.int8(Status.MIXED), decision.status).astype(np.int8)
    return replace(decision, status=status, candidates=candidates)


def _candidates(
    p: NDArray[np.float64], sets: NDArray[np.bool_], status: NDArray[np.int8]
) -> NDArray[np.bool_]:
    """Complete the sets: the winner in each, and the runner-up where one class alone is not an answer."""
    candidates = np.zeros_like(sets)
    solved = np.flatnonzero(status == Status.SOLVED)
    candidates[solved, p[solved].argmax(axis=1)] = True
    ambiguous = np.flatnonzero(status == Status.AMBIGUOUS)
    candidates[ambiguous] = sets[ambiguous]
    first_two = np.argsort(-p[ambiguous], axis=1, kind="stable")[:, :2]
    candidates[ambiguous[:, None], first_two] = True
    return candidates


def _or_nan(values: ArrayLike | None, n: int) -> NDArray[np.float64]:
    if values is None:
        return np.full(n, np.nan)
    array = as_numbers(values, "unfamiliarity and quality").astype(np.float64)
    if array.shape != (n,):
        raise InputError(f"expected one value for each of {n} patterns, not shape {array.shape}")
    return array
