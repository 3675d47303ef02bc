"""Shadows on the screen: how much of it they take, and that uneven light is not taken for one."""

import numpy as np
import pytest

from kikuchi.scans.quality import pattern_quality
from kikuchi.scans.shadow import shadowed_share
from kikuchi.simulate.detector import imaging
from kikuchi.simulate.detector.recording import SCREENS, screens


def hill(n: int, width: float, shape: tuple[int, int] = (60, 60)) -> np.ndarray:
    """The steepest background that simulations draw: nothing but a hill, its top off the middle."""
    one = np.ones(n)
    centre = np.linspace(0.3, 0.7, n)
    return 200 * imaging.background(shape, one, width * one, centre, centre[::-1], 0.4 * one, -0.4 * one)


@pytest.mark.parametrize("covered", [0.25, 0.3, 0.5, 0.7])
def test_a_straight_shadow_takes_the_segment_of_the_circle_that_it_covers(covered):
    pattern = np.full((1, 240, 240), 180.0)
    pattern[:, :, : int(covered * 240)] = 9
    # Area of a circular segment: R^2 acos(d / R) - d sqrt(R^2 - d^2), d from the middle to the edge, R = 0.46 sides.
    radius, away = 0.46, 0.5 - covered
    segment = radius**2 * np.arccos(away / radius) - away * np.sqrt(radius**2 - away**2)
    assert shadowed_share(pattern)[0] == pytest.approx(segment / (np.pi * radius**2), abs=0.03)


def test_a_third_in_shadow_on_a_hill_is_found_from_every_side():
    light = hill(12, 0.5) * imaging.shadow((60, 60), np.full(12, 0.42), np.arange(0, 360, 30))
    noisy = np.random.default_rng(1).poisson(light).astype(np.uint16)
    assert (shadowed_share(noisy) > 0.2).all()
    assert (pattern_quality(noisy) == 0).all()


def test_uneven_light_is_no_shadow():
    assert (shadowed_share(hill(9, 0.3)) == 0).all()
    n = len(SCREENS)
    assert (shadowed_share(255 * screens((64, 64), np.arange(n), np.zeros(n, bool))) < 0.05).all()


def test_the_same_whatever_the_scale_the_offset_and_the_company():
    light = np.concatenate(
        [hill(2, 0.5), hill(2, 0.5) * imaging.shadow((60, 60), np.full(2, 0.5), np.zeros(2))]
    )
    share = shadowed_share(light)
    np.testing.assert_array_equal(share, shadowed_share(37.5 * light + 1000))
    np.testing.assert_array_equal(share[3:], shadowed_share(light[3:]))


def test_what_holds_no_light_is_not_asked():
    assert shadowed_share(np.zeros((2, 40, 40)))[0] == 0
    assert shadowed_share(np.full((1, 40, 40), np.nan))[0] == 0
    assert shadowed_share(np.ones((1, 8, 8)))[0] == 0


def test_darkness_around_beams_is_no_shadow():
    """Patterns of transmission are dark but for a beam in the middle, and disks around it."""
    y, x = np.indices((96, 96)) - 47.5
    rng = np.random.default_rng(2)
    beams = []
    for spacing in (20, 26, 34):
        rows, columns = (spacing * np.rint(a / spacing) for a in (y, x))
        disks = (
            800.0 * (np.hypot(y - rows, x - columns) < 0.35 * spacing) * np.exp(-np.hypot(rows, columns) / 40)
        )
        beams += [disks, 4000.0 * (np.hypot(y, x) < spacing / 2)]
    seen = rng.poisson(np.stack(beams) + 5).astype(np.uint16)
    assert (shadowed_share(seen) <= 0.2).all()


@pytest.mark.parametrize("angle", [0, 30, 45, 90])
def test_noisy_stripes_are_no_shadow(angle):
    """Stripes of 8 and of 20 % contrast: a shadow is much darker than the rest, in the picture as recorded."""
    y, x = np.mgrid[:64, :64]
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    rng = np.random.default_rng(angle)
    phase = rng.uniform(0, 2 * np.pi, (50, 1, 1))
    for period in (4 * np.pi, 30, 64, 128):
        for contrast in (8, 20):
            seen = (
                100 + contrast * np.sin(2 * np.pi * along / period + phase) + rng.normal(0, 6, (50, 64, 64))
            )
            assert (shadowed_share(seen) == 0).all()


def test_a_dark_stripe_across_the_screen_is_no_shadow_and_one_at_its_side_is():
    across = np.full((1, 64, 64), 100.0)
    across[:, :, 20:40] = 5
    assert shadowed_share(across)[0] == 0
    both = np.full((1, 64, 64), 100.0)
    both[:, :, :16] = both[:, :, 48:] = 5
    assert shadowed_share(both)[0] > 0.2
