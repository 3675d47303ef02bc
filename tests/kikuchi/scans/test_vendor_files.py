from pathlib import Path

import h5py
import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.scans import open_scan

# kikuchipy carries the same nine nickel patterns in these formats.
SAME_SCAN = (
    "kikuchipy_h5ebsd/patterns.h5",
    "edax_h5ebsd/patterns.h5",
    "nordif/Pattern.dat",
    "oxford_binary/patterns.ebsp",
    "edax_binary/edax_binary.up1",
)


def _oxford_file(folder: Path) -> Path:
    from kikuchipy.data._dummy_files.oxford_h5ebsd import create_dummy_oxford_h5ebsd_file

    path = folder / "patterns.h5oina"
    create_dummy_oxford_h5ebsd_file(path)
    return path


@pytest.mark.parametrize("name", SAME_SCAN)
def test_the_same_patterns_come_out_of_every_vendors_file(name, vendor_files, nickel):
    scan = open_scan(vendor_files / name)
    assert scan.dtype == np.uint8
    np.testing.assert_array_equal(scan.read(slice(None)), nickel)


def test_dummy_bruker_file_holds_the_same_patterns(tmp_path, nickel):
    from kikuchipy.data._dummy_files.bruker_h5ebsd import create_dummy_bruker_h5ebsd_file

    path = tmp_path / "bruker.h5"
    create_dummy_bruker_h5ebsd_file(path)
    scan = open_scan(path)
    assert scan.shape == (3, 3)
    np.testing.assert_array_equal(scan.read(slice(None)), nickel)


def test_oxford_patterns_are_the_processed_ones_where_both_are_stored(tmp_path):
    path = _oxford_file(tmp_path)
    with h5py.File(path) as file:
        processed, unprocessed = (
            file[f"1/EBSD/Data/{kind} Patterns"][()] for kind in ("Processed", "Unprocessed")
        )
    scan = open_scan(path)
    np.testing.assert_array_equal(scan.read(slice(None)), processed)
    assert scan.static_background is None  # it is taken off already
    raw = tmp_path / "raw.h5oina"
    raw.write_bytes(path.read_bytes())
    with h5py.File(raw, "r+") as file:
        del file["1/EBSD/Data/Processed Patterns"]
    np.testing.assert_array_equal(open_scan(raw).read([4, 0]), unprocessed[[4, 0]])


def test_oh5_is_read_as_edax_hdf5(vendor_files, tmp_path, nickel):
    path = tmp_path / "scan.oh5"
    path.write_bytes((vendor_files / "edax_h5ebsd/patterns.h5").read_bytes())
    np.testing.assert_array_equal(open_scan(path).read([8, 0]), nickel[[8, 0]])


def test_nickel_file_tells_grid_voltage_tilt_centre_and_phase(nickel_file):
    scan = open_scan(nickel_file)
    assert scan.shape == (3, 3) and scan.n == len(scan) == 9
    assert scan.step == (1.5, 1.5)
    assert scan.voltage_kv == 20
    assert scan.sample_tilt == 70
    # As kikuchipy documents for this data set.
    np.testing.assert_allclose(scan.pattern_centre, (0.425, 0.213, 0.501), atol=5e-4)
    assert set(scan.space_groups) == {225} and set(scan.phase_names) == {"ni"}
    assert scan.xmap is not None and scan.xmap.size == 9
    np.testing.assert_array_equal(scan.row, np.repeat([0, 1, 2], 3))
    np.testing.assert_allclose(scan.x, np.tile([0, 1.5, 3], 3))
    assert scan.static_background.shape == (60, 60)


def test_silicon_scans_are_one_pattern_at_20_kv(shared):
    for path in sorted((shared / "real/silicon_moving_screen").glob("*.h5")):
        scan = open_scan(path)
        assert (scan.n, scan.signal_shape, scan.voltage_kv) == (1, (480, 480), 20)
        assert scan.pattern_centre is None  # the file holds -1 for it, kikuchipy 0.5
        assert scan.space_groups is None  # its phase list says space group 0
        assert scan.read(0).std() > 10


def test_hexagonal_up2_keeps_its_grid(vendor_files):
    # As kikuchipy's script draws it: rows of 3, 4 and 3 points, steps of pi and pi / 2.
    scan = open_scan(vendor_files / "edax_binary/edax_binary.up2")
    assert (scan.shape, scan.n, scan.dtype) == ((3, 4), 10, np.uint16)
    assert scan.step == pytest.approx((np.pi / 2, np.pi))
    np.testing.assert_allclose(scan.x / np.pi, [0.5, 1.5, 2.5, 0, 1, 2, 3, 0.5, 1.5, 2.5])
    assert scan.metadata["grid"] == "hexagonal" and scan.note is None


def test_the_grids_shape_can_be_given_where_the_file_does_not_tell(vendor_files):
    path = vendor_files / "edax_binary/edax_binary.up1"
    assert open_scan(path, shape=(3, 3)).shape == (3, 3)
    with pytest.raises(InputError, match="holds 9 patterns"):
        open_scan(path, shape=(3, 4))


def test_readers_warnings_stay_away_from_the_user(vendor_files, recwarn):
    open_scan(vendor_files / "edax_binary/edax_binary.up2")
    assert not [w for w in recwarn if issubclass(w.category, UserWarning)]


@pytest.mark.parametrize("name", [*SAME_SCAN, "emsoft_ebsd/EBSD_TEST_Ni.h5"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_files_are_refused_in_one_line(name, share, vendor_files, tmp_path):
    original = vendor_files / name
    path = tmp_path / original.name
    content = original.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    settings = original.with_name("Setting.txt")
    if settings.exists():
        (tmp_path / "Setting.txt").write_bytes(settings.read_bytes())
    try:
        scan = open_scan(path)
    except InputError as error:
        assert str(path) in str(error) and error.remedy and "\n" not in str(error)
    else:
        # An .up1 does not say how many patterns it has: what is there is read.
        assert path.suffix == ".up1" and scan.n < 9


def test_a_damaged_chunk_is_a_problem_of_its_pattern_alone(tmp_path, nickel):
    import kikuchipy

    path = tmp_path / "nickel.h5"
    kikuchipy.data.nickel_ebsd_small().save(path)
    with h5py.File(path, "r+") as file:
        name = "Scan 1/EBSD/Data/patterns"
        del file[name]
        data = file.create_dataset(name, data=nickel, chunks=(1, 60, 60), compression="gzip")
        offset = data.id.get_chunk_info(4).byte_offset
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\xff" * 40)
    scan = open_scan(path)
    patterns = scan.read(slice(None))
    assert list(scan.problems) == [4]
    assert not patterns[4].any()
    np.testing.assert_array_equal(patterns[[0, 3, 5, 8]], nickel[[0, 3, 5, 8]])


def test_file_that_declares_huge_patterns_is_refused(nickel_file):
    with h5py.File(nickel_file, "r+") as file:
        name = "Scan 1/EBSD/Data/patterns"
        del file[name]
        file.create_dataset(name, (9, 100_000, 100_000), "u1", chunks=(1, 100, 100))
    with pytest.raises(InputError, match="100000 x 100000"):
        open_scan(nickel_file)


def test_file_that_declares_a_huge_header_is_refused_before_it_is_loaded(nickel_file):
    with h5py.File(nickel_file, "r+") as file:
        file["Scan 1/EBSD/Header"].create_dataset("bomb", (2**40,), "u1", chunks=(2**20,))
    with pytest.raises(InputError, match="bomb"):
        open_scan(nickel_file)


def test_nordif_file_without_settings_says_what_is_missing(vendor_files, tmp_path):
    path = tmp_path / "Pattern.dat"
    path.write_bytes((vendor_files / "nordif/Pattern.dat").read_bytes())
    with pytest.raises(InputError, match=r"Setting\.txt"):
        open_scan(path)


def test_bruker_map_of_a_region_is_put_in_order(tmp_path):
    import kikuchipy
    from kikuchipy.data._dummy_files.bruker_h5ebsd import create_dummy_bruker_h5ebsd_roi_file

    path = tmp_path / "region.h5"
    create_dummy_bruker_h5ebsd_roi_file(path)
    expected = kikuchipy.load(path).data
    scan = open_scan(path)
    assert scan.shape == expected.shape[:2]
    patterns = scan.read(slice(None))
    np.testing.assert_array_equal(patterns, expected.reshape(-1, *scan.signal_shape))
    np.testing.assert_array_equal(scan.read([3, 1]), patterns[[3, 1]])


def test_map_of_more_points_than_patterns_is_truncated(nickel_file):
    with h5py.File(nickel_file, "r+") as file:
        file["Scan 1/EBSD/Header/n_rows"][...] = 30_000
    with pytest.raises(InputError, match="90000 points and 9 patterns"):
        open_scan(nickel_file)


def test_nordif_settings_of_a_billion_patterns_are_refused_at_once(vendor_files, tmp_path):
    for name in ("Pattern.dat", "Setting.txt"):
        (tmp_path / name).write_bytes((vendor_files / "nordif" / name).read_bytes())
    settings = (tmp_path / "Setting.txt").read_text(encoding="latin-1")
    changed = settings.replace("Number of samples\t3x3", "Number of samples\t30000x30000")
    assert changed != settings
    (tmp_path / "Setting.txt").write_text(changed, encoding="latin-1")
    with pytest.raises(InputError, match="truncated"):
        open_scan(tmp_path / "Pattern.dat")
