"""The projection agrees with kikuchipy's and knows one hemisphere from the other."""

import numpy as np
import pytest

from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations
from kikuchi.simulate.detector.projection import project
from kikuchi.simulate.masters.master import MasterPattern

SETTINGS = [
    pytest.param((60, 60), (0.42, 0.21, 0.50), (70, 0, 0, 0), id="as the nickel scan"),
    pytest.param((48, 64), (0.50, 0.30, 0.60), (68, 5, 3, 2), id="wide, every angle"),
    pytest.param((80, 40), (0.60, 0.80, 0.45), (75, -8, -12, 0), id="tall, turned away"),
]


@pytest.fixture(scope="module")
def kikuchipy_nickel():
    import kikuchipy

    return kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")


@pytest.fixture(scope="module")
def nickel(kikuchipy_nickel) -> MasterPattern:
    north, south = kikuchipy_nickel.data.astype(np.float32)
    return MasterPattern("Ni", 225, 20.0, north, south, "dynamical")


def correlations(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    return np.array([np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(left, right, strict=True)])


@pytest.mark.parametrize(("shape", "centre", "angles"), SETTINGS)
def test_patterns_are_those_of_kikuchipy(nickel, kikuchipy_nickel, shape, centre, angles):
    from kikuchipy.detectors import EBSDDetector
    from orix.quaternion import Rotation

    tilts = dict(zip(("sample_tilt", "tilt", "azimuthal", "twist"), angles, strict=True))
    rotations = random_orientations(12, np.random.default_rng(3))
    expected = kikuchipy_nickel.get_patterns(
        Rotation(rotations),
        EBSDDetector(shape=shape, pc=centre, **tilts),
        dtype_out="float32",
        compute=True,
        show_progressbar=False,
    ).data
    patterns = project(nickel, rotations, Geometry(shape, np.array(centre), **tilts))
    assert patterns.shape == (12, *shape)
    assert correlations(patterns, expected).min() > 0.999


def test_a_pattern_centre_per_pattern_is_that_of_kikuchipy(nickel, kikuchipy_nickel):
    from kikuchipy.detectors import EBSDDetector
    from orix.quaternion import Rotation

    rng = np.random.default_rng(4)
    centres, rotations = rng.uniform(0.3, 0.7, (8, 3)), random_orientations(8, rng)
    expected = kikuchipy_nickel.get_patterns(
        Rotation(rotations),
        EBSDDetector(shape=(40, 50), pc=centres),
        dtype_out="float32",
        compute=True,
        show_progressbar=False,
    ).data
    patterns = project(nickel, rotations, Geometry((40, 50), centres))
    assert correlations(patterns, expected).min() > 0.999


@pytest.mark.parametrize(("shape", "centre", "angles"), SETTINGS)
def test_directions_are_those_of_kikuchipy(shape, centre, angles):
    from kikuchipy.detectors import EBSDDetector
    from kikuchipy.signals.util._master_pattern import _get_direction_cosines_from_detector

    tilts = dict(zip(("sample_tilt", "tilt", "azimuthal", "twist"), angles, strict=True))
    expected = _get_direction_cosines_from_detector(EBSDDetector(shape=shape, pc=centre, **tilts))
    directions = Geometry(shape, np.array(centre), **tilts).directions()[0]
    np.testing.assert_allclose(directions.reshape(-1, 3), expected, atol=1e-9)


@pytest.mark.parametrize(("upside_down", "expected"), [(False, 1.0), (True, 2.0)])
def test_each_hemisphere_is_seen_from_its_own_side(upside_down, expected):
    one, two = np.ones((21, 21), np.float32), np.full((21, 21), 2, np.float32)
    master = MasterPattern("two-faced", 1, 20.0, one, two, "kinematical")
    # At a sample tilt of 90 degrees the sample faces the screen, here from far away.
    geometry = Geometry((9, 9), np.array([0.5, 0.5, 5.0]), sample_tilt=90.0)
    turn = np.array([[0.0, 1, 0, 0]]) if upside_down else np.array([[1.0, 0, 0, 0]])
    np.testing.assert_allclose(project(master, turn, geometry), expected)


def test_an_intensity_linear_in_z_comes_out_as_the_cosine():
    # The Lambert square in closed form: |z| = 1 - max(|X|, |Y|)^2 on [-1, 1].
    axis = np.linspace(-1, 1, 401)
    height = 1 - np.maximum(np.abs(axis)[:, None], np.abs(axis)[None, :]) ** 2
    master = MasterPattern("z", 1, 20.0, height.astype(np.float32), -height.astype(np.float32), "kinematical")
    rotations = random_orientations(6, np.random.default_rng(5))
    geometry = Geometry((32, 32), np.array([0.5, 0.5, 0.5]))
    from orix.quaternion import Rotation
    from orix.vector import Vector3d

    seen = Rotation(rotations).outer(Vector3d(geometry.directions()[0])).data[..., 2]
    # The square has a kink on its diagonals, where interpolation over a step of 1/200 rounds it off.
    np.testing.assert_allclose(project(master, rotations, geometry), seen, atol=2e-3)


def test_an_orientation_that_is_no_number_is_refused(nickel):
    with pytest.raises(ValueError, match="finite"):
        project(nickel, np.array([[1, 0, np.nan, 0]]), Geometry((4, 4), np.full(3, 0.5)))


def test_hemispheres_of_unequal_size_are_refused():
    master = MasterPattern(
        "odd", 1, 20.0, np.ones((5, 5), np.float32), np.ones((7, 7), np.float32), "dynamical"
    )
    with pytest.raises(ValueError, match="equal squares"):
        project(master, np.array([[1.0, 0, 0, 0]]), Geometry((4, 4), np.full(3, 0.5)))
