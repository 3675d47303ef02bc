"""Which scan of several in a file is taken: the first, said, or the one that is named."""

import h5py
import numpy as np
import pytest
from ensemble_cli.main import app
from typer.testing import CliRunner

from ensemble.errors import InputError
from kikuchi.scans import load_dataset, open_mapped, open_scan
from kikuchi.workflows.label import read_labels


@pytest.fixture
def project(tmp_path):
    """An EDAX project of three scans, each of its own grey value; the first has no patterns."""
    path = tmp_path / "project.h5"
    with h5py.File(path, "w") as file:
        file[" Manufacturer"], file[" Version"] = np.array([b"EDAX"]), np.array([b"OIM Analysis 8.6"])
        for name, (rows, columns), grey in (
            ("Scan 1", (5, 8), None),
            ("Scan 2", (2, 3), 20),
            ("Scan 3", (4, 6), 30),
        ):
            header = file.create_group(f"{name}/EBSD/Header")
            data = file.create_group(f"{name}/EBSD/Data")
            sizes = {"nRows": rows, "nColumns": columns, "Pattern Height": 12, "Pattern Width": 16}
            for key, value in sizes.items():
                header[key] = np.array([value], np.int32)
            for key, value in {
                "Step X": 0.5,
                "Step Y": 0.5,
                "Sample Tilt": 70.0,
                "Camera Elevation Angle": 8.0,
            }.items():
                header[key] = np.array([value], np.float32)
            header["Working Distance"] = np.array([15.0], np.float32)
            header["Grid Type"] = np.array([b"SqrGrid"])
            for key in ("x-star", "y-star", "z-star"):
                header[f"Pattern Center Calibration/{key}"] = np.array([0.5], np.float32)
            data["CI"] = np.ones(rows * columns, np.float32)
            if grey is not None:
                data["Pattern"] = np.full((rows * columns, 12, 16), grey, np.uint8)
    return path


def test_a_scan_is_taken_by_its_name_and_said(project):
    first, named = open_scan(project), open_scan(project, scan_name="Scan 3")
    assert (first.shape, named.shape) == ((2, 3), (4, 6))
    assert (first.read(0).max(), named.read(0).max()) == (20, 30)
    assert first.note == "of 3 scans in the file 'Scan 2' is read; not 'Scan 3', without patterns is 'Scan 1'"
    assert named.note == "of 3 scans in the file 'Scan 3' is read; not 'Scan 2', without patterns is 'Scan 1'"
    assert first.fingerprint() != named.fingerprint()


@pytest.mark.parametrize(
    ("name", "what"),
    [
        ("Scan 4", r"has no scan 'Scan 4' \(with patterns: 'Scan 2', 'Scan 3'\)"),
        ("Scan 1", r"has no patterns of 'Scan 1' \(with patterns: 'Scan 2', 'Scan 3'\)"),
        ("", "has no scan ''"),
        ("Scan 2/EBSD", "has no scan 'Scan 2/EBSD'"),
    ],
)
def test_a_name_that_is_not_there_lists_those_that_are(name, what, project):
    with pytest.raises(InputError, match=what):
        open_scan(project, scan_name=name)


def test_a_file_of_one_scan_has_no_names(tmp_path):
    from PIL import Image

    Image.fromarray(np.zeros((12, 16), np.uint8)).save(tmp_path / "p_1.png")
    for path in (tmp_path, tmp_path / "p_1.png", tmp_path / "p_*.png"):
        with pytest.raises(InputError, match="holds one scan without a name"):
            open_scan(path, scan_name="Scan 1")


def test_signals_of_a_hyperspy_file_have_their_titles(tmp_path):
    with h5py.File(tmp_path / "two.hspy", "w") as file:
        for title, shape in (("picture", (4, 5)), ("a", (2, 3, 12, 16)), ("b", (3, 4, 12, 16))):
            group = file.create_group(f"Experiments/{title}")
            group["data"] = np.full(shape, shape[0], np.uint8)
            for axis in range(len(shape)):
                attributes = group.create_group(f"axis-{axis}").attrs
                attributes["navigate"] = axis < len(shape) - 2 or title == "picture"
                attributes["scale"], attributes["units"] = 1.0, "um"
    first, named = (open_scan(tmp_path / "two.hspy", scan_name=name) for name in (None, "b"))
    assert (first.shape, named.shape) == ((2, 3), (3, 4))
    assert first.note == "of 2 scans in the file 'a' is read; not 'b'"
    with pytest.raises(InputError, match="has no scan 'picture'"):
        open_scan(tmp_path / "two.hspy", scan_name="picture")


def test_materials_of_a_dataset_may_be_scans_of_one_file(project):
    table = '[[material]]\nname = "{0}"\nspace_group = 225\nscan = "project.h5"\nscan_name = "Scan {0}"\n'
    path = project.with_name("dataset.toml")
    path.write_text(table.format(2) + table.format(3).replace("225", "229"))
    assert [len(m.indices) for m in load_dataset(path).materials] == [6, 24]
    # The first scan by its name and without it is one and the same.
    path.write_text(table.format(2) + table.format(3).replace('scan_name = "Scan 3"\n', ""))
    with pytest.raises(InputError, match="have the same scan"):
        load_dataset(path)


def test_a_list_of_labels_may_name_the_scan(project):
    path = project.with_name("labels.csv")
    path.write_text("scan,scan_name,index,space_group\nproject.h5,Scan 3,20,225\nproject.h5,,5,229\n")
    data = read_labels(path)
    assert [(m.scan.shape, m.points) for m in data.materials] == [((4, 6), (20,)), ((2, 3), (5,))]
    assert len({m.name for m in data.materials}) == 2


def test_a_mapped_scan_is_opened_again_as_it_was(project, tmp_path):
    (tmp_path / "summary.json").write_text('{"scan": {"given_shape": [6, 4], "given_name": "Scan 3"}}')
    assert open_mapped(project, tmp_path).shape == (6, 4)
    (tmp_path / "summary.json").write_text('{"scan": {"given_shape": "6x4", "given_name": 3}}')
    assert open_mapped(project, tmp_path).shape == (2, 3)


def test_the_command_takes_a_name(project):
    told = CliRunner().invoke(app, ["info", str(project), "--scan", "Scan 3"])
    assert (
        told.exit_code == 0
        and "grid: [4, 6]" in told.stdout
        and "'Scan 3' is read; not 'Scan 2'" in told.stdout
    )
    refused = CliRunner().invoke(app, ["map", str(project), "--scan", "Scan 4"])
    assert (
        refused.exit_code == 1
        and refused.stderr.count("\n") == 1
        and "has no scan 'Scan 4'" in refused.stderr
    )
