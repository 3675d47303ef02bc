"""Patterns of given crystals: reproducible, uniform in orientation, mixed and blurred as asked."""

import numpy as np
import pytest

from kikuchi.simulate.detector.acquisition import simulate_patterns
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.imaging import standardise
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.detector.orientations import random_orientations
from kikuchi.simulate.detector.projection import project
from kikuchi.simulate.masters.master import MasterPattern

AXIS = np.linspace(-1, 1, 201, dtype=np.float32)
HALF = 2 + np.cos(25 * AXIS)[:, None] * np.cos(14 * AXIS)[None, :] + 0.5 * AXIS[:, None]
MASTER = MasterPattern("waves", 1, 20.0, HALF, HALF[::-1].copy(), "kinematical")
NEARLY_NOTHING = {
    "background_height": constant(0),
    "gradient_x": constant(0),
    "gradient_y": constant(0),
    "blur": constant(0),
    "dose": constant(1e8),
    "read_noise": constant(0),
    "contrast": constant(0.05),
    "bits": 16,
}
DETECTOR = Detector(shape=(30, 36))


def clean(rotations: np.ndarray, truth: dict[str, np.ndarray]) -> np.ndarray:
    centre = np.stack([truth["pcx"], truth["pcy"], truth["pcz"]], axis=1)
    return standardise(project(MASTER, rotations, Geometry((30, 36), centre)))


def likeness(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.mean(standardise(left) * standardise(right), axis=(1, 2))


@pytest.mark.parametrize("workers", [2, 3])
def test_workers_change_nothing(workers):
    microscope = Microscope(dead_pixels=constant(0.01), deformation=constant(0.5), overlap=constant(0.2))
    alone, _ = simulate_patterns(MASTER, 150, microscope, 9, detector=DETECTOR, workers=1)
    together, _ = simulate_patterns(MASTER, 150, microscope, 9, detector=DETECTOR, workers=workers)
    np.testing.assert_array_equal(alone, together)


def test_no_two_blocks_share_their_noise():
    microscope = Microscope(**{**NEARLY_NOTHING, "contrast": constant(0), "dose": constant(100)})
    noise, _ = simulate_patterns(MASTER, 130, microscope, 1, detector=DETECTOR)
    # Of 1080 pixels, unrelated noise correlates by 0.03 on average.
    assert np.abs(likeness(noise[:65], noise[64:129])).max() < 0.2
    assert np.abs(likeness(noise[1:130:2], noise[0:130:2])).max() < 0.2


def test_another_seed_gives_other_patterns():
    first, _ = simulate_patterns(MASTER, 3, seed=1, detector=DETECTOR)
    second, _ = simulate_patterns(MASTER, 3, seed=2, detector=DETECTOR)
    assert (first != second).any(axis=(1, 2)).all()


def test_overlap_is_the_share_of_the_second_crystal():
    share = 0.3
    microscope = Microscope(**NEARLY_NOTHING, overlap=constant(share))
    mixed, truth = simulate_patterns(MASTER, 40, microscope, 4, detector=DETECTOR)
    first = clean(truth["rotations"], truth)
    # The second crystal is what is left when the first one's share is taken away.
    seen = standardise(mixed) * np.hypot(1 - share, share)
    along = np.mean(seen * first, axis=(1, 2))
    assert np.median(along) == pytest.approx(1 - share, abs=0.05)


def test_deformation_blurs_and_little_of_it_changes_little():
    sharp, truth = simulate_patterns(MASTER, 10, Microscope(**NEARLY_NOTHING), 5, detector=DETECTOR)
    like = {}
    for spread in (0.05, 3.0):
        microscope = Microscope(**NEARLY_NOTHING, deformation=constant(spread))
        like[spread] = likeness(simulate_patterns(MASTER, 10, microscope, 5, detector=DETECTOR)[0], sharp)
    assert likeness(sharp, clean(truth["rotations"], truth)).min() > 0.999
    assert like[0.05].min() > 0.995 and like[3.0].max() < 0.99


def test_binning_integrates_over_the_pixels_it_joins():
    detector = DETECTOR.model_copy(update={"binning": constant(3)})
    binned, truth = simulate_patterns(MASTER, 5, Microscope(**NEARLY_NOTHING), 6, detector=detector)
    centre = np.stack([truth["pcx"], truth["pcy"], truth["pcz"]], axis=1)
    fine = project(MASTER, truth["rotations"], Geometry((90, 108), centre))
    expected = fine.reshape(5, 30, 3, 36, 3).mean(axis=(2, 4))
    assert likeness(binned, expected).min() > 0.9999


def test_orientations_are_uniform_on_so3():
    """Of a uniform rotation, every axis' image is uniform on the sphere, and the angle has density 1 - cos."""
    quaternions = random_orientations(20_000, np.random.default_rng(2))
    angles = 2 * np.arccos(quaternions[:, 0])
    # E[angle] = pi / 2 + 2 / pi for density (1 - cos w) / pi on [0, pi].
    assert angles.mean() == pytest.approx(np.pi / 2 + 2 / np.pi, abs=0.02)
    a, b, c, d = quaternions.T
    z = a * a - b * b - c * c + d * d
    assert z.mean() == pytest.approx(0, abs=0.02) and z.var() == pytest.approx(1 / 3, abs=0.01)
