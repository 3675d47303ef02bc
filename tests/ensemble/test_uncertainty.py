import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.uncertainty import decompose, entropy, expected_entropy, variation_ratio


@pytest.mark.parametrize("k", [2, 6, 230])
def test_entropy_of_uniform_is_log_k(k):
    assert entropy(np.full(k, 1 / k)) == pytest.approx(np.log(k))


def test_entropy_of_one_hot_is_zero():
    assert entropy([0.0, 1.0, 0.0]) == 0.0


def test_two_confident_experts_who_disagree_are_all_epistemic():
    total, aleatoric, epistemic = decompose([[[1.0, 0.0]], [[0.0, 1.0]]])
    assert total[0] == pytest.approx(np.log(2))
    assert aleatoric[0] == 0.0
    assert epistemic[0] == pytest.approx(np.log(2))


@pytest.mark.parametrize("k", [2, 10])
def test_two_uniform_experts_are_all_aleatoric(k):
    total, aleatoric, epistemic = decompose(np.full((2, 1, k), 1 / k))
    assert total[0] == pytest.approx(np.log(k))
    assert aleatoric[0] == pytest.approx(np.log(k))
    assert epistemic[0] == pytest.approx(0.0, abs=1e-12)


def test_expected_entropy_is_not_the_entropy_of_the_mean():
    # One expert certain, one at even odds: mean (3/4, 1/4); H(3/4, 1/4) = 2 log 2 - 3/4 log 3.
    p = [[[1.0, 0.0]], [[0.5, 0.5]]]
    assert expected_entropy(p)[0] == pytest.approx(0.5 * np.log(2))
    assert decompose(p).total[0] == pytest.approx(2 * np.log(2) - 0.75 * np.log(3))


def test_a_member_of_weight_zero_does_not_count():
    p = [[[1.0, 0.0]], [[0.5, 0.5]]]
    assert decompose(p, weights=[1.0, 0.0]).total[0] == 0.0


def test_variation_ratio_is_the_share_outvoted():
    votes = [[0, 0, 1], [0, 1, 1], [0, 2, 1], [1, 3, -1]]
    np.testing.assert_allclose(variation_ratio(votes, 4), [0.25, 0.75, 0.0])


@st.composite
def members(draw):
    m, n, k = draw(st.integers(1, 6)), draw(st.integers(1, 5)), draw(st.integers(2, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    return rng.dirichlet(np.full(k, draw(st.sampled_from([0.05, 0.5, 5.0]))), size=(m, n))


@settings(max_examples=60, deadline=None)
@given(members())
def test_total_is_aleatoric_plus_epistemic_within_their_bounds(p):
    total, aleatoric, epistemic = decompose(p)
    k, m = p.shape[2], p.shape[0]
    np.testing.assert_allclose(total, aleatoric + epistemic, atol=1e-9)
    assert (epistemic >= 0).all() and (epistemic <= np.log(min(m, k)) + 1e-9).all()
    assert (total <= np.log(k) + 1e-9).all()


@settings(max_examples=30, deadline=None)
@given(members(), st.randoms(use_true_random=False))
def test_the_order_of_members_and_of_classes_does_not_matter(p, random):
    order = random.sample(range(p.shape[0]), p.shape[0])
    classes = random.sample(range(p.shape[2]), p.shape[2])
    for a, b in zip(decompose(p), decompose(p[order][..., classes]), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-12)
