"""What the parts of a screen look at, against geometry, symmetry and the patterns themselves."""

import numpy as np
from scipy.spatial.transform import Rotation

from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import product, random_orientations
from kikuchi.simulate.detector.projection import project
from kikuchi.simulate.masters.lambert import lambert_directions
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.zone_axis_targets import TARGETS, ZONE_AXES, zone_axis_targets

GEOMETRY = Geometry((64, 64), np.array([0.5, 0.3, 0.6]))


def test_over_all_orientations_every_number_has_mean_0_and_variance_1():
    found = zone_axis_targets(random_orientations(4000, np.random.default_rng(1)), GEOMETRY, 2)
    assert found.shape == (4000, 2, 2, TARGETS) and found.dtype == np.float32
    flat = found.reshape(-1, TARGETS)
    # 16 000 values, four of a pattern related: means scatter by less than 2 / sqrt(16 000) = 0.016.
    np.testing.assert_allclose(flat.mean(axis=0), 0, atol=0.05)
    np.testing.assert_allclose(flat.std(axis=0), 1, atol=0.05)


def test_orientations_that_cubic_symmetry_makes_equal_see_the_same():
    rng = np.random.default_rng(2)
    first = random_orientations(5, rng)
    for turn in Rotation.create_group("O").as_quat(scalar_first=True):
        turned = product(np.broadcast_to(turn, first.shape), first)
        np.testing.assert_allclose(
            zone_axis_targets(turned, GEOMETRY, 4), zone_axis_targets(first, GEOMETRY, 4), atol=1e-4
        )


def test_the_part_that_sees_an_axis_is_where_the_pattern_has_it():
    """A crystal that is bright along one kind of axis only: the brightest part of the screen is nearest to it."""
    directions = lambert_directions(201)
    rotations = random_orientations(40, np.random.default_rng(3))
    for number, axis in enumerate(ZONE_AXES):
        folded = np.sort(np.abs(directions), axis=-1)
        angle = np.degrees(np.arccos(np.clip(folded @ (np.array(axis) / np.linalg.norm(axis)), -1, 1)))
        half = np.exp(-0.5 * (angle / 6) ** 2).astype(np.float32)
        master = MasterPattern("axis", 225, 20.0, half, half, "kinematical")
        pattern = project(master, rotations, GEOMETRY).reshape(40, 8, 8, 8, 8).mean(axis=(2, 4))
        told = zone_axis_targets(rotations, GEOMETRY, 8)[..., 3 + number]
        # The mean over a part and the value in its middle differ by its curvature only.
        assert np.corrcoef(pattern.ravel(), told.ravel())[0, 1] > 0.98
