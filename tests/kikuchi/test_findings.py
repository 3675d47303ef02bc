"""Every input that a fuzzer once broke a reader with: it must stay refused in one line, or be read."""

from pathlib import Path

import pytest

from ensemble.errors import InputError
from kikuchi._support import hdf5_probe
from tests.fuzzing.readers import READERS

ROOT = Path(__file__).resolve().parents[2]

INPUTS = sorted((ROOT / "tests" / "data" / "findings").glob("*/*"))


@pytest.mark.parametrize("finding", INPUTS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_finding_of_the_fuzzer_stays_mended(finding, tmp_path, monkeypatch):
    # What HDF5 does not come to an end of takes that long.
    monkeypatch.setattr(hdf5_probe, "CPU_SECONDS", 2)
    reader = READERS[finding.parent.name]
    seeds = reader.seeds(tmp_path)
    name = finding.name.split("-", 1)[1]
    place = next(seed for seed, _ in seeds if Path(seed).name == name)
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / place).write_bytes(finding.read_bytes())
    try:
        reader.call(tmp_path / place, tmp_path)
    except InputError as error:
        assert "\n" not in str(error)


@pytest.mark.parametrize("name", sorted(READERS))
def test_the_fuzzer_starts_from_inputs_that_are_read(name, tmp_path):
    assert READERS[name].seeds(tmp_path)
    for file, content in READERS[name].seeds(tmp_path):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_bytes(content)
        READERS[name].call(tmp_path / file, tmp_path)
