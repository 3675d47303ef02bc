"""The law of learning curves, on errors whose law is known."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.learning_curves import fit_power_law

COUNTS = np.repeat([1, 2, 5, 10, 25, 50, 100], 3)


def measured(floor: float, scale: float, exponent: float, seed: int, tested: int = 2000):
    """Return errors of binomial tests about a law."""
    rng = np.random.default_rng(seed)
    return rng.binomial(tested, floor + scale * COUNTS**-exponent) / tested


def test_the_prediction_at_four_times_the_data_holds_the_truth_as_often_as_it_says():
    inside = 0
    for seed in range(20):
        law = fit_power_law(COUNTS, measured(0.04, 0.6, 0.6, seed), 2000, seed=seed)
        low, high = law.error_interval(400)
        inside += low <= 0.04 + 0.6 * 400**-0.6 <= high
    # Of 20 draws at 95 %, fewer than 16 has a chance of 0.3 %.
    assert inside >= 16


def test_how_many_more_solves_the_law_for_the_count():
    law = fit_power_law(COUNTS, 0.5 * COUNTS**-0.5, 10**6)
    value, low, high = law.needed(0.01)
    assert value == pytest.approx(2500, rel=0.02)
    assert low <= value <= high


def test_a_target_below_the_floor_is_out_of_reach():
    law = fit_power_law(COUNTS, 0.2 + 0.5 * COUNTS**-1.0, 10**6)
    assert law.needed(0.1)[0] == np.inf


def test_repeats_that_differ_more_than_chance_widen_the_interval():
    rng = np.random.default_rng(1)
    quiet = measured(0.05, 0.6, 0.5, 2)
    noisy = np.clip(quiet + rng.normal(0, 0.05, len(quiet)), 0, 1)
    widths = [np.subtract(*fit_power_law(COUNTS, e, 2000).error_interval(400)[::-1]) for e in (quiet, noisy)]
    assert widths[1] > 2 * widths[0]


def test_two_counts_are_no_curve():
    with pytest.raises(InputError, match="three numbers"):
        fit_power_law([1, 2, 2], [0.5, 0.4, 0.3], 100)
