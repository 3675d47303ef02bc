import numpy as np
import pytest

from ensemble.calibration.binning import apply_histogram, apply_isotonic, fit_histogram, fit_isotonic
from ensemble.calibration.scaling import apply_beta, apply_vector, fit_beta, fit_vector
from ensemble.softmax import softmax


@pytest.fixture(scope="module")
def overconfident():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 3000)
    return softmax(3.0 * (rng.normal(size=(3000, 3)) + 1.5 * np.eye(3)[labels])), labels


def test_vector_scaling_agrees_with_netcal(overconfident):
    from netcal.scaling import LogisticCalibration

    p, labels = overconfident
    expected = LogisticCalibration(method="mle").fit(p, labels).transform(p)
    np.testing.assert_allclose(apply_vector(p, fit_vector(p, labels)), expected, atol=2e-3)


def test_beta_calibration_agrees_with_netcal(overconfident):
    from netcal.scaling import BetaCalibration

    p, labels = overconfident
    expected = BetaCalibration(method="mle").fit(p, labels).transform(p)
    np.testing.assert_allclose(apply_beta(p, fit_beta(p, labels)), expected, atol=2e-3)


def test_isotonic_agrees_with_netcal_where_netcal_is_not_certain(overconfident):
    from netcal.binning import IsotonicRegression

    p, labels = overconfident
    expected = IsotonicRegression().fit(p, labels).transform(p)
    found = apply_isotonic(p, fit_isotonic(p, labels))
    np.testing.assert_allclose(found, expected, atol=3 / len(labels))


def test_histogram_agrees_with_netcal(overconfident):
    from netcal.binning import HistogramBinning

    p, labels = overconfident
    expected = HistogramBinning(bins=10).fit(p, labels).transform(p)
    np.testing.assert_allclose(apply_histogram(p, fit_histogram(p, labels)), expected, atol=1e-12)


@pytest.mark.parametrize(("fit", "apply"), [(fit_isotonic, apply_isotonic), (fit_histogram, apply_histogram)])
def test_binning_never_gives_probability_zero(overconfident, fit, apply):
    p, labels = overconfident
    assert apply(np.eye(3), fit(p, labels)).min() > 0


def test_vector_scaling_finds_the_offset_that_was_put_in():
    rng = np.random.default_rng(1)
    truth = rng.dirichlet(np.ones(3), 50_000)
    labels = (truth.cumsum(axis=1) > rng.random((50_000, 1))).argmax(axis=1)
    shown = softmax(np.log(truth) - [0.0, 0.0, 1.0])
    found = fit_vector(shown, labels)
    np.testing.assert_allclose(found["weight"], 1.0, atol=0.1)
    bias = np.array(found["bias"])
    np.testing.assert_allclose(bias - bias[0], [0.0, 0.0, 1.0], atol=0.1)


def test_beta_with_its_identity_changes_nothing(overconfident):
    p, _ = overconfident
    identity = {"a": [1.0] * 3, "b": [0.0] * 3, "bias": [0.0] * 3}
    np.testing.assert_allclose(apply_beta(p, identity), p, rtol=1e-9, atol=1e-12)


def test_beta_weights_are_never_negative(overconfident):
    p, labels = overconfident
    found = fit_beta(p, labels)
    assert min(found["a"] + found["b"]) >= 0
