import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax as scipy_softmax
from scipy.stats import gmean

from ensemble import pooling
from ensemble.errors import InputError
from ensemble.pooling import RULES, DropoutDraws, choose_rule, combine, log_loss_weights


@pytest.fixture
def logits():
    return np.random.default_rng(1).normal(scale=3.0, size=(4, 200, 5))


def draws_of(samples):
    """Sufficient statistics of explicit draws, shape (M, T, N, K), by their definition."""
    from scipy.stats import entropy

    k = samples.shape[-1]
    return DropoutDraws(
        mean=samples.mean(axis=1),
        entropy=entropy(samples, axis=-1).mean(axis=1),
        votes=np.eye(k, dtype=int)[samples.argmax(axis=-1)].sum(axis=1),
    )


def test_average_is_the_mean_of_the_members(logits):
    expected = scipy_softmax(logits, axis=-1).mean(axis=0)
    np.testing.assert_allclose(combine(logits, "average").probabilities, expected, rtol=1e-12)


def test_geometric_is_the_normalised_geometric_mean(logits):
    expected = gmean(scipy_softmax(logits, axis=-1), axis=0)
    expected /= expected.sum(axis=-1, keepdims=True)
    np.testing.assert_allclose(combine(logits, "geometric").probabilities, expected, rtol=1e-10)


def test_weighted_average_is_the_weighted_mean(logits):
    w = np.array([1.0, 2.0, 0.0, 5.0])
    expected = np.average(scipy_softmax(logits, axis=-1), axis=0, weights=w)
    np.testing.assert_allclose(combine(logits, "average", weights=w).probabilities, expected, rtol=1e-12)


def test_vote_probabilities_by_hand():
    # Votes 1, 2, 0; mean probabilities (.5, .4, .1): (1.5, 2.4, .1) / 4.
    p = np.array([[[0.8, 0.1, 0.1]], [[0.4, 0.5, 0.1]], [[0.3, 0.6, 0.1]]])
    found = combine(np.log(p), "vote")
    np.testing.assert_allclose(found.probabilities, [[0.375, 0.6, 0.025]])
    np.testing.assert_array_equal(found.votes, [[0], [1], [1]])
    assert found.variation_ratio[0] == pytest.approx(1 / 3)


def test_a_tied_vote_is_broken_by_the_average():
    p = np.array([[[0.9, 0.1]], [[0.4, 0.6]]])
    assert combine(np.log(p), "vote").probabilities.argmax() == 0


def test_the_winner_of_the_vote_wins_against_the_average():
    p = np.array([[[0.99, 0.01]], [[0.4, 0.6]], [[0.4, 0.6]]])
    assert combine(np.log(p), "average").probabilities.argmax() == 0
    assert combine(np.log(p), "vote").probabilities.argmax() == 1


def test_a_weighted_vote_is_won_by_weight_even_against_the_average():
    # Weights .26, .25 against .49: class 1 has .51 of the vote and less of the mean.
    p = np.array([[[0.4, 0.6]], [[0.4, 0.6]], [[1.0, 1e-9]]])
    found = combine(np.log(p), "vote", weights=[0.26, 0.25, 0.49])
    assert found.probabilities.argmax() == 1
    assert found.probabilities.sum() == pytest.approx(1.0)


def test_unequal_weights_that_tie_are_broken_by_the_average():
    p = np.array([[[0.4, 0.6]], [[0.4, 0.6]], [[0.9, 0.1]]])
    assert combine(np.log(p), "vote", weights=[0.1, 0.2, 0.3]).probabilities.argmax() == 0


def test_uncertainties_do_not_depend_on_the_rule(logits):
    one, other = combine(logits, "vote"), combine(logits, "geometric")
    np.testing.assert_array_equal(one.entropy, other.entropy)
    np.testing.assert_array_equal(one.mutual_information, other.mutual_information)


def test_disagreeing_experts_have_total_log_2_and_no_aleatoric_part():
    found = combine(np.array([[[50.0, -50.0]], [[-50.0, 50.0]]]), "average")
    assert found.entropy[0] == pytest.approx(np.log(2))
    assert found.expected_entropy[0] == pytest.approx(0.0, abs=1e-12)
    assert found.mutual_information[0] == pytest.approx(np.log(2))
    assert found.variation_ratio[0] == 0.5


def test_mc_dropout_pools_every_draw_of_every_member():
    rng = np.random.default_rng(2)
    samples = rng.dirichlet(np.ones(4), size=(3, 7, 20))
    pairs = combine(np.log(samples.reshape(21, 20, 4)), "average")
    found = combine(None, "mc-dropout", draws=draws_of(samples))
    for name in ("probabilities", "entropy", "expected_entropy", "mutual_information", "variation_ratio"):
        np.testing.assert_allclose(getattr(found, name), getattr(pairs, name), atol=1e-9)
    assert found.votes.shape == (3, 20)


def test_one_draw_a_member_is_the_average(logits):
    p = scipy_softmax(logits, axis=-1)
    found = combine(None, "mc-dropout", draws=draws_of(p[:, None]))
    np.testing.assert_allclose(found.probabilities, combine(logits, "average").probabilities)
    np.testing.assert_array_equal(found.votes, combine(logits, "average").votes)


def test_a_nan_pattern_stays_alone_and_has_no_vote(logits):
    clean = combine(logits, "vote")
    logits[2, 7] = np.nan
    for rule in ("vote", "average", "geometric"):
        found = combine(logits, rule)
        assert np.isnan(found.probabilities[7]).all() and np.isnan(found.variation_ratio[7])
        assert np.isfinite(np.delete(found.probabilities, 7, axis=0)).all()
    assert found.votes[2, 7] == -1 and found.votes[0, 7] == clean.votes[0, 7]


@pytest.mark.parametrize("rule", ["vote", "average", "geometric"])
@pytest.mark.parametrize("weights", [None, [0.1, 0.2, 0.3, 0.4]])
def test_chunks_change_nothing(logits, rule, weights, monkeypatch):
    whole = combine(logits, rule, weights=weights)
    monkeypatch.setattr(pooling, "_CHUNK_BYTES", 8 * 4 * 5 * 7)
    parts = combine(logits, rule, weights=weights)
    for name in vars(whole):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name), rtol=1e-12, atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(2, 6), st.sampled_from(RULES[:3]))
def test_every_rule_gives_distributions_that_ignore_the_order_of_members(seed, m, k, rule):
    logits = np.random.default_rng(seed).normal(scale=4.0, size=(m, 9, k))
    found = combine(logits, rule)
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    assert (found.probabilities > 0).all()
    np.testing.assert_allclose(combine(logits[::-1], rule).probabilities, found.probabilities, rtol=1e-9)
    np.testing.assert_allclose(found.entropy, found.expected_entropy + found.mutual_information, atol=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(2, 7), st.integers(2, 5))
def test_the_largest_vote_probability_belongs_to_a_class_with_most_votes(seed, m, k):
    logits = np.random.default_rng(seed).normal(scale=3.0, size=(m, 30, k))
    found = combine(logits, "vote")
    counts = np.stack([(found.votes == c).sum(axis=0) for c in range(k)], axis=1)
    winner = found.probabilities.argmax(axis=1)
    assert (counts[np.arange(30), winner] == counts.max(axis=1)).all()


def test_a_better_member_weighs_more_by_the_ratio_of_its_mean_probabilities():
    # Geometric means of the probability of the truth: .8 and .4.
    logits = np.log([[[0.8, 0.2]], [[0.4, 0.6]]])
    np.testing.assert_allclose(log_loss_weights(logits, [0]), [2 / 3, 1 / 3])


def test_auto_prefers_the_pool_with_the_smallest_log_loss():
    # Members that each see independent evidence: the truth is their product, not their mean.
    rng = np.random.default_rng(3)
    labels = rng.integers(0, 2, 4000)
    evidence = rng.normal(np.where(labels == 1, 1.0, -1.0), 1.0, size=(3, 4000))
    logits = np.stack([np.zeros_like(evidence), 2.0 * evidence], axis=-1)
    rule, losses = choose_rule(logits, labels)
    assert rule == "geometric"
    assert losses["geometric"] == min(losses.values())


def test_auto_lets_dropout_compete_where_there_are_draws(logits):
    labels = np.random.default_rng(0).integers(0, 5, 200)
    draws = draws_of(scipy_softmax(logits, axis=-1)[:, None])
    assert set(choose_rule(logits, labels, draws=draws)[1]) == set(RULES)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((np.zeros((2, 3, 4)), "median"), "unknown rule"),
        ((np.zeros((3, 4)), "vote"), "shape"),
        ((None, "average"), "shape"),
        ((None, "mc-dropout"), "draws"),
    ],
)
def test_wrong_requests_are_refused_in_one_line(arguments, says):
    with pytest.raises(InputError, match=says):
        combine(*arguments)


@pytest.mark.parametrize("weights", [[1.0], [-1.0, 2.0, 1.0, 1.0], [0.0] * 4, [np.nan] * 4])
def test_wrong_weights_are_refused(logits, weights):
    with pytest.raises(InputError, match="weights"):
        combine(logits, "vote", weights=weights)


def test_an_unreadable_held_out_pattern_takes_no_part_in_choosing(logits):
    labels = np.random.default_rng(0).integers(0, 5, 200)
    weights, chosen = log_loss_weights(logits[:, 1:], labels[1:]), choose_rule(logits[:, 1:], labels[1:])
    logits[1, 0] = np.nan
    np.testing.assert_array_equal(log_loss_weights(logits, labels), weights)
    assert choose_rule(logits, labels) == chosen
