import re
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

from ensemble.abstention import Status, decide
from ensemble.errors import InputError
from ensemble.phase_fractions import Fractions
from ensemble.pooling import combine
from kikuchi.html.glossary import explained
from kikuchi.html.map_payload import held_back
from kikuchi.html.map_report import write_map_report
from kikuchi.html.map_tables import origin_table, problem_table, tally_table
from kikuchi.html.opening import composition, lead
from kikuchi.html.promise_tables import withdrawn
from kikuchi.maps.tally import mostly_answered

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
    assert table.note.startswith("50 % of 6 points answered")


def test_the_page_opens_with_fractions_intervals_and_material_names(make_map):
    drawn = make_map(2, 5)
    status = np.array([0, 0, 0, 0, 0, 0, 1, 1, 2, 2], np.int8)
    winner = np.array([1] * 5 + [0] + [1] * 4, np.int16)
    decision = replace(drawn.phase_map.decision, status=status, winner=winner)
    materials = {
        "225": {"names": ["Ni", "Al", "NbC", "TaC"], "count": 7},
        "221": {"names": ["Ni3Al"], "count": 1},
    }
    told = replace(drawn.phase_map, decision=decision, meta={"bundle": {"materials": materials}})
    found = Fractions(
        fraction=np.array([0.3, 0.699, 0.001]), low=np.array([0.25, 0.6, 0.0]), high=np.array([0.35, 0.75, 0.01]),
        plain=np.array([1 / 6, 5 / 6, 0]), answered=6, abstained=2, left_out=2, confidence=0.95, blocks=40,
    )  # fmt: skip
    shown = composition(told, found)
    assert shown.interval == "95 % interval"
    rows = [(r.label, r.materials, r.fraction, r.interval, r.answered, r.first) for r in shown.rows]
    assert rows == [
        ("225 Fm-3m", "Ni, Al, NbC, TaC and 3 more", "70 %", "60 % to 75 %", "5 (50 %)", "9 (90 %)"),
        ("221 Pm-3m", "Ni3Al", "30 %", "25 % to 35 %", "1 (10 %)", "1 (10 %)"),
        ("1 other together", "", "0.10 %", "", "0", "0"),
    ]
    assert "over 8 readable, familiar points" in shown.note and "40 independent blocks" in shown.note
    assert lead(told, drawn.rule) == (
        "60 % of 10 points answered; 20 % ambiguous, 20 % unfamiliar. Promised with 95 % confidence: at most 2 % of "
        "the answers are wrong."
    )
    assert mostly_answered(told)
    assert not mostly_answered(replace(told, decision=replace(decision, status=np.ones(10, np.int8))))


def test_every_heading_of_the_tables_on_a_map_is_explained_or_a_name():
    for word in (
        "Space group",
        "Phase fraction",
        "Answered",
        "First choice",
        "ambiguous",
        "mixed",
        "ECE",
        "AURC",
    ):
        assert 'class="term"' in str(explained(word)), word
    assert explained("<b>") == "<b>"


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


def test_an_answer_that_lost_its_promise_says_why_and_says_it_once(drawn):
    why = "how the scan is mixed cannot be told"
    certificate = replace(drawn.rule.certificate, certified_risk=1.0, message=f"no promise: {why}")
    said = withdrawn(drawn.phase_map, replace(drawn.rule, certificate=certificate))
    assert said == f"This answer carries no promise: {why}."
    assert withdrawn(drawn.phase_map, drawn.rule) == ""


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
