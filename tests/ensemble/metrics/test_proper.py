import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss
from sklearn.metrics import log_loss as sklearn_log_loss

from ensemble.errors import InputError
from ensemble.metrics import brier, brier_decomposition, log_loss


def draw(seed, n=400, k=4):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.ones(k), n), rng.integers(0, k, n)


def test_log_loss_of_a_uniform_guess_is_log_k():
    assert log_loss(np.full((5, 6), 1 / 6), [0, 1, 2, 3, 4]) == pytest.approx(np.log(6))


def test_log_loss_agrees_with_sklearn():
    p, y = draw(0)
    assert log_loss(p, y) == pytest.approx(sklearn_log_loss(y, p))


def test_certain_and_wrong_costs_a_finite_36_nats():
    assert log_loss([[1.0, 0.0]], [1]) == pytest.approx(-np.log(np.finfo(float).eps))


def test_brier_of_two_classes_is_twice_that_of_sklearn():
    p, y = draw(1, k=2)
    assert brier(p, y) == pytest.approx(2 * brier_score_loss(y, p[:, 1]))


def test_brier_of_certain_and_right_is_0_and_of_certain_and_wrong_is_2():
    assert brier([[1.0, 0.0]], [0]) == 0.0
    assert brier([[1.0, 0.0]], [1]) == 2.0


def test_brier_decomposition_of_a_sharp_forecast_adds_up_to_the_brier_score():
    rng = np.random.default_rng(2)
    y = rng.choice(3, 600, p=[0.7, 0.2, 0.1])
    shown = np.where(rng.random(600) < 0.8, y, rng.integers(0, 3, 600))
    p = np.eye(3)[shown]
    uncertainty, resolution, reliability = brier_decomposition(p, y)
    assert uncertainty - resolution + reliability == pytest.approx(brier(p, y))


def test_brier_decomposition_agrees_with_tensorflow_probability_where_classes_are_equally_frequent():
    # TFP leaves out the constant 1, and subtracts the class shares along the wrong axis.
    from tensorflow_probability import stats

    p, _ = draw(3)
    y = np.arange(400) % 4
    expected = stats.brier_decomposition(y.astype(np.int32), np.log(p))
    found = brier_decomposition(p, y)
    np.testing.assert_allclose(np.array(found) - [1, 0, 0], [float(x) for x in expected], atol=1e-6)


def test_a_forecast_that_never_changes_resolves_nothing():
    found = brier_decomposition([[0.75, 0.25]] * 4, [0, 0, 0, 1])
    assert found.resolution == 0.0 == found.reliability
    assert found.uncertainty == pytest.approx(1 - 0.75**2 - 0.25**2)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_truth_scores_best_in_expectation(seed):
    rng = np.random.default_rng(seed)
    truth, other = rng.dirichlet(np.ones(4), 2)
    expected_log = [-(truth * np.log(q)).sum() for q in (truth, other)]
    expected_brier = [sum(truth[c] * brier([q], [c]) for c in range(4)) for q in (truth, other)]
    assert sum(truth[c] * log_loss([truth], [c]) for c in range(4)) == pytest.approx(expected_log[0])
    assert expected_log[0] <= expected_log[1] and expected_brier[0] <= expected_brier[1] + 1e-12


@pytest.mark.parametrize("score", [log_loss, brier, brier_decomposition])
def test_nothing_to_score_is_refused(score):
    with pytest.raises(InputError):
        score(np.empty((0, 3)), np.empty(0, int))
