"""What a map shows of points that nobody can read."""

from dataclasses import fields

import numpy as np
import pytest

from ensemble.abstention import Decision, Status
from kikuchi.postprocessing.assemble import without_unreadable


@pytest.fixture
def decision():
    """Three points, the last one unreadable and, as constant patterns are, answered with much confidence."""
    n, k = 3, 2
    values = {f.name: np.full(n, 0.1) for f in fields(Decision)}
    values |= {
        "status": np.array([Status.SOLVED, Status.AMBIGUOUS, Status.UNREADABLE], np.int8),
        "winner": np.zeros(n, np.int16),
        "candidates": np.ones((n, k), bool),
        "probabilities": np.array([[0.9, 0.1], [0.6, 0.4], [0.999, 0.001]]),
        "confidence": np.array([0.9, 0.6, 0.999]),
        "votes": np.zeros((2, n), np.int16),
    }
    return Decision(**values)


def test_an_unreadable_point_has_no_measure_to_draw(decision):
    shown = without_unreadable(decision)
    for name in ("confidence", "entropy", "expected_entropy", "mutual_information", "variation_ratio"):
        assert np.isnan(getattr(shown, name)).tolist() == [False, False, True]
    assert np.isnan(shown.unfamiliarity).tolist() == [False, False, True]


def test_its_quality_its_status_and_what_members_said_stay(decision):
    shown = without_unreadable(decision)
    for name in ("status", "winner", "probabilities", "votes", "quality"):
        np.testing.assert_array_equal(getattr(shown, name), getattr(decision, name))
