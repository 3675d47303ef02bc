"""Grains by orientation and by likeness of neighbours."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from ensemble.errors import InputError
from kikuchi.postprocessing.grain_segmentation import find_grains, grains_from_orientations, neighbours
from kikuchi.scans import scan_from_array

ROW, COL = (a.ravel() for a in np.indices((4, 6)))
CUBIC = Rotation.create_group("O").as_quat(scalar_first=True)


def quaternions(degrees):
    return Rotation.from_rotvec(np.radians(degrees)[:, None] * [0, 0, 1]).as_quat(scalar_first=True)


def test_neighbours_of_a_grid_touch_along_a_side():
    a, b = neighbours(ROW, COL)
    assert len(a) == 4 * 5 + 3 * 6
    assert (np.abs(ROW[a] - ROW[b]) + np.abs(COL[a] - COL[b]) == 1).all()


def test_missing_points_have_no_neighbours():
    a, b = neighbours(np.array([0, 0, 2]), np.array([0, 2, 0]))
    assert len(a) == len(b) == 0


def test_orientations_part_grains_at_the_given_angle():
    left = quaternions(np.where(COL < 3, 10.0, 16.0))
    assert grains_from_orientations(left, ROW, COL, CUBIC).tolist() == (COL >= 3).astype(int).tolist()
    assert grains_from_orientations(left, ROW, COL, CUBIC, largest=7.0).max() == 0


def test_equivalent_orientations_of_a_cubic_crystal_are_one_grain():
    turned = quaternions(np.where((ROW + COL) % 2 == 0, 10.0, 101.0))
    assert grains_from_orientations(turned, ROW, COL, CUBIC).max() == 0
    assert grains_from_orientations(turned, ROW, COL, np.array([[1.0, 0, 0, 0]])).max() == 23


def test_symmetry_acts_on_the_crystals_side():
    # Lab to crystal: equivalents are s q. Take q about x, so that s q and q s differ.
    q = Rotation.from_rotvec([0.5, 0, 0])
    s = Rotation.from_rotvec([0, 0, np.pi / 2])
    pair = np.stack([q.as_quat(scalar_first=True), (s * q).as_quat(scalar_first=True)])
    assert grains_from_orientations(pair, np.array([0, 0]), np.array([0, 1]), CUBIC).tolist() == [0, 0]
    wrong = np.stack([q.as_quat(scalar_first=True), (q * s).as_quat(scalar_first=True)])
    assert grains_from_orientations(wrong, np.array([0, 0]), np.array([0, 1]), CUBIC).tolist() == [0, 1]


def test_patterns_find_the_grains_they_were_made_of():
    rng = np.random.default_rng(1)
    row, col = np.indices((12, 16))
    truth = (row >= 6).astype(int) * 2 + (col >= 7)
    templates = rng.normal(size=(4, 16, 16)).repeat(3, axis=1).repeat(3, axis=2)
    patterns = 100 + 10 * templates[truth] + 10 * rng.normal(size=(12, 16, 48, 48))
    found = find_grains(scan_from_array(patterns.astype(np.float32), "four"), "patterns")
    pairs = {(int(t), int(f)) for t, f in zip(truth.ravel(), found, strict=True)}
    assert len(pairs) == 4 and len(set(found)) == 4


def test_a_boundary_that_sees_both_crystals_leads_from_neither_to_the_other():
    """Points of the boundary are seven parts of one crystal and three of the other: like both, by 0.84 and 0.55."""
    rng = np.random.default_rng(3)
    share = np.array([0, 0, 0, 0, 0, 0.3, 1, 1, 1, 1, 1])
    left, right = rng.normal(size=(2, 16, 16)).repeat(3, axis=1).repeat(3, axis=2)
    row = np.sqrt(1 - share)[:, None, None] * left + np.sqrt(share)[:, None, None] * right
    patterns = 100 + 10 * row + 3 * rng.normal(size=(10, 11, 48, 48))
    found = find_grains(scan_from_array(patterns.astype(np.float32), "two"), "patterns").reshape(10, 11)
    assert len(set(found[:, :6].ravel())) == 1 and len(set(found[:, 6:].ravel())) == 1
    assert found[0, 0] != found[0, -1]


def test_a_scan_of_one_grain_is_one_grain():
    """No two of its patterns are strangers, so that none could be learned from pairs of them."""
    rng = np.random.default_rng(4)
    template = rng.normal(size=(16, 16)).repeat(3, axis=0).repeat(3, axis=1)
    patterns = 100 + 10 * template + 5 * rng.normal(size=(8, 9, 48, 48))
    assert set(find_grains(scan_from_array(patterns.astype(np.float32), "one"), "patterns")) == {0}


def test_strangers_stay_apart():
    noise = np.random.default_rng(2).normal(size=(6, 6, 32, 32)).astype(np.float32)
    assert len(set(find_grains(scan_from_array(noise, "noise"), "patterns"))) > 30


def test_a_scan_without_orientations_says_so():
    scan = scan_from_array(np.zeros((2, 2, 16, 16), np.uint8), "plain")
    with pytest.raises(InputError, match="without orientations"):
        find_grains(scan, "orientations")
    with pytest.raises(InputError, match="unknown way"):
        find_grains(scan, "colours")


def test_a_simulated_scan_says_in_one_line_where_its_orientations_are():
    scan = scan_from_array(np.zeros((2, 2, 16, 16), np.uint8), "made")
    scan.metadata["microscope"] = {"microscope": "simulated"}
    with pytest.raises(InputError, match=r"truth beside it.*--grains patterns") as refused:
        find_grains(scan, "orientations")
    assert "\n" not in str(refused.value)
