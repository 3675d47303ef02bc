"""What the microscope makes of patterns, held against formulas and SciPy."""

import numpy as np
import pytest
from pydantic import ValidationError

from kikuchi.simulate.detector import imaging
from kikuchi.simulate.detector.distribution import Distribution, between, constant
from kikuchi.simulate.detector.microscope import Detector, Microscope, degrade

ONE = np.ones(1)
QUIET = Microscope(
    contrast=constant(0.1),
    background_height=constant(0),
    gradient_x=constant(0),
    gradient_y=constant(0),
    blur=constant(0),
    dose=constant(1e8),
    read_noise=constant(0),
    exposure=constant(0.5),
    bits=16,
)


def quiet(**changes) -> Microscope:
    return QUIET.model_copy(update=changes)


def noise_pattern(seed: int = 1, n: int = 4) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((n, 40, 50)).astype(np.float32)


def record(microscope: Microscope, patterns: np.ndarray | None = None, seed: int = 0) -> np.ndarray:
    patterns = noise_pattern() if patterns is None else patterns
    return degrade(patterns, microscope, np.random.default_rng(seed))[0].astype(float)


def light(levels: np.ndarray) -> np.ndarray:
    """Grey levels of 16 bits back to shares of full scale without the dark level."""
    return (levels / 65535 - imaging.DARK_LEVEL) / (1 - imaging.DARK_LEVEL)


def test_contrast_is_the_relative_standard_deviation():
    seen = light(record(quiet(contrast=constant(0.07))))
    np.testing.assert_allclose(seen.std(axis=(1, 2)) / seen.mean(axis=(1, 2)), 0.07, rtol=1e-3)


def test_exposure_is_the_brightest_background_level():
    np.testing.assert_allclose(light(record(QUIET)).mean(axis=(1, 2)), 0.5, rtol=1e-3)


@pytest.mark.parametrize("expected", [4.0, 25.0, 400.0])
def test_counts_have_the_mean_variance_and_skewness_of_poisson(expected):
    rate = np.ones((3, 300, 300), np.float32)
    counts = imaging.count_electrons(
        rate, np.full(3, expected), np.ones(3), np.zeros(3), np.random.default_rng(1)
    )
    away = counts.astype(float) - expected
    assert away.mean() == pytest.approx(0, abs=5 * np.sqrt(expected / counts.size))
    assert (away**2).mean() == pytest.approx(expected, rel=0.02)
    # The third central moment of Poisson counts is their mean; its own sampling error is sqrt(15 lambda^3 / n).
    assert (away**3).mean() == pytest.approx(expected, abs=5 * np.sqrt(15 * expected**3 / counts.size) + 0.1)


def test_averaging_frames_divides_the_variance():
    rate = np.ones((1, 300, 300), np.float32)
    counts = imaging.count_electrons(rate, ONE * 100, ONE * 4, ONE * 6, np.random.default_rng(2))
    assert counts.var() == pytest.approx((100 + 36) / 4, rel=0.02)
    assert counts.mean() == pytest.approx(100, rel=0.001)


@pytest.mark.parametrize("sigma", [0.4, 1.3, 6.0])
def test_blur_is_scipys(sigma):
    from scipy.ndimage import gaussian_filter

    patterns = noise_pattern(n=2)
    expected = [gaussian_filter(p, sigma, mode="nearest", truncate=3) for p in patterns]
    np.testing.assert_allclose(imaging.blur(patterns, np.full(2, sigma)), expected, atol=1e-5)


def test_the_hill_falls_as_a_gaussian():
    args = (ONE, ONE * 0.25, ONE * 0.5, ONE * 0.5, ONE * 0, ONE * 0)
    hill = imaging.background((41, 41), *args)[0]
    assert hill.mean() == pytest.approx(1, abs=1e-5)
    assert hill[20, 20 + 10] / hill[20, 20] == pytest.approx(np.exp(-0.5 * (10 / 41 / 0.25) ** 2), rel=1e-5)


def test_the_gradient_runs_from_one_side_to_the_other():
    args = (ONE * 0, ONE, ONE * 0.5, ONE * 0.5, ONE * 0.4, ONE * 0)
    plane = imaging.background((10, 100), *args)[0]
    assert plane[0, -1] - plane[0, 0] == pytest.approx(0.4 * 99 / 100, rel=1e-4)


def test_a_round_screen_of_radius_one_touches_the_shorter_sides():
    seen = imaging.screen((100, 140), ONE)[0]
    assert seen.sum() == pytest.approx(np.pi * 50**2, rel=0.01)
    assert seen[0, 69] and seen[50, 20] and not seen[50, 19]


def test_a_screen_of_radius_two_shows_no_edge_on_a_square():
    assert imaging.screen((64, 64), ONE * 2).all()


@pytest.mark.parametrize("direction", [0.0, 90.0, 200.0])
def test_no_shadow_at_a_share_of_zero_and_half_at_one_half(direction):
    assert imaging.shadow((50, 50), ONE * 0, ONE * direction).min() == 1
    half = imaging.shadow((100, 100), ONE * 0.5, ONE * direction)
    assert (half < 0.6).mean() == pytest.approx(0.5, abs=0.03)


def test_a_shadow_from_the_right_darkens_the_right():
    shaded = imaging.shadow((20, 40), ONE * 0.25, ONE * 0)[0]
    assert shaded[:, :28].min() == 1 and shaded[:, 32:].max() == pytest.approx(imaging.SHADOW_LIGHT)


def test_gamma_is_an_exponent_of_the_response():
    linear, bent = light(record(QUIET)), light(record(quiet(gamma=constant(0.5))))
    np.testing.assert_allclose(bent, np.sqrt(linear), atol=1e-4)


def test_a_full_sensor_clips():
    assert light(record(quiet(saturation=constant(0.5)))).max() == pytest.approx(0.5, abs=1e-4)


def test_dead_pixels_are_as_many_as_asked_and_stay_in_one_camera():
    microscope = quiet(dead_pixels=constant(0.05), camera_seed=7)
    dead = [(p == 0) | (p == 65535) for p in record(microscope, noise_pattern(n=3))]
    assert dead[0].mean() == pytest.approx(0.05, abs=0.015)
    assert (dead[0] == dead[1]).all() and (dead[0] == dead[2]).all()
    loose = [(p == 0) | (p == 65535) for p in record(quiet(dead_pixels=constant(0.05)), noise_pattern(n=2))]
    assert (loose[0] != loose[1]).any()


def test_sensitivity_varies_as_much_as_asked():
    flat = np.zeros((2, 80, 80), np.float32)
    seen = light(record(quiet(gain_variation=constant(0.03)), flat))
    np.testing.assert_allclose(seen.std(axis=(1, 2)) / seen.mean(axis=(1, 2)), 0.03, rtol=0.05)


def test_what_was_drawn_is_what_was_recorded():
    microscope = quiet(contrast=between(0.02, 0.2))
    patterns, drawn = degrade(noise_pattern(n=6), microscope, np.random.default_rng(3))
    seen = light(patterns.astype(float))
    relative = seen.std(axis=(1, 2)) / seen.mean(axis=(1, 2))
    np.testing.assert_allclose(relative, drawn["contrast"], rtol=5e-3)
    assert set(drawn) == set(Microscope.model_fields) - {"bits", "camera_seed"}


def test_eight_bits_have_256_levels():
    patterns, _ = degrade(noise_pattern(), quiet(bits=8), np.random.default_rng(1))
    assert patterns.dtype == np.uint8
    np.testing.assert_allclose(patterns, record(QUIET) / 257, atol=1)


@pytest.mark.parametrize(
    "form",
    [
        True,
        {"uniform": [2, 1]},
        {"uniform": [1]},
        {"loguniform": [0, 1]},
        {"normal": [1, -1]},
        {"choice": []},
        {"choice": [1, 2], "weights": [1]},
        {"uniform": [0, 1], "normal": [0, 1]},
        {"gamma": [1, 2]},
        {},
        float("nan"),
    ],
)
def test_a_distribution_that_makes_no_sense_is_refused(form):
    with pytest.raises(ValidationError):
        Distribution.model_validate(form)


@pytest.mark.parametrize(
    ("form", "mean", "spread"),
    [
        ({"uniform": [2, 4]}, 3, 2 / np.sqrt(12)),
        ({"normal": [5, 0.5]}, 5, 0.5),
        ({"choice": [0, 1], "weights": [1, 3]}, 0.75, np.sqrt(3) / 4),
        ({"loguniform": [1, np.e]}, np.e - 1, np.sqrt((np.e**2 - 1) / 2 - (np.e - 1) ** 2)),
        (7, 7, 0),
    ],
)
def test_draws_have_the_moments_of_their_distribution(form, mean, spread):
    drawn = Distribution.model_validate(form).draw(40_000, np.random.default_rng(1))
    assert drawn.mean() == pytest.approx(mean, abs=5 * spread / 200 + 1e-12)
    assert drawn.std() == pytest.approx(spread, rel=0.02, abs=1e-12)


def test_a_microscope_survives_a_round_trip_through_plain_data():
    microscope = Microscope(
        dose=between(3, 4), blur=Distribution(kind="choice", values=(0, 1), weights=(1, 2))
    )
    assert Microscope.model_validate(microscope.model_dump()) == microscope


@pytest.mark.parametrize("table", [{"dose": 0}, {"gamma": -1}, {"bits": 12}, {"dosis": 3}])
def test_a_microscope_that_cannot_be_is_refused(table):
    with pytest.raises(ValidationError):
        Microscope.model_validate(table)


@pytest.mark.parametrize("table", [{"pcz": 0}, {"binning": 0}, {"shape": [1, 5]}])
def test_a_detector_that_cannot_be_is_refused(table):
    with pytest.raises(ValidationError):
        Detector.model_validate(table)
