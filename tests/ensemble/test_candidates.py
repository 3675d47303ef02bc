"""Fewer classes than the members know: restriction and the mass outside."""

import numpy as np
import pytest

from ensemble.candidates import mass_outside, restricted_draws, restricted_logits, unfamiliarity_among
from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws, combine
from ensemble.softmax import softmax


def test_softmax_of_kept_logits_is_the_renormalised_softmax():
    logits = np.random.default_rng(0).normal(size=(2, 5, 4))
    whole = softmax(logits)[..., [1, 3]]
    assert softmax(restricted_logits(logits, [1, 3])) == pytest.approx(whole / whole.sum(-1, keepdims=True))


def test_mass_outside_is_averaged_over_members():
    # Member 1 says 1/2, 1/4, 1/4; member 2 says 1/4, 1/4, 1/2: outside {0, 2} both leave 1/4.
    logits = np.log([[[0.5, 0.25, 0.25]], [[0.25, 0.25, 0.5]]])
    assert mass_outside(logits, [0, 2]) == pytest.approx([0.25])
    assert mass_outside(logits, [0, 1]) == pytest.approx([0.375])
    assert mass_outside(logits, [0, 1, 2]).tolist() == [0.0]


def test_a_member_that_said_nothing_leaves_no_number():
    logits = np.zeros((1, 2, 3))
    logits[0, 1] = np.nan
    outside = mass_outside(logits, [0, 1])
    assert outside[0] == pytest.approx(1 / 3)
    assert np.isnan(outside[1])


def test_draws_are_renormalised_and_their_entropy_keeps_below_its_bound():
    draws = DropoutDraws(
        mean=np.array([[[0.4, 0.4, 0.2]]]), entropy=np.array([[1.0]]), votes=np.array([[[5, 4, 1]]])
    )
    kept = restricted_draws(draws, [0, 1])
    assert kept.mean[0, 0] == pytest.approx([0.5, 0.5])
    assert kept.entropy[0, 0] == pytest.approx(np.log(2), abs=1e-6)
    assert kept.votes[0, 0].tolist() == [5, 4]


def test_draws_that_all_voted_for_others_are_counted_for_the_likeliest_candidate():
    """Nine draws for the class left out; the candidates' mean is 1/4 and 3/4. A pattern nobody ran stays empty."""
    mean = np.array([[[0.1, 0.3, 0.6], [np.nan] * 3]])
    draws = DropoutDraws(mean, np.array([[0.5, np.nan]]), np.array([[[0, 0, 9], [0, 0, 0]]]))
    kept = restricted_draws(draws, [0, 1])
    assert kept.votes.tolist() == [[[0, 9], [0, 0]]]
    pooled = combine(np.zeros((1, 2, 2)), "mc-dropout", draws=kept)
    assert pooled.probabilities[0] == pytest.approx([0.25, 0.75])
    assert pooled.votes[0].tolist() == [1, -1]
    assert np.isnan(pooled.probabilities[1]).all()


def test_strangeness_of_held_out_patterns_passes_at_their_own_rate():
    rng = np.random.default_rng(1)
    unfamiliarity, outside = rng.normal(1, 0.1, 4000), rng.beta(1, 20, 4000)
    score = unfamiliarity_among(unfamiliarity, outside, unfamiliarity, outside)
    limit = np.quantile(score[:2000], 0.99)
    assert (score[2000:] > limit).mean() == pytest.approx(0.01, abs=0.01)
    # What the members place elsewhere is strange, however familiar its features are.
    assert (unfamiliarity_among(np.ones(1), np.array([0.9]), unfamiliarity, outside) > limit).all()


@pytest.mark.parametrize("columns", [[0], [0, 0], [0, 3], [-1, 0], [0.5, 1.0], []])
def test_candidates_are_two_or_more_different_classes(columns):
    with pytest.raises(InputError, match="two or more different"):
        restricted_logits(np.zeros((1, 1, 3)), columns)
