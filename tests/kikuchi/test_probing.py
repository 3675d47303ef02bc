import os
import signal
import subprocess
import sys
import time

import h5py
import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi import probing

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="files are probed on Linux only")


@pytest.fixture
def whole(tmp_path):
    """A file with what HDF5 offers: links, rings, attributes, chunks, text."""
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("one/two")
        group["ring"] = file["one"]
        group["elsewhere"] = h5py.ExternalLink("nothing.h5", "/x")
        group["nowhere"] = h5py.SoftLink("/none")
        group.attrs.update(text="words", numbers=np.arange(3))
        file.create_dataset("chunked", data=np.zeros((20, 60, 60)), chunks=(1, 60, 60), compression="gzip")
        file["names"] = ["a", "b"]
    return path


def test_a_whole_file_is_let_through(whole):
    probing.probe_hdf5(whole, remedy="copy it")


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_the_library_refuses_is_left_to_the_reader(content, tmp_path):
    (tmp_path / "a.h5").write_bytes(content)
    probing.probe_hdf5(tmp_path / "a.h5", remedy="copy it")


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS])
def test_a_crash_of_the_library_is_one_line(number, whole, monkeypatch, capfd):
    monkeypatch.setattr(probing, "_walk", lambda path: os.kill(os.getpid(), number))
    with pytest.raises(InputError, match=r"a\.h5: is damaged: the HDF5 library crashes on it \(copy it\)"):
        probing.probe_hdf5(whole, remedy="copy it")
    assert capfd.readouterr() == ("", "")


def test_a_library_that_never_returns_is_given_up(whole, monkeypatch):
    def spin(path):
        while True:
            pass

    monkeypatch.setattr(probing, "_walk", spin)
    monkeypatch.setattr(probing, "CPU_SECONDS", 1)
    with pytest.raises(InputError, match="does not come to an end of it"):
        probing.probe_hdf5(whole, remedy="copy it")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGALRM, signal.SIGTERM])
def test_a_walk_that_others_end_says_nothing(number, whole, monkeypatch):
    monkeypatch.setattr(probing, "_walk", lambda path: os.kill(os.getpid(), number))
    probing.probe_hdf5(whole, remedy="copy it")


def test_a_file_that_cannot_be_read_in_time_is_let_through(whole, monkeypatch):
    monkeypatch.setattr(probing, "_walk", lambda path: time.sleep(60))
    monkeypatch.setattr(probing, "PATIENCE", 1)
    probing.probe_hdf5(whole, remedy="copy it")


def test_nothing_is_left_of_the_fork_when_the_wait_is_interrupted(whole):
    code = """
import os, signal, sys, time
from pathlib import Path
from kikuchi import probing
probing._walk = lambda path: time.sleep(60)
signal.signal(signal.SIGALRM, lambda *_: sys.exit("interrupted"))
signal.setitimer(signal.ITIMER_REAL, 1)
try:
    probing.probe_hdf5(Path(sys.argv[1]), remedy="")
finally:
    try:
        os.waitpid(-1, os.WNOHANG)
    except ChildProcessError:
        print("no child left")
"""
    done = subprocess.run([sys.executable, "-c", code, str(whole)], capture_output=True, text=True)
    assert (done.stdout.strip(), done.stderr.strip()) == ("no child left", "interrupted")
