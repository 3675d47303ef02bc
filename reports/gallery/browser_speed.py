"""How fast the map report opens and answers in headless Chromium, up to a million points.

    python -m reports.gallery.browser_speed

Writes ``browser_speed.json`` beside itself. Needs Chromium and its driver, and room for about 1 GB of temporary files.
"""

import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np

from ensemble.abstention import AbstentionRule, decide
from ensemble.abstention.risk_control import certify
from ensemble.pooling import combine
from kikuchi.html import write_map_report
from kikuchi.maps.phase_map import PhaseMap
from reports._provenance import provenance
from reports.gallery.headless import open_browser, open_report

CLASSES = (221, 222, 223, 224, 225, 226, 227, 228, 229, 230)
MEMBERS = 10
THUMBNAIL = 16
HOVERS = 60
SIDES = ((3, 3), (100, 117), (1000, 1000))


def random_map(rows: int, columns: int) -> tuple[PhaseMap, AbstentionRule]:
    """Draw a map of noise: the worst case for compression."""
    rng = np.random.default_rng(0)
    n, k = rows * columns, len(CLASSES)
    truth = rng.integers(0, k, n)
    logits = rng.standard_normal((MEMBERS, n, k), dtype=np.float32)
    logits[:, np.arange(n), truth] += 3
    combined = combine(logits, "average")
    confidence = combined.probabilities.max(axis=1)
    wrong = combined.probabilities.argmax(axis=1) != truth
    certificate = certify(confidence[:20000], wrong[:20000], [0.9, 0.7, 0.5], 0.02, 0.95)
    rule = AbstentionRule(certificate.threshold, (0.35,) * k, 1.0, 0.0, 0.95, 0.99, certificate)
    decision = decide(
        combined, combined.probabilities, rule, unfamiliarity=rng.random(n), quality=rng.random(n) + 0.1
    )
    row, col = (index.ravel() for index in np.mgrid[:rows, :columns])
    probabilities = np.exp(logits, out=logits)
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    names = tuple(f"member-{m}" for m in range(MEMBERS))
    phase_map = PhaseMap(
        name=f"{rows} by {columns}", classes=CLASSES, members=names, member_kinds=("scratch",) * MEMBERS,
        shape=(rows, columns), row=row, col=col, x=col * 0.1, y=row * 0.1, step=(0.1, 0.1), decision=decision,
        member_probabilities=probabilities,
    )  # fmt: skip
    return phase_map, rule


def thumbnails(indices: np.ndarray) -> np.ndarray:
    """Draw noise again, different for every point."""
    rng = np.random.default_rng(int(indices[0]))
    return rng.integers(0, 255, (len(indices), THUMBNAIL, THUMBNAIL), dtype=np.uint8)


# Each measures from the event to the second frame after it: when the answer is on the screen.
_HOVER = """
const done = arguments[arguments.length - 1], map = document.getElementById("map-overlay");
const [x, y] = kikuchiReport.clientPosition(arguments[0]), begin = performance.now();
map.dispatchEvent(new PointerEvent("pointermove", {clientX: x, clientY: y, pointerId: 1, bubbles: true}));
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)));
"""
_INPUT = """
const done = arguments[arguments.length - 1], control = document.getElementById(arguments[0]);
const begin = performance.now();
control.value = arguments[1];
control.dispatchEvent(new Event(arguments[2]));
requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - begin)));
"""
_PIN = """
const done = arguments[arguments.length - 1], box = document.getElementById("point");
const map = document.getElementById("map-overlay");
const [x, y] = kikuchiReport.clientPosition(arguments[0]), begin = performance.now();
const finish = (_, observer) => { observer.disconnect(); done(performance.now() - begin); };
new MutationObserver(finish).observe(box, {childList: true});
for (const type of ["pointerdown", "pointerup"])
  map.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: y, pointerId: 1, bubbles: true}));
"""


def measure(rows: int, columns: int, folder: Path) -> dict[str, object]:
    """Write one report, open it and use it."""
    phase_map, rule = random_map(rows, columns)
    begin = time.perf_counter()
    page = write_map_report(phase_map, folder / "report.html", patterns=thumbnails, threshold=rule)
    written = time.perf_counter() - begin
    beside = sum(file.stat().st_size for file in folder.glob("report_data/*"))
    n, name = phase_map.n, phase_map.name
    del phase_map
    browser = open_browser(folder / "profile")
    try:
        opened = open_report(browser, page)
        points = np.random.default_rng(1).integers(0, n, HOVERS)
        hovers = [browser.execute_async_script(_HOVER, int(i)) for i in points]
        pins = [browser.execute_async_script(_PIN, int(i)) for i in points[:15]]
        sliders = [
            browser.execute_async_script(_INPUT, "threshold", place, "input")
            for place in (60, 140, 260, 400)  # confidences of 50, 80, 95 and 99 %
        ]
        layers = [
            browser.execute_async_script(_INPUT, "layer", name, "change")
            for name in ("entropy", "member-3", "phase")
        ]
    finally:
        browser.quit()
    return {
        "map": name,
        "points": n,
        "page_megabytes": round(page.stat().st_size / 1e6, 2),
        "side_folder_megabytes": round(beside / 1e6, 1),
        "write_seconds": round(written, 2),
        "open_seconds": round(opened, 2),
        "hover_milliseconds_median": round(statistics.median(hovers), 1),
        "hover_milliseconds_largest": round(max(hovers), 1),
        "pin_milliseconds_median": round(statistics.median(pins), 1),
        "slider_milliseconds_largest": round(max(sliders), 1),
        "layer_milliseconds_largest": round(max(layers), 1),
    }


def main() -> None:
    results = []
    for rows, columns in SIDES:
        with tempfile.TemporaryDirectory() as folder:
            results.append(measure(rows, columns, Path(folder)))
        print(results[-1])
    report = {
        "what": "headless Chromium without a GPU; 10 classes, 10 members, patterns of 16 x 16, all of it noise",
        **provenance(seed=0),
        "results": results,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
