"""Patterns without end from master patterns: the same from the same seed, nothing twice, classes evenly."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.recipes.schema import StreamTable
from kikuchi.scans import Preparation
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.detector.microscope import Detector
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.training.stream import MasterStream, load_masters, recipe_stream


@pytest.fixture(scope="module")
def masters():
    return [kinematical_master(load_structure(n), half_size=30, min_dspacing=1.0) for n in ("Ni", "Al", "W")]


def stream(masters, **changes):
    return MasterStream(
        masters, **{"patterns": 200, "detector": Detector(shape=(24, 24)), "seed": 4} | changes
    )


def test_an_epoch_is_the_same_in_every_run_and_no_two_epochs_share_a_pattern(masters):
    patterns, labels = stream(masters).raw(3)
    again, again_labels = stream(masters).raw(3)
    np.testing.assert_array_equal(patterns, again)
    np.testing.assert_array_equal(labels, again_labels)
    other = stream(masters).raw(4)[0]
    assert not {p.tobytes() for p in patterns} & {p.tobytes() for p in other}


def test_classes_have_equal_chances_however_many_masters_they_have(masters):
    labels = stream(masters, patterns=2000).raw(1)[1]
    # 225 has two masters of three; of 2000 fair draws between two classes, 900 to 1100 are 225 (4.5 sigma).
    assert stream(masters).classes == (225, 229)
    assert 900 < (labels == 0).sum() < 1100


def test_patterns_come_prepared(masters):
    patterns, labels = stream(masters).prepared(1, Preparation(size=16), 32)
    assert patterns.shape == (32, 16, 16) and patterns.dtype == np.float16 and labels.shape == (32,)
    assert np.abs(patterns).max() <= 1


def test_patterns_with_targets_are_the_same_and_tell_what_they_look_at(masters):
    plain, labels = stream(masters).prepared(1, Preparation(size=16), 32)
    patterns, again, targets = stream(masters).with_targets(1, Preparation(size=16), 4, 32)
    np.testing.assert_array_equal(patterns, plain)
    np.testing.assert_array_equal(again, labels)
    assert targets.shape == (32, 4, 4, 8)


def test_the_auxiliary_task_needs_a_square_screen(masters):
    wide = stream(masters, detector=Detector(shape=(24, 32)))
    with pytest.raises(InputError, match="square"):
        wide.with_targets(1, Preparation(size=16), 4, 8)


def test_the_auxiliary_task_is_for_m_3m_only(masters):
    other = MasterStream([*masters, replace(masters[0], space_group=216)], detector=Detector(shape=(24, 24)))
    with pytest.raises(InputError, match="216"):
        other.with_targets(1, Preparation(size=16), 4, 8)


def test_the_fingerprint_changes_with_what_decides(masters):
    same = stream(masters).fingerprint()
    assert stream(masters).fingerprint() == same
    assert stream(masters, seed=5).fingerprint() != same
    assert stream(masters[::-1]).fingerprint() != same


def test_classes_and_masters_must_fit(masters):
    with pytest.raises(InputError, match="225"):
        stream(masters, classes=(221, 229))
    with pytest.raises(InputError, match="no master pattern of space group 221"):
        stream(masters, classes=(221, 225, 229))


def test_a_folder_of_masters_is_read_in_order(tmp_path, masters):
    for name in ("Ni", "W"):
        structure = load_structure(name)
        save_master(tmp_path / f"{name}.npz", kinematical_master(structure, half_size=12), structure)
    assert [m.name for m in load_masters(tmp_path)] == ["Ni", "W"]
    with pytest.raises(InputError, match="no such folder"):
        load_masters(tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no master"):
        load_masters(tmp_path / "empty")


def test_a_recipe_says_how_often_each_class_comes(tmp_path):
    for name in ("Ni", "W"):
        structure = load_structure(name)
        save_master(tmp_path / f"{name}.npz", kinematical_master(structure, half_size=12), structure)
    table = StreamTable(
        masters=str(tmp_path), patterns=1000, detector=Detector(shape=(24, 24)), class_sampling=(9, 1)
    )
    labels = recipe_stream(table, (225, 229), seed=3).raw(1)[1]
    # 900 of 1000 expected, standard deviation 9.5.
    assert 860 < (labels == 0).sum() < 940


def test_strangers_and_overlaps_are_every_class_alike(masters):
    foreign = [kinematical_master(load_structure("Mg"), half_size=30, min_dspacing=1.0)]
    found = stream(masters, patterns=50, strangers=foreign, stranger_share=0.4)
    patterns, labels = found.prepared(1, Preparation(size=32))
    k = len(found.classes)
    assert patterns.shape == (50, 32, 32) and labels.shape == (50, k)
    np.testing.assert_allclose(labels[30:], 1 / k)
    np.testing.assert_array_equal(np.sort(labels[:30], axis=1)[:, -1], 1)
    np.testing.assert_array_equal(labels[:30].argmax(axis=1), found.raw(1)[1][:30])
    assert found.foreign(1, 20).std(axis=(1, 2)).min() > 0


def test_a_class_is_no_stranger(masters):
    with pytest.raises(InputError, match="a stranger of space group 225"):
        MasterStream(masters, strangers=[masters[0]])
