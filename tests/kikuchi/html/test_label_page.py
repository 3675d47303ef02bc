"""The page of patterns to label in a real browser: what is typed comes out as the list that `extend` reads."""

import csv
import io

import numpy as np

from kikuchi.html.label_page import write_label_page


def row(index, scan):
    return {
        "scan": scan, "index": index, "row": 0, "col": index, "x": 0.5, "y": 0.0, "guess": 225,
        "mutual_information": 0.1234, "unfamiliarity": 1.25, "space_group": "", "material": "",
    }  # fmt: skip


def test_the_saved_list_holds_what_was_typed(browser, tmp_path):
    rows = [row(3, "a, b.h5"), row(8, "a, b.h5")]
    pictures = np.arange(2 * 16, dtype=np.uint8).reshape(2, 4, 4)
    page = write_label_page(rows, pictures, tmp_path / "labels.csv", tmp_path / "labels.html")
    browser.open(page)
    fields = browser.driver.find_elements("css selector", ".card")[1].find_elements("css selector", "input")
    fields[0].send_keys("227")
    fields[1].send_keys('=1+1,"x"')
    assert browser.text("filled") == "1 of 2 labelled"
    text = browser.driver.execute_script("return kikuchiLabels.filledList()")
    found = list(csv.DictReader(io.StringIO(text, newline="")))
    assert list(found[0]) == list(rows[0])
    assert [(r["scan"], r["index"], r["space_group"]) for r in found] == [
        ("a, b.h5", "3", ""),
        ("a, b.h5", "8", "227"),
    ]
    assert found[1]["material"] == '\'=1+1,"x"'  # no formula in a spreadsheet
    fields[0].send_keys("0")  # 2270 is no space group
    assert browser.text("filled") == "0 of 2 labelled"
