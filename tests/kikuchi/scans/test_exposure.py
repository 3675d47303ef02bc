"""Overexposed patterns and negatives are told from well recorded ones, whatever the crystal and the detector."""

import numpy as np
import pytest

from kikuchi.scans import (
    QUALITY_THRESHOLD,
    as_patterns,
    open_scan,
    pattern_quality,
    recording_warnings,
    scan_from_array,
)
from kikuchi.scans.exposure import polarity, wrapped_share
from kikuchi.scans.quality import saturated_share

RNG = np.random.default_rng(0)


def _bands(n=20, size=60, noise=4.0):
    """Bright bands 5 pixels wide at random places on grey."""
    y, x = np.mgrid[:size, :size] - size / 2
    patterns = np.full((n, size, size), 100.0)
    for pattern in patterns:
        for angle, offset in zip(RNG.uniform(0, np.pi, 6), RNG.uniform(-size / 4, size / 4, 6), strict=True):
            pattern[np.abs(np.cos(angle) * x + np.sin(angle) * y - offset) < 2.5] += 30
    return patterns + noise * RNG.normal(size=patterns.shape)


def test_bright_lines_have_positive_polarity_and_dark_ones_the_negative_of_it():
    patterns = _bands()
    assert polarity(patterns).min() > 0.05
    np.testing.assert_allclose(polarity(-patterns), -polarity(patterns), atol=0.02)


def test_real_nickel_has_bright_bands(nickel):
    assert polarity(nickel).min() > 0.05
    assert recording_warnings(scan_from_array(nickel)) == []


def test_a_negative_of_real_nickel_is_named(nickel):
    (warning,) = recording_warnings(scan_from_array(255 - nickel))
    assert "inverted" in warning


@pytest.mark.parametrize("name", ["inconel718_map/inconel718_50x50.h5", "silicon_moving_screen/si_in.h5"])
def test_real_scans_are_not_taken_for_negatives_and_their_negatives_are(shared, name):
    scan = open_scan(shared / "real" / name)
    patterns = scan.read(np.linspace(0, scan.n - 1, 40).astype(int))
    assert recording_warnings(scan) == []
    if scan.n > 1:  # a single pattern is not enough to be sure
        (warning,) = recording_warnings(scan_from_array(patterns.max() - patterns))
        assert "inverted" in warning


def test_noise_and_constant_patterns_have_no_polarity():
    assert recording_warnings(scan_from_array(RNG.normal(100, 20, (64, 60, 60)))) == []
    assert recording_warnings(scan_from_array(np.zeros((4, 60, 60)))) == []
    assert np.abs(polarity(RNG.normal(100, 20, (200, 60, 60))).mean()) < 0.03


def test_saturated_share_by_hand():
    pattern = np.arange(100, dtype=np.uint8).reshape(1, 10, 10)
    # Of the 10 x 10 pixels 68 have their middle in the circle of radius 0.95; one of them holds the largest value.
    y, x = (np.mgrid[:10, :10] + 0.5) / 5 - 1
    inside = np.hypot(y, x) < 0.95
    assert saturated_share(pattern)[0] == pytest.approx(1 / inside.sum())
    assert saturated_share(np.minimum(pattern, 50))[0] == pytest.approx((pattern[0][inside] >= 50).mean())


def test_white_corners_are_no_saturation():
    patterns = _bands()
    y, x = (np.mgrid[:60, :60] + 0.5) / 30 - 1
    patterns[:, np.hypot(y, x) > 1] = 255
    assert saturated_share(patterns).max() < 0.01


def test_an_overexposed_pattern_is_unreadable_and_named(nickel):
    good = nickel.astype(float)
    over = np.minimum(good, np.quantile(good, 0.75, axis=(1, 2), keepdims=True))
    assert pattern_quality(good).min() > QUALITY_THRESHOLD
    assert pattern_quality(over).max() == 0
    assert any("overexposed" in w for w in recording_warnings(scan_from_array(over)))


def test_a_pattern_that_lacks_a_few_pixels_can_be_read(nickel):
    whole = nickel.astype(float)
    holes = whole.copy()
    holes[:, 10, 10], holes[:, 20, 5:9] = np.nan, np.inf
    assert pattern_quality(holes).min() > QUALITY_THRESHOLD
    np.testing.assert_allclose(pattern_quality(holes), pattern_quality(whole), atol=0.05)
    holes[:, :12] = np.nan
    assert pattern_quality(holes).max() == 0


@pytest.mark.parametrize(
    "patterns",
    [np.zeros((60, 60)), np.zeros((2, 3, 60, 60)), np.zeros((5, 1, 1)), [["a"]], np.zeros((2, 9, 9)) * 1j],
)
def test_arrays_that_are_no_patterns_are_refused_with_what_to_do(patterns):
    from ensemble.errors import InputError

    with pytest.raises(InputError):
        as_patterns(patterns)
    assert as_patterns(np.zeros((0, 60, 60))).shape == (0, 60, 60)


@pytest.mark.parametrize("factor", [1.3, 2, 7])
def test_grey_values_that_begin_again_at_0_are_named(factor, nickel):
    stretched = 255 * (nickel / nickel.max())
    cut = (stretched * factor).astype(int).astype(np.uint8)
    assert any("begin again at 0" in text for text in recording_warnings(scan_from_array(cut)))


def test_neither_noise_nor_whole_patterns_begin_again_at_0(nickel):
    noise = RNG.integers(0, 256, (20, 60, 60)).astype(np.uint8)
    for patterns in (
        noise,
        nickel,
        (nickel.astype(np.uint16) * 257),
        np.minimum(nickel * 2.0, 255).astype(np.uint8),
    ):
        assert wrapped_share(patterns) < 0.001
    assert wrapped_share(nickel / 255) == 0
