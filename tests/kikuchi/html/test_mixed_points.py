"""Points in which two known phases overlap, as the page shows them."""

from dataclasses import replace

import numpy as np

from ensemble.abstention import Status, with_mixed
from kikuchi.html.map_payload import held_back
from kikuchi.html.map_report import write_map_report
from kikuchi.html.map_tables import tally_table
from kikuchi.html.opening import lead

HERE = 20 * 50 + 16


def mixed_map(drawn):
    decision = drawn.phase_map.decision
    where = np.zeros(drawn.phase_map.n, bool)
    where[[HERE, HERE + 1]] = True
    return replace(drawn.phase_map, decision=with_mixed(decision, where, (decision.winner + 1) % 3))


def test_mixed_points_are_counted_and_no_threshold_answers_them(make_map):
    drawn = make_map()
    phase_map = mixed_map(drawn)
    assert "0.10 % mixed" in lead(phase_map, drawn.rule)
    rows = {row[0].text: row[1].text for row in tally_table(phase_map).cells}
    assert rows["no solution: mixed"] == "2"
    assert held_back(phase_map, drawn.rule)[[HERE, HERE + 1]].all()


def test_the_page_names_both_phases_of_a_mixed_point(browser, tmp_path, make_map):
    drawn = make_map()
    phase_map = mixed_map(drawn)
    assert phase_map.decision.status[HERE] == Status.MIXED
    page = write_map_report(phase_map, tmp_path / "r.html", patterns=drawn.patterns, threshold=drawn.rule)
    browser.open(page)
    browser.pin(HERE)
    panel = browser.text("point")
    groups = np.array(phase_map.classes)[phase_map.decision.candidates[HERE]]
    assert len(groups) == 2 and "No solution: mixed" in panel
    assert f"Two known phases overlap in this pattern: {{{groups[0]}, {groups[1]}}}" in panel
    assert "Two known crystals overlap in this pattern" in panel
    browser.put("layer", "candidates", "change")
    browser.pointer(browser.place_of(HERE))
    assert f"{{{groups[0]}, {groups[1]}}}" in browser.until(lambda: browser.text("tooltip"))
