import numpy as np
import pytest

from kikuchi.scans import QUALITY_THRESHOLD, open_scan, pattern_quality

RNG = np.random.default_rng(0)


def _background(size, kind):
    y, x = np.mgrid[:size, :size] / size
    if kind == "flat":
        return np.full((size, size), 100.0)
    if kind == "slope":
        return 40 + 150 * x + 60 * y
    if kind == "gaussian":
        return 30 + 200 * np.exp(-((x - 0.55) ** 2 + (y - 0.35) ** 2) / (2 * 0.3**2))
    radius = np.hypot(x - 0.5, y - 0.5)
    return (40 + 160 * np.exp(-(radius**2) / 0.2)) * (radius < 0.49)  # a round screen on black


@pytest.mark.parametrize("kind", ["flat", "slope", "gaussian", "round screen"])
@pytest.mark.parametrize("size", [40, 60, 128])
def test_white_noise_on_a_smooth_background_stays_below_the_threshold(size, kind):
    n = 400 if size > 100 else 2000
    noise = RNG.normal(size=(n, size, size)).astype(np.float32) * 8
    quality = pattern_quality(_background(size, kind).astype(np.float32) + noise)
    # The threshold is the 0.9999 quantile: more than 3 of 2000 above it would have a probability of 1e-4.
    assert np.sum(quality >= QUALITY_THRESHOLD) <= (1 if n == 400 else 3)


@pytest.mark.parametrize("size", [40, 60, 100])
def test_null_distribution_hardly_depends_on_size(size):
    quality = pattern_quality(RNG.normal(size=(1000, size, size)).astype(np.float32))
    # Two rings of equal power: half of the noise is above zero, and the spread is that of an F distribution
    # with about 180 and 250 degrees of freedom (frequencies times the share that the window leaves independent).
    assert 0.4 < np.mean(quality > 0) < 0.6
    assert 0.15 < np.quantile(quality, 0.99) < 0.27


def test_poisson_noise_in_8_bits_stays_below_the_threshold():
    level = _background(60, "gaussian")
    counts = np.clip(RNG.poisson(level, size=(1000, 60, 60)), 0, 255).astype(np.uint8)
    assert np.sum(pattern_quality(counts) >= QUALITY_THRESHOLD) <= 2


def test_real_nickel_is_clearly_above(nickel):
    assert pattern_quality(nickel).min() > 0.75


def test_nickel_stays_above_until_noise_drowns_it(nickel):
    noise = RNG.normal(size=(20, *nickel.shape))
    quality = [pattern_quality((nickel + s * noise).reshape(-1, 60, 60)).mean() for s in (0, 4, 8, 16, 64)]
    assert np.all(np.diff(quality) < 0)
    assert quality[1] > QUALITY_THRESHOLD and quality[-1] < QUALITY_THRESHOLD / 2


@pytest.mark.parametrize(
    "name",
    [
        "silicon_moving_screen/si_in.h5",
        "silicon_moving_screen/si_out5mm.h5",
        "silicon_moving_screen/si_out10mm.h5",
        "cementite/Fe3C.tif",
        "aztec_tiff/sample_ebsd.tiff",
    ],
)
def test_real_patterns_are_clearly_above(name, shared):
    assert pattern_quality(open_scan(shared / "real" / name).read(0))[0] > 0.8


def test_brightness_and_contrast_do_not_matter(nickel):
    np.testing.assert_allclose(pattern_quality(nickel), pattern_quality(0.01 * nickel + 3.0), atol=1e-3)


@pytest.mark.parametrize("value", [0.0, 7.0, 65535.0, np.nan, np.inf])
def test_constant_or_nan_pattern_has_none(value):
    assert pattern_quality(np.full((1, 60, 60), value))[0] == 0


def test_many_nan_pixels_count_as_broken_and_leave_the_others(nickel):
    patterns = nickel.astype(float)
    patterns[3, :10] = np.nan
    quality = pattern_quality(patterns)
    assert quality[3] == 0
    np.testing.assert_allclose(np.delete(quality, 3), np.delete(pattern_quality(nickel), 3), atol=1e-5)


def test_slope_alone_is_no_signal():
    y, x = np.mgrid[:60, :60]
    assert pattern_quality((x + 2.0 * y)[None])[0] == 0
