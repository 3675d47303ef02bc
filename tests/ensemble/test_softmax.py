import numpy as np
import pytest
from scipy.special import log_softmax as scipy_log_softmax
from scipy.special import softmax as scipy_softmax

from ensemble.softmax import log_softmax, softmax, softmax_and_entropy


@pytest.fixture
def logits():
    return np.random.default_rng(0).normal(scale=20.0, size=(3, 50, 7)).astype(np.float32)


def test_softmax_agrees_with_scipy(logits):
    np.testing.assert_allclose(softmax(logits), scipy_softmax(logits.astype(float), axis=-1), rtol=1e-12)


def test_log_softmax_agrees_with_scipy(logits):
    expected = scipy_log_softmax(logits.astype(float), axis=-1)
    np.testing.assert_allclose(log_softmax(logits), expected, rtol=1e-12, atol=1e-14)


def test_half_precision_logits_are_computed_in_double():
    assert softmax(np.zeros((2, 3), np.float16)).dtype == np.float64


def test_entropy_in_one_pass_agrees_with_scipy(logits):
    from scipy.stats import entropy

    expected = entropy(scipy_softmax(logits.astype(float), axis=-1), axis=-1)
    np.testing.assert_allclose(softmax_and_entropy(logits)[1], expected, rtol=1e-9, atol=1e-12)


def test_a_ruled_out_class_has_probability_zero_and_adds_no_entropy():
    p, h = softmax_and_entropy([0.0, 0.0, -np.inf])
    np.testing.assert_array_equal(p, [0.5, 0.5, 0.0])
    assert h == pytest.approx(np.log(2))


def test_nan_stays_in_its_own_row():
    p, h = softmax_and_entropy([[np.nan, 0.0], [0.0, 0.0]])
    assert np.isnan(p[0]).all() and np.isnan(h[0])
    np.testing.assert_array_equal(p[1], [0.5, 0.5])


def test_adding_a_constant_to_the_logits_changes_nothing(logits):
    np.testing.assert_allclose(softmax(logits + 1000.0), softmax(logits), rtol=1e-3)
