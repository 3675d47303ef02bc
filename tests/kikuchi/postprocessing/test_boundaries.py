"""Points between two labels are found; an odd answer within one makes none."""

import numpy as np

from kikuchi.postprocessing.boundaries import between_two


def _mask(label):
    label = np.asarray(label)
    row, col = np.indices(label.shape).reshape(2, -1)
    return between_two(row, col, label.shape, label.ravel()).reshape(label.shape)


def test_both_sides_of_a_straight_boundary_are_between_two():
    label = np.zeros((6, 8), int)
    label[:, 4:] = 1
    wanted = np.zeros((6, 8), bool)
    wanted[:, 3:5] = True
    np.testing.assert_array_equal(_mask(label), wanted)
    np.testing.assert_array_equal(_mask(label.T), wanted.T)


def test_overlaps_that_answer_a_third_thing_are_between_two():
    label = np.zeros((5, 9), int)
    label[:, 4], label[:, 5:] = 2, 1
    assert _mask(label)[:, 4].all()
    assert not _mask(label)[:, [0, 1, 2, 6, 7, 8]].any()


def test_single_odd_answers_and_unreadable_points_make_no_boundary():
    label = np.zeros((9, 9), int)
    label[4, 4], label[2, 6], label[6, 2] = 3, 1, -1
    assert not _mask(label).any()


def test_points_that_were_not_recorded_are_no_neighbours():
    row, col = np.array([0, 0, 0, 0]), np.array([0, 1, 6, 7])
    assert not between_two(row, col, (1, 8), np.array([0, 0, 1, 1])).any()
