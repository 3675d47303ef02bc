"""NumPy files: what was written is read, and what is damaged or too large is refused before memory is taken."""

import io
import zipfile

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi._support.archive import check_archive, check_hdf5, mapped, read_archive


def npy(header, content=b""):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, header)
    return file.getvalue() + content


def archive(path, **entries):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in entries.items():
            file.writestr(f"{name}.npy", content)
    return path


def test_an_archive_gives_back_what_numpy_wrote(tmp_path):
    written = {"a": np.arange(6.0).reshape(2, 3), "b": np.array("text"), "c": np.zeros((0, 3), np.int8)}
    written["f"] = np.asfortranarray(np.arange(6).reshape(2, 3))
    np.savez_compressed(tmp_path / "a.npz", **written)
    found = read_archive(tmp_path / "a.npz", remedy="r")
    assert set(found) == set(written)
    for name, array in written.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == array.dtype


def test_an_array_larger_than_its_entry_is_refused(tmp_path):
    header = {"descr": "<f8", "fortran_order": False, "shape": (2**40,)}
    with pytest.raises(InputError, match=r"bomb\.npz: missing or broken \(copy it\)"):
        read_archive(archive(tmp_path / "bomb.npz", x=npy(header)), remedy="copy it")


def test_an_archive_that_inflates_beyond_the_limit_is_refused(tmp_path):
    header = {"descr": "|u1", "fortran_order": False, "shape": (10**6,)}
    path = archive(tmp_path / "bomb.npz", x=npy(header, bytes(10**6)))
    assert path.stat().st_size < 10_000
    with pytest.raises(InputError, match="declares"):
        read_archive(path, remedy="r", most=10**5)


def test_objects_are_refused(tmp_path):
    np.savez(tmp_path / "o.npz", x=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"o\.npz"):
        read_archive(tmp_path / "o.npz", remedy="r")


def test_objects_are_refused_before_another_library_reads_them(tmp_path):
    np.savez(tmp_path / "good.npz", x=np.arange(3), y="word")
    check_archive(tmp_path / "good.npz", remedy="r")
    np.savez(tmp_path / "o.npz", x=np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"o\.npz: holds objects in 'x\.npy'"):
        check_archive(tmp_path / "o.npz", remedy="r")
    (tmp_path / "cut.npz").write_bytes((tmp_path / "good.npz").read_bytes()[:50])
    with pytest.raises(InputError, match=r"cut\.npz: missing or broken"):
        check_archive(tmp_path / "cut.npz", remedy="r")


def test_a_file_that_was_cut_short_is_refused_and_not_filled_up(tmp_path):
    path = tmp_path / "x.npy"
    np.save(path, np.arange(100, dtype=np.float32))
    path.write_bytes(path.read_bytes()[:-40])
    size = path.stat().st_size
    with pytest.raises(InputError, match=r"x\.npy: is cut short"):
        mapped(path, "<f4", (100,), remedy="r")
    assert path.stat().st_size == size


def test_weights_that_declare_too_much_or_point_elsewhere_are_refused(tmp_path):
    import h5py

    with h5py.File(tmp_path / "good.h5", "w") as file:
        file["layers/dense/0"] = np.zeros((3, 4), np.float32)
    check_hdf5(tmp_path / "good.h5", remedy="r")
    with h5py.File(tmp_path / "bomb.h5", "w") as file:
        file.create_dataset("layers/dense/0", (2**40,), "f4", chunks=(2**20,))
    with pytest.raises(InputError, match=r"bomb\.h5: declares more than 2 GiB"):
        check_hdf5(tmp_path / "bomb.h5", remedy="r")
    with h5py.File(tmp_path / "link.h5", "w") as file:
        file["layers"] = h5py.ExternalLink(str(tmp_path / "good.h5"), "/layers")
    with pytest.raises(InputError, match=r"link\.h5: keeps '/layers' in another file"):
        check_hdf5(tmp_path / "link.h5", remedy="r")
