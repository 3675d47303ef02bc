import json

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.scans import Dataset, Material, pattern_hash, scan_from_array, split_dataset

PARTS = ("train", "validation", "calibration", "test")


def _patterns(n, seed):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8), dtype=np.uint8)


def _material(name, group, n, seed):
    return Material(name, group, scan_from_array(_patterns(n, seed), name))


@pytest.fixture
def dataset():
    return Dataset(
        [
            _material("NiAl", 221, 40, 1),
            _material("FeAl", 221, 50, 2),
            _material("Ni3Al", 221, 60, 3),
            _material("Ni", 225, 70, 4),
        ]
    )


def _counts(dataset, positions):
    return np.bincount(dataset.material[positions], minlength=len(dataset.materials)).tolist()


def test_classes_are_divided_evenly_over_their_materials(dataset):
    split = split_dataset(dataset, train_per_class=20, validation_per_class=7, calibration_fraction=0.5)
    # 20 = 7 + 7 + 6 and 7 = 3 + 2 + 2: remainders go to the first materials.
    assert _counts(dataset, split.train) == [7, 7, 6, 20]
    assert _counts(dataset, split.validation) == [3, 2, 2, 7]
    assert _counts(dataset, split.calibration) == [
        15,
        20,
        26,
        22,
    ]  # half of 30, 41, 52 and 43, rounded to even
    assert _counts(dataset, split.test) == [15, 21, 26, 21]


def test_every_pattern_is_in_exactly_one_part(dataset):
    split = split_dataset(dataset, train_per_class=20, validation_per_class=7)
    together = np.concatenate([getattr(split, part) for part in PARTS])
    assert sorted(together) == list(range(dataset.n))
    assert split.left_out.size == 0


def test_same_seed_same_split_and_another_seed_another(dataset):
    one, same, other = (
        split_dataset(dataset, train_per_class=20, seed=s, validation_per_class=7) for s in (5, 5, 6)
    )
    for part in PARTS:
        np.testing.assert_array_equal(getattr(one, part), getattr(same, part))
    assert not np.array_equal(one.train, other.train)
    assert one.to_dict() == same.to_dict()


def test_another_class_leaves_the_draws_of_the_others_as_they_were(dataset):
    settings = {"train_per_class": 20, "validation_per_class": 7}
    more = Dataset([_material("Si", 227, 40, 9), *dataset.materials])
    before, after = split_dataset(dataset, **settings), split_dataset(more, **settings)
    np.testing.assert_array_equal(before.train, after.train[after.train >= 40] - 40)


def test_no_content_is_in_two_parts(dataset):
    twins = _patterns(50, 2)  # FeAl's patterns once more, and one within itself
    more = Dataset(
        [
            *dataset.materials,
            Material("copy", 221, scan_from_array(np.concatenate([twins[:20], _patterns(30, 8)]), "copy")),
        ]
    )
    split = split_dataset(more, train_per_class=40, validation_per_class=8)
    assert len(split.left_out) == 20
    hashes = [set(split.hashes[getattr(split, part)]) for part in PARTS]
    assert sum(map(len, hashes)) == len(set.union(*hashes)) == more.n - 20


def test_blank_and_unreadable_patterns_are_left_out():
    patterns = _patterns(20, 1)
    patterns[3] = 7
    scan = scan_from_array(patterns, "a")
    scan.problems[5] = "broken"
    split = split_dataset(Dataset([Material("A", 225, scan)]), train_per_class=10, validation_per_class=2)
    assert split.left_out.tolist() == [3, 5]


def test_one_pattern_with_two_space_groups_is_refused():
    patterns = _patterns(20, 1)
    dataset = Dataset(
        [
            Material("A", 225, scan_from_array(patterns, "a")),
            Material("B", 221, scan_from_array(patterns[4:], "b")),
        ]
    )
    with pytest.raises(
        InputError, match=r"same pattern is in material 'A' \(225\) and in 'B' \(221, index 0\)"
    ):
        split_dataset(dataset, train_per_class=2, validation_per_class=1)


def test_too_few_patterns_say_class_material_have_and_need(dataset):
    with pytest.raises(
        InputError, match=r"space group 221, material 'NiAl': 40 usable.* 45 needed"
    ) as caught:
        split_dataset(dataset, train_per_class=120, validation_per_class=15)
    assert caught.value.remedy


@pytest.mark.parametrize("wrong", [{"train_per_class": 0}, {"calibration_fraction": 1.5}, {"seed": -1}])
def test_impossible_requests_are_refused(wrong, dataset):
    with pytest.raises(InputError):
        split_dataset(dataset, **wrong)


def test_record_is_plain_json_and_names_what_was_fitted_on(dataset):
    split = split_dataset(dataset, train_per_class=20, validation_per_class=7, seed=3)
    record = json.loads(json.dumps(split.to_dict()))
    assert record["seed"] == 3 and record["classes"] == [221, 225]
    raw = dataset.materials[0].scan.read(int(dataset.index[split.train[0]]))[0]
    assert pattern_hash(raw) in record["train"]
    assert record["test"]["n"] == len(split.test)


def test_hash_tells_shape_type_and_content():
    pattern = np.arange(16, dtype=np.uint8).reshape(4, 4)
    hashes = {
        pattern_hash(p) for p in (pattern, pattern.reshape(2, 8), pattern.astype(np.uint16), pattern + 1)
    }
    assert len(hashes) == 4


def test_whole_groups_go_to_one_part(dataset):
    groups = np.arange(dataset.n) // 5
    split = split_dataset(dataset, train_per_class=12, validation_per_class=6, seed=3, groups=groups)
    parts = [split.train, split.validation, split.calibration, split.test]
    assert all(len(part) for part in parts)
    for i, first in enumerate(parts):
        for second in parts[i + 1 :]:
            assert not set(groups[first]) & set(groups[second])
    assert len(np.concatenate([*parts, split.left_out])) == dataset.n
    assert _counts(dataset, split.train) == _counts(
        dataset, split_dataset(dataset, train_per_class=12, validation_per_class=6, seed=3).train
    )


def test_too_few_groups_say_how_many_there_are(dataset):
    with pytest.raises(InputError, match="independent grains or blocks cannot fill"):
        split_dataset(dataset, train_per_class=12, validation_per_class=6, groups=dataset.material)
