"""The map's page in a real browser: what it shows is what the arrays hold."""

import csv
import time
from dataclasses import replace

import numpy as np
import pytest

from kikuchi.reports.map_report import write_map_report

STATUSES = ["solved", "ambiguous", "unfamiliar", "unreadable"]
POINT = 15 * 50 + 27


def until(question, seconds=15.0):
    """Ask until the answer is true; the page works while we wait."""
    end = time.monotonic() + seconds
    while not (answer := question()):
        if time.monotonic() > end:
            raise AssertionError("the page did not get there in time")
        time.sleep(0.02)
    return answer


def open_page(browser, page):
    browser.get(page.as_uri())
    until(lambda: browser.execute_script("return document.documentElement.dataset.ready"))


def place_of(browser, index):
    browser.execute_script("window.scrollTo(0, 0)")
    return [
        round(p) for p in browser.execute_script("return kikuchiReport.clientPosition(arguments[0])", index)
    ]


def pointer(browser, *stops, press=False):
    """Move the real pointer along places on the screen, with the button held where asked."""
    from selenium.webdriver.common.action_chains import ActionBuilder

    builder = ActionBuilder(browser, duration=0)
    builder.pointer_action.move_to_location(*stops[0])
    if press:
        builder.pointer_action.pointer_down()
    for stop in stops[1:]:
        builder.pointer_action.move_to_location(*stop)
    if press:
        builder.pointer_action.pointer_up()
    builder.perform()


def pin(browser, index):
    pointer(browser, place_of(browser, index), press=True)
    until(
        lambda: browser.execute_script("return document.getElementById('point').dataset.index") == str(index)
    )


def put(browser, control, value, event="input"):
    script = """const [id, value, event] = arguments, control = document.getElementById(id);
    control.value = value; control.dispatchEvent(new Event(event));"""
    browser.execute_script(script, control, value, event)


def text(browser, control):
    return browser.execute_script("return document.getElementById(arguments[0]).innerText", control)


def legend(browser):
    script = """return [...document.querySelectorAll('#legend button')].map(
        button => [button.children[1].innerText, Number(button.dataset.count)])"""
    return dict(browser.execute_script(script))


def first_grey(browser):
    script = """const pen = document.querySelector('#point canvas').getContext('2d');
    return [...pen.getImageData(0, 0, 1, 1).data]"""
    return browser.execute_script(script)


@pytest.fixture(scope="module")
def page(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("report")
    return write_map_report(
        drawn.phase_map, folder / "report.html", patterns=drawn.patterns, threshold=drawn.rule,
        explanations={POINT: (PNG, "why 225")}, evaluation_link="evaluation/report.html",
    )  # fmt: skip


@pytest.fixture
def shown(browser, page):
    open_page(browser, page)
    return browser


def test_hover_tells_place_and_value_of_the_point_below(shown, drawn):
    for index in (0, POINT, 1999):
        pointer(shown, place_of(shown, index))
        words = until(lambda: text(shown, "tooltip"))
        phase_map, decision = drawn.phase_map, drawn.phase_map.decision
        assert f"Point {index} · row {phase_map.row[index]}, column {phase_map.col[index]}" in words
        assert f"x {phase_map.x[index]:.4g}\N{NO-BREAK SPACE}µm" in words
        assert float(words.split("Confidence: ")[1]) == pytest.approx(decision.confidence[index], abs=1e-4)
    put(shown, "layer", "mutual_information", "change")
    pointer(shown, place_of(shown, POINT))
    value = float(text(shown, "tooltip").split("(epistemic): ")[1].split("\n")[0])
    assert value == pytest.approx(drawn.phase_map.decision.mutual_information[POINT], rel=2e-3)


def test_click_shows_pattern_probabilities_reason_and_explanation(shown, drawn):
    pin(shown, POINT)
    decision = drawn.phase_map.decision
    assert first_grey(shown) == [POINT % 251] * 3 + [255]
    pooled = shown.execute_script(
        "return [...document.querySelectorAll('#pooled-bars li')].map(li => [+li.dataset.class, +li.dataset.value])"
    )
    expected = dict(zip(drawn.phase_map.classes, decision.probabilities[POINT], strict=True))
    assert dict(pooled) == pytest.approx(expected, abs=1e-4)
    assert [number for number, _ in pooled] == sorted(expected, key=lambda number: -expected[number])
    members = shown.execute_script(
        "return [...document.querySelectorAll('#member-bars li')].map(li => li.dataset.values.split(' ').map(Number))"
    )
    assert np.allclose(members, drawn.phase_map.member_probabilities[:, POINT], atol=1e-4)
    panel = text(shown, "point")
    assert f"x {drawn.phase_map.x[POINT]:.4g}" in panel
    assert "reaches the threshold 0.7" in panel
    assert "why 225" in panel


def test_each_status_gives_its_reason(shown, drawn):
    status = drawn.phase_map.decision.status
    first = {s: int(np.flatnonzero(status == s)[0]) for s in (1, 2, 3)}
    for s, words in (
        (1, "Known classes compete"),
        (2, "Unlike anything seen in training"),
        (3, "the image is blank"),
    ):
        pin(shown, first[s])
        panel = text(shown, "point")
        assert f"No solution: {STATUSES[s]}" in panel
        assert words in panel


def test_slider_redraws_status_coverage_and_promise(shown, drawn):
    decision = drawn.phase_map.decision
    movable = decision.status < 2
    assert "With 95 % confidence at most 2 %" in text(shown, "promise")
    assert "never survives a change of sample" in text(shown, "promise")
    for threshold in (0.35, 0.85, 1.0):
        put(shown, "threshold", threshold)
        solved = movable & (decision.confidence >= threshold)
        assert f"({solved.sum():,} of 2,000 points answered)" == text(shown, "coverage-note")
        assert text(shown, "coverage") == f"Coverage {100 * solved.mean():.1f} %"
        assert text(shown, "promise").startswith("Not certified")
        counts = legend(shown)
        assert counts["225 Fm-3m"] == (solved & (decision.winner == 1)).sum()
        assert counts["no solution: ambiguous"] == (movable & ~solved).sum()
        assert counts["no solution: unfamiliar"] == (decision.status == 2).sum()
    shown.find_element("id", "threshold-reset").click()
    assert text(shown, "coverage-note") == f"({(decision.status == 0).sum():,} of 2,000 points answered)"
    assert text(shown, "promise").startswith("With 95 %")


def test_every_layer_is_drawn_in_the_colours_of_its_legend(shown, drawn):
    from kikuchi.maps.colours import SPACE_GROUP_COLOURS

    script = """const [x, y] = arguments, c = document.getElementById('map-base'), box = c.getBoundingClientRect();
    const s = devicePixelRatio;
    return [...c.getContext('2d').getImageData((x - box.left) * s, (y - box.top) * s, 1, 1).data].slice(0, 3)"""
    votes = drawn.phase_map.decision.votes
    for m in range(2):
        put(shown, "layer", f"member-{m}", "change")
        assert list(legend(shown).values())[:3] == [(votes[m] == k).sum() for k in range(3)]
        for index in (POINT, 120, 1990):
            colour = SPACE_GROUP_COLOURS[drawn.phase_map.classes[votes[m, index]]]
            assert shown.execute_script(script, *place_of(shown, index)) == list(bytes.fromhex(colour[1:]))


def test_arrow_keys_move_the_point_and_stop_at_the_edge(shown):
    pin(shown, 0)
    overlay = shown.find_element("id", "map-overlay")
    overlay.send_keys("\ue014\ue015\ue015")  # right, down, down
    until(lambda: shown.execute_script("return kikuchiReport.state.pinned") == 101)
    overlay.send_keys("\ue012\ue012\ue012\ue013\ue013\ue013")  # left and up, once more than there is room
    until(lambda: shown.execute_script("return document.getElementById('point').dataset.index") == "0")


def test_brush_selects_a_range_and_export_writes_it(shown, drawn):
    decision, phase_map = drawn.phase_map.decision, drawn.phase_map
    put(shown, "histogram-layer", "entropy", "change")
    put(shown, "brush-low", "0.8", "change")
    put(shown, "brush-high", "0.9", "change")
    step = np.ptp(decision.entropy) / 65534
    selected = np.flatnonzero((decision.entropy >= 0.8 - step) & (decision.entropy <= 0.9 + step))
    assert abs(int(text(shown, "selection-count").split()[0]) - len(selected)) <= 1
    shown.execute_script("document.getElementById('export').click()")
    file = until(lambda: next(shown.downloads.glob("*_selection.csv"), None))
    until(lambda: file.stat().st_size > 0)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    file.unlink()
    assert file.name == "Ni_scan_selection.csv"
    indices = np.array([int(row["index"]) for row in rows])
    assert np.isin(indices, selected).mean() > 0.99
    for row, i in zip(rows, indices, strict=True):
        solved = decision.status[i] == 0
        assert row["status"] == STATUSES[decision.status[i]]
        assert row["space_group"] == (str(phase_map.classes[decision.winner[i]]) if solved else "")
        expected = "|".join(
            str(g) for g, k in zip(phase_map.classes, decision.candidates[i], strict=True) if k
        )
        assert row["candidates"] == expected
        assert float(row["entropy"]) == pytest.approx(decision.entropy[i], abs=1e-4)
        assert float(row["p_225"]) == pytest.approx(decision.probabilities[i, 1], abs=1e-4)
        for m, name in enumerate(phase_map.members):
            assert row[f"vote_{name}"] == str(phase_map.classes[decision.votes[m, i]])
        assert (float(row["x"]), float(row["y"])) == pytest.approx((phase_map.x[i], phase_map.y[i]))


def test_brush_is_drawn_with_the_pointer_too(shown):
    shown.execute_script("document.getElementById('histogram').scrollIntoView({block: 'center'})")
    box = shown.execute_script("return document.getElementById('histogram').getBoundingClientRect().toJSON()")
    middle = round(box["top"] + box["height"] / 2)
    pointer(shown, (round(box["left"] + 8), middle), (round(box["right"] - 8), middle), press=True)
    assert (
        text(shown, "selection-count").startswith("2,000 points")
        or text(shown, "selection-count") == "1,999 points"
    )


def test_rectangle_and_lasso_select_the_points_inside(shown):
    for tool in ("rectangle", "lasso"):
        shown.execute_script("document.querySelector(`button[data-tool=${arguments[0]}]`).click()", tool)
        corners = [place_of(shown, row * 50 + col) for row, col in ((5, 10), (5, 20), (12, 20), (12, 10))]
        # From just outside the corner points' centres, so that rounding to screen pixels does not matter.
        (left, top), (right, bottom) = corners[0], corners[2]
        path = [(left - 3, top - 3), (right + 3, bottom + 3)]
        if tool == "lasso":
            path = [path[0], (right + 3, top - 3), path[1], (left - 3, bottom + 3)]
        pointer(shown, *path, press=True)
        mask = shown.execute_script("return [...kikuchiReport.state.selected]")
        expected = np.zeros((40, 50), int)
        expected[5:13, 10:21] = 1
        assert np.array_equal(mask, expected.ravel()), tool
    shown.find_element("id", "map-overlay").send_keys("\ue00c")
    assert text(shown, "selection-count") == "No points selected"


def test_zoom_keeps_the_point_under_the_pointer(shown):
    before = place_of(shown, POINT)
    shown.execute_script(
        """const [x, y] = arguments;
        document.getElementById('map-overlay').dispatchEvent(
          new WheelEvent('wheel', {deltaY: -500, clientX: x, clientY: y, cancelable: true}))""",
        *before,
    )
    assert np.abs(np.subtract(place_of(shown, POINT), before)).max() <= 2
    assert np.abs(np.subtract(place_of(shown, POINT + 5), before)).max() > 100
    shown.find_element("id", "fit").click()
    assert np.abs(np.subtract(place_of(shown, POINT + 5), before)).max() < 100


def test_page_loads_nothing_but_itself(shown):
    assert shown.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []


def test_theme_button_goes_from_auto_to_light_to_dark(shown):
    colour = "return getComputedStyle(document.body).backgroundColor"
    button = shown.find_element("id", "theme")
    button.click()
    assert (button.text, shown.execute_script(colour)) == ("Theme: light", "rgb(255, 255, 255)")
    button.click()
    assert (button.text, shown.execute_script(colour)) == ("Theme: dark", "rgb(20, 23, 27)")
    button.click()
    assert button.text == "Theme: auto"


def test_paper_is_white_and_shows_the_pinned_point(shown):
    background = "return getComputedStyle(document.body).backgroundColor"
    picture = "return document.getElementById('map-base').toDataURL()"
    pin(shown, POINT)
    for screen_colour in ("rgb(255, 255, 255)", "rgb(20, 23, 27)"):
        shown.find_element("id", "theme").click()
        on_screen = shown.execute_script(picture)
        shown.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert shown.execute_script(background) == "rgb(255, 255, 255)"
        # On the screen the mark of the pinned point is on the other canvas.
        assert shown.execute_script(picture) != on_screen
        shown.execute_script("dispatchEvent(new Event('afterprint'))")
        assert shown.execute_script(background) == screen_colour
        assert shown.execute_script(picture) == on_screen
    shown.find_element("id", "theme").click()


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
    open_page(browser, write_map_report(replace(phase_map, decision=broken), tmp_path / "r.html"))
    pin(browser, last)
    assert "No member could read this pattern." in text(browser, "point")
    assert "Confidence\n\N{EN DASH}" in text(browser, "point")


def test_names_that_are_markup_stay_text(browser, tmp_path, make_map):
    name = "<script>document.title='owned'</script><img src=x onerror=document.title='owned'>"
    drawn = make_map(4, 4, name=name, members=(name, '=1+1,"x"'))
    open_page(browser, write_map_report(drawn.phase_map, tmp_path / "report.html", threshold=drawn.rule))
    browser.find_element("id", "map-overlay").send_keys("\ue007")
    until(lambda: name in text(browser, "point"))
    assert browser.title == name
    assert browser.execute_script("return document.images.length") == 0
    browser.execute_script("document.querySelector('#legend button').click()")
    header = browser.execute_script("return kikuchiReport.selectionCsv()").split("\n")[0]
    assert next(csv.reader([header]))[-2:] == [f"vote_{name}", 'vote_=1+1,"x"']


@pytest.mark.parametrize(("rows", "columns"), [(1, 1), (3, 3), (1, 7)])
def test_maps_of_a_few_points_are_shown(browser, tmp_path, make_map, rows, columns):
    drawn = make_map(rows, columns)
    open_page(browser, write_map_report(drawn.phase_map, tmp_path / "r.html", patterns=drawn.patterns))
    last = rows * columns - 1
    pin(browser, last)
    assert f"Point {last} · row {rows - 1}, column {columns - 1}" in text(browser, "point")


def test_points_that_were_not_scanned_are_not_there(browser, tmp_path, make_map):
    drawn = make_map(10, 10, keep=lambda row, col: (row + col) % 9 != 4)
    open_page(browser, write_map_report(drawn.phase_map, tmp_path / "r.html"))
    index = 33
    pointer(browser, place_of(browser, index))
    row, col = drawn.phase_map.row[index], drawn.phase_map.col[index]
    assert f"Point {index} · row {row}, column {col}" in until(lambda: text(browser, "tooltip"))
    gap = np.subtract(place_of(browser, 4), place_of(browser, 3)) // 2 + place_of(browser, 3)
    assert drawn.phase_map.col[4] - drawn.phase_map.col[3] == 2
    pointer(browser, [int(p) for p in gap])
    assert browser.execute_script("return document.getElementById('tooltip').hidden")


def test_rows_of_a_hexagonal_grid_are_shifted(browser, tmp_path, make_map):
    square = make_map(6, 6).phase_map
    hexagonal = replace(
        square, x=square.x + 0.125 * (square.row % 2), step=(0.2165, 0.25), y=square.row * 0.2165
    )
    open_page(browser, write_map_report(hexagonal, tmp_path / "r.html"))
    first, right, below = (
        browser.execute_script(f"return kikuchiReport.clientPosition({i})") for i in (0, 1, 6)
    )
    assert below[0] - first[0] == pytest.approx((right[0] - first[0]) / 2)
    pointer(browser, [round(p) for p in below])
    assert "Point 6 · row 1, column 0\nx 0.125" in until(lambda: text(browser, "tooltip"))


def test_a_million_points_open_and_answer(browser, tmp_path, make_map):
    drawn = make_map(1000, 1000, members=("a",))
    page = write_map_report(
        drawn.phase_map,
        tmp_path / "report.html",
        threshold=drawn.rule,
        patterns=lambda i: drawn.patterns[i, :4, :4],
    )
    open_page(browser, page)
    decision = drawn.phase_map.decision
    # A point is smaller than a screen pixel when the map is fitted, so zoom in on the middle first.
    for _ in range(12):
        browser.find_element("id", "zoom-in").click()
    index = 499 * 1000 + 503
    pointer(browser, place_of(browser, index))
    words = until(lambda: text(browser, "tooltip"))
    assert f"Point {index} · row 499, column 503" in words
    assert float(words.split("Confidence: ")[1]) == pytest.approx(decision.confidence[index], abs=1e-3)
    pin(browser, index)
    members = browser.execute_script(
        "return document.querySelector('#member-bars li').dataset.values.split(' ').map(Number)"
    )
    assert np.abs(members - drawn.phase_map.member_probabilities[0, index]).max() <= 0.5 / 255 + 1e-6
    assert first_grey(browser)[0] == index % 251
    put(browser, "threshold", 0.9)
    solved = ((decision.status < 2) & (decision.confidence >= 0.9)).sum()
    # Confidence is carried on 65535 levels: only points within half a level of the threshold may differ.
    assert abs(int(text(browser, "coverage-note")[1:].split()[0].replace(",", "")) - solved) <= 20
    names = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith((tmp_path / "report_data").as_uri()) for name in names)


def test_a_missing_or_foreign_side_folder_is_named(browser, tmp_path, make_map):
    drawn, other = make_map(4, 4), make_map(4, 4, seed=5)
    page = write_map_report(drawn.phase_map, tmp_path / "report.html", inline_bytes=0)
    write_map_report(other.phase_map, tmp_path / "other.html", inline_bytes=0)
    piece = "detail_00000.js"
    (tmp_path / "other_data" / piece).replace(tmp_path / "report_data" / piece)
    open_page(browser, page)
    browser.find_element("id", "map-overlay").send_keys("\ue007")
    until(lambda: "belongs to another map" in text(browser, "point"))
    (tmp_path / "report_data" / piece).unlink()
    browser.find_element("id", "map-overlay").send_keys("\ue014")
    until(lambda: "is missing; keep the folder report_data beside this page" in text(browser, "point"))
    browser.get_log("browser")  # the browser itself reports the file it did not find


PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)
