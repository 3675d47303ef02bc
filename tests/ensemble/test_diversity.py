import numpy as np
import pytest

from ensemble.diversity import disagreement, double_fault, q_statistic
from ensemble.errors import InputError

CORRECT = np.array([[1, 1, 1, 0, 0, 1], [1, 1, 0, 1, 0, 1]], bool)
"""Both right 3, one right 1 + 1, both wrong 1."""


def test_q_by_hand():
    # (3 * 1 - 1 * 1) / (3 * 1 + 1 * 1).
    assert q_statistic(CORRECT)[0, 1] == pytest.approx(0.5)


def test_double_fault_by_hand():
    assert double_fault(CORRECT)[0, 1] == pytest.approx(1 / 6)
    assert double_fault(CORRECT)[0, 0] == pytest.approx(2 / 6)


def test_disagreement_leaves_out_patterns_without_a_vote():
    assert disagreement([[0, 1, -1, 2], [0, 2, 1, 2]])[0, 1] == pytest.approx(1 / 3)


def test_members_that_err_independently_have_q_near_zero():
    correct = np.random.default_rng(0).random((2, 200_000)) < 0.8
    assert q_statistic(correct)[0, 1] == pytest.approx(0.0, abs=0.03)


def test_a_member_that_is_always_right_has_no_q():
    assert np.isnan(q_statistic([[True, True], [True, False]])[0, 1])


def test_no_patterns_are_refused():
    with pytest.raises(InputError):
        disagreement(np.empty((2, 0)))
