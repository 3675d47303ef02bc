"""The ensemble that comes with the package: it opens, it is small, and it answers without a --run."""

import csv
import zlib

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
