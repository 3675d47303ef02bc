"""Studies still run: at a size that says nothing, but ends in the file that their page reads."""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
#: What a program may choose for itself, and nobody for who imports it: the tests after it would run on another backend.
CHOSEN = ("KERAS_BACKEND", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "KIKUCHI_CORES")
#: Modules of studies that can be imported with what the tests install; the others need a browser or an indexer.
STUDIES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts)
    for p in (ROOT / "reports").glob("*/*.py")
    if p.name != "__init__.py" and "def main" in p.read_text(encoding="utf-8")
)


def run(module: str, monkeypatch, tmp_path: Path, *arguments: str) -> None:
    """Run a study's `main` in this process, its results in a folder of the test."""
    study = importlib.import_module(module)
    monkeypatch.setattr(study, "HERE", tmp_path)
    monkeypatch.setattr(sys, "argv", [module, *arguments])
    study.main()


@pytest.mark.parametrize(
    "name", ["promised_risk", "shared_split", "conformal_coverage", "fraction_coverage", "block_coverage"]
)
def test_the_study_of_the_promise_runs_with_two_draws(name, monkeypatch, tmp_path):
    run("reports.trust.study", monkeypatch, tmp_path, "--draws", "2", "--seed", "1", "--only", name)
    found = json.loads((tmp_path / f"{name}.json").read_text(encoding="utf-8"))
    assert found["seed"] == 1 and found["study"] == name
    assert found["versions"] and found["machine"]["cores"] >= 1


@pytest.mark.slow
def test_the_study_of_the_gain_runs_on_few_patterns(monkeypatch, tmp_path):
    gain = importlib.import_module("reports.trust.gain")
    small = gain.RECIPE.replace("count = 5", "count = 2").replace("size = 64", "size = 32")
    small = small.replace("epochs = 20", "epochs = 1").replace("400", "30").replace("= 100", "= 12")
    monkeypatch.setattr(gain, "RECIPE", small)
    run("reports.trust.gain", monkeypatch, tmp_path, "--work", str(tmp_path / "work"), "--per-group", "114")
    found = json.loads((tmp_path / "gain.json").read_text(encoding="utf-8"))
    assert found["evaluation"] and found["machine"]["cores"] >= 1


@pytest.mark.slow
def test_the_study_of_calibrations_runs_on_few_patterns(monkeypatch, tmp_path):
    methods = ("vector", "netcal-temperature", "netcal-enir")
    run("reports.calibration.study", monkeypatch, tmp_path, "--patterns", "400", "--only", *methods)
    found = json.loads((tmp_path / "study.json").read_text(encoding="utf-8"))
    assert [row["method"] for row in found["methods"]] == list(methods)
    assert max(row["from_netcals_ece"] for row in found["methods"]) < 1e-9


def test_the_page_of_calibrations_shows_what_the_study_found():
    from reports.calibration.study import table

    folder = ROOT / "reports" / "calibration"
    found = json.loads((folder / "study.json").read_text(encoding="utf-8"))
    assert table(found) in (folder / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("module", STUDIES)
def test_every_study_says_how_it_is_run(module, monkeypatch, capsys):
    """Its imports resolve and choose nothing, and `--help` answers; a study without options is imported only."""
    if module == "reports.performance.gpu":
        pytest.skip("puts itself on the path of a machine where nothing is installed")
    before = {name: os.environ.get(name) for name in CHOSEN}
    try:
        study = importlib.import_module(module)
    except ModuleNotFoundError as error:
        # One of ours that is missing is the very thing this looks for.
        if (error.name or "").split(".")[0] in ("reports", "kikuchi", "ensemble"):
            raise
        pytest.skip(f"needs {error.name}")
    assert {name: os.environ.get(name) for name in CHOSEN} == before
    if "argparse" not in vars(study):
        return
    monkeypatch.setattr(sys, "argv", [module, "--help"])
    with pytest.raises(SystemExit) as ended:
        study.main()
    assert ended.value.code == 0 and "usage" in capsys.readouterr().out
