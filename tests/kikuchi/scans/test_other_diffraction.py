"""Patterns of other diffraction: HyperSpy's files and stacks of images, written by the libraries that own them."""

import h5py
import numpy as np
import pytest
import tifffile

from ensemble.errors import InputError
from kikuchi.scans import Preparation, load_dataset, open_scan, prepare


def save_signal(path, data, navigation=("y", "x"), unit="nm"):
    """Save a signal as HyperSpy does, steps of 500 and 250 units along its navigation axes."""
    import hyperspy.api as hs

    signal = hs.signals.Signal2D(data)
    signal.metadata.set_item("Signal.signal_type", "electron_diffraction")
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", 200.0)
    for axis, name in zip(signal.axes_manager._axes, navigation, strict=False):
        axis.name, axis.scale, axis.units = name, {"y": 500.0, "x": 250.0}[name], unit
    signal.save(path)
    return path


@pytest.fixture(scope="module")
def disks():
    return np.random.default_rng(1).integers(0, 60_000, (3, 4, 16, 20)).astype(np.uint16)


def test_a_hyperspy_scan_opens_with_its_grid_and_every_pattern(disks, tmp_path):
    scan = open_scan(save_signal(tmp_path / "disks.hspy", disks))
    assert (scan.shape, scan.signal_shape, scan.n) == ((3, 4), (16, 20), 12)
    assert scan.step == pytest.approx((0.5, 0.25))
    assert scan.voltage_kv == 200
    assert scan.metadata["signal_type"] == "electron_diffraction"
    assert np.array_equal(scan.read([7, 2, 7]), disks.reshape(12, 16, 20)[[7, 2, 7]])
    assert scan.x[-1] == pytest.approx(0.75) and scan.y[-1] == pytest.approx(1.0)


def test_a_line_and_a_single_pattern_open_too(disks, tmp_path):
    line = open_scan(save_signal(tmp_path / "line.hspy", disks[0], navigation=("x",)))
    assert line.shape == (1, 4)
    assert np.array_equal(line.read(slice(None)), disks[0])
    assert open_scan(tmp_path / "line.hspy", shape=(2, 2)).shape == (2, 2)
    one = open_scan(save_signal(tmp_path / "one.hspy", disks[1, 1], navigation=()))
    assert np.array_equal(one.read(0)[0], disks[1, 1])


def test_a_step_that_is_no_length_counts_points_and_is_said(disks, tmp_path):
    scan = open_scan(save_signal(tmp_path / "disks.hspy", disks, unit="s"))
    assert scan.step == (1.0, 1.0) and "(s) is no length" in scan.note


@pytest.mark.parametrize(("unit", "length"), [("m", 1e6), ("pm", 1e-6), ("micron", 1), ("Å", 1e-4)])
def test_steps_in_any_unit_of_length_are_micrometres(unit, length, disks, tmp_path):
    scan = open_scan(save_signal(tmp_path / "disks.hspy", disks, unit=unit))
    assert scan.step == pytest.approx((500 * length, 250 * length)) and scan.note is None


def test_a_stack_of_pages_is_a_line_or_the_grid_that_is_given(disks, tmp_path):
    pages = disks.reshape(12, 16, 20)
    tifffile.imwrite(tmp_path / "stack.tif", pages, photometric="minisblack")
    scan = open_scan(tmp_path / "stack.tif")
    assert scan.shape == (1, 12)
    assert np.array_equal(scan.read([5, 0]), pages[[5, 0]])
    assert open_scan(tmp_path / "stack.tif", shape=(3, 4)).shape == (3, 4)
    with pytest.raises(InputError, match="12 patterns"):
        open_scan(tmp_path / "stack.tif", shape=(3, 5))


def test_pages_of_other_sizes_leave_the_first_an_image(tmp_path):
    with tifffile.TiffWriter(tmp_path / "one.tif") as tiff:
        tiff.write(np.full((40, 40), 7, np.uint8))
        tiff.write(np.zeros((10, 10), np.uint8))
    scan = open_scan(tmp_path / "one.tif")
    assert (scan.n, scan.signal_shape) == (1, (40, 40))


def test_a_dataset_takes_both(disks, tmp_path):
    save_signal(tmp_path / "disks.hspy", disks)
    tifffile.imwrite(tmp_path / "stack.tif", disks[0, :3] // 2, photometric="minisblack")
    (tmp_path / "dataset.toml").write_text(
        '[[material]]\nname = "a"\nspace_group = 225\nscan = "disks.hspy"\n'
        '[[material]]\nname = "b"\nspace_group = 229\nscan = "stack.tif"\n'
    )
    data = load_dataset(tmp_path / "dataset.toml")
    assert np.bincount(data.material).tolist() == [12, 3]


def test_preparation_without_mask_keeps_the_corners():
    # A bright disk in a corner is what a mask made for round screens would take away.
    pattern = np.random.default_rng(2).normal(size=(1, 40, 40))
    pattern[0, :8, :8] += 20
    plain = Preparation(size=40, circular_mask=False, dynamic_background=0, local_contrast=0)
    assert prepare(pattern, plain)[0, :6, :6].min() > 0.5
    assert prepare(pattern, plain.model_copy(update={"circular_mask": True}))[0, 0, 0] == 0


def test_what_is_no_scan_of_patterns_says_so(disks, tmp_path):
    import hyperspy.api as hs

    hs.signals.Signal1D(np.ones((5, 30))).save(tmp_path / "spectra.hspy")
    with pytest.raises(InputError, match="two signal axes"):
        open_scan(tmp_path / "spectra.hspy")
    (tmp_path / "no.hspy").write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="no HyperSpy file"):
        open_scan(tmp_path / "no.hspy")
    with pytest.raises(InputError, match="save it as"):
        (tmp_path / "scan.zspy").mkdir()
        open_scan(tmp_path / "scan.zspy")


def test_a_file_that_declares_a_pattern_no_detector_has_is_refused(disks, tmp_path):
    path = save_signal(tmp_path / "disks.hspy", disks)
    with h5py.File(path, "a") as file:
        group = next(iter(file["Experiments"].values()))
        del group["data"]
        group.create_dataset("data", shape=(3, 4, 100_000, 100_000), dtype="u2", chunks=(1, 1, 10, 10))
    with pytest.raises(InputError, match="pixels"):
        open_scan(path)


def test_a_truncated_file_is_refused(disks, tmp_path):
    path = save_signal(tmp_path / "disks.hspy", disks)
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError):
        open_scan(path)
