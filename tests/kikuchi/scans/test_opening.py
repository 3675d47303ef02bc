import h5py
import numpy as np
import pytest

from ensemble.errors import InputError, printable
from kikuchi.scans import open_scan, scan_from_array


def _refused(path, what):
    with pytest.raises(InputError, match=what) as caught:
        open_scan(path)
    assert printable(str(path)) in str(caught.value) and caught.value.remedy and "\n" not in str(caught.value)


def test_missing_file_is_named(tmp_path):
    _refused(tmp_path / "nowhere.h5", "no such file")
    _refused(tmp_path / "nothing*.png", "matches no file")
    _refused("nul\0.h5", "no such file")


@pytest.mark.parametrize(
    "suffix", [".h5", ".h5oina", ".oh5", ".dat", ".up1", ".up2", ".ebsp", ".tif", ".png"]
)
def test_empty_file_is_named(suffix, tmp_path):
    path = tmp_path / f"scan{suffix}"
    path.touch()
    _refused(path, "is empty")


def test_file_that_is_not_hdf5_is_named(tmp_path):
    path = tmp_path / "scan.h5"
    path.write_bytes(b"no" * 500)
    _refused(path, "not an HDF5 file")


def test_hdf5_without_patterns_is_named(tmp_path):
    path = tmp_path / "scan.h5"
    with h5py.File(path, "w") as file:
        file["numbers"] = np.arange(5)
    _refused(path, "no EBSD patterns")


@pytest.mark.parametrize("suffix", [".ang", ".ctf"])
def test_text_map_is_told_from_a_scan(suffix, tmp_path):
    path = tmp_path / f"map{suffix}"
    path.write_text("# a map")
    _refused(path, "map without patterns")


def test_orix_map_is_told_from_a_scan(tmp_path):
    from orix.crystal_map import CrystalMap
    from orix.io import save

    path = tmp_path / "map.h5"
    save(path, CrystalMap.empty((3, 3)))
    _refused(path, "map without patterns")


def test_edax_file_without_patterns_is_told_from_a_scan(vendor_files, tmp_path):
    path = tmp_path / "scan.h5"
    path.write_bytes((vendor_files / "edax_h5ebsd/patterns.h5").read_bytes())
    with h5py.File(path, "r+") as file:
        del file[f"{next(k for k in file if 'EBSD' in file[k])}/EBSD/Data/Pattern"]
    _refused(path, "map without patterns")


def test_master_pattern_is_told_from_a_scan(vendor_files):
    _refused(vendor_files / "emsoft_ebsd_master_pattern/master_patterns.h5", "is a master pattern")


def test_real_map_of_steel_has_no_patterns(shared):
    _refused(shared / "real/duplex_steel_map/sdss_ferrite_austenite.ang", "map without patterns")


@pytest.mark.parametrize(
    ("suffix", "remedy"),
    [
        (".bcf", r"ESPRIT as HDF5"),
        (".PAT", r"as images \(\.tif"),
        (".oip", r"\.h5oina"),
        (".oipx", r"\.ebsp"),
    ],
)
def test_files_that_no_open_library_reads_name_what_their_program_writes_instead(suffix, remedy, tmp_path):
    path = tmp_path / f"scan{suffix}"
    path.write_bytes(b"AAMVHFSS")
    _refused(path, remedy)
    # A folder that holds nothing else is refused for the same reason, not for want of images.
    _refused(tmp_path, remedy)


def test_every_format_of_patterns_that_kikuchipy_reads_is_known(tmp_path):
    from kikuchipy.io._io import PLUGINS

    no_scans = {"nordif_calibration_patterns", "ebsdsim_master_pattern"}
    theirs = {e for plugin in PLUGINS if plugin["name"] not in no_scans for e in plugin["file_extensions"]}
    assert len(theirs) > 8
    for suffix in theirs:
        path = tmp_path / f"scan.{suffix}"
        path.write_bytes(b"no" * 500)
        with pytest.raises(InputError) as caught:
            open_scan(path)
        assert "is not known" not in str(caught.value)


def test_what_is_refused_as_unreadable_rosettasciio_does_not_read_either():
    from rsciio import IO_PLUGINS

    readers = {e.lower(): plugin["name"] for plugin in IO_PLUGINS for e in plugin["file_extensions"]}
    assert not {"pat", "oip", "oipx"} & set(readers)
    # Its reader of .bcf knows spectra and images; of diffraction patterns its own description says nothing.
    (bruker,) = [plugin for plugin in IO_PLUGINS if plugin["name"] == readers["bcf"]]
    assert "EDS spectra" in bruker["description"] and "EBSD" not in bruker["description"]


def test_unknown_suffix_names_the_known_ones(tmp_path):
    path = tmp_path / "scan.docx"
    path.touch()
    _refused(path, r"is no scan.*\.h5oina")


def test_folder_without_images_points_at_the_scan_in_it(tmp_path):
    (tmp_path / "Pattern.dat").touch()
    _refused(tmp_path, r"holds no images.*Pattern\.dat")


def test_glob_of_several_scans_is_refused(tmp_path):
    for name in ("a.h5", "b.h5"):
        (tmp_path / name).touch()
    _refused(tmp_path / "*.h5", "matches 2 files")


def test_glob_of_one_scan_opens_it(nickel_file):
    assert open_scan(str(nickel_file.with_name("nick*.h5"))).n == 9


def test_array_becomes_a_scan_with_positions(nickel):
    scan = scan_from_array(nickel.reshape(3, 3, 60, 60), "ni", step=(2.0, 3.0))
    assert scan.shape == (3, 3)
    assert scan.x.tolist() == [0, 3, 6] * 3 and scan.y.tolist() == [0] * 3 + [2] * 3 + [4] * 3
