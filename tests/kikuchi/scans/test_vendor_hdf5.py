"""What makers' HDF5 files tell of grids, steps, phases and other scans, written here as their makers lay them out."""

import subprocess
import sys

import h5py
import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.scans import load_dataset, open_scan


@pytest.fixture(scope="module")
def patterns():
    return np.random.default_rng(6).integers(0, 255, (60, 12, 16), dtype=np.uint8)


def write_oxford(path, patterns, rows, columns, step, phases=()):
    with h5py.File(path, "w") as file:
        file["Manufacturer"] = np.array([b"Oxford Instruments"])
        file["Format Version"] = np.array([b"5.0"])
        header = file.create_group("1/EBSD/Header")
        data = file.create_group("1/EBSD/Data")
        sizes = {"X Cells": columns, "Y Cells": rows, "Pattern Width": 16, "Pattern Height": 12}
        for name, value in sizes.items():
            header[name] = np.array([value], np.int32)
        for name, value in {"Y Step": step[0], "X Step": step[1], "Tilt Angle": 1.2217}.items():
            header[name] = np.array([value], np.float32)
        for number, (name, group) in enumerate(phases, 1):
            header[f"Phases/{number}/Phase Name"] = np.array([name.encode()])
            header[f"Phases/{number}/Space Group"] = np.array([group], np.int32)
        if phases:
            data["Phase"] = (np.arange(len(patterns)) % (len(phases) + 1)).astype(np.uint8)
        for name in ("Pattern Center X", "Pattern Center Y", "Detector Distance"):
            data[name] = np.full(len(patterns), 0.5, np.float32)
        data["Processed Patterns"] = patterns
    return path


def add_edax(file, name, patterns, rows, columns, grid="SqrGrid"):
    header = file.create_group(f"{name}/EBSD/Header")
    data = file.create_group(f"{name}/EBSD/Data")
    for key, value in {"nRows": rows, "nColumns": columns, "Pattern Height": 12, "Pattern Width": 16}.items():
        header[key] = np.array([value], np.int32)
    for key in ("Step X", "Step Y"):
        header[key] = np.array([0.5], np.float32)
    header["Grid Type"] = np.array([grid.encode()])
    data["CI"] = np.ones(rows * columns, np.float32)
    if patterns is not None:
        data["Pattern"] = patterns


def edax(path):
    file = h5py.File(path, "w")
    file[" Manufacturer"] = np.array([b"EDAX"])
    file[" Version"] = np.array([b"OIM Analysis 8.6"])
    return file


def write_bruker(path, patterns, iy, ix, phases=()):
    with h5py.File(path, "w") as file:
        file["Manufacturer"], file["Version"] = b"Bruker Nano", b"Esprit 2.X"
        header = file.create_group("Scan 0/EBSD/Header")
        data = file.create_group("Scan 0/EBSD/Data")
        for key, value in {"NROWS": 40, "NCOLS": 60, "PatternHeight": 12, "PatternWidth": 16}.items():
            header[key] = np.int32(value)
        for key in ("XSTEP", "YSTEP"):
            header[key] = 0.5
        header["Grid Type"] = b"isometric"
        data["RawPatterns"] = patterns
        file["Scan 0/EBSD/SEM/IY"], file["Scan 0/EBSD/SEM/IX"] = np.array(iy), np.array(ix)
        for number, (name, group) in enumerate(phases, 1):
            header[f"Phases/{number}/Name"], header[f"Phases/{number}/IT"] = name.encode(), group
        if phases:
            data["Phase"] = np.arange(len(patterns)) % (len(phases) + 1)
    return path


@pytest.mark.parametrize(
    ("rows", "columns", "step"),
    [(6, 10, (0.5, 0.2)), (1, 60, (0.2, 0.2)), (60, 1, (0.2, 0.2)), (1, 60, (5, 5))],
)
def test_oxford_steps_are_those_of_the_header_in_every_direction(rows, columns, step, patterns, tmp_path):
    scan = open_scan(write_oxford(tmp_path / "scan.h5oina", patterns, rows, columns, step))
    assert scan.shape == (rows, columns)
    assert scan.step == pytest.approx(step)
    assert scan.note is None


def test_a_step_of_zero_is_said_to_be_unknown(patterns, tmp_path):
    scan = open_scan(write_oxford(tmp_path / "scan.h5oina", patterns, 6, 10, (0, 0)))
    assert scan.step == (1, 1) and "does not tell the step" in scan.note


def test_an_acquisition_that_ended_early_keeps_the_places_of_its_patterns(patterns, tmp_path):
    scan = open_scan(write_oxford(tmp_path / "scan.h5oina", patterns[:55], 6, 10, (0.2, 0.2)))
    assert (scan.shape, scan.n) == ((6, 10), 55)
    assert (scan.row[-1], scan.col[-1]) == (5, 4)
    assert "55 of 60" in scan.note
    np.testing.assert_array_equal(scan.read([54]), patterns[[54]])


def test_two_phases_of_oxford_ask_which_one_and_are_taken_alone(patterns, tmp_path):
    phases = (("Iron bcc", 229), ("Iron fcc", 225))
    scan = open_scan(write_oxford(tmp_path / "scan.h5oina", patterns, 6, 10, (0.2, 0.2), phases))
    assert scan.phase_names[:4].tolist() == ["", "Iron bcc", "Iron fcc", ""]
    assert scan.space_groups[:4].tolist() == [0, 229, 225, 0]
    table = '[[material]]\nname = "fcc"\nspace_group = 225\nscan = "scan.h5oina"\n'
    (tmp_path / "dataset.toml").write_text(table)
    with pytest.raises(InputError, match="holds the phases Iron bcc, Iron fcc"):
        load_dataset(tmp_path / "dataset.toml")
    (tmp_path / "dataset.toml").write_text(table + 'phase = "Iron fcc"\n')
    assert load_dataset(tmp_path / "dataset.toml").index.tolist() == list(range(2, 60, 3))


def test_bruker_phases_follow_the_patterns_to_their_places(patterns, tmp_path):
    # Recorded in meanders: every other row backwards.
    yx = [(r + 3, (c if r % 2 == 0 else 9 - c) + 10) for r in range(6) for c in range(10)]
    path = write_bruker(tmp_path / "scan.h5", patterns, *zip(*yx, strict=True), phases=(("Ni", 225),))
    scan = open_scan(path)
    place = np.ravel_multi_index(np.array(yx).T - [[3], [10]], (6, 10))
    np.testing.assert_array_equal(scan.read(place), patterns)
    assert (scan.space_groups[place] == np.where(np.arange(60) % 2, 225, 0)).all()


def test_a_round_region_of_bruker_is_named(patterns, tmp_path):
    yx = [(r, c) for r in range(9) for c in range(9) if (r - 4) ** 2 + (c - 4) ** 2 <= 16]
    path = write_bruker(tmp_path / "scan.h5", patterns[: len(yx)], *zip(*yx, strict=True))
    with pytest.raises(InputError, match=r"49 points within 9 x 9.*rectangular"):
        open_scan(path)


def test_the_first_scan_with_patterns_is_read_and_the_others_are_named(patterns, tmp_path):
    with edax(tmp_path / "project.h5") as file:
        add_edax(file, "Scan 1", None, 5, 8)
        add_edax(file, "Scan 2", patterns[:24], 4, 6)
        add_edax(file, "Scan 10", patterns[24:30], 2, 3)
    scan = open_scan(tmp_path / "project.h5")
    assert scan.shape == (4, 6)
    np.testing.assert_array_equal(scan.read(slice(None)), patterns[:24])
    assert scan.note == "of 3 scans in the file 'Scan 2' is read; not 'Scan 10', without patterns is 'Scan 1'"


def test_a_copy_within_a_scan_is_not_taken_for_it(patterns, tmp_path):
    with edax(tmp_path / "project.h5") as file:
        add_edax(file, "Scan 1", patterns[:24], 4, 6)
        file.copy("Scan 1/EBSD", "Scan 1/EBSD copy")
        file["Scan 1/EBSD copy/Data/Pattern"][...] = 0
    scan = open_scan(tmp_path / "project.h5")
    np.testing.assert_array_equal(scan.read(slice(None)), patterns[:24])
    assert "EBSD copy" in scan.note


def test_a_hexagonal_edax_file_has_a_remedy(patterns, tmp_path):
    with edax(tmp_path / "hex.oh5") as file:
        add_edax(file, "Scan 1", patterns[:40], 5, 8, "HexGrid")
    with pytest.raises(InputError, match=r"hexagonal grid.*\.up2"):
        open_scan(tmp_path / "hex.oh5")


def test_a_file_open_elsewhere_is_said_to_be(patterns, tmp_path):
    path = write_oxford(tmp_path / "scan.h5oina", patterns, 6, 10, (0.2, 0.2))
    program = (
        "import h5py, sys; f = h5py.File(sys.argv[1], 'r+'); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        other.stdout.readline()
        with pytest.raises(InputError, match=r"open in another program.*copy it"):
            open_scan(path)
        other.stdin.close()
    assert open_scan(path).n == 60


@pytest.fixture
def masked(tmp_path, patterns):
    """A kikuchipy file of 6 x 10 points in nanometres: two phases, points not indexed and points not in the map."""
    import kikuchipy
    from orix.crystal_map import CrystalMap, Phase, PhaseList
    from orix.quaternion import Rotation

    ids = np.repeat([0, 1], 30)
    ids[5:10] = -1
    there = np.ones(60, bool)
    there[40:45] = False
    xmap = CrystalMap(
        rotations=Rotation.random(60),
        phase_id=ids,
        x=np.tile(np.arange(10) * 500.0, 6),
        y=np.repeat(np.arange(6) * 500.0, 10),
        phase_list=PhaseList({0: Phase("Ni", space_group=225), 1: Phase("Fe", space_group=229)}),
        scan_unit="nm",
        is_in_data=there,
    )
    signal = kikuchipy.signals.EBSD(patterns.reshape(6, 10, 12, 16), xmap=xmap)
    for axis, name in zip(signal.axes_manager.navigation_axes, "xy", strict=True):
        axis.name, axis.scale, axis.units = name, 500.0, "nm"
    signal.save(tmp_path / "masked.h5")
    return tmp_path / "masked.h5", xmap


def test_points_outside_a_crystal_map_have_no_phase_and_the_others_theirs(masked):
    path, xmap = masked
    scan = open_scan(path)
    expected = np.repeat(["Ni", "Fe"], 30).astype(object)
    expected[5:10] = expected[40:45] = ""
    assert scan.phase_names.tolist() == expected.tolist()
    assert scan.space_groups[[0, 5, 40, 59]].tolist() == [225, 0, 0, 229]
    np.testing.assert_allclose(scan.xmap.rotations.data[50], xmap.rotations.data[45])


def test_steps_in_the_maps_nanometres_become_micrometres(masked):
    assert open_scan(masked[0]).step == pytest.approx((0.5, 0.5))
