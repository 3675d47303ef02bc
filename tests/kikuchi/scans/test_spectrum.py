"""The radial spectrum of prepared patterns: measured on waves and pulled where it should go."""

import numpy as np
import pytest

from kikuchi.scans import Preparation, prepare
from kikuchi.scans.spectrum import FREQUENCIES, MEANS, log_spectrum, pulled

FLAT = (0.0,) * len(FREQUENCIES)


def noise(n: int = 3, size: int = 64, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, size, size)).astype(np.float32)


def test_white_noise_of_unit_variance_has_power_one_at_every_frequency():
    seen = log_spectrum(noise(400)).mean(axis=0)
    # The lowest knots hold a handful of modes: the mean of a logarithm lies a little below the logarithm of the mean.
    np.testing.assert_allclose(np.exp(seen[3:]), 1, rtol=0.05)


def test_a_wave_has_its_power_at_its_frequency():
    x = (np.arange(64) + 0.5) / 64
    wave = np.cos(2 * np.pi * FREQUENCIES[4] * x)[None, None, :] * np.ones((1, 64, 1), np.float32)
    seen = log_spectrum(wave.astype(np.float32))[0]
    assert FREQUENCIES[4] == pytest.approx(8) and seen.argmax() == 4


def test_pulled_all_the_way_the_spectrum_is_the_mean_up_to_its_strength():
    # Smooth spectra only: what varies between two knots is not followed.
    from scipy.ndimage import gaussian_filter

    x = np.stack([gaussian_filter(p, 0.8) for p in noise(5)]).astype(np.float32)
    for _ in range(3):  # knots share modes, so that one step comes near and three arrive
        x = pulled(x, 1.0, MEANS["simulated-1"])
    seen = log_spectrum(x)
    np.testing.assert_allclose(
        seen - seen.mean(axis=1, keepdims=True), np.broadcast_to(MEANS["simulated-1"], seen.shape), atol=0.15
    )


def test_a_fraction_goes_that_part_of_the_way():
    x = noise()
    start = log_spectrum(x)
    target = tuple(np.linspace(1, -1, len(FREQUENCIES)))
    half, whole = (log_spectrum(pulled(x, f, target)) for f in (0.5, 1.0))

    def slope(s):
        return np.polyfit(np.log(FREQUENCIES[2:]), s[:, 2:].mean(axis=0), 1)[0]

    assert slope(half) - slope(start) == pytest.approx((slope(whole) - slope(start)) / 2, rel=0.1)


def test_nothing_pulled_is_the_pattern_up_to_its_strength():
    x = noise()
    np.testing.assert_allclose(pulled(x, 0.0, FLAT), x, atol=1e-4)


def test_prepared_patterns_differ_only_where_the_recipe_asks_for_it():
    raw = 100 + 10 * noise(4, 60)
    before = prepare(raw, Preparation(size=64))
    after = prepare(raw, Preparation(size=64, spectrum=0.75))
    assert np.abs(before - after).max() > 0.01 and np.abs(after).max() <= 1
    near = [
        np.square(log_spectrum(p).mean(axis=0) - np.array(MEANS["simulated-1"])).sum()
        for p in (before, after)
    ]
    assert near[1] < near[0]


def test_every_pattern_comes_out_the_same_whatever_is_prepared_with_it():
    raw = 100 + 10 * noise(40, 60)
    look = Preparation(size=64, spectrum=0.75)
    together = prepare(raw, look)
    np.testing.assert_array_equal(together[7:8], prepare(raw[7:8], look))


def test_a_constant_pattern_stays_nothing():
    assert (prepare(np.ones((2, 60, 60)), Preparation(size=64, spectrum=1.0)) == 0).all()


def test_recipes_of_before_keep_their_key():
    # The key of the defaults, as it was before this step and the filter over neighbours existed.
    assert Preparation(size=64).key() == "9b0aff00acd60601"
    assert Preparation(size=64, spectrum=0.5).key() != Preparation(size=64).key()
    assert Preparation(size=64, neighbours="nlpar").key() != Preparation(size=64).key()
