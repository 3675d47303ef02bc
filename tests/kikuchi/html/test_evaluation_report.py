import base64
import re

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.html.evaluation_report import picture_uri, write_evaluation_report
from kikuchi.html.figures import confidence_histogram

STUDY = {
    "title": "Test of <b>run</b>",
    "subtitle": "held-out patterns",
    "sections": [
        {
            "title": "Per class",
            "text": "One paragraph.",
            "tables": [
                {"caption": "F1", "columns": ["class", "F1"], "rows": [["<i>225</i>", (0.9, 0.85, 0.95)]]}
            ],
            "figures": [{"name": "confidence", "caption": "right & wrong", "alt": "two histograms"}],
        },
        {"title": "Empty"},
    ],
}


@pytest.fixture
def figure():
    return confidence_histogram(np.array([0.2, 0.9, 0.9]), np.array([False, True, True]))


def test_page_holds_text_tables_and_figures_in_order(tmp_path, figure):
    html = write_evaluation_report(STUDY, {"confidence": figure}, tmp_path / "e.html").read_text(
        encoding="utf-8"
    )
    wanted = [
        "<h1>Test of &lt;b&gt;run&lt;/b&gt;</h1>", "held-out patterns", "Per class", "One paragraph.",
        '<th scope="row">&lt;i&gt;225&lt;/i&gt;</th>', "0.9 [0.85, 0.95]",
        'alt="two histograms"', "right &amp; wrong", "Empty",
    ]  # fmt: skip
    places = [html.index(words) for words in wanted]
    assert places == sorted(places)


def test_figures_are_drawings_inside_the_page(tmp_path, figure):
    html = write_evaluation_report(STUDY, {"confidence": figure}, tmp_path / "e.html").read_text(
        encoding="utf-8"
    )
    (data,) = re.findall(r'src="data:image/svg\+xml;base64,([^"]*)"', html)
    assert b"<svg" in base64.b64decode(data)


def test_the_same_figure_gives_the_same_text(figure):
    assert picture_uri(figure) == picture_uri(figure)


def test_png_bytes_are_taken_as_they_are():
    assert picture_uri(b"\x89PNG") == "data:image/png;base64,iVBORw=="


def test_a_figure_that_is_named_but_not_given_is_an_error(tmp_path):
    with pytest.raises(InputError, match="'Per class' names a figure 'confidence'"):
        write_evaluation_report(STUDY, {}, tmp_path / "e.html")
    assert not (tmp_path / "e.html").exists()


def test_page_is_read_without_errors_by_a_browser(browser, tmp_path, figure):
    page = write_evaluation_report(STUDY, {"confidence": figure}, tmp_path / "e.html")
    browser.driver.get(page.as_uri())
    assert (
        browser.driver.execute_script(
            "return document.images[0].decode().then(() => document.images[0].naturalWidth)"
        )
        > 200
    )
    names = browser.driver.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert all(name.startswith("data:") for name in names)
