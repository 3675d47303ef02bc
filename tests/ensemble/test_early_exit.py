"""Early stops: a vote's winner never changes, a cascade keeps the labels it promised to keep."""

from itertools import product

import numpy as np
import pytest

from ensemble.early_exit import Cascade, VoteStop, best_order, filled, fit_cascade, stopped
from ensemble.errors import InputError
from ensemble.pooling import combine


def members_that_say(votes, k, rng):
    """Logits (M, N, K) whose largest is the wanted vote (M, N), otherwise random."""
    logits = rng.normal(size=(*votes.shape, k))
    np.put_along_axis(logits, votes[..., None], logits.max(axis=-1, keepdims=True) + 0.1, axis=-1)
    return logits.astype(np.float32)


@pytest.mark.parametrize("members,k", [(3, 3), (4, 2), (5, 3)])
def test_the_winner_of_a_stopped_vote_is_that_of_the_whole_for_every_possible_vote(members, k):
    """All k^M ways to vote, with random probabilities behind them, in every cyclic order."""
    votes = np.array(list(product(range(k), repeat=members))).T
    logits = members_that_say(votes, k, np.random.default_rng(members))
    whole = combine(logits, "vote").probabilities.argmax(axis=1)
    for first in range(members):
        order = tuple(np.roll(np.arange(members), first).tolist())
        partial = stopped(logits, VoteStop(order))
        assert np.isnan(partial).any()
        found = combine(filled(partial), "vote").probabilities.argmax(axis=1)
        np.testing.assert_array_equal(found, whole)


def test_the_winner_of_a_stopped_weighted_vote_is_that_of_the_whole():
    weights = (0.4, 0.25, 0.2, 0.1, 0.05)
    votes = np.array(list(product(range(3), repeat=5))).T
    logits = members_that_say(votes, 3, np.random.default_rng(1))
    whole = combine(logits, "vote", weights=weights).probabilities.argmax(axis=1)
    partial = stopped(logits, VoteStop((0, 1, 2, 3, 4), weights))
    assert np.isnan(partial).any()
    found = combine(filled(partial), "vote", weights=weights).probabilities.argmax(axis=1)
    np.testing.assert_array_equal(found, whole)


def test_five_members_of_one_mind_are_three_runs():
    """Three of five votes are a majority whatever the other two say."""
    logits = np.tile([2.0, 0.0, 0.0], (5, 10, 1))
    assert (
        np.isnan(stopped(logits, VoteStop((0, 1, 2, 3, 4)))).all(axis=(1, 2)).tolist()
        == [False] * 3 + [True] * 2
    )


def test_a_member_without_an_answer_stops_nothing():
    logits = np.tile([2.0, 0.0], (2, 1, 1))
    logits[0] = np.nan
    assert not VoteStop((0, 1, 2)).finished(logits).any()


def test_filled_members_leave_the_average_of_those_that_ran():
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(4, 30, 3)).astype(np.float32)
    partial = logits.copy()
    partial[2:] = np.nan
    np.testing.assert_allclose(
        combine(filled(partial), "average").probabilities,
        combine(logits[:2], "average").probabilities,
        atol=1e-6,
    )


def test_a_pattern_that_nobody_ran_on_stays_unreadable():
    assert np.isnan(filled(np.full((3, 1, 2), np.nan))).all()


def test_members_that_vote_with_the_winner_come_first():
    """Member 2 is always alone: whatever is run, it decides nothing."""
    votes = np.array([[0, 1, 2, 0, 1], [0, 1, 2, 0, 1], [1, 2, 0, 1, 2]])
    logits = members_that_say(votes, 3, np.random.default_rng(0))
    assert best_order(logits)[-1] == 2
    assert best_order(np.concatenate([logits] * 3))[-3:] == (2, 5, 8)  # too many for all orders


def held_out(n, seed, noise=2.0):
    """Five members that see the truth through their own noise."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    clear = 8 * np.eye(4)[labels] * rng.random((n, 1)) ** 0.3
    return (clear + rng.normal(0, noise, (5, n, 4))).astype(np.float32), labels


@pytest.mark.parametrize("rule", ["vote", "average", "geometric"])
def test_a_cascade_keeps_the_labels_it_was_asked_to_keep(rule):
    logits, labels = held_out(4000, 0)
    cascade = fit_cascade(logits, labels, rule, order=range(5), agreement=0.995)
    for seed, least in ((0, 0.995), (1, 0.99)):  # what it was fitted to, and new patterns
        given, _ = held_out(4000, seed)
        partial = stopped(given, cascade)
        found = combine(filled(partial), rule).probabilities.argmax(axis=1)
        assert (found == combine(given, rule).probabilities.argmax(axis=1)).mean() >= least
        assert np.isnan(partial).any(axis=2).mean() > 0.3


def test_full_agreement_is_kept_exactly_on_what_it_was_learned_from():
    logits, labels = held_out(500, 3)
    cascade = fit_cascade(logits, labels, "average", order=range(5), agreement=1.0)
    found = combine(filled(stopped(logits, cascade)), "average").probabilities.argmax(axis=1)
    np.testing.assert_array_equal(found, combine(logits, "average").probabilities.argmax(axis=1))


def test_a_cascade_survives_its_file():
    logits, labels = held_out(300, 4)
    cascade = fit_cascade(logits, labels, "average", order=(2, 0, 1, 4, 3))
    assert Cascade.from_dict(cascade.to_dict()) == cascade


def test_no_cascade_for_dropout_draws():
    with pytest.raises(InputError, match="mc-dropout"):
        fit_cascade(np.zeros((2, 3, 2)), np.zeros(3, int), "mc-dropout", order=(0, 1))
