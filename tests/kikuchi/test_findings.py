"""Every input that a fuzzer once broke a reader with: it must stay refused in one line, or be read."""

import importlib.util
import sys
from pathlib import Path

import pytest

from ensemble.errors import InputError

ROOT = Path(__file__).resolve().parents[2]
INPUTS = sorted((ROOT / "tests" / "data" / "findings").glob("*/*"))


@pytest.fixture(scope="module")
def readers():
    """The table of readers that the fuzzer works through."""
    spec = importlib.util.spec_from_file_location("readers", ROOT / "reports" / "reliability" / "readers.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["readers"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module.READERS


@pytest.mark.parametrize("finding", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_finding_of_the_fuzzer_stays_mended(readers, finding, tmp_path):
    reader = readers[finding.parent.name]
    seeds = reader.seeds(tmp_path)
    name = finding.name.split("-", 1)[1]
    place = next(seed for seed, _ in seeds if Path(seed).name == name)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(finding.read_bytes())
    try:
        reader.call(tmp_path / place, tmp_path)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", ["sht", "grain_list", "recipe", "bundle", "store", "master"])
def test_the_fuzzer_starts_from_inputs_that_are_read(readers, name, tmp_path):
    for file, content in readers[name].seeds(tmp_path):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
        readers[name].call(tmp_path / file, tmp_path)
