"""The map's page in a real browser: what it shows is what the arrays hold."""

import csv

import numpy as np
import pytest

from kikuchi.html.map_report import write_map_report

STATUSES = ["solved", "ambiguous", "unfamiliar", "unreadable"]
POINT = 15 * 50 + 27


@pytest.fixture
def shown(browser, page):
    browser.open(page)
    return browser


def per_cent(words):
    return float(words.split(" %")[0].lstrip("<> ")) / 100


def test_hover_tells_place_and_value_of_the_point_below(shown, drawn):
    for index in (0, POINT, 1999):
        shown.pointer(shown.place_of(index))
        words = shown.until(lambda: shown.text("tooltip"))
        phase_map, decision = drawn.phase_map, drawn.phase_map.decision
        assert f"Point {index} · row {phase_map.row[index]}, column {phase_map.col[index]}" in words
        assert f"x {phase_map.x[index]:.4g}\N{NO-BREAK SPACE}µm" in words
        assert per_cent(words.split("Confidence: ")[1]) == pytest.approx(decision.confidence[index], abs=6e-3)
    shown.put("layer", "mutual_information", "change")
    shown.pointer(shown.place_of(POINT))
    value = float(shown.text("tooltip").split("(epistemic): ")[1].split("\n")[0])
    assert value == pytest.approx(drawn.phase_map.decision.mutual_information[POINT], rel=6e-3)


def test_click_shows_pattern_probabilities_reason_and_explanation(shown, drawn):
    shown.pin(POINT)
    decision = drawn.phase_map.decision
    assert shown.first_grey() == [POINT % 251] * 3 + [255]
    pooled = shown.driver.execute_script(
        "return [...document.querySelectorAll('#pooled-bars li')].map(li => [+li.dataset.class, +li.dataset.value])"
    )
    expected = dict(zip(drawn.phase_map.classes, decision.probabilities[POINT], strict=True))
    assert dict(pooled) == pytest.approx(expected, abs=1e-4)
    assert [number for number, _ in pooled] == sorted(expected, key=lambda number: -expected[number])
    members = shown.driver.execute_script(
        "return [...document.querySelectorAll('#member-bars li')].map(li => li.dataset.values.split(' ').map(Number))"
    )
    assert np.allclose(members, drawn.phase_map.member_probabilities[:, POINT], atol=1e-4)
    panel = shown.text("point")
    assert f"x {drawn.phase_map.x[POINT]:.4g}" in panel
    assert "reaches the threshold 70 %" in panel
    assert "why 225" in panel


def test_each_status_gives_its_reason(shown, drawn):
    status = drawn.phase_map.decision.status
    first = {s: int(np.flatnonzero(status == s)[0]) for s in (1, 2, 3)}
    for s, words in (
        (1, "Known classes compete"),
        (2, "Unlike anything seen in training"),
        (3, "the image is blank"),
    ):
        shown.pin(first[s])
        panel = shown.text("point")
        assert f"No solution: {STATUSES[s]}" in panel
        assert words in panel


def test_slider_redraws_status_coverage_and_promise(shown, drawn):
    decision = drawn.phase_map.decision
    movable = decision.status < 2
    assert "With 95 % confidence at most 2 %" in shown.text("promise")
    assert "never survives a change of sample" in shown.text("promise")
    for threshold in (0.35, 0.85, 1.0):
        shown.put("threshold-number", 100 * threshold, "change")
        solved = movable & (decision.confidence >= threshold)
        assert f"({solved.sum():,} of 2,000 points answered)" == shown.text("coverage-note")
        answered = per_cent(shown.text("coverage").removeprefix("Coverage "))
        assert answered == pytest.approx(solved.mean(), abs=6e-3)
        assert shown.text("promise").startswith("Not certified")
        counts = shown.legend()
        # A class that no point has is not in the legend.
        assert counts.get("225 Fm-3m", 0) == (solved & (decision.winner == 1)).sum()
        assert counts.get("no solution: ambiguous", 0) == (movable & ~solved).sum()
        assert counts["no solution: unfamiliar"] == (decision.status == 2).sum()
    shown.driver.find_element("id", "threshold-reset").click()
    assert shown.text("coverage-note") == f"({(decision.status == 0).sum():,} of 2,000 points answered)"
    assert shown.text("promise").startswith("With 95 %")


def test_every_layer_is_drawn_in_the_colours_of_its_legend(shown, drawn):
    from kikuchi.maps.colours import SPACE_GROUP_COLOURS

    votes = drawn.phase_map.decision.votes
    for m in range(2):
        shown.put("layer", f"member-{m}", "change")
        assert list(shown.legend().values())[:3] == [(votes[m] == k).sum() for k in range(3)]
        for index in (POINT, 120, 1990):
            colour = SPACE_GROUP_COLOURS[drawn.phase_map.classes[votes[m, index]]]
            assert shown.driver.execute_script(PIXEL, *shown.place_of(index)) == list(
                bytes.fromhex(colour[1:])
            )


PIXEL = """const [x, y] = arguments, c = document.getElementById('map-base'), box = c.getBoundingClientRect();
    const s = devicePixelRatio;
    return [...c.getContext('2d').getImageData((x - box.left) * s, (y - box.top) * s, 1, 1).data].slice(0, 3)"""


def test_a_map_of_which_little_is_answered_opens_on_first_choices_faded_by_confidence(
    browser, tmp_path, drawn
):
    from dataclasses import replace

    from kikuchi.maps.colours import SPACE_GROUP_COLOURS

    decision = drawn.phase_map.decision
    status = np.where(decision.status == 0, 1, decision.status).astype(np.int8)
    status[POINT] = 0
    little = replace(drawn.phase_map, decision=replace(decision, status=status))
    browser.open(write_map_report(little, tmp_path / "r.html"))
    switch = browser.driver.find_element("id", "answered")
    assert not switch.is_selected()
    counts = browser.legend()
    first = [int(((status < 2) & (decision.winner == k)).sum()) for k in range(3)]
    assert [counts[name] for name in ("221 Pm-3m", "225 Fm-3m", "227 Fd-3m")] == first
    assert "no solution: ambiguous" not in counts
    browser.driver.execute_script("document.documentElement.dataset.theme = 'light'")
    colour = np.array(list(bytes.fromhex(SPACE_GROUP_COLOURS[225][1:])))
    assert decision.winner[POINT] == 1
    assert browser.driver.execute_script(PIXEL, *browser.place_of(POINT)) == colour.tolist()
    # Over white, share s of the colour: pixel = 255 - s (255 - colour). Surer points keep more of it.
    own = np.flatnonzero((status == 1) & (decision.winner == 1))
    order = own[np.argsort(decision.confidence[own])]
    shares = []
    for index in (order[0], order[len(order) // 2], order[-1]):
        pixel = np.array(browser.driver.execute_script(PIXEL, *browser.place_of(int(index))))
        shares.append(float((255 - pixel).sum() / (255 - colour).sum()))
    assert 0.1 < shares[0] < shares[1] < shares[2] < 0.8
    switch.click()
    assert browser.legend()["no solution: ambiguous"] == (status == 1).sum()
    assert browser.legend()["225 Fm-3m"] == 1


def test_candidate_sets_are_a_layer_with_the_counts_of_the_sets(shown, drawn):
    decision, classes = drawn.phase_map.decision, drawn.phase_map.classes
    assert shown.driver.find_element("id", "answered-switch").is_displayed()
    shown.put("layer", "candidates", "change")
    assert not shown.driver.find_element("id", "answered-switch").is_displayed()
    counts = shown.legend()
    for pair in ((0, 1), (0, 2), (1, 2)):
        held = (decision.status == 1) & decision.candidates[:, list(pair)].all(axis=1)
        assert counts["{" + ", ".join(str(classes[k]) for k in pair) + "}"] == held.sum()
    assert counts["225 Fm-3m"] == ((decision.status == 0) & (decision.winner == 1)).sum()
    assert counts["none: unfamiliar"] == (decision.status == 2).sum()
    assert sum(counts.values()) == 2000


def test_slider_is_logarithmic_in_the_error(shown):
    # 1000 steps are five factors of ten: 0, 90, 99, ... 99.999 %, and at the end nothing is answered.
    for place, confidence in ((200, 0.9), (400, 0.99), (800, 0.9999), (1000, 1.0)):
        shown.put("threshold", place)
        state = shown.driver.execute_script("return kikuchiReport.state.threshold")
        assert state == pytest.approx(confidence, rel=1e-9)
    shown.driver.find_element("id", "threshold-reset").click()


def test_nothing_is_drawn_over_points_by_the_scale_bar(shown):
    overlay = shown.driver.find_element("id", "map-overlay")
    overlay.send_keys("0++++++")
    # Far into the map its points reach beyond the lower edge, but not into the strip of the bar.
    ground = """const c = document.getElementById('map-base'), pen = c.getContext('2d'), s = devicePixelRatio;
    const seen = new Set();
    for (let y = c.clientHeight - 37; y < c.clientHeight; y++)
      for (const x of [c.clientWidth / 2, c.clientWidth - 5])
        seen.add([...pen.getImageData(x * s, y * s, 1, 1).data].join());
    return [...seen]"""
    assert shown.driver.execute_script(ground) == ["0,0,0,0"]
    overlay.send_keys("0")


def test_terms_are_explained_to_the_pointer_and_to_the_keyboard(shown):
    box = shown.driver.find_element("id", "term-help")
    term = shown.driver.find_element("css selector", ".composition .term")
    assert not box.is_displayed()
    shown.driver.execute_script("arguments[0].focus()", term)
    assert box.is_displayed() and box.text == term.get_attribute("data-help")
    assert term.get_attribute("aria-describedby") == "term-help"
    shown.driver.execute_script("arguments[0].blur()", term)
    assert not box.is_displayed()


def test_an_answer_without_a_promise_says_so_at_the_click(browser, tmp_path, drawn):
    from dataclasses import replace

    words = "answers less sure than there"
    check = {
        "gauge": {
            "alike": False, "p_value": 0.002, "level": 0.05, "units": 9, "held_out_units": 9, "method": "two-sample",
            "deviations": [{"words": words, "shift": -2.0, "p_value": 0.002}],
        }
    }  # fmt: skip
    certificate = replace(drawn.rule.certificate, certified=False, certified_risk=1.0, message="no promise")
    told = replace(drawn.phase_map, meta={"scan_check": check})
    rule = replace(drawn.rule, certificate=certificate)
    browser.open(write_map_report(told, tmp_path / "r.html", threshold=rule))
    browser.pin(POINT)
    assert words in browser.text("point")
    assert "carries no promise" in browser.text("point")
    unfamiliar = int(np.flatnonzero(drawn.phase_map.decision.status == 2)[0])
    browser.pin(unfamiliar)
    assert "Any answer would be a guess" in browser.text("point")


def test_arrow_keys_move_the_point_and_stop_at_the_edge(shown):
    shown.pin(0)
    overlay = shown.driver.find_element("id", "map-overlay")
    overlay.send_keys("\ue014\ue015\ue015")  # right, down, down
    shown.until(lambda: shown.driver.execute_script("return kikuchiReport.state.pinned") == 101)
    overlay.send_keys("\ue012\ue012\ue012\ue013\ue013\ue013")  # left and up, once more than there is room
    shown.until(
        lambda: shown.driver.execute_script("return document.getElementById('point').dataset.index") == "0"
    )


def test_brush_selects_a_range_and_export_writes_it(shown, drawn):
    decision, phase_map = drawn.phase_map.decision, drawn.phase_map
    shown.put("histogram-layer", "entropy", "change")
    shown.put("brush-low", "0.8", "change")
    shown.put("brush-high", "0.9", "change")
    step = np.ptp(decision.entropy) / 65534
    selected = np.flatnonzero((decision.entropy >= 0.8 - step) & (decision.entropy <= 0.9 + step))
    assert abs(int(shown.text("selection-count").split()[0]) - len(selected)) <= 1
    shown.driver.execute_script("document.getElementById('export').click()")
    file = shown.until(lambda: next(shown.driver.downloads.glob("*_selection.csv"), None))
    shown.until(lambda: file.stat().st_size > 0)
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
    shown.driver.execute_script("document.getElementById('histogram').scrollIntoView({block: 'center'})")
    box = shown.driver.execute_script(
        "return document.getElementById('histogram').getBoundingClientRect().toJSON()"
    )
    middle = round(box["top"] + box["height"] / 2)
    shown.pointer((round(box["left"] + 8), middle), (round(box["right"] - 8), middle), press=True)
    assert (
        shown.text("selection-count").startswith("2,000 points")
        or shown.text("selection-count") == "1,999 points"
    )


def test_rectangle_and_lasso_select_the_points_inside(shown):
    for tool in ("rectangle", "lasso"):
        shown.driver.execute_script(
            "document.querySelector(`button[data-tool=${arguments[0]}]`).click()", tool
        )
        corners = [shown.place_of(row * 50 + col) for row, col in ((5, 10), (5, 20), (12, 20), (12, 10))]
        # From just outside the corner points' centres, so that rounding to screen pixels does not matter.
        (left, top), (right, bottom) = corners[0], corners[2]
        path = [(left - 3, top - 3), (right + 3, bottom + 3)]
        if tool == "lasso":
            path = [path[0], (right + 3, top - 3), path[1], (left - 3, bottom + 3)]
        shown.pointer(*path, press=True)
        mask = shown.driver.execute_script("return [...kikuchiReport.state.selected]")
        expected = np.zeros((40, 50), int)
        expected[5:13, 10:21] = 1
        assert np.array_equal(mask, expected.ravel()), tool
    shown.driver.find_element("id", "map-overlay").send_keys("\ue00c")
    assert shown.text("selection-count") == "No points selected"


def test_zoom_keeps_the_point_under_the_pointer(shown):
    before = shown.place_of(POINT)
    shown.driver.execute_script(
        """const [x, y] = arguments;
        document.getElementById('map-overlay').dispatchEvent(
          new WheelEvent('wheel', {deltaY: -500, clientX: x, clientY: y, cancelable: true}))""",
        *before,
    )
    assert np.abs(np.subtract(shown.place_of(POINT), before)).max() <= 2
    assert np.abs(np.subtract(shown.place_of(POINT + 5), before)).max() > 100
    shown.driver.find_element("id", "fit").click()
    assert np.abs(np.subtract(shown.place_of(POINT + 5), before)).max() < 100


def test_page_loads_nothing_but_itself(shown):
    assert (
        shown.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)") == []
    )


def test_theme_button_goes_from_auto_to_light_to_dark(shown):
    colour = "return getComputedStyle(document.body).backgroundColor"
    button = shown.driver.find_element("id", "theme")
    button.click()
    assert (button.text, shown.driver.execute_script(colour)) == ("Theme: light", "rgb(255, 255, 255)")
    button.click()
    assert (button.text, shown.driver.execute_script(colour)) == ("Theme: dark", "rgb(20, 23, 27)")
    button.click()
    assert button.text == "Theme: auto"


def test_paper_is_white_and_shows_the_pinned_point(shown):
    background = "return getComputedStyle(document.body).backgroundColor"
    picture = "return document.getElementById('map-base').toDataURL()"
    shown.pin(POINT)
    for screen_colour in ("rgb(255, 255, 255)", "rgb(20, 23, 27)"):
        shown.driver.find_element("id", "theme").click()
        on_screen = shown.driver.execute_script(picture)
        shown.driver.execute_script("dispatchEvent(new Event('beforeprint'))")
        assert shown.driver.execute_script(background) == "rgb(255, 255, 255)"
        # On the screen the mark of the pinned point is on the other canvas.
        assert shown.driver.execute_script(picture) != on_screen
        shown.driver.execute_script("dispatchEvent(new Event('afterprint'))")
        assert shown.driver.execute_script(background) == screen_colour
        assert shown.driver.execute_script(picture) == on_screen
    shown.driver.find_element("id", "theme").click()


def test_further_columns_are_shown_with_the_point_and_space_groups_as_a_layer(shown, drawn):
    shown.pin(POINT)
    facts = shown.driver.execute_script(
        "return [...document.querySelectorAll('#point [data-column]')].map(d => [d.dataset.column, d.textContent])"
    )
    assert POINT % 2 == 1
    share = POINT / (drawn.phase_map.n - 1)
    facts = dict(facts)
    assert float(facts.pop("laue_class_probability")) == pytest.approx(share, abs=6e-4)
    assert facts == {"pooled_space_group": "225", "laue_class": "4/mmm", "grain": str(POINT // 7)}
    layers = shown.driver.execute_script(
        "return [...document.querySelectorAll('#layer option')].map(o => o.value)"
    )
    assert "pooled_space_group" in layers and "laue_class" not in layers


def test_scale_bar_is_as_long_as_the_points_say_at_every_zoom(shown):
    watch = """const pen = CanvasRenderingContext2D.prototype, {fillText, fillRect} = pen, seen = {texts: [], bars: []};
    pen.fillText = function (text, ...rest) { seen.texts.push(text); return fillText.call(this, text, ...rest); };
    pen.fillRect = function (x, y, w, h) { if (h === 4) seen.bars.push(w); return fillRect.call(this, x, y, w, h); };
    const layer = document.getElementById('layer');
    layer.dispatchEvent(new Event('change'));
    return new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => {
      Object.assign(pen, {fillText, fillRect});
      const [left] = kikuchiReport.clientPosition(0), [right] = kikuchiReport.clientPosition(10);
      done([seen.texts.at(-1), seen.bars.at(-1), (right - left) / 2.5]);
    })));"""
    labels = set()
    for keys in ("0", "0++++++"):
        shown.driver.find_element("id", "map-overlay").send_keys(keys)
        label, bar, pixels_per_micrometre = shown.driver.execute_script(watch)
        number, unit = label.split()
        micrometres = float(number) / {"µm": 1, "nm": 1000}[unit]
        # Ten steps of 0.25 micrometres lie between points 0 and 10.
        assert bar == pytest.approx(micrometres * pixels_per_micrometre, rel=1e-3)
        labels.add(label)
    assert len(labels) == 2
    shown.driver.find_element("id", "map-overlay").send_keys("0")


def test_brackets_go_through_the_layers_and_escape_lets_go(shown):
    overlay = shown.driver.find_element("id", "map-overlay")
    layer = "return document.getElementById('layer').selectedIndex"
    shown.put("layer", "phase", "change")
    first = shown.driver.execute_script(layer)
    overlay.send_keys("]]")
    assert shown.driver.execute_script(layer) == first + 2
    overlay.send_keys("[[")
    assert shown.driver.execute_script(layer) == first
    shown.put("histogram-layer", "entropy", "change")
    shown.put("brush-low", "0.8", "change")
    assert shown.text("selection-count") != "No points selected"
    overlay.send_keys("\ue00c")
    assert shown.text("selection-count") == "No points selected"
