"""The tables of faults name tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TABLES = sorted((ROOT / "reports" / "reliability").glob("faults*.md"))


@pytest.mark.parametrize("table", TABLES, ids=lambda path: path.stem)
def test_every_test_that_a_table_names_exists(table):
    text = table.read_text(encoding="utf-8")
    files = {path.relative_to(ROOT / "tests").as_posix() for path in (ROOT / "tests").rglob("test_*.py")}
    known = {
        name
        for path in files
        for name in re.findall(r"def (test_\w+)", (ROOT / "tests" / path).read_text("utf-8"))
    }
    for file in re.findall(r"`([\w/]*test_\w+\.py)`", text):
        assert any(
            path == file or path.endswith(f"/{file}") for path in (f"tests/{name}" for name in files)
        ), file
    for name in re.findall(r"`(test_\w+)`", text):
        assert name in known, name
