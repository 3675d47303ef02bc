"""Many members, one answer: votes, averages, geometric averages and dropout draws."""

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.choices import Rule
from ensemble.errors import InputError
from ensemble.softmax import softmax, softmax_and_entropy
from ensemble.uncertainty import entropy
from ensemble.validation import (
    as_choice,
    as_distributions,
    as_labels,
    as_logits,
    as_numbers,
    as_scores,
    as_weights,
)

RULES: tuple[str, ...] = get_args(Rule)

_ENTROPY_TOLERANCE = 1e-3
"""Entropies may have been stored in half precision."""

_CHUNK_BYTES = 4 * 2**20
"""Working memory of one block of patterns: what fits a cache is twice as fast as what does not."""


@dataclass(frozen=True)
class DropoutDraws:
    """Summary of T dropout draws of each member: enough for every statistic, whatever T.

    Attributes
    ----------
    mean
        Mean probability over the draws, shape (M, N, K).
    entropy
        Mean over the draws of the entropy of one draw, shape (M, N), nats.
    votes
        How many draws put each class first, shape (M, N, K).
    """

    mean: NDArray[np.floating]
    entropy: NDArray[np.floating]
    votes: NDArray[np.integer]

    def select(self, chosen: ArrayLike) -> "DropoutDraws":
        """Return the draws for the chosen patterns: a mask (N,), or indices."""
        c = np.asarray(chosen)
        return DropoutDraws(self.mean[:, c], self.entropy[:, c], self.votes[:, c])

    def of_members(self, chosen: ArrayLike | slice) -> "DropoutDraws":
        """Return the draws of the chosen members: a mask (M,), indices, or a slice."""
        c = chosen if isinstance(chosen, slice) else np.asarray(chosen)
        return DropoutDraws(self.mean[c], self.entropy[c], self.votes[c])


@dataclass(frozen=True)
class Combined:
    """The answer of an ensemble before calibration.

    The uncertainties always describe the (weighted) mixture of the members, whatever the rule, so that
    ``entropy = expected_entropy + mutual_information`` holds under each of them.

    Attributes
    ----------
    probabilities
        Pooled by the rule, shape (N, K), rows summing to 1; NaN where a member gave NaN.
    entropy
        Total uncertainty: entropy of the mean of the members, shape (N,), nats, in [0, log K].
    expected_entropy
        Aleatoric part: mean of the members' entropies, shape (N,), nats.
    mutual_information
        Epistemic part: the difference, shape (N,), nats, in [0, log K].
    variation_ratio
        Share of members (or of draws) outvoted by the most popular class, shape (N,), in [0, 1).
    votes
        Class index each member puts first, shape (M, N); -1 where it gave NaN.
    """

    probabilities: NDArray[np.float64]
    entropy: NDArray[np.float64]
    expected_entropy: NDArray[np.float64]
    mutual_information: NDArray[np.float64]
    variation_ratio: NDArray[np.float64]
    votes: NDArray[np.int16]


def combine(
    logits: ArrayLike | None,
    rule: str,
    *,
    weights: ArrayLike | None = None,
    draws: DropoutDraws | None = None,
) -> Combined:
    """Pool the members' logits into one set of probabilities, with its uncertainties.

    Parameters
    ----------
    logits
        Shape (M, N, K). Not read by ``"mc-dropout"``, where it may be None.
    rule
        ``"vote"``: (votes + mean probability) / (M + 1), never zero, ties broken by the average, its
        largest class the winner of the vote. ``"average"``: mean of the probabilities. ``"geometric"``:
        normalised geometric mean, the softmax of the mean log-probability. ``"mc-dropout"``: mean over
        all (member, draw) pairs.
    weights
        Of the members, shape (M,), non-negative, not all zero; equal where not given. See
        `log_loss_weights`.
    draws
        The dropout draws that ``"mc-dropout"`` pools.

    Returns
    -------
    Combined
        The pooled probabilities and uncertainties. Memory beyond the input and the output does not grow with N.

    Raises
    ------
    InputError
        If the rule is unknown, a shape is wrong, or ``"mc-dropout"`` has no draws.

    Examples
    --------
    >>> import numpy as np
    >>> logits = np.log([[[0.9, 0.1]], [[0.4, 0.6]], [[0.4, 0.6]]])
    >>> combine(logits, "vote").probabilities.round(3).tolist()
    [[0.392, 0.608]]
    >>> combine(logits, "average").probabilities.round(3).tolist()
    [[0.567, 0.433]]
    """
    as_choice(rule, RULES, "rule")
    if rule == "mc-dropout":
        if draws is None:
            raise InputError(
                "the rule mc-dropout needs dropout draws", remedy="use members with dropout, or another rule"
            )
        members, n, k = as_logits(draws.mean, "the dropout draws' means").shape
        as_numbers(draws.votes, "the dropout draws' votes", (members, n, k))
        as_numbers(draws.entropy, "the dropout draws' entropies", (members, n))
    else:
        logits = as_logits(logits if logits is not None else [])
        members, n, k = logits.shape
    w = as_weights(weights, members)
    out = Combined(
        probabilities=np.empty((n, k)),
        entropy=np.empty(n),
        expected_entropy=np.empty(n),
        mutual_information=np.empty(n),
        variation_ratio=np.empty(n),
        votes=np.empty((members, n), dtype=np.int16),
    )
    step = max(1, _CHUNK_BYTES // (8 * members * k))
    for start in range(0, n, step):
        block = slice(start, start + step)
        if draws is not None and rule == "mc-dropout":
            _pool_draws(draws, block, w, out)
        else:
            _pool_logits(np.asarray(logits)[:, block], rule, block, w, out)
    return out


def member_weights(weights: ArrayLike | None, members: int) -> NDArray[np.float64]:
    """Weights of the members, checked and summing to 1; equal where none are given.

    Returns
    -------
    numpy.ndarray
        Shape (M,), summing to 1.
    """
    return as_weights(weights, members)


def log_loss_weights(logits: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Weights of the members from their held-out log-loss: w proportional to exp(-log-loss).

    That is the geometric mean of the probability a member gave to the truth.

    Parameters
    ----------
    logits
        Of held-out patterns, shape (M, N, K); patterns with NaN do not take part.
    labels
        True class indices, shape (N,).

    Returns
    -------
    numpy.ndarray
        Shape (M,), summing to 1.
    """
    from ensemble.metrics.proper import log_loss

    p = softmax(as_logits(logits))
    y = as_labels(labels, *p.shape[1:])
    readable = ~np.isnan(p).any(axis=(0, 2))
    losses = np.array([log_loss(member[readable], y[readable]) for member in p])
    return member_weights(np.exp(losses.min() - losses), len(losses))


def choose_rule(
    logits: ArrayLike,
    labels: ArrayLike,
    *,
    draws: DropoutDraws | None = None,
    weights: ArrayLike | None = None,
    rules: tuple[str, ...] = ("vote", "average", "geometric"),
) -> tuple[str, dict[str, float]]:
    """Rule with the smallest held-out log-loss, for recipes that say ``auto``.

    Each pool is compared after a temperature of its own, because a pool is calibrated before anybody
    reads it: without, a rule would be punished for a scale that calibration removes.

    Parameters
    ----------
    logits
        Of held-out patterns, shape (M, N, K); patterns with NaN do not take part.
    labels
        True class indices, shape (N,).
    draws
        Dropout draws of the same patterns; where given, ``"mc-dropout"`` competes too.
    weights
        Of the members, as in `combine`.
    rules
        Rules that compete; on a tie the first wins.

    Returns
    -------
    rule
        The winner.
    losses
        Held-out log-loss of every rule, nats.
    """
    from ensemble.calibration.temperature import apply_temperature, fit_temperature
    from ensemble.metrics.proper import log_loss

    competing = rules if draws is None else (*rules, "mc-dropout")
    if not competing:
        raise InputError("no rule to choose from", remedy=f"give some of {', '.join(RULES)}")
    losses = {}
    for rule in competing:
        pooled = combine(logits, rule, weights=weights, draws=draws).probabilities
        readable = ~np.isnan(pooled).any(axis=1)
        p, y = pooled[readable], as_labels(labels, *pooled.shape)[readable]
        losses[rule] = log_loss(apply_temperature(p, fit_temperature(p, y)), y)
    return min(losses, key=losses.__getitem__), losses


def _pool_logits(
    logits: NDArray, rule: str, block: slice, weights: NDArray[np.float64], out: Combined
) -> None:
    p, member_entropy = softmax_and_entropy(logits)
    mean = np.tensordot(weights, p, axes=1)
    votes = p.argmax(axis=-1)
    votes[np.isnan(p[..., 0])] = -1
    share = np.zeros_like(mean)
    for member, weight in zip(votes, weights, strict=True):
        voted = np.flatnonzero(member >= 0)
        share[voted, member[voted]] += weight
    if rule == "vote":
        pooled = _vote_probabilities(share, mean, len(weights))
    elif rule == "average":
        pooled = mean
    else:
        # The softmax of weighted mean logits: the members' normalisers cancel.
        z = np.asarray(logits, dtype=np.float64)
        pooled = softmax(np.tensordot(weights, z, axes=1))
    _write(out, block, pooled, mean, weights @ member_entropy, share, votes)


def _pool_draws(draws: DropoutDraws, block: slice, weights: NDArray[np.float64], out: Combined) -> None:
    p = as_distributions(draws.mean[:, block], finite=False, what="the dropout draws' means")
    counts = as_scores(draws.votes[:, block], "the dropout draws' votes", None, low=0)
    if (~np.isnan(p[..., 0]) & (counts.sum(axis=-1) == 0)).any():
        raise InputError("a pattern with dropout draws has no vote of any draw")
    mean = np.tensordot(weights, p, axes=1)
    every = counts.sum(axis=-1, keepdims=True)
    shares = np.divide(counts, every, out=np.full(counts.shape, np.nan), where=every > 0)
    share = np.tensordot(weights, shares, axes=1)
    # A member votes with the majority of its draws; its mean probability, below 1, breaks ties only.
    votes = (counts + 0.5 * p).argmax(axis=-1)
    votes[np.isnan(p[..., 0])] = -1
    most = float(np.log(p.shape[-1])) + _ENTROPY_TOLERANCE
    member_entropy = as_scores(
        draws.entropy[:, block],
        "the dropout draws' entropies",
        None,
        missing=True,
        low=-_ENTROPY_TOLERANCE,
        high=most,
    )
    _write(out, block, mean, mean, weights @ member_entropy, share, votes)


def _write(
    out: Combined,
    block: slice,
    pooled: NDArray[np.float64],
    mean: NDArray[np.float64],
    expected: NDArray[np.float64],
    share: NDArray[np.float64],
    votes: NDArray[np.integer],
) -> None:
    total = entropy(mean)
    out.probabilities[block] = pooled
    out.entropy[block] = total
    out.expected_entropy[block] = expected
    out.mutual_information[block] = np.maximum(total - expected, 0.0)
    out.variation_ratio[block] = np.where(np.isnan(total), np.nan, np.maximum(1.0 - share.max(axis=-1), 0.0))
    out.votes[:, block] = votes


def _vote_probabilities(
    share: NDArray[np.float64], mean: NDArray[np.float64], members: int
) -> NDArray[np.float64]:
    votes = members * share
    best = votes.max(axis=-1, keepdims=True)
    # Sums of unequal weights tie only up to round-off.
    tied = votes > best - 1e-9
    winner = np.where(tied, mean, -1.0).argmax(axis=-1)[:, None]
    ahead = mean - np.take_along_axis(mean, winner, axis=-1)
    behind = best - votes
    # A whole vote always outweighs a difference of means; a fraction of one (unequal weights) may not, and
    # there the means count for less, so that the winner of the vote stays the largest class.
    with np.errstate(invalid="ignore"):
        step = np.divide(0.5 * behind, ahead, out=np.ones_like(mean), where=(ahead >= behind) & ~tied)
    step = step.min(axis=-1, keepdims=True)
    return (votes + step * mean) / (members + step)
