"""Two maps side by side in a real browser: one cursor for both, and legends that count."""

import numpy as np
import pytest

from kikuchi.maps.csv_file import write_csv
from kikuchi.workflows.compare import compare


@pytest.fixture
def page(tmp_path, make_map):
    for name, seed in (("before", 0), ("after", 3)):
        (tmp_path / name).mkdir()
        write_csv(make_map(10, 14, seed=seed).phase_map, tmp_path / name / "map.csv")
    compare(tmp_path / "before", tmp_path / "after", tmp_path / "out")
    return tmp_path / "out" / "comparison.html"


def test_the_cursor_stands_at_the_same_point_of_both(browser, page, make_map):
    browser.open(page)
    point = 5 * 14 + 8
    place = browser.driver.execute_script("return kikuchiComparison.clientPosition(arguments[0], 1)", point)
    browser.pointer([round(p) for p in place])
    said = [p.text for p in browser.driver.find_elements("css selector", ".said")]
    for words, seed in zip(said, (0, 3), strict=True):
        d = make_map(10, 14, seed=seed).phase_map.decision
        assert words.startswith(f"Point {point}, row 5, column 8: ")
        name = ("221 Pm-3m", "225 Fm-3m", "227 Fd-3m")[d.winner[point]]
        assert (name if d.status[point] == 0 else "ambiguous") in words
    browser.driver.find_elements("css selector", ".half canvas")[0].send_keys("\ue014")
    assert f"Point {point + 1}," in browser.driver.find_elements("css selector", ".said")[1].text


def test_legend_counts_differences(browser, page, make_map):
    browser.open(page)
    browser.put("layer", "difference", "change")
    script = """return [...document.querySelectorAll('#legend .chip')].map(
        c => [c.children[0].nextSibling.data.trim(), c.dataset.counts])"""
    counts = {name: int(number) for name, number in browser.driver.execute_script(script)}
    one, other = (make_map(10, 14, seed=seed).phase_map.decision for seed in (0, 3))
    both = (one.status == 0) & (other.status == 0)
    same = both & (one.winner == other.winner)
    expected = {
        "both answer and agree": same.sum(),
        "both answer and differ": (both & ~same).sum(),
        "only the first answers": ((one.status == 0) & (other.status > 0)).sum(),
        "only the second answers": ((one.status > 0) & (other.status == 0)).sum(),
        "neither answers": ((one.status > 0) & (other.status > 0)).sum(),
    }
    assert counts == {name: number for name, number in expected.items() if number}
    assert sum(counts.values()) == 140
    assert np.sum(list(expected.values())) == 140


def test_a_map_in_memory_says_what_its_table_says(tmp_path, make_map):
    phase_map = make_map(10, 14).phase_map
    (tmp_path / "written").mkdir()
    write_csv(phase_map, tmp_path / "written" / "map.csv")
    data = compare(phase_map, tmp_path / "written", tmp_path / "out").data
    solved = int((phase_map.decision.status == 0).sum())
    assert data["answered"]["both"] == solved
    assert data["agreement"] == data["first_choice"]["agreement"] == 1.0
    counts = np.array(data["confusion"]["counts"])
    assert counts.sum() == np.trace(counts) == 140
