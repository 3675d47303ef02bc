"""Probabilities at the scan's mixture, by hand."""

from types import SimpleNamespace

import numpy as np
import pytest

from kikuchi.postprocessing.scan_mixture import with_scan_mixture
from tests.kikuchi.maps.conftest import decision, make_map


def check_of(**changes):
    values = {
        "identified": True, "why": "", "prior": (0.5, 0.25, 0.25), "shares": (0.1, 0.9, 0.0), "high": (0.2, 1.0, 0.0),
    }  # fmt: skip
    return SimpleNamespace(shift=SimpleNamespace(**(values | changes)))


@pytest.fixture
def phase_map():
    """Four points: 221 before 225 by a little, 225 for sure, unfamiliar, unreadable."""
    p = np.array([[0.5, 0.4, 0.1], [0.05, 0.9, 0.05], [0.5, 0.4, 0.1], [np.nan] * 3])
    status = np.array([1, 0, 2, 3], np.int8)
    winner = np.array([0, 1, 0, -1], np.int16)
    return make_map((2, 2), decision(4, status=status, winner=winner, probabilities=p))


def test_bayes_rule_carries_probabilities_to_the_scans_mixture(phase_map):
    found = with_scan_mixture(phase_map, check_of())
    # (0.5 * 0.1 / 0.5, 0.4 * 0.9 / 0.25, 0): 0.1 against 1.44.
    assert found.columns["corrected_confidence"][0] == pytest.approx(1.44 / 1.54)
    assert found.columns["corrected_p_221"][0] == pytest.approx(0.1 / 1.54)
    assert found.columns["corrected_space_group"].tolist() == ["225", "225", "", ""]
    assert np.isnan(found.columns["corrected_confidence"][2:]).all()
    # A class that the scan does not hold has no column, and no decision is changed.
    assert "corrected_p_229" not in found.columns
    assert found.decision is phase_map.decision
    told = found.meta["at_scan_mixture"]
    assert (told["points"], told["other_first_choice"], told["answers_of_another_first_choice"]) == (2, 1, 0)


def test_where_the_mixture_cannot_be_told_nothing_is_corrected_and_the_map_says_why(phase_map):
    for check, why in (
        (check_of(identified=False, why="221 and 225 are not told apart"), "221 and 225 are not told apart"),
        (SimpleNamespace(shift=None), "no readable, familiar point"),
    ):
        found = with_scan_mixture(phase_map, check)
        assert not any(name.startswith("corrected") for name in found.columns)
        assert why in found.meta["notes"][-1] and not found.meta["at_scan_mixture"]["identified"]
