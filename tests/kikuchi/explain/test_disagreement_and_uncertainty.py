"""A disagreement taken apart: pairs, means, spreads, and the mutual information itself."""

import numpy as np
import pytest

from ensemble.uncertainty import entropy
from kikuchi.explain import (
    Attribution,
    Disagreement,
    UncertaintyAttribution,
    disputed_pair,
    explain_disagreement,
)
from kikuchi.explain.disagreement import on_grid
from kikuchi.explain.uncertainty_attribution import Uncertainty, mutual_information


def hand_made(first, second):
    """Two members whose logits of class 0 are attributed so, and of class 1 not at all."""
    nothing = Attribution(np.zeros((2, 2)), 0.0, 0.0)
    pairs = tuple((Attribution(np.array(v, float), float(np.sum(v)), 0.0), nothing) for v in (first, second))
    return Disagreement((0, 1), pairs, UncertaintyAttribution((np.ones((2, 2)), np.ones((2, 2))), 8.0, 0.0))


def test_mean_is_what_members_share_and_spread_where_they_part():
    found = hand_made([[1, 3], [0, 0]], [[1, -1], [0, 0]])
    np.testing.assert_allclose(found.mean, [[1, 1], [0, 0]])
    np.testing.assert_allclose(found.spread, [[0, 2], [0, 0]])
    np.testing.assert_allclose(found.information, 2)


def test_the_rival_is_whom_the_dissenters_vote_for_and_not_the_runner_up_of_the_mean():
    p = np.array([[0.55, 0.45, 0.0], [0.55, 0.45, 0.0], [0.3, 0.3, 0.4]])
    assert p.mean(axis=0).argsort()[1] == 1
    assert disputed_pair(p) == (0, 2)


def test_without_dissent_the_rival_is_the_runner_up():
    assert disputed_pair(np.array([[0.1, 0.7, 0.2], [0.1, 0.6, 0.3]])) == (1, 2)


@pytest.mark.parametrize("side", [16, 12, 48])
def test_another_grid_keeps_the_sum_of_an_attribution(side):
    values = np.random.default_rng(0).normal(size=(24, 24))
    assert on_grid(values, side).sum() == pytest.approx(values.sum())


def test_mutual_information_of_opposite_certainties_is_log_2_and_of_equal_members_0():
    logits = [np.array([[50.0, 0.0], [1.0, 2.0]]), np.array([[0.0, 50.0], [1.0, 2.0]])]
    np.testing.assert_allclose(
        np.asarray(mutual_information(logits, np.array([0.5, 0.5]))), [np.log(2), 0], atol=1e-6
    )


def test_mutual_information_of_weighted_members_is_that_of_their_mixture():
    p, weights = np.array([[0.9, 0.1], [0.2, 0.8]]), np.array([0.75, 0.25])
    expected = entropy(weights @ p) - weights @ entropy(p)
    found = mutual_information([np.log(p[:1]), np.log(p[1:])], weights)
    np.testing.assert_allclose(np.asarray(found), expected, atol=1e-6)


def test_an_explained_disagreement_is_complete_and_its_mutual_information_the_members_own(trained):
    # Between one class and another: what neither member was fitted to.
    x = 0.6 * trained.patterns[0] + 0.4 * trained.patterns[1]
    found = explain_disagreement(trained.ensemble, [x, x], (0, 1))
    logits = np.concatenate([trained.ensemble.logits(m, x[None]) for m in range(2)])
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    assert found.uncertainty.value > 0.01, "the two members must disagree for this test to say anything"
    assert found.worst_error < 0.05
    assert found.uncertainty.value == pytest.approx(entropy(p.mean(axis=0)) - entropy(p).mean(), abs=1e-4)
    total = sum(v.sum() for v in found.uncertainty.values)
    wanted = found.uncertainty.value - found.uncertainty.base
    assert total == pytest.approx(wanted, abs=max(0.05 * abs(wanted), 0.005))


class LinearMember:
    """Two logits, the first of them linear in the pattern."""

    output = np.zeros((0, 2))  # what a layer says of its size

    def __init__(self, weights):
        self.weights = weights.astype(np.float32)

    def __call__(self, x, training=False):
        from keras import ops

        score = ops.sum(x[..., 0] * self.weights, axis=(1, 2))
        return ops.stack([score, ops.zeros_like(score)], axis=1), None


def test_pixels_that_no_member_looks_at_carry_no_uncertainty():
    weights = np.zeros((2, 4, 4))
    weights[0, 0, 0], weights[1, 1, 1] = 4, -4
    rng = np.random.default_rng(0)
    background = rng.uniform(-0.2, 0.2, (6, 4, 4)).astype(np.float32)
    members = [LinearMember(w) for w in weights]
    found = Uncertainty(members, [background] * 2)([np.ones((4, 4), np.float32)] * 2)
    # Each member sees its own copy of the pattern: its part lies where it looks, and both add up.
    for values, weight in zip(found.values, weights, strict=True):
        assert np.all(values[weight == 0] == 0) and values[weight != 0].item() > 0.1
    assert found.error < 0.03
    # By symmetry (opposite weights, both pixels raised alike) the two share the disagreement evenly.
    assert found.values[0].sum() == pytest.approx(found.values[1].sum(), rel=0.15)
