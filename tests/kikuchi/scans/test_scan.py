import pickle
import shutil

import dask.array as da
import numpy as np
import pytest

from kikuchi.scans import open_scan, scan_from_array


@pytest.fixture(params=["numpy", "dask", "hdf5", "dask-4d"])
def scan(request, nickel, nickel_file):
    if request.param == "hdf5":
        return open_scan(nickel_file)
    if request.param == "numpy":
        return scan_from_array(nickel.reshape(3, 3, 60, 60))
    if request.param == "dask":
        return scan_from_array(da.from_array(nickel, chunks=(2, 60, 60)))
    return scan_from_array(da.from_array(nickel.reshape(3, 3, 60, 60), chunks=(2, 2, 60, 60)))


@pytest.mark.parametrize(
    "indices", [slice(None), slice(2, 7), slice(8, 1, -3), [5], [0, 8, 3], [4, 4, 1], [-1], [], 7]
)
def test_read_gives_what_was_asked_in_that_order(scan, nickel, indices):
    expected = nickel[[indices]] if isinstance(indices, int) else nickel[np.arange(9)[indices]]
    np.testing.assert_array_equal(scan.read(indices), expected)


def test_an_index_beyond_the_scan_is_refused(scan):
    for index in (9, -10):
        with pytest.raises(IndexError):
            scan.read([index])


def test_chunks_follow_the_scan(scan, nickel):
    chunks = list(scan.iter_chunks(4))
    assert [start for start, _ in chunks] == [0, 4, 8]
    np.testing.assert_array_equal(np.concatenate([patterns for _, patterns in chunks]), nickel)


def test_mean_pattern_is_the_mean(scan, nickel):
    np.testing.assert_allclose(scan.mean_pattern(), nickel.mean(axis=0))


def test_fingerprint_is_the_same_in_another_folder_and_changes_with_a_pixel(nickel_file, tmp_path, nickel):
    moved = tmp_path / "elsewhere" / "nickel.h5"
    moved.parent.mkdir()
    shutil.copy(nickel_file, moved)
    assert open_scan(nickel_file).fingerprint() == open_scan(moved).fingerprint()
    changed = nickel.copy()
    changed[-1, 3, 3] += 1
    assert scan_from_array(nickel).fingerprint() != scan_from_array(changed).fingerprint()


def test_fingerprint_changes_with_the_grid(nickel):
    assert (
        scan_from_array(nickel).fingerprint() != scan_from_array(nickel.reshape(3, 3, 60, 60)).fingerprint()
    )


def test_hdf5_scan_travels_to_another_process(nickel_file, nickel):
    source = pickle.loads(pickle.dumps(open_scan(nickel_file).source))
    np.testing.assert_array_equal(source.read(np.array([2])), nickel[[2]])
