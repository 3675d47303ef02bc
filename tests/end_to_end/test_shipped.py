"""The ensemble that comes with the package: it opens, it is small, and it answers without a --run."""

import csv
import os
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

import kikuchi
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.training.batches import labelled_batch, varied_detector
from kikuchi.training.stream import WIDE


@pytest.fixture(scope="module")
def scan(tmp_path_factory):
    """Twelve silicon patterns as a folder of images, and one that is white noise."""
    import tifffile

    folder = tmp_path_factory.mktemp("silicon")
    master = kinematical_master(load_structure("Si"), half_size=60)
    patterns, _ = labelled_batch([master], np.zeros(1, int), 12, varied_detector(), WIDE, [1])
    noise = np.random.default_rng(2).integers(0, 255, (1, 64, 64), dtype=np.uint8)
    for i, pattern in enumerate(np.concatenate([patterns, noise])):
        tifffile.imwrite(folder / f"p_{i:03d}.tif", pattern)
    return folder


def test_it_knows_all_groups_of_its_point_group_and_is_small():
    bundle = kikuchi.Predictor.load("shipped")
    # The space groups of point group m-3m are those from Pm-3m (221) to Ia-3d (230).
    assert bundle.classes == tuple(range(221, 231))
    assert len(bundle.members) >= 5
    # What it adds to a wheel, which is a deflated archive.
    size = sum(len(zlib.compress(file.read_bytes())) for file in SHIPPED_FOLDER.rglob("*") if file.is_file())
    assert size <= 20e6  # of the 25 MB that a wheel may have


def test_a_scan_is_mapped_without_a_bundle_of_ones_own(scan, tmp_path):
    from ensemble_cli.main import app

    before = {file: file.stat().st_mtime_ns for file in SHIPPED_FOLDER.rglob("*")}
    result = CliRunner().invoke(app, ["map", str(scan), "--out", str(tmp_path / "maps"), "--quiet"])
    assert result.exit_code == 0, result.output
    with (tmp_path / "maps/map.csv").open(newline="") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    assert len(rows) == 13
    assert rows[-1]["status"] == "unreadable" and rows[-1]["space_group"] in ("", "0")
    assert (tmp_path / "maps/report.html").stat().st_size > 10_000
    # Nothing is written where the package is installed.
    assert {file: file.stat().st_mtime_ns for file in SHIPPED_FOLDER.rglob("*")} == before


def test_a_wheel_stays_below_25_megabytes():
    # A wheel is a deflated archive of the packages that pyproject.toml lists.
    root = Path(__file__).resolve().parents[2]
    files = [
        f for place in ("ensemble", "src/kikuchi", "cli/ensemble_cli") for f in (root / place).rglob("*")
    ]
    kept = [f for f in files if f.is_file() and "__pycache__" not in f.parts]
    assert sum(len(zlib.compress(f.read_bytes())) for f in kept) <= 25e6


@pytest.mark.slow
def test_a_first_map_leaves_keras_and_its_backends_alone(scan, tmp_path):
    code = (
        "import sys; from ensemble_cli.main import app\n"
        f"app(['map', {str(scan)!r}, '--out', {str(tmp_path / 'maps')!r}, '--quiet'], standalone_mode=False)\n"
        "print(sorted({'keras', 'tensorflow', 'torch'} & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"KIKUCHI_CACHE": str(tmp_path / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.splitlines()[-1] == "[]"
