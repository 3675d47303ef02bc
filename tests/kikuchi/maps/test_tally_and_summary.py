import json

from kikuchi.maps import summarise, tally
from kikuchi.maps.summary_file import write_summary


def test_tally_counts_members_ensemble_and_statuses(four_statuses):
    counts = tally(four_statuses)
    assert counts.member_counts.tolist() == [[2, 2, 1], [0, 4, 1]]
    assert counts.winner_counts.tolist() == [1, 3, 1]
    assert counts.solved_counts.tolist() == [1, 1, 1]
    assert counts.status_counts.tolist() == [3, 1, 1, 1]


def test_summary_is_json_with_shares_of_all_patterns(four_statuses, tmp_path):
    write_summary(four_statuses, tmp_path / "summary.json", fractions={225: [0.1, 0.2]})
    summary = json.loads((tmp_path / "summary.json").read_text())
    assert summary["status"]["solved"] == {"count": 3, "share": 0.5}
    row = next(r for r in summary["tally"] if r["space_group"] == 225)
    assert row["symbol"] == "Fm-3m"
    assert row["members"]["transfer, 1"] == {"count": 4, "share": 4 / 6}
    assert summary["phase_fractions"] == {"225": [0.1, 0.2]}
    assert summary["problems"] == {"4": "every pixel is NaN"}


def test_summary_keeps_meta_and_says_none_where_unknown(four_statuses):
    summary = summarise(four_statuses)
    assert summary["rule"] == "average"
    assert summary["promised_risk"] == 0.02
    assert summary["measured_risk"] is None  # NaN has no word in JSON
    assert summary["calibration"] is None
    assert summary["points_without_pattern"] == 0


def test_points_without_pattern_are_counted(cropped):
    assert summarise(cropped)["points_without_pattern"] == 2
