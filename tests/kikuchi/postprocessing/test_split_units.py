"""What goes to one part of a split as a whole."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from ensemble.errors import InputError
from kikuchi.postprocessing.grain_segmentation import without_fragments
from kikuchi.postprocessing.split_units import divided
from kikuchi.recipes.schema import load_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.scans.independence import BLOCK, SHARES_GRAINS

GRAIN = 4


def _noise(side=40):
    rng = np.random.default_rng(0)
    return Dataset(
        [
            Material(
                name, group, scan_from_array(rng.integers(0, 255, (side, side, 8, 8), dtype=np.uint8), name)
            )
            for name, group in (("Ni", 225), ("Fe", 229))
        ]
    )


def _grained(per_side):
    """Two materials of so many by so many grains of 4 x 4 points, every grain one picture and little noise."""
    rng = np.random.default_rng(1)
    materials = []
    for name, group in (("Ni", 225), ("Fe", 229)):
        pictures = gaussian_filter(rng.normal(size=(per_side, per_side, 32, 32)), (0, 0, 2, 2))
        points = np.repeat(np.repeat(pictures, GRAIN, axis=0), GRAIN, axis=1)
        points = points + rng.normal(0, 0.02, points.shape)
        materials.append(Material(name, group, scan_from_array(points.astype(np.float32), name)))
    return Dataset(materials)


def _recipe(unit="auto", train=32, validation=16, groups="auto"):
    quick = load_recipe("quick")
    split = {"unit": unit, "train_per_class": train, "validation_per_class": validation}
    return quick.model_copy(
        update={
            "split": quick.split.model_copy(update=split),
            "abstain": quick.abstain.model_copy(update={"groups": groups}),
        }
    )


def _true_grains(data):
    row, col = (np.concatenate([getattr(m.scan, x) for m in data.materials]) for x in ("row", "col"))
    return data.material * 1000 + (row // GRAIN) * 100 + col // GRAIN


def _parts(split):
    return [split.train, split.validation, split.calibration, split.test]


def test_nothing_asked_keeps_grains_on_one_side_where_neighbours_are_alike():
    data = _grained(4)
    split, units = divided(data, _recipe(), 0)
    truth = _true_grains(data)
    assert units.how == "grain" and not units.shared and not units.withheld
    assert units.of_classes(data, split.classes) == {225: 16, 229: 16}
    seen = [set(truth[part]) for part in _parts(split)]
    assert not any(seen[i] & seen[j] for i in range(4) for j in range(i))


def test_patterns_of_no_neighbours_are_drawn_one_by_one_as_before():
    split, units = divided(_noise(16), _recipe(), 0)
    assert units.how == "pattern" and not units.shared
    again, _ = divided(_noise(16), _recipe("pattern"), 0)
    np.testing.assert_array_equal(split.train, again.train)


def test_too_few_grains_promise_nothing_and_are_counted_by_name():
    data = _grained(2)
    split, units = divided(data, _recipe(), 0)
    assert len(split.train) == 64
    assert units.shared == SHARES_GRAINS
    assert "no promise" in units.withheld and "225: 4, 229: 4" in units.withheld
    assert units.facts(data, split)["independent_units"] == {"225": 4, "229": 4}


def test_a_unit_that_is_named_is_insisted_on():
    with pytest.raises(InputError, match="4 independent grains or blocks cannot fill"):
        divided(_grained(2), _recipe("grain"), 0)


def test_single_patterns_on_request_are_marked():
    _, units = divided(_grained(4), _recipe("pattern"), 0)
    assert units.shared == SHARES_GRAINS and not units.withheld
    assert "block" in units.how


def test_groups_that_the_certificate_is_told_to_count_leave_the_split_alone():
    split, units = divided(_noise(16), _recipe(groups="block"), 0)
    again, _ = divided(_noise(16), _recipe("pattern"), 0)
    np.testing.assert_array_equal(split.train, again.train)
    assert units.how == f"block of {BLOCK} x {BLOCK} points"


def test_blocks_are_split_whole_and_counted_by_the_certificate():
    data = _noise()
    split, units = divided(data, _recipe("block", 400, 100), 0)
    assert units.how == f"block of {BLOCK} x {BLOCK} points"
    assert len(np.unique(units.group)) == 2 * (40 // BLOCK) ** 2
    assert len(split.train) == 800
    held_out = np.concatenate([split.calibration, split.test])
    assert not set(units.group[split.train]) & set(units.group[held_out])


def test_the_orientations_of_a_scan_tell_its_grains_where_noise_hides_them():
    from orix.crystal_map import CrystalMap, PhaseList
    from orix.quaternion import Rotation

    data = _noise(16)
    for material in data.materials:
        scan = material.scan
        angle = 0.3 * (1 + scan.row // GRAIN + 4 * (scan.col // GRAIN))
        turns = Rotation(np.stack([np.cos(angle / 2), np.sin(angle / 2), 0 * angle, 0 * angle], axis=1))
        phases = PhaseList(names=["a"], space_groups=[1])
        scan.xmap = CrystalMap(turns, phase_id=np.zeros(scan.n, int), x=scan.x, y=scan.y, phase_list=phases)
    split, units = divided(data, _recipe(), 0)
    assert units.how == "grain"
    assert units.of_classes(data, split.classes) == {225: 16, 229: 16}


def test_a_point_between_two_grains_goes_with_the_larger_one():
    grains = np.array([[0, 0, 0, 5, 1, 1], [0, 0, 0, 6, 1, 1]])
    row, col = np.indices(grains.shape)
    found = without_fragments(grains.ravel(), row.ravel(), col.ravel()).reshape(grains.shape)
    np.testing.assert_array_equal(found, [[0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1]])
