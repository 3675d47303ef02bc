"""Is a scan like what was certified?"""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.shift_gauge import compare_units, rank_unit

NAMES = ["noise", "brightness", "band width"]


def test_false_alarms_stay_at_the_level():
    rng = np.random.default_rng(0)
    alarms = [
        not compare_units(rng.normal(size=(150, 3)), rng.normal(size=(60, 3)), NAMES).alike
        for _ in range(300)
    ]
    assert np.mean(alarms) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


def test_a_shift_of_one_standard_deviation_is_found_and_named():
    rng = np.random.default_rng(1)
    gauge = compare_units(rng.normal(size=(2000, 3)), rng.normal([0, -1, 0], size=(400, 3)), NAMES)
    assert gauge.alike is False and gauge.p_value < 1e-4
    assert gauge.deviations[0].feature == "brightness"
    assert gauge.deviations[0].shift == pytest.approx(-1.0, abs=0.15)


def test_a_change_of_spread_alone_is_found_too():
    rng = np.random.default_rng(2)
    assert not compare_units(
        rng.normal(size=(300, 3)), rng.normal(scale=[1, 1, 3], size=(100, 3)), NAMES
    ).alike


def test_p_value_of_a_rank_is_exact():
    # 19 held-out units within one standard deviation, the scan far outside: 1 / 20.
    held_out = np.linspace(-1, 1, 19)[:, None]
    gauge = rank_unit(held_out, [7.0], ["noise"])
    assert gauge.p_value == pytest.approx(1 / 20)
    assert gauge.alike is False
    middle = rank_unit(held_out, [0.0], ["noise"])
    assert middle.alike and middle.p_value == 1.0


def test_only_the_worse_side_counts_where_one_is_told():
    held_out = np.linspace(-1, 1, 19)[:, None]
    assert rank_unit(held_out, [7.0], ["noise"], [1]).p_value == pytest.approx(1 / 20)
    assert rank_unit(held_out, [7.0], ["noise"], [-1]).p_value == 1.0
    # Of 19 and itself, three are at least 0.85: 0.889, 1 and the scan.
    second = rank_unit(held_out, [0.85], ["noise"], [1])
    assert second.p_value == second.deviations[0].p_value == pytest.approx(3 / 20)


def test_a_feature_of_long_tails_does_not_hide_another():
    rng = np.random.default_rng(5)
    held_out = np.stack([rng.normal(size=999), rng.standard_cauchy(999)], axis=1)
    # Four standard deviations are less than a tenth of what the long tails reach.
    gauge = rank_unit(held_out, [4.0, 0.0], ["noise", "brightness"])
    assert gauge.alike is False and gauge.deviations[0].feature == "noise"
    assert np.abs(held_out[:, 1]).max() > 40


@pytest.mark.parametrize("worse", [None, (1, -1, 1)])
def test_ranks_of_exchangeable_units_are_false_alarms_at_their_level(worse):
    rng = np.random.default_rng(3)
    alarms = [
        not rank_unit(rng.standard_t(3, size=(99, 3)), rng.standard_t(3, size=3), NAMES, worse).alike
        for _ in range(400)
    ]
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.035)


@pytest.mark.parametrize("worse", [(1, 1), (1, 0, 1), (2, 1, 1)])
def test_a_worse_side_is_up_or_down(worse):
    with pytest.raises(InputError, match="1 or -1"):
        rank_unit(np.zeros((99, 3)), np.zeros(3), NAMES, worse)


def test_too_few_units_test_nothing():
    assert compare_units(np.zeros((100, 1)), np.ones((4, 1)), ["noise"]).alike is None
    assert rank_unit(np.zeros((9, 1)), [5.0], ["noise"]).alike is None


@pytest.mark.parametrize("scan", [np.full((9, 1), np.nan), np.zeros((9, 2)), np.zeros(9)])
def test_features_must_fit_and_be_finite(scan):
    with pytest.raises(InputError, match="features"):
        compare_units(np.zeros((9, 1)), scan, ["noise"])
