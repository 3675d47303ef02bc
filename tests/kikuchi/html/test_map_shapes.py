"""The map's page for maps of every size and shape, and for names and files that mean ill."""

import csv
from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.html.map_report import write_map_report
from kikuchi.html.point_detail import kept_stride


def test_a_pattern_that_no_member_could_read_has_no_bars(browser, tmp_path, make_map):
    phase_map = make_map(8, 5).phase_map
    decision, last = phase_map.decision, 39
    probabilities, winner, votes = (
        decision.probabilities.copy(),
        decision.winner.copy(),
        decision.votes.copy(),
    )
    probabilities[last], winner[last], votes[:, last] = np.nan, -1, -1
    confidence = np.where(np.arange(40) == last, np.nan, decision.confidence)
    broken = replace(decision, probabilities=probabilities, winner=winner, votes=votes, confidence=confidence)
    browser.open(write_map_report(replace(phase_map, decision=broken), tmp_path / "r.html"))
    browser.pin(last)
    assert "No member could read this pattern." in browser.text("point")
    assert "Confidence\n\N{EN DASH}" in browser.text("point")


def test_names_that_are_markup_stay_text(browser, tmp_path, make_map):
    name = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    drawn = make_map(4, 4, name=name, members=(name, '=1+1,"x"'))
    browser.open(write_map_report(drawn.phase_map, tmp_path / "report.html", threshold=drawn.rule))
    browser.driver.find_element("id", "map-overlay").send_keys("\ue007")
    browser.until(lambda: name in browser.text("point"))
    assert browser.driver.title == name
    assert browser.driver.execute_script("return document.images.length") == 0
    browser.driver.execute_script("document.querySelector('#legend button').click()")
    header = browser.driver.execute_script("return kikuchiReport.selectionCsv()").split("\n")[0]
    assert next(csv.reader([header]))[-2:] == [f"vote_{name}", 'vote_=1+1,"x"']


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 3), (1, 7)])
def test_maps_of_a_few_points_are_shown(browser, tmp_path, make_map, rows, columns):
    drawn = make_map(rows, columns)
    browser.open(write_map_report(drawn.phase_map, tmp_path / "r.html", patterns=drawn.patterns))
    last = rows * columns - 1
    browser.pin(last)
    assert f"Point {last} · row {rows - 1}, column {columns - 1}" in browser.text("point")


def test_points_that_were_not_scanned_are_not_there(browser, tmp_path, make_map):
    drawn = make_map(10, 10, keep=lambda row, col: (row + col) % 9 != 4)
    browser.open(write_map_report(drawn.phase_map, tmp_path / "r.html"))
    index = 33
    browser.pointer(browser.place_of(index))
    row, col = drawn.phase_map.row[index], drawn.phase_map.col[index]
    assert f"Point {index} · row {row}, column {col}" in browser.until(lambda: browser.text("tooltip"))
    gap = np.subtract(browser.place_of(4), browser.place_of(3)) // 2 + browser.place_of(3)
    assert drawn.phase_map.col[4] - drawn.phase_map.col[3] == 2
    browser.pointer([int(p) for p in gap])
    assert browser.driver.execute_script("return document.getElementById('tooltip').hidden")


def test_rows_of_a_hexagonal_grid_are_shifted(browser, tmp_path, make_map):
    square = make_map(6, 6).phase_map
    hexagonal = replace(
        square, x=square.x + 0.125 * (square.row % 2), step=(0.2165, 0.25), y=square.row * 0.2165
    )
    browser.open(write_map_report(hexagonal, tmp_path / "r.html"))
    first, right, below = (
        browser.driver.execute_script(f"return kikuchiReport.clientPosition({i})") for i in (0, 1, 6)
    )
    assert below[0] - first[0] == pytest.approx((right[0] - first[0]) / 2)
    browser.pointer([round(p) for p in below])
    assert "Point 6 · row 1, column 0\nx 0.125" in browser.until(lambda: browser.text("tooltip"))


def test_a_report_that_keeps_a_share_of_the_patterns_shows_the_nearest_one(browser, tmp_path, make_map):
    drawn = make_map(10, 12)
    page = write_map_report(
        drawn.phase_map, tmp_path / "r.html", patterns=drawn.patterns, inline_bytes=0, pattern_share=0.12
    )
    # A share of 0.12 is every third row and column: 4 rows x 4 columns of 64 bytes each.
    browser.open(page)
    browser.pin(7 * 12 + 4)  # row 7, column 4: nearest is row 6, column 3
    assert browser.first_grey()[0] == 6 * 12 + 3
    assert "nearest point that the report keeps: 75, row 6, column 3" in browser.text("point")
    browser.pin(3 * 12 + 9)
    assert browser.first_grey()[0] == 45
    assert "nearest point" not in browser.text("point")


@pytest.mark.parametrize(
    ("n", "share", "stride"), [(10_000, None, 1), (1_000_000, None, 5), (100, 0.25, 2), (9, 1.0, 1)]
)
def test_how_many_patterns_a_report_keeps(n, share, stride):
    # 200 MB of 4096 bytes are 48 828 patterns: 1 of 20.5 points of a million, so every fifth row and column.
    assert kept_stride(n, 4096, share) == stride
    with pytest.raises(InputError, match="share"):
        kept_stride(n, 4096, 0.0)


@pytest.mark.slow
def test_a_million_points_open_and_answer(browser, tmp_path, make_map):
    drawn = make_map(1000, 1000, members=("a",))
    page = write_map_report(
        drawn.phase_map,
        tmp_path / "report.html",
        threshold=drawn.rule,
        patterns=lambda i: drawn.patterns[i, :4, :4],
    )
    browser.open(page)
    decision = drawn.phase_map.decision
    # A point is smaller than a screen pixel when the map is fitted, so zoom in on the middle first.
    for _ in range(12):
        browser.driver.find_element("id", "zoom-in").click()
    index = 499 * 1000 + 503
    browser.pointer(browser.place_of(index))
    words = browser.until(lambda: browser.text("tooltip"))
    assert f"Point {index} · row 499, column 503" in words
    assert float(words.split("Confidence: ")[1].split(" %")[0]) == pytest.approx(
        100 * decision.confidence[index], abs=0.6
    )
    browser.pin(index)
    members = browser.driver.execute_script(
        "return document.querySelector('#member-bars li').dataset.values.split(' ').map(Number)"
    )
    assert np.abs(members - drawn.phase_map.member_probabilities[0, index]).max() <= 0.5 / 255 + 1e-6
    assert browser.first_grey()[0] == index % 251
    browser.put("threshold-number", 90, "change")
    solved = ((decision.status < 2) & (decision.confidence >= 0.9)).sum()
    # Confidence is carried on 65535 levels: only points within half a level of the threshold may differ.
    assert abs(int(browser.text("coverage-note")[1:].split()[0].replace(",", "")) - solved) <= 20
    names = browser.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith((tmp_path / "report_data").as_uri()) for name in names)


def test_a_missing_or_foreign_side_folder_is_named(browser, tmp_path, make_map):
    drawn, other = make_map(4, 4), make_map(4, 4, seed=5)
    page = write_map_report(drawn.phase_map, tmp_path / "report.html", inline_bytes=0)
    write_map_report(other.phase_map, tmp_path / "other.html", inline_bytes=0)
    piece = "detail_00000.js"
    (tmp_path / "other_data" / piece).replace(tmp_path / "report_data" / piece)
    browser.open(page)
    browser.driver.find_element("id", "map-overlay").send_keys("\ue007")
    browser.until(lambda: "belongs to another map" in browser.text("point"))
    (tmp_path / "report_data" / piece).unlink()
    browser.driver.find_element("id", "map-overlay").send_keys("\ue014")
    browser.until(lambda: "is missing; keep the folder report_data beside this page" in browser.text("point"))
    browser.driver.get_log("browser")  # the browser itself reports the file it did not find
