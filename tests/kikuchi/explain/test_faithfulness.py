"""Trust in an attribution: perturbation of a known model, shares on a mask, shuffled weights."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain.faithfulness import perturb, randomised_weights, rank_correlation, share_on


def one_pixel(patterns):
    """A model that looks at one pixel."""
    return patterns[:, 1, 2].astype(float)


def test_deletion_takes_the_pixel_that_matters_at_once_and_insertion_gives_it_at_once():
    attribution = np.zeros((4, 4))
    attribution[1, 2] = 1
    curves = perturb(one_pixel, np.ones((4, 4)), attribution, np.zeros((4, 4)), steps=16)
    np.testing.assert_array_equal(curves.deletion, [1] + [0] * 16)
    np.testing.assert_array_equal(curves.insertion, [0] + [1] * 16)
    np.testing.assert_allclose(curves.share, np.arange(17) / 16)


def test_every_curve_starts_and_ends_at_the_pattern_and_the_blank():
    curves = perturb(one_pixel, np.ones((4, 4)), np.eye(4), np.full((4, 4), -1.0), random=3)
    for values in (curves.deletion, *curves.random_deletion):
        assert (values[0], values[-1]) == (1, -1)
    for values in (curves.insertion, *curves.random_insertion):
        assert (values[0], values[-1]) == (-1, 1)


def test_an_order_that_knows_gains_and_one_that_is_wrong_loses():
    knows = np.zeros((4, 4))
    knows[1, 2] = 1
    good, bad = (
        perturb(one_pixel, np.ones((4, 4)), values, np.zeros((4, 4)), random=32) for values in (knows, -knows)
    )
    assert good.deletion_gain > 0.2 and good.insertion_gain > 0.2
    assert bad.deletion_gain < -0.2 and bad.insertion_gain < -0.2


def test_share_on_a_mask_counts_both_signs():
    share, area = share_on(np.array([[-3.0, 0.5], [0.5, 0.0]]), np.array([[True, False], [False, False]]))
    assert (share, area) == (0.75, 0.25)


def test_a_mask_of_another_shape_is_refused():
    with pytest.raises(InputError):
        share_on(np.zeros((2, 2)), np.zeros((3, 3), bool))


def test_rank_correlation_keeps_signs_and_ignores_scale():
    values = np.array([[0.1, -0.5], [2.0, -3.0]])
    assert rank_correlation(values, 7 * values) == pytest.approx(1)
    assert rank_correlation(values, -values) == pytest.approx(-1)


def test_shuffled_weights_come_back_even_after_an_error(trained):
    model = trained.ensemble.members[0]
    before = [w.copy() for w in model.get_weights()]
    with pytest.raises(ZeroDivisionError), randomised_weights(model):
        changed = model.get_weights()
        assert any(not np.array_equal(a, b) for a, b in zip(before, changed, strict=True))
        assert all(
            np.array_equal(np.sort(a, None), np.sort(b, None)) for a, b in zip(before, changed, strict=True)
        )
        raise ZeroDivisionError
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_an_attribution_follows_the_weights_of_the_member(trained):
    x, ensemble = trained.patterns[0], trained.ensemble
    kept = ensemble.margin(0, (0, 1), x)
    with randomised_weights(ensemble.members[0]):
        shuffled = ensemble.margin(0, (0, 1), x)
    assert rank_correlation(kept.values, shuffled.values) < 0.5
    assert shuffled.error < 0.05
