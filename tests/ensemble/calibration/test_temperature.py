import numpy as np
import pytest

from ensemble.calibration.temperature import apply_temperature, fit_temperature
from ensemble.softmax import softmax


def sample(scale, n=20_000, k=4, seed=0):
    """Probabilities whose logits are `scale` times the true ones, and labels drawn from the truth."""
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=2.0, size=(n, k))
    truth = softmax(z)
    labels = (truth.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return softmax(scale * z), labels


@pytest.mark.parametrize("scale", [0.25, 1.0, 3.0])
def test_the_temperature_that_was_put_in_is_found(scale):
    assert fit_temperature(*sample(scale))["temperature"] == pytest.approx(scale, rel=0.03)


def test_float32_is_calibrated_as_float64_is():
    p, labels = sample(3.0)
    single = fit_temperature(p.astype(np.float32), labels)["temperature"]
    assert single == pytest.approx(fit_temperature(p, labels)["temperature"], rel=1e-4)


def test_netcal_finds_the_same_temperature():
    from netcal.scaling import TemperatureScaling

    p, labels = sample(3.0)
    weight = float(TemperatureScaling().fit(p, labels).weights[0])
    assert fit_temperature(p, labels)["temperature"] == pytest.approx(1 / weight, rel=1e-3)


def test_a_split_without_a_mistake_does_not_make_certainty():
    p = np.tile([[0.7, 0.3]], (20, 1))
    calibrated = apply_temperature(p, fit_temperature(p, np.zeros(20, int)))
    assert 0.7 < calibrated[0, 0] < 0.9999


def test_temperature_keeps_the_order_of_classes():
    p, labels = sample(3.0, n=500)
    calibrated = apply_temperature(p, fit_temperature(p, labels))
    np.testing.assert_array_equal(calibrated.argsort(axis=1), p.argsort(axis=1))


def test_a_probability_of_zero_is_survived():
    assert np.isfinite(apply_temperature([[1.0, 0.0]], {"temperature": 5.0})).all()
