"""An HDF5 file is read only where all of it is in it: no way leads from a scan to other files of the machine."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi._support.archive import check_hdf5
from kikuchi._support.hdf5_probe import probe_hdf5
from kikuchi.scans import open_scan
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.scenes.real_map import load_microstructure
from kikuchi.simulate.scenes.writer import write_scan

SECRET = b"PRIVATE!" * 900
PATTERNS = "Scan 1/EBSD/Data/patterns"


@pytest.fixture
def secret(tmp_path):
    """Files of the machine that nobody gave away: two patterns' worth of bytes, and HDF5."""
    private = tmp_path / "private"
    private.mkdir()
    (private / "key").write_bytes(SECRET)
    with h5py.File(private / "key.h5", "w") as file:
        file["x"] = np.frombuffer(SECRET, np.uint8).reshape(2, 60, 60)
        file["g/y"] = 1
    return private


def external_storage(group, name, secret):
    group.create_dataset(name, (2, 60, 60), "u1", external=[(str(secret / "key"), 0, len(SECRET))])


def virtual(group, name, secret):
    layout = h5py.VirtualLayout((2, 60, 60), "u1")
    layout[:] = h5py.VirtualSource(str(secret / "key.h5"), "x", (2, 60, 60))
    group.create_virtual_dataset(name, layout)


def external_link(group, name, secret):
    group[name] = h5py.ExternalLink(str(secret / "key.h5"), "/x")


def linked_group(group, name, secret):
    group[f"{name}_group"] = h5py.ExternalLink(str(secret / "key.h5"), "/")


def soft_to_external(group, name, secret):
    group.file["aside"] = h5py.ExternalLink(str(secret / "key.h5"), "/")
    group[name] = h5py.SoftLink("/aside/x")


def unreadable_name(group, name, secret):
    group.id.links.create_external(b"\xff\xfe", str(secret / "key.h5").encode(), b"/x")


WAYS = [external_storage, virtual, external_link, linked_group, soft_to_external, unreadable_name]


def scan(folder: Path) -> Path:
    return write_scan(
        folder / "scan.h5",
        [(0, np.zeros((2, 60, 60), np.uint8))],
        grid=(1, 2),
        signal_shape=(60, 60),
        dtype=np.uint8,
        step_um=1.0,
        voltage_kv=20.0,
        pattern_centre=np.array([0.5, 0.4, 0.6]),
    )


@pytest.mark.parametrize("way", WAYS)
def test_a_scan_that_reaches_into_other_files_is_refused(way, secret, tmp_path):
    path = scan(tmp_path)
    open_scan(path)
    with h5py.File(path, "a") as file:
        del file[PATTERNS]
        way(file["Scan 1/EBSD/Data"], "patterns", secret)
    with pytest.raises(
        InputError, match=r"scan\.h5: keeps '/.*' in another file \(copy the data into one file\)"
    ):
        open_scan(path)


@pytest.mark.parametrize("way", WAYS)
def test_other_data_of_a_scan_are_no_way_either(way, secret, tmp_path):
    path = scan(tmp_path)
    with h5py.File(path, "a") as file:
        way(file["Scan 1/EBSD/Header"], "note", secret)
    with pytest.raises(InputError, match="in another file"):
        open_scan(path)


@pytest.mark.parametrize("way", WAYS)
def test_signals_masters_maps_and_weights_are_held_to_the_same(way, secret, tmp_path):
    signal = tmp_path / "signal.hspy"
    with h5py.File(signal, "w") as file:
        group = file.create_group("Experiments/title")
        for number, navigate in enumerate([True, False, False]):
            group.create_group(f"axis-{number}").attrs.update(navigate=navigate)
        way(group, "data", secret)
    with pytest.raises(InputError, match=r"signal\.hspy: keeps"):
        open_scan(signal)
    for name, reader in (
        ("master.h5", load_master),
        ("map.h5", lambda path: load_microstructure(path, {"Ni": 0})),
        ("member.weights.h5", lambda path: check_hdf5(path, remedy="r")),
    ):
        with h5py.File(tmp_path / name, "w") as file:
            way(file.create_group("EMData/EBSDmaster"), "mLPNH", secret)
        with pytest.raises(InputError, match=rf"{name}: keeps"):
            reader(tmp_path / name)


def test_a_pipe_for_storage_is_not_waited_for(tmp_path):
    """Seen of external storage: a file that is only looked at reads from wherever it points to."""
    import os

    if not hasattr(os, "mkfifo"):
        pytest.skip("no named pipes here")
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file.create_dataset("x", (4,), "u1", external=[(str(tmp_path / "pipe"), 0, 4)])
    with pytest.raises(InputError, match="in another file"):
        probe_hdf5(tmp_path / "a.h5", remedy="r")


def test_paths_within_the_file_rings_and_types_are_no_matter(tmp_path):
    path = scan(tmp_path)
    with h5py.File(path, "a") as file:
        file["Scan 1/EBSD/Data/again"] = h5py.SoftLink("/" + PATTERNS)
        file["type"] = np.dtype("f4")
        file.attrs["reference"] = file["Scan 1"].ref
    assert open_scan(path).source.n == 2
    with h5py.File(tmp_path / "ring.h5", "w") as file:
        file["a/ring"] = file["/"]
        file["nowhere"] = h5py.SoftLink("/none")
    probe_hdf5(tmp_path / "ring.h5", remedy="r")


def test_hyperspy_makes_no_objects_of_a_scan(tmp_path):
    path = scan(tmp_path)
    with h5py.File(path, "a") as file:
        file["Scan 1/EBSD/Header/_sig_x/data"] = 1
    with pytest.raises(InputError, match="holds '_sig_x', which no scan does"):
        open_scan(path)


def with_filter(path: Path, code: int, name: str, mask: int = 0, layout: str = "kikuchipy") -> Path:
    """Write patterns whose only chunk says that it went through a filter that is not here."""
    where = PATTERNS if layout == "kikuchipy" else "Experiments/t/data"
    if layout == "kikuchipy":
        path = scan(path.parent)
    with h5py.File(path, "a") as file:
        if layout == "kikuchipy":
            del file[where]
        else:
            for number, navigate in enumerate([True, False, False]):
                file.create_group(f"Experiments/t/axis-{number}").attrs.update(navigate=navigate)
        group, _, last = where.rpartition("/")
        properties = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        properties.set_chunk((2, 60, 60))
        properties.set_filter(code, h5py.h5z.FLAG_OPTIONAL, (0,))
        space = h5py.h5s.create_simple((2, 60, 60))
        data = h5py.h5d.create(file[group].id, last.encode(), h5py.h5t.NATIVE_UINT8, space, properties)
        data.write_direct_chunk((0, 0, 0), bytes(7200), filter_mask=mask)
    return path


@pytest.mark.parametrize("layout", ["kikuchipy", "hspy"])
def test_a_missing_filter_is_named(layout, tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "hdf5plugin", None)
    path = tmp_path / ("scan.h5" if layout == "kikuchipy" else "scan.hspy")
    with pytest.raises(
        InputError,
        match=r"scan\.\w+: '(patterns|data)' is compressed by the HDF5 filter 32026 \(Blosc2\), which is not here "
        r"\(pip install hdf5plugin",
    ):
        open_scan(with_filter(path, 32026, "Blosc2", layout=layout))


def test_a_filter_that_the_writer_skipped_is_not_missed(tmp_path):
    opened = open_scan(with_filter(tmp_path / "scan.h5", 32026, "", mask=1))
    assert not opened.read(np.arange(2)).any()
    assert not opened.problems
