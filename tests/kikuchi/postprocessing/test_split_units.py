"""What goes to one part of a split as a whole."""

import numpy as np

from kikuchi.postprocessing.split_units import recipe_groups, split_groups_of
from kikuchi.recipes.schema import load_recipe
from kikuchi.scans import Dataset, Material, scan_from_array, split_dataset
from kikuchi.scans.independence import BLOCK


def _dataset(side=40):
    rng = np.random.default_rng(0)
    return Dataset(
        [
            Material(
                name, group, scan_from_array(rng.integers(0, 255, (side, side, 8, 8), dtype=np.uint8), name)
            )
            for name, group in (("Ni", 225), ("Fe", 229))
        ]
    )


def _recipe(unit):
    quick = load_recipe("quick")
    return quick.model_copy(update={"split": quick.split.model_copy(update={"unit": unit})})


def test_nothing_asked_draws_single_patterns():
    assert split_groups_of(_dataset(8), _recipe("pattern")) is None


def test_blocks_are_split_whole_and_counted_by_the_certificate():
    data = _dataset()
    groups, how = recipe_groups(data, _recipe("block"))
    assert how == f"block of {BLOCK} x {BLOCK} points"
    assert len(np.unique(groups)) == 2 * (40 // BLOCK) ** 2
    split = split_dataset(
        data, train_per_class=400, validation_per_class=100, groups=split_groups_of(data, _recipe("block"))
    )
    assert len(split.train) == 800
    assert not set(groups[split.train]) & set(groups[np.concatenate([split.calibration, split.test])])
