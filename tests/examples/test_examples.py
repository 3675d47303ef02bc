"""The examples run as they stand, each in a process of its own; those that build on the first share its folder."""

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("examples")


def run(name: str, *arguments: object) -> str:
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_map_has_a_report_and_answers(folder):
    said = run("first_map", folder)
    assert "solved" in said
    assert (folder / "maps" / "report.html").is_file() and (folder / "maps" / "map.csv").is_file()


def test_named_phases_are_mapped_without_a_label(folder):
    assert "right" in run("named_phases", folder)


def test_explanations_are_pictures(folder):
    run("explanations", folder)
    assert list((folder / "why").rglob("*.png"))


def test_labelled_images_become_an_evaluated_ensemble(folder):
    run("own_scans", folder)
    assert (folder / "own-scans" / "evaluation" / "report.html").is_file()


def test_the_statistics_need_no_diffraction():
    said = run("statistics_alone")
    assert "calibrated" in said and "with 95 % confidence" in said
    assert "kikuchi" not in (EXAMPLES / "statistics_alone.py").read_text(encoding="utf-8")


def test_there_are_five_examples():
    assert len(list(EXAMPLES.glob("*.py"))) == 5
