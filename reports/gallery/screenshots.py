"""Take the pictures of a map report that the README shows.

    python -m reports.gallery.screenshots demo/map/report.html

Writes ``report_light.png`` (space groups, an answered point pinned) and ``report_dark.png`` (mutual information, its
highest values brushed, the point where the members disagree most pinned) beside itself.
"""

import sys
import tempfile
import time
from pathlib import Path

from reports.gallery.headless import open_browser, open_report

_PIN = """
const [x, y] = kikuchiReport.clientPosition(arguments[0]), map = document.getElementById("map-overlay");
for (const type of ["pointerdown", "pointerup"])
  map.dispatchEvent(new PointerEvent(type, {clientX: x, clientY: y, pointerId: 1, bubbles: true}));
"""
_SET = """
const control = document.getElementById(arguments[0]);
control.value = arguments[1];
control.dispatchEvent(new Event(arguments[2]));
"""
_BY_DISAGREEMENT = """
const score = kikuchiReport.score("mutual_information"), order = Array.from(kikuchiReport.state.status.keys());
return order.filter((i) => Number.isFinite(score.at(i))).sort((a, b) => score.at(a) - score.at(b));
"""


def main() -> None:
    page, here = Path(sys.argv[1]), Path(__file__).parent
    with tempfile.TemporaryDirectory() as profile:
        browser = open_browser(Path(profile), 1400, 1320)
        try:
            open_report(browser, page)
            order = browser.execute_script(_BY_DISAGREEMENT)
            _pin(browser, order[0])
            browser.save_screenshot(str(here / "report_light.png"))

            dark = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
            browser.execute_cdp_cmd("Emulation.setEmulatedMedia", dark)
            browser.execute_script(_SET, "layer", "mutual_information", "change")
            cut = browser.execute_script(
                "return kikuchiReport.score('mutual_information').at(arguments[0])",
                order[int(0.9 * len(order))],
            )
            browser.execute_script(_SET, "brush-low", cut, "change")
            _pin(browser, order[-1])
            browser.save_screenshot(str(here / "report_dark.png"))
        finally:
            browser.quit()


def _pin(browser, index: int) -> None:
    browser.execute_script(_PIN, index)
    time.sleep(0.5)


if __name__ == "__main__":
    main()
