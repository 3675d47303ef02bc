"""A study's record says what ran, where and with what, and nothing of it is written down beforehand."""

import os
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest

from reports import _provenance

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [p for p in sorted((ROOT / "reports").rglob("*.py")) if p.name != "_provenance.py"]


def test_the_command_is_the_one_that_was_typed(monkeypatch):
    main = types.SimpleNamespace(__spec__=types.SimpleNamespace(name="reports.trust.study"))
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["/anywhere/study.py", "--draws", "3", "--work", "/home/me/secret/work"])
    assert _provenance.command() == "python -m reports.trust.study --draws 3 --work work"


def test_a_path_inside_the_checkout_is_relative_to_it(monkeypatch):
    main = types.SimpleNamespace(__spec__=types.SimpleNamespace(name="reports.demo.measure"))
    monkeypatch.setitem(sys.modules, "__main__", main)
    monkeypatch.setattr(sys, "argv", ["x", str(ROOT / "reports" / "paper")])
    assert _provenance.command() == f"python -m reports.demo.measure {Path('reports', 'paper')}"


def test_machine_and_versions_are_those_of_this_process():
    found = _provenance.provenance(seed=5)
    assert found["seed"] == 5
    assert found["versions"]["numpy"] == np.__version__
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    if hasattr(os, "sched_getaffinity"):
        assert found["machine"]["cores"] == len(os.sched_getaffinity(0))
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", found["date"])


def test_a_study_that_draws_nothing_has_no_seed():
    assert "seed" not in _provenance.provenance()


@pytest.mark.parametrize("source", SOURCES, ids=lambda p: p.relative_to(ROOT / "reports").as_posix())
def test_no_study_writes_its_machine_command_or_date_down(source):
    text = source.read_text(encoding="utf-8")
    assert "core CPU" not in text and '"machine": f' not in text
    assert not re.search(r'"command": f?"python', text)
    assert not re.search(r'"date": ', text)
