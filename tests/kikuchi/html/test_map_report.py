import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from ensemble.abstention import Status, decide
from ensemble.errors import InputError
from ensemble.phase_fractions import Fractions
from ensemble.pooling import combine
from kikuchi.html.map_payload import held_back
from kikuchi.html.map_report import write_map_report
from kikuchi.html.map_tables import fraction_table, origin_table, problem_table, tally_table

NOTHING = "\N{EN DASH}"


def rows_of(table):
    return [[cell.text for cell in row] for row in table.cells]


def test_tally_counts_answers_votes_and_reasons_by_hand(make_map):
    drawn = make_map(1, 6, seed=1)
    status = np.array([0, 0, 1, 2, 3, 0], dtype=np.int8)
    winner = np.array([0, 1, 1, 1, -1, 1], dtype=np.int16)
    votes = np.array([[0, 1, 1, 1, -1, 1], [0, 0, 1, 1, 0, 1]], dtype=np.int16)
    decision = replace(drawn.phase_map.decision, status=status, winner=winner, votes=votes)
    table = tally_table(replace(drawn.phase_map, decision=decision))
    assert rows_of(table) == [
        ["221 Pm-3m", "1", "1", "3"],
        ["225 Fm-3m", "2", "4", "3"],
        ["no solution: ambiguous", "1", NOTHING, NOTHING],
        ["no solution: unfamiliar", "1", NOTHING, NOTHING],
        ["no solution: unreadable", "1", NOTHING, NOTHING],
    ]
    assert table.note.startswith("50.00 % of 6 points answered")


def test_fractions_are_printed_with_their_interval():
    found = Fractions(
        fraction=np.array([0.512]), low=np.array([0.48]), high=np.array([0.543]), plain=np.array([0.5]),
        answered=90, abstained=10, left_out=5, confidence=0.95,
    )  # fmt: skip
    table = fraction_table(found, (225,))
    assert rows_of(table) == [["225 Fm-3m", "50.00 %", "51.20 %", "48.00 % to 54.30 %"]]
    assert table.columns[-1] == "95 % credible interval"
    assert "over 100 readable, familiar points" in table.note


def test_meta_is_told_in_words(drawn):
    phase_map = replace(drawn.phase_map, meta={"rule": "vote", "timings": {"predict_seconds": 1.5}})
    assert rows_of(origin_table(phase_map))[1:] == [["rule", "vote"], ["timings: predict seconds", "1.5"]]


def test_warnings_stand_at_the_top_and_beside_the_promise(tmp_path, drawn):
    told = replace(
        drawn.phase_map, meta={"warnings": ["scan at 15 kV, <bundle> at 20 kV"], "promised_risk": {"a": 1}}
    )
    html = write_map_report(told, tmp_path / "r.html", threshold=drawn.rule).read_text(encoding="utf-8")
    top, rest = html.split('<section class="explorer"')
    assert "Scan at 15 kV, &lt;bundle&gt; at 20 kV." in top
    assert "Scan at 15 kV, &lt;bundle&gt; at 20 kV." in rest.split("What is promised")[1]
    assert [name for name, _ in rows_of(origin_table(told))] == ["members"]


def test_only_fifty_problems_are_printed_and_the_rest_is_counted(drawn):
    table = problem_table(replace(drawn.phase_map, problems=dict.fromkeys(range(60), "blank")))
    assert len(table.cells) == 50
    assert table.note == "and 10 more, listed in summary.json"


def test_held_back_is_what_decide_holds_back_at_threshold_zero(drawn):
    # The page redoes the threshold alone, so a point is held back exactly if no threshold would answer it.
    rng = np.random.default_rng(3)
    combined = combine(rng.normal(0, 2, (3, 400, 3)), "average")
    strict = replace(drawn.rule, set_thresholds=(0.3, 0.4, 0.2))
    scores = {"unfamiliarity": rng.random(400) * 1.3, "quality": rng.random(400) - 0.1}
    decision = decide(combined, combined.probabilities, strict, **scores)
    loosest = decide(combined, combined.probabilities, replace(strict, threshold=0.0), **scores)
    phase_map = replace(drawn.phase_map)
    object.__setattr__(phase_map, "decision", decision)
    assert np.array_equal(held_back(phase_map, strict), loosest.status != Status.SOLVED)


def test_without_a_rule_nothing_is_promised_and_nothing_more_is_answered(tmp_path, drawn):
    assert np.array_equal(held_back(drawn.phase_map, None), drawn.phase_map.decision.status != 0)
    html = write_map_report(drawn.phase_map, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "no risk was certified for this map" in html


def test_the_promise_is_printed_with_its_limit(tmp_path, drawn):
    html = unescape(
        write_map_report(drawn.phase_map, tmp_path / "r.html", threshold=drawn.rule).read_text(
            encoding="utf-8"
        )
    )
    card = re.search(r"What is promised</h2>(.*?)</div>", html, flags=re.DOTALL)
    assert card is not None
    assert drawn.rule.certificate.message in card[1]
    assert "A guarantee never survives a change of sample, voltage or detector." in card[1]


@pytest.mark.parametrize(
    "thumbnails",
    [np.zeros((2000, 8, 8)), np.zeros((1999, 8, 8), np.uint8), np.zeros((2000, 64), np.uint8)],
    ids=["not bytes", "one too few", "flat"],
)
def test_thumbnails_that_do_not_fit_are_refused(tmp_path, drawn, thumbnails):
    with pytest.raises(InputError, match="thumbnails"):
        write_map_report(drawn.phase_map, tmp_path / "report.html", patterns=thumbnails)
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://example.org", "/etc/passwd"])
def test_only_relative_links_are_taken(tmp_path, drawn, link):
    with pytest.raises(InputError, match="relative"):
        write_map_report(drawn.phase_map, tmp_path / "report.html", evaluation_link=link)


def test_explanations_must_be_of_points_of_the_map_and_readable(tmp_path, drawn):
    with pytest.raises(InputError, match="point 2000"):
        write_map_report(drawn.phase_map, tmp_path / "r.html", explanations={2000: (b"", "")})
    with pytest.raises(InputError, match=r"gone\.png"):
        write_map_report(drawn.phase_map, tmp_path / "r.html", explanations={0: (tmp_path / "gone.png", "")})


def test_the_same_map_gives_the_same_page(tmp_path, drawn):
    pages = [write_map_report(drawn.phase_map, tmp_path / name, patterns=drawn.patterns) for name in "ab"]
    first, second = (page.read_text(encoding="utf-8") for page in pages)
    assert first.replace('"a_data"', '"b_data"') == second
