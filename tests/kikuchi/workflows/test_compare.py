"""Two tables of six points, every number counted by hand."""

import json

import pandas
import pytest

import kikuchi
from ensemble.errors import InputError

MAP = """index,row,col,x,y,space_group,status,candidates,confidence,p_221,p_225
0,0,0,0,0,225,solved,225,0.99,0.01,0.99
1,0,1,1,0,225,solved,225,0.98,0.02,0.98
2,0,2,2,0,221,solved,221,0.97,0.97,0.03
3,1,0,0,1,,ambiguous,221|225,0.6,0.6,0.4
4,1,1,1,1,,unfamiliar,,0.7,0.3,0.7
5,1,2,2,1,,unreadable,,,,
"""
TRUTH = """index,row,col,space_group,status_truth
0,0,0,225,known
1,0,1,221,known
2,0,2,221,known
3,1,0,221,known
4,1,1,227,foreign
5,1,2,,unreadable
"""
OTHER = """index,row,col,x,y,space_group,status,candidates,confidence,p_221,p_225
0,0,0,0,0,225,solved,225,0.9,0.1,0.9
1,0,1,1,0,,ambiguous,221|225,0.6,0.6,0.4
2,0,2,2,0,225,solved,225,0.8,0.2,0.8
3,1,0,0,1,221,solved,221,0.9,0.9,0.1
7,2,0,0,2,221,solved,221,0.9,0.9,0.1
"""


@pytest.fixture
def folder(tmp_path):
    for name, text in (("map.csv", MAP), ("other/map.csv", OTHER), ("truth.csv", TRUTH)):
        (tmp_path / "first" / name).parent.mkdir(parents=True, exist_ok=True)
        place = tmp_path / ("first" if name == "map.csv" else ".") / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return tmp_path


def test_a_map_against_the_truth_by_hand(folder):
    found = kikuchi.compare(folder / "first", folder / "truth.csv", folder / "out")
    data = found.data
    assert data["points"] == 6 and data["truth"]
    # Three answers, of which point 1 says 225 where 221 is true.
    assert data["answered"]["both"] == 3
    assert data["agreement"] == pytest.approx(2 / 3)
    # Table of the three: (225, 225), (225, 221), (221, 221); p_e = (2 * 1 + 1 * 2) / 9.
    assert data["kappa"] == pytest.approx((2 / 3 - 4 / 9) / (5 / 9))
    wrong = data["wrong_answers"]
    assert (wrong["count"], wrong["of"]) == (1, 3)
    # Clopper & Pearson for 1 of 3 at 95 %: tabulated 0.0084 to 0.9057.
    assert (wrong["low"], wrong["high"]) == pytest.approx((0.0084, 0.9057), abs=1e-4)
    # First choices: 225, 225, 221, 221, 225 against 225, 221, 221, 221, 227.
    assert data["first_choice"]["points"] == 5
    assert data["first_choice"]["agreement"] == pytest.approx(3 / 5)
    assert data["confusion"] == {
        "rows": ["221", "225", "227", "no crystal"],
        "columns": ["221", "225", "ambiguous", "unfamiliar", "unreadable"],
        "counts": [[1, 1, 1, 0, 0], [0, 1, 0, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1]],
    }
    kinds = {row["kind"]: row for row in data["kinds"]}
    assert (kinds["known"]["solved"], kinds["known"]["ambiguous"]) == (3, 1)
    assert kinds["known"]["wrong_answers"] == 1
    assert kinds["foreign"]["unfamiliar"] == kinds["unreadable"]["unreadable"] == 1
    assert found.text.splitlines()[0] == (
        "first answers 60 % of 5 points with a known truth; 1 of these 3 answers are wrong, 33 % (Cohen's kappa 0.4)."
    )
    table = pandas.read_csv(folder / "out" / "confusion.csv", index_col=0)
    assert table.loc["221"].tolist() == [1, 1, 1, 0, 0]
    assert json.loads((folder / "out" / "comparison.json").read_text())["agreement"] == pytest.approx(2 / 3)
    names = {p.name for p in (folder / "out").iterdir()}
    assert names == {"comparison.html", "comparison.json", "comparison.png", "confusion.csv", "figures"}


def test_two_maps_by_hand(folder):
    data = kikuchi.compare(folder / "first" / "map.csv", folder / "other", folder / "out").data
    assert (data["points"], data["only_first"], data["only_second"]) == (4, 2, 1)
    # Both answer points 0 and 2: (225, 225) and (221, 225).
    assert data["answered"] == {"first": 0.75, "second": 0.75, "both": 2}
    assert data["agreement"] == 0.5
    assert data["kappa"] == 0.0  # p_e = (1 * 0 + 1 * 2) / 4 = 0.5 as well
    assert "wrong_answers" not in data
    # First choices: 225, 225, 221, 221 and 225, 221, 225, 221.
    assert data["first_choice"]["agreement"] == 0.5


def test_points_without_rows_are_matched_by_their_index(folder):
    (folder / "plain.csv").write_text("index,space_group\n2,221\n0,225\n")
    found = kikuchi.compare(folder / "first", folder / "plain.csv", folder / "out")
    assert found.data["points"] == 2 and found.data["agreement"] == 1.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n1,2\n", "no column space_group"),
        ("index,space_group\n0,999\n", "no space group"),
        ("index,space_group\n0.5,225\n", "whole numbers"),
        ("index,space_group\n0,225\n0,225\n", "twice"),
        ("index,space_group\n99,225\n", "share no point"),
        ("index,space_group,status\n0,225,odd\n", "unknown status"),
        ("", "cannot be read as CSV"),
    ],
)
def test_what_cannot_be_compared_is_one_line(folder, text, words):
    (folder / "bad.csv").write_text(text)
    with pytest.raises(InputError, match=words):
        kikuchi.compare(folder / "first", folder / "bad.csv", folder / "out")


def test_the_truth_does_not_come_first_and_must_be_there(folder):
    with pytest.raises(InputError, match="it is no map"):
        kikuchi.compare(folder / "truth.csv", folder / "first", folder / "out")
    with pytest.raises(InputError, match="nothing to compare"):
        kikuchi.compare(folder / "first", folder / "gone.csv", folder / "out")
