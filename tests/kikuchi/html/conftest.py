"""A small map whose every number is known, and a browser to look at reports with."""

import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ensemble.abstention import AbstentionRule, Certificate, Decision
from kikuchi.html.map_report import write_map_report
from kikuchi.maps.phase_map import PhaseMap

CLASSES = (221, 225, 227)
THRESHOLD = 0.7
POINT = 15 * 50 + 27
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b550000000a49444154789c6360000000020001"
    "48afa4710000000049454e44ae426082"
)


@dataclass(frozen=True)
class Drawn:
    """A map, the rule that decided it and thumbnails whose grey levels name their point."""

    phase_map: PhaseMap
    rule: AbstentionRule
    patterns: np.ndarray


def draw_map(
    rows=40, columns=50, *, name="Ni scan", members=("scratch-1", "transfer-1"), keep=None, seed=0
) -> Drawn:
    """Stripes of three space groups; a foreign corner and a dead corner; nothing computed by the code under test."""
    rng = np.random.default_rng(seed)
    row, col = (index.ravel() for index in np.mgrid[:rows, :columns])
    if keep is not None:
        row, col = row[keep(row, col)], col[keep(row, col)]
    n, k, m = len(row), len(CLASSES), len(members)
    truth = (col * k // columns).astype(np.int16)
    member_logits = rng.normal(0, 1.2, (m, n, k)) + 2.5 * (np.arange(k) == truth[:, None])
    member_probabilities = np.exp(member_logits) / np.exp(member_logits).sum(axis=-1, keepdims=True)
    p = member_probabilities.mean(axis=0)
    confidence = p.max(axis=1)
    unfamiliar = (row < rows // 8) & (col < columns // 5)
    unreadable = (row >= rows - rows // 8) & (col >= columns - columns // 5)
    status = np.where(confidence >= THRESHOLD, 0, 1)
    status[unfamiliar] = 2
    status[unreadable] = 3
    winner = p.argmax(axis=1).astype(np.int16)
    candidates = np.zeros((n, k), bool)
    candidates[np.arange(n), winner] = status < 2
    second = np.argsort(-p, axis=1)[:, 1]
    candidates[np.flatnonzero(status == 1), second[status == 1]] = True
    entropy = -(p * np.log(p)).sum(axis=1)
    expected = -(member_probabilities * np.log(member_probabilities)).sum(axis=2).mean(axis=0)
    votes = member_probabilities.argmax(axis=2).astype(np.int16)
    decision = Decision(
        status=status.astype(np.int8), winner=winner, candidates=candidates, probabilities=p, confidence=confidence,
        entropy=entropy, expected_entropy=expected, mutual_information=entropy - expected,
        variation_ratio=(votes != winner).mean(axis=0),
        unfamiliarity=np.where(unfamiliar, 2.0, 0.5) + 0.1 * rng.random(n),
        quality=np.where(unreadable, np.nan, 3.0 + rng.random(n)), votes=votes,
    )  # fmt: skip
    phase_map = PhaseMap(
        name=name, classes=CLASSES, members=tuple(members), member_kinds=("scratch",) * m, shape=(rows, columns),
        row=row, col=col, x=col * 0.25, y=row * 0.25, step=(0.25, 0.25), decision=decision,
        member_probabilities=member_probabilities.astype(np.float32), meta={"rule": "average"},
        problems={int(i): "the image is blank" for i in np.flatnonzero(status == 3)[:1]},
        columns={
            "pooled_space_group": np.array(["", "225"], object)[np.arange(n) % 2],
            "laue_class": np.array(["m-3m", "4/mmm"], object)[np.arange(n) % 2],
            "laue_class_probability": np.linspace(0, 1, n), "grain": np.arange(n) // 7,
        },
    )  # fmt: skip
    # With these set thresholds a set never holds two classes: only the confidence threshold makes points ambiguous.
    rule = AbstentionRule(THRESHOLD, (0.51,) * k, 1.0, 0.0, 0.95, 0.99, _certificate())
    patterns = np.repeat(np.arange(n) % 251, 64).astype(np.uint8).reshape(n, 8, 8)
    return Drawn(phase_map, rule, patterns)


def _certificate() -> Certificate:
    return Certificate(
        target_risk=0.02, confidence=0.95, certified=True, certified_risk=0.02, threshold=THRESHOLD, n_tested=800,
        n_answered=600, n_errors=2, bound=0.0105, more_without_errors=0, more_at_seen_rate=0,
        message="With 95 % confidence at most 2 % of the answered patterns are wrong.",
    )  # fmt: skip


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    return draw_map()


@pytest.fixture(scope="module")
def page(tmp_path_factory, drawn):
    folder = tmp_path_factory.mktemp("report")
    return write_map_report(
        drawn.phase_map, folder / "report.html", patterns=drawn.patterns, threshold=drawn.rule,
        explanations={POINT: (PNG, "why 225")}, evaluation_link="evaluation/report.html",
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_map():
    """The function that draws other maps."""
    return draw_map


@pytest.fixture(scope="session")
def chromium(tmp_path_factory):
    """Headless Chromium with a fresh profile; tests that need it skip where there is none."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not (binary and driver):
        pytest.skip("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = binary
    downloads = tmp_path_factory.mktemp("downloads")
    for argument in (
        "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
        "--disable-sync", "--window-size=1400,1100", f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):  # fmt: skip
        options.add_argument(argument)
    options.add_experimental_option("prefs", {"download.default_directory": str(downloads)})
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    window = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    window.set_script_timeout(20)
    window.downloads = Path(downloads)
    yield window
    window.quit()


@dataclass(frozen=True)
class Reader:
    """Somebody who looks at a page: the browser, and what a person does with it."""

    driver: Any

    def until(self, question, seconds=30.0):
        """Ask until the answer is true; the page works while we wait."""
        end = time.monotonic() + seconds
        while not (answer := question()):
            assert time.monotonic() < end, "the page did not get there in time"
            time.sleep(0.02)
        return answer

    def open(self, page):
        self.driver.get(page.as_uri())
        self.until(lambda: self.driver.execute_script("return document.documentElement.dataset.ready"))

    def place_of(self, index):
        self.driver.execute_script("window.scrollTo(0, 0)")
        place = self.driver.execute_script("return kikuchiReport.clientPosition(arguments[0])", index)
        return [round(p) for p in place]

    def pointer(self, *stops, press=False):
        """Move the real pointer along places on the screen, with the button held where asked."""
        from selenium.webdriver.common.action_chains import ActionBuilder

        builder = ActionBuilder(self.driver, duration=0)
        builder.pointer_action.move_to_location(*stops[0])
        if press:
            builder.pointer_action.pointer_down()
        for stop in stops[1:]:
            builder.pointer_action.move_to_location(*stop)
        if press:
            builder.pointer_action.pointer_up()
        builder.perform()

    def pin(self, index):
        self.pointer(self.place_of(index), press=True)
        shown = "return document.getElementById('point').dataset.index"
        self.until(lambda: self.driver.execute_script(shown) == str(index))

    def put(self, control, value, event="input"):
        script = """const [id, value, event] = arguments, control = document.getElementById(id);
        control.value = value; control.dispatchEvent(new Event(event));"""
        self.driver.execute_script(script, control, value, event)

    def text(self, control):
        return self.driver.execute_script("return document.getElementById(arguments[0]).innerText", control)

    def legend(self):
        script = """return [...document.querySelectorAll('#legend button')].map(
            button => [button.children[1].innerText, Number(button.dataset.count)])"""
        return dict(self.driver.execute_script(script))

    def first_grey(self):
        script = """const pen = document.querySelector('#point canvas').getContext('2d');
        return [...pen.getImageData(0, 0, 1, 1).data]"""
        return self.driver.execute_script(script)


@pytest.fixture
def browser(chromium):
    """A reader for one test, which fails when a page wrote an error to the console."""
    chromium.get_log("browser")
    yield Reader(chromium)
    errors = [entry["message"] for entry in chromium.get_log("browser") if entry["level"] == "SEVERE"]
    assert errors == []
