"""The background: equally many of each class, to the grey level, from a file as it was."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain import choose_background, read_background, write_background


@pytest.fixture
def patterns():
    return np.random.default_rng(0).uniform(-1, 1, (60, 8, 8)).astype(np.float32)


def test_classes_are_balanced_and_unlabelled_patterns_left_out(patterns):
    labels = np.repeat([0, 1, 2, -1], [30, 5, 20, 5])
    chosen = choose_background({8: patterns}, labels, per_class=10)
    assert np.bincount(chosen.labels).tolist() == [10, 5, 10]


def test_patterns_are_kept_within_half_a_grey_level(patterns):
    chosen = choose_background({8: patterns[:1]}, np.array([0]), per_class=1)
    assert np.abs(chosen.prepared(8)[0] - patterns[0]).max() <= 0.5 / 127.5 + 1e-6


def test_sizes_hold_the_same_patterns_in_the_same_order(patterns):
    chosen = choose_background({8: patterns, 4: patterns[:, :4, :4]}, np.zeros(60, int), per_class=20)
    np.testing.assert_array_equal(chosen.patterns[8][:, :4, :4], chosen.patterns[4])


def test_a_file_gives_back_what_was_written(patterns, tmp_path):
    chosen = choose_background({8: patterns}, np.arange(60) % 3, per_class=7)
    write_background(tmp_path / "background.npz", chosen)
    read = read_background(tmp_path / "background.npz")
    np.testing.assert_array_equal(read.patterns[8], chosen.patterns[8])
    np.testing.assert_array_equal(read.labels, chosen.labels)


def test_thinning_keeps_so_many_of_each_class(patterns):
    chosen = choose_background({8: patterns}, np.arange(60) % 3, per_class=7)
    assert np.bincount(chosen.thinned(2).labels).tolist() == [2, 2, 2]


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "background.npz", labels=np.zeros(3), patterns_8=np.zeros((2, 8, 8)))
    with pytest.raises(InputError, match="not background patterns"):
        read_background(tmp_path / "background.npz")


def test_nothing_to_choose_from_is_refused(patterns):
    with pytest.raises(InputError, match="none has a class"):
        choose_background({8: patterns}, np.full(60, -1))
