"""Laplace, the evidence and the mode, against closed forms."""

import numpy as np
import pytest
from scipy.special import expit

from ensemble.bayesian import Heads, choose_precision, fit_heads, fit_map
from ensemble.bayesian.heads import Scaling
from ensemble.bayesian.laplace import draw_kronecker, draw_laplace
from ensemble.bayesian.softmax_regression import regression


def two_classes(n: int = 60):
    """Return columns (n, 2) and labels of a coin with bias 0.3 at x = -1 and 0.8 at x = 1."""
    x = np.c_[np.repeat([-1.0, 1.0], n // 2), np.ones(n)]
    y = np.r_[np.arange(n // 2) < 0.3 * n / 2, np.arange(n // 2) < 0.8 * n / 2].astype(int)
    return x, y


def test_mode_with_a_vanishing_prior_gives_the_observed_frequencies():
    x, y = two_classes()
    problem = regression(x, y, 2, 1e-8)
    p = problem.probabilities(fit_map(problem))
    np.testing.assert_allclose(p[[0, -1], 1], [0.3, 0.8], atol=1e-4)


def test_gradient_is_the_difference_quotient_and_hessian_that_of_the_gradient():
    rng = np.random.default_rng(0)
    problem = regression(rng.normal(size=(20, 3)), rng.integers(0, 4, 20), 4, 0.7, rng.normal(size=(3, 4)))
    w = rng.normal(size=12)
    e = np.eye(12) * 1e-5
    slope = [(problem.loss(w + d)[0] - problem.loss(w - d)[0]) / 2e-5 for d in e]
    np.testing.assert_allclose(problem.loss(w)[1], slope, atol=1e-6)
    curve = [(problem.loss(w + d)[1] - problem.loss(w - d)[1]) / 2e-5 for d in e]
    np.testing.assert_allclose(problem.hessian(w.reshape(3, 4)), curve, atol=1e-6)


def test_laplace_scatter_of_a_log_odds_is_the_textbook_one():
    # One column of ones: the log-odds of m ones among n has variance 1 / (n p (1 - p)) with a flat prior.
    n, m = 200, 60
    y = (np.arange(n) < m).astype(int)
    problem = regression(np.ones((n, 1)), y, 2, 1e-6)
    drawn = draw_laplace(problem, fit_map(problem), 40_000, np.random.default_rng(1))
    odds = drawn[:, 0, 1] - drawn[:, 0, 0]
    assert odds.mean() == pytest.approx(np.log(60 / 140), abs=0.01)
    assert odds.var() == pytest.approx(1 / (n * 0.3 * 0.7), rel=0.03)


def test_kronecker_is_exact_where_all_patterns_have_one_probability():
    # At zero weights p is uniform for every pattern, so the curvature is a Kronecker product.
    rng = np.random.default_rng(2)
    problem = regression(rng.normal(size=(50, 3)), rng.integers(0, 3, 50), 3, 0.5)
    zero = np.zeros((3, 3))
    drawn = draw_kronecker(problem, zero, 200_000, rng).reshape(-1, 9)
    np.testing.assert_allclose(np.cov(drawn.T), np.linalg.inv(problem.hessian(zero)), atol=0.02)


def test_evidence_prefers_a_narrow_prior_for_noise_and_a_wide_one_for_signal():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(200, 5))
    noise, _ = choose_precision(x, rng.integers(0, 2, 200), 2)
    signal, _ = choose_precision(x, (rng.random(200) < expit(4 * x[:, 0])).astype(int), 2)
    assert noise.precision > 30 > signal.precision


def test_scaling_gives_a_layer_that_says_the_same_of_raw_features():
    rng = np.random.default_rng(4)
    features = rng.normal(3, 2, (10, 4)) * [1, 10, 0, 0.1]
    scaling = Scaling.of(features)
    weights = rng.normal(size=(5, 3))
    kernel, bias = scaling.layer(weights)
    np.testing.assert_allclose(features @ kernel + bias, scaling.columns(features) @ weights, atol=1e-9)
    np.testing.assert_allclose(scaling.weights(kernel, bias), weights, atol=1e-9)


def test_heads_far_from_the_data_disagree_more_than_near_them():
    rng = np.random.default_rng(5)
    y = np.repeat([0, 1], 100)
    x = np.c_[2.0 * y - 1, np.zeros(200)] + rng.normal(0, 0.5, (200, 2))
    heads: Heads = fit_heads("laplace", x, y, 2, draws=300)
    near, far = heads.probabilities([[1, 0], [1, 30]])[:, :, 1].std(axis=0)
    assert far > 3 * near


def test_a_prior_at_an_older_head_is_kept_where_there_are_no_patterns():
    # A third class without patterns; the prior's column for it must come back, the intercepts too.
    rng = np.random.default_rng(6)
    x, y = rng.normal(size=(1, 2)), np.array([0])
    kernel, bias = rng.normal(size=(2, 3)), np.array([1.0, 0.0, -1.0])
    heads = fit_heads("laplace", x, y, 3, prior=(kernel, bias), draws=2)
    # One pattern has no spread, so its scaled column is zero: only the intercepts move.
    np.testing.assert_allclose(heads.kernel, kernel, atol=1e-6)
    assert heads.bias[0] > bias[0]
