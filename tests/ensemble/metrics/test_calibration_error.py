import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.metrics import (
    classwise_calibration_error,
    expected_calibration_error,
    maximum_calibration_error,
    reliability_diagram,
    sharpness,
)
from ensemble.metrics.calibration_error import bin_confidences


def draw(seed=0, n=3000, k=4, power=1.0):
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(k, 0.5), n)
    labels = (truth.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    shown = truth**power
    return shown / shown.sum(axis=1, keepdims=True), labels


@pytest.mark.parametrize("bins", [10, 15])
def test_top_label_ece_and_mce_agree_with_netcal(bins):
    from netcal.metrics import ECE, MCE

    p, y = draw(power=2.0)
    assert expected_calibration_error(p, y, bins) == pytest.approx(ECE(bins).measure(p, y), abs=1e-9)
    assert maximum_calibration_error(p, y, bins) == pytest.approx(MCE(bins).measure(p, y), abs=1e-9)


def test_top_label_ece_agrees_with_tensorflow_probability():
    from tensorflow_probability import stats

    p, y = draw(power=2.0)
    expected = float(stats.expected_calibration_error(15, np.log(p).astype(np.float32), y.astype(np.int32)))
    assert expected_calibration_error(p, y, 15) == pytest.approx(expected, abs=1e-5)


def test_ece_by_hand():
    # Bin of .9: 3 of 4 right, gap .15; bin of .6: 2 of 2 right, gap .4; (4 * .15 + 2 * .4) / 6.
    p = [[0.9, 0.1]] * 4 + [[0.6, 0.4]] * 2
    y = [0, 0, 0, 1, 0, 0]
    assert expected_calibration_error(p, y, 10) == pytest.approx(1.4 / 6)
    assert maximum_calibration_error(p, y, 10) == pytest.approx(0.4)


@pytest.mark.parametrize("scheme", ["width", "mass"])
def test_probabilities_that_are_true_have_small_errors(scheme):
    p, y = draw(n=100_000)
    assert expected_calibration_error(p, y, scheme=scheme) < 0.01
    assert classwise_calibration_error(p, y, scheme=scheme).max() < 0.01


def test_classwise_error_by_hand():
    # Class 0 is said .5 and true always: gap .5; class 1 is said .5 and never true.
    np.testing.assert_allclose(classwise_calibration_error([[0.5, 0.5]] * 4, [0] * 4), [0.5, 0.5])


def test_equal_mass_bins_hold_equally_many():
    c = np.random.default_rng(0).random(1000)
    np.testing.assert_array_equal(bin_confidences(c, c > 0.5, 10, "mass").count, 100)


def test_equal_mass_survives_that_most_confidences_are_one():
    p = np.vstack([np.tile([1.0, 0.0], (90, 1)), np.tile([0.6, 0.4], (10, 1))])
    assert expected_calibration_error(p, np.zeros(100, int), 10, "mass") == pytest.approx(0.04)


def test_every_confidence_from_0_to_1_finds_a_bin():
    assert bin_confidences([0.0, 0.1, 0.1000001, 1.0], [1, 1, 1, 1], 10).index.tolist() == [0, 0, 1, 9]


def test_sharpness_of_the_truth_is_one_minus_its_expected_brier_score():
    from ensemble.metrics import brier

    p, y = draw(n=200_000)
    assert sharpness(p) == pytest.approx(1 - brier(p, y), abs=5e-3)


def test_reliability_bands_are_as_wide_as_the_binomial_says():
    # 400 patterns of confidence .8, accuracy .8: standard error .02.
    p = np.tile([0.8, 0.2], (400, 1))
    y = (np.arange(400) % 5 == 0).astype(int)
    diagram = reliability_diagram(p, y, bins=10, n_resamples=4000)
    full = diagram.count > 0
    assert (
        full.sum() == 1 and diagram.accuracy[full] == 0.8 and diagram.confidence[full] == pytest.approx(0.8)
    )
    assert diagram.high[full] - diagram.low[full] == pytest.approx(2 * 1.96 * 0.02, rel=0.1)
    assert np.isnan(diagram.low[~full]).all()


@pytest.mark.parametrize("arguments", [{"bins": 0}, {"scheme": "adaptive"}])
def test_wrong_bins_are_refused(arguments):
    with pytest.raises(InputError):
        expected_calibration_error([[0.5, 0.5]], [0], **arguments)
