"""Grouping: neighbours that see the same crystal are one unit, random orientations are not."""

import numpy as np

from kikuchi.scans import Dataset, Material, Preparation, scan_from_array
from kikuchi.scans.independence import BLOCK, pattern_groups


def dataset(patterns, shape):
    scan = scan_from_array(patterns.reshape(*shape, *patterns.shape[1:]), "scan")
    return Dataset([Material("some", 225, scan)])


def smooth_images(n, seed=0):
    from scipy.ndimage import gaussian_filter

    rng = np.random.default_rng(seed)
    return gaussian_filter(rng.normal(size=(n, 48, 48)), (0, 2, 2)).astype(np.float32)


def test_patterns_of_random_orientation_stand_alone():
    groups, how = pattern_groups(dataset(smooth_images(144), (12, 12)), "auto", Preparation())
    assert how == "pattern" and len(np.unique(groups)) == 144


def test_neighbours_in_grains_are_grouped_in_blocks():
    grains = np.repeat(np.repeat(smooth_images(9).reshape(3, 3, 48, 48), 6, axis=0), 6, axis=1)
    noise = np.random.default_rng(1).normal(0, 0.02, (18, 18, 48, 48)).astype(np.float32)
    groups, how = pattern_groups(
        dataset((grains + noise).reshape(-1, 48, 48), (18, 18)), "auto", Preparation()
    )
    assert "block" in how
    assert len(np.unique(groups)) == int(np.ceil(18 / BLOCK)) ** 2


def test_a_whole_scan_can_be_one_group():
    first, second = (
        scan_from_array(smooth_images(16, seed).reshape(4, 4, 48, 48), f"s{seed}") for seed in (1, 2)
    )
    data = Dataset([Material("a", 225, first), Material("b", 229, second)])
    groups, _ = pattern_groups(data, "scan", Preparation())
    np.testing.assert_array_equal(groups, np.repeat([0, 1], 16))


def test_one_unit_serves_all_materials_where_any_has_grains():
    grains = np.repeat(np.repeat(smooth_images(9).reshape(3, 3, 48, 48), 6, axis=0), 6, axis=1)
    noise = np.random.default_rng(1).normal(0, 0.02, grains.shape).astype(np.float32)
    data = Dataset(
        [
            Material("grained", 225, scan_from_array(grains + noise, "a")),
            Material("scattered", 229, scan_from_array(smooth_images(324, 3).reshape(18, 18, 48, 48), "b")),
        ]
    )
    groups, how = pattern_groups(data, "auto", Preparation())
    assert how == f"block of {BLOCK} x {BLOCK} points"
    assert len(np.unique(groups[:324])) == len(np.unique(groups[324:])) == int(np.ceil(18 / BLOCK)) ** 2


def test_grains_that_are_handed_in_are_the_units():
    data = dataset(smooth_images(16), (4, 4))
    groups, how = pattern_groups(data, "grain", Preparation(), lambda scan: scan.row)
    assert how == "grain"
    np.testing.assert_array_equal(groups, np.repeat([0, 1, 2, 3], 4))
