import json
from dataclasses import replace

import numpy as np

from ensemble.phase_fractions import Fractions
from kikuchi.maps import summarise, tally
from kikuchi.maps.summary_file import write_summary
from kikuchi.maps.summary_text import summary_text

FRACTIONS = Fractions(
    fraction=np.array([0.3, 0.5, 0.2]),
    low=np.array([0.2, 0.4, 0.1]),
    high=np.array([0.4, 0.6, 0.3]),
    plain=np.array([0.333, 0.333, 0.333]),
    answered=3,
    abstained=1,
    left_out=2,
    confidence=0.95,
)


def test_tally_counts_members_ensemble_and_statuses(four_statuses):
    counts = tally(four_statuses)
    assert counts.member_counts.tolist() == [[2, 2, 1], [0, 4, 1]]
    assert counts.winner_counts.tolist() == [1, 3, 1]
    assert counts.solved_counts.tolist() == [1, 1, 1]
    assert counts.status_counts.tolist() == [3, 1, 1, 1, 0]


def test_summary_is_json_with_shares_of_all_patterns(four_statuses, tmp_path):
    write_summary(four_statuses, tmp_path / "summary.json", fractions=FRACTIONS)
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["status"]["solved"] == {"count": 3, "share": 0.5}
    row = next(r for r in summary["tally"] if r["space_group"] == 225)
    assert row["symbol"] == "Fm-3m"
    assert row["members"]["transfer, 1"] == {"count": 4, "share": 4 / 6}
    austenite = summary["phase_fractions"]["space_groups"][1]
    assert austenite == {"space_group": 225, "fraction": 0.5, "low": 0.4, "high": 0.6, "plain": 0.333}
    assert summary["phase_fractions"]["confidence"] == 0.95
    assert summary["problems"] == {"4": "every pixel is NaN"}


def test_summary_keeps_meta_and_says_none_where_unknown(four_statuses):
    summary = summarise(four_statuses)
    assert summary["rule"] == "average"
    assert summary["promised_risk"] == 0.02
    assert summary["measured_risk"] is None  # NaN has no word in JSON
    assert summary["calibration"] is None
    assert summary["points_without_pattern"] == 0


def mostly_ambiguous(phase_map, **changes):
    """Three of five readable points ambiguous: 225, 221 and 225 come first, of one, one and two candidates."""
    status = np.array([1, 1, 1, 2, 3, 0], np.int8)
    return replace(phase_map, decision=replace(phase_map.decision, status=status), **changes)


def test_a_mostly_ambiguous_map_says_what_comes_first_and_what_would_help(four_statuses):
    text = summary_text(mostly_ambiguous(four_statuses, meta={}))
    assert "first choice of the ambiguous: 225 67%, 221 33%; 1.3 candidates a point on average" in text
    assert "--among 225,227" in text and "--phase" in text


def test_what_was_named_already_is_not_asked_for_again(four_statuses):
    named = {"among": {"space_groups": [221, 225, 229], "materials": []}}
    text = summary_text(mostly_ambiguous(four_statuses, meta=named))
    assert "first choice of the ambiguous" in text and "to answer more" not in text


def test_a_mostly_answered_map_lists_its_answers_alone(four_statuses):
    text = summary_text(replace(four_statuses, meta={}))
    assert "no solution, ambiguous: 1 (16.7%)" in text and "first choice" not in text


def test_points_without_pattern_are_counted(cropped):
    assert summarise(cropped)["points_without_pattern"] == 2


def test_a_division_of_two_phases_says_how_it_was_made(four_statuses):
    found = {
        "divided": True,
        "by": "labels",
        "labelled": [6, 4],
        "labelled_wrong": 1,
        "shares": {"Ni": 0.7, "Ni3Al": 0.3},
    }
    text = summary_text(replace(four_statuses, meta={"order_parameter": found}))
    assert "divided by labels (10 points labelled, 1 of them on the other side): Ni 70%, Ni3Al 30%" in text
    plain = summary_text(
        replace(four_statuses, meta={"order_parameter": {"divided": False, "by": "mixture"}})
    )
    assert "divided by" not in plain
