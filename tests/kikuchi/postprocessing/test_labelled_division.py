"""Two phases divided along one number by a few labelled points."""

import numpy as np
import pytest
from scipy.stats import norm

from ensemble.errors import InputError
from kikuchi.postprocessing.labelled_division import divide_by_labels


def test_the_threshold_lies_between_the_means():
    found = divide_by_labels(np.array([3.0, -2.0, 0.0, 5.0]), np.array([True, False, False, True]))
    assert found.means.tolist() == [-1.0, 4.0]
    assert (found.threshold, found.wrong, found.left_out_wrong) == (1.5, 0, 0)
    assert found.upper(np.array([1.4, 1.6])).tolist() == [False, True]


def test_points_are_judged_by_a_threshold_that_they_did_not_set():
    # Means 1 and 4, threshold 2.5. Without 3 the first mean is 0 and the threshold 2; without 2 the second is 6 and it
    # is 3.5. Both are wrong with and without themselves; all others stay right.
    found = divide_by_labels(np.array([0.0, 0.0, 3.0, 2.0, 6.0]), np.array([0, 0, 0, 1, 1], bool))
    assert (found.threshold, found.wrong, found.left_out_wrong) == (2.5, 2, 2)
    # Clopper and Pearson's interval of 2 of 5 as tabulated: 0.0527 to 0.8534.
    assert found.to_dict()["left_out_error_95"] == pytest.approx([0.0527, 0.8534], abs=2e-4)


def test_the_only_point_of_a_phase_counts_as_wrong_when_it_is_left_out():
    found = divide_by_labels(np.array([0.0, 1.0, 9.0]), np.array([False, False, True]))
    assert (found.wrong, found.left_out_wrong) == (0, 1)


def test_ten_labels_divide_two_humps_whose_zero_is_elsewhere():
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.normal(-3.4, 0.6, 500), rng.normal(-0.6, 0.6, 500)])
    second = np.arange(1000) >= 500
    ranked = np.argsort(values)[np.arange(50, 1000, 100)]
    found = divide_by_labels(values[ranked], second[ranked])
    # The best threshold is in the middle, -2.0; five labels a side know their means to 0.6 / sqrt(5) = 0.27 each.
    assert found.threshold == pytest.approx(-2.0, abs=0.4)
    assert (found.upper(values) != second).mean() < norm.sf(1.0 / 0.6)


@pytest.mark.parametrize(
    ("values", "second", "what"),
    [
        ([1.0, 2.0], [True, True], "all 2 labelled points are of one phase"),
        ([1.0, 2.0, 3.0, 4.0], [True, True, False, False], "contradict"),
        ([1.0, 1.0], [True, False], "contradict"),
        # The mean of the second is larger by one point alone, and two of three lie on the wrong side, in both phases.
        ([0.0, 0.0, 9.0, 2.5, 2.5, 0.0], [True, True, True, False, False, False], "contradict"),
    ],
)
def test_labels_that_divide_nothing_are_refused(values, second, what):
    with pytest.raises(InputError, match=what):
        divide_by_labels(np.array(values), np.array(second))
