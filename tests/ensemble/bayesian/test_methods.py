"""Every head draws from about the same posterior: No-U-Turn sampling is the reference, integration the judge."""

import sys

import numpy as np
import pytest
from scipy.special import expit

from ensemble.bayesian import METHODS, fit_heads
from ensemble.bayesian.dropout import fit_under_dropout
from ensemble.bayesian.laplace import draw_laplace
from ensemble.bayesian.nuts import draw_nuts
from ensemble.bayesian.softmax_regression import fit_map, regression
from ensemble.bayesian.swag import draw_swag
from ensemble.bayesian.variational import draw_variational
from ensemble.errors import InputError

PRECISION = 0.5


@pytest.fixture(scope="module")
def coin():
    """Return one column of ones, 2 of 12 patterns of class 1, and the posterior of the log-odds on a grid."""
    y = (np.arange(12) < 2).astype(int)
    problem = regression(np.ones((12, 1)), y, 2, PRECISION)
    # The prior of the difference of two weights has variance 2 / precision.
    odds = np.linspace(-12, 8, 4001)
    log_density = 2 * np.log(expit(odds)) + 10 * np.log(expit(-odds)) - odds**2 * PRECISION / 4
    density = np.exp(log_density - log_density.max())
    density /= density.sum()
    mean = (odds * density).sum()
    return problem, fit_map(problem), mean, np.sqrt(((odds - mean) ** 2 * density).sum())


def log_odds(drawn: np.ndarray) -> np.ndarray:
    return drawn[:, 0, 1] - drawn[:, 0, 0]


def test_nuts_has_the_mean_and_the_width_that_integration_gives(coin):
    problem, mode, mean, width = coin
    found = draw_nuts(problem, mode, 800, np.random.default_rng(0), thinning=2)
    assert found.r_hat < 1.05
    assert log_odds(found.draws).mean() == pytest.approx(mean, abs=0.2 * width)
    assert log_odds(found.draws).std() == pytest.approx(width, rel=0.15)


def test_laplace_and_swag_are_about_as_wide_as_the_posterior(coin):
    problem, mode, mean, width = coin
    for draw in (draw_laplace, draw_swag):
        drawn = draw(problem, mode, 4000, np.random.default_rng(1))
        assert log_odds(drawn).mean() == pytest.approx(mean, abs=0.5 * width)
        assert log_odds(drawn).std() == pytest.approx(width, rel=0.5)


def test_variational_draws_fit_and_their_bound_lies_just_below_the_evidence(coin):
    problem, mode, mean, width = coin
    drawn, bound = draw_variational(problem, mode, 4000, np.random.default_rng(1))
    assert log_odds(drawn).mean() == pytest.approx(mean, abs=0.3 * width)
    assert log_odds(drawn).std() == pytest.approx(width, rel=0.3)
    # The evidence by integration over the log-odds, whose prior is normal with variance 2 / precision.
    odds = np.linspace(-15, 15, 6001)
    prior = np.exp(-(odds**2) * PRECISION / 4) * np.sqrt(PRECISION / (4 * np.pi))
    evidence = np.log((expit(odds) ** 2 * expit(-odds) ** 10 * prior).sum() * (odds[1] - odds[0]))
    assert evidence - 1.0 < bound < evidence + 0.1


def test_masked_copies_of_a_linear_pattern_shrink_as_dropout_does():
    # Dropout on an informative feature acts as a penalty (Wager, Wang & Liang, NeurIPS 2013): smaller weights.
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 300)
    x = np.maximum(np.c_[y, 1 - y] + rng.normal(0, 0.3, (300, 2)), 0)
    free, _, _ = fit_under_dropout(x, y, 2, 0.0, np.random.default_rng(0))
    noisy, _, _ = fit_under_dropout(x, y, 2, 0.5, np.random.default_rng(0))
    assert np.abs(noisy).sum() < 0.7 * np.abs(free).sum()


@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("nuts", "variational")])
def test_fits_tell_two_blobs_apart_and_repeat_with_their_seed(method):
    rng = np.random.default_rng(4)
    y = np.repeat([0, 1, 2], 30)
    x = np.maximum(np.eye(3)[y] * 3 + rng.normal(0, 0.5, (90, 3)), 0)
    one, two = (fit_heads(method, x, y, 3, draws=20, seed=7) for _ in range(2))
    assert ((x @ one.kernel + one.bias).argmax(axis=1) == y).mean() > 0.95
    np.testing.assert_array_equal(one.kernels, two.kernels)


def test_too_many_weights_for_nuts_and_unknown_methods_are_refused():
    problem = regression(np.ones((3, 3000)), np.array([0, 1, 0]), 2, 1.0)
    with pytest.raises(InputError, match="laplace"):
        draw_nuts(problem, np.zeros((3000, 2)), 1, np.random.default_rng(0))
    with pytest.raises(InputError, match="unknown head"):
        fit_heads("bayes", np.ones((2, 1)), [0, 1], 2)


@pytest.mark.parametrize("method", ["variational", "nuts"])
def test_without_tensorflow_probability_one_line_names_the_heads_that_need_none(coin, monkeypatch, method):
    monkeypatch.setitem(sys.modules, "tensorflow_probability", None)
    draw = {"variational": draw_variational, "nuts": draw_nuts}[method]
    with pytest.raises(InputError, match='head = "laplace" or "swag"') as error:
        draw(coin[0], coin[1], 10, np.random.default_rng(0))
    assert "\n" not in str(error.value)
