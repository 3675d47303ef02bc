import os
import subprocess
import sys
import threading

import h5py
import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi._support import hdf5_probe

posix = pytest.mark.skipif(os.name != "posix", reason="signals are a matter of POSIX")

#: Does something instead of walking through files whose name begins with "bad", and counts how often it was started.
PROGRAM = """
import json, os, signal, sys, time
from pathlib import Path
sys.path.insert(0, {source!r})
import hdf5_walk
log = Path(__file__).with_name("starts")
log.write_text(log.read_text() + "x" if log.exists() else "x")
def walk(path):
    if Path(path).name.startswith("bad"):
        {instead}
hdf5_walk.walk = walk
hdf5_walk.main()
"""


@pytest.fixture
def whole(tmp_path):
    """A file with what HDF5 offers: links, rings, attributes, chunks, text."""
    path = tmp_path / "whole.h5"
    with h5py.File(path, "w") as file:
        group = file.create_group("one/two")
        group["ring"] = file["one"]
        group["nowhere"] = h5py.SoftLink("/none")
        group.attrs.update(text="words", numbers=np.arange(3))
        file.create_dataset("chunked", data=np.zeros((20, 60, 60)), chunks=(1, 60, 60), compression="gzip")
        file["names"] = ["a", "b"]
    return path


@pytest.fixture
def bad(whole):
    return whole.rename(whole.with_name("bad.h5"))


@pytest.fixture
def instead(tmp_path, monkeypatch):
    """Let another program walk, which does as it is told where a file is bad."""

    def set_up(line):
        program = tmp_path / "program" / "walk.py"
        program.parent.mkdir()
        source = str(hdf5_probe._PROGRAM.parent)
        program.write_text(PROGRAM.format(source=source, instead=line))
        monkeypatch.setattr(hdf5_probe, "_PROGRAM", program)
        monkeypatch.setattr(hdf5_probe, "_WALKER", hdf5_probe._Walker())
        return lambda: len((program.parent / "starts").read_text())

    return set_up


def test_a_whole_file_is_let_through(whole):
    hdf5_probe.probe_hdf5(whole, remedy="copy it")


@pytest.mark.parametrize("content", [b"", b"no HDF5", b"\x89HDF\r\n\x1a\n"])
def test_a_file_that_the_library_refuses_is_left_to_the_reader(content, tmp_path):
    (tmp_path / "a.h5").write_bytes(content)
    hdf5_probe.probe_hdf5(tmp_path / "a.h5", remedy="copy it")


def test_names_may_hold_anything(whole):
    hdf5_probe.probe_hdf5(whole.rename(whole.with_name("ä \n'\"\udcff.h5")), remedy="copy it")


@posix
@pytest.mark.parametrize("name", ["SIGSEGV", "SIGABRT", "SIGBUS"])
def test_a_crash_is_one_line_and_the_next_file_is_probed_again(name, bad, instead, capfd):
    starts = instead(f"os.kill(os.getpid(), signal.{name})")
    for _ in range(2):
        with pytest.raises(
            InputError, match=r"bad\.h5: is damaged: the HDF5 library crashes on it \(copy it\)"
        ):
            hdf5_probe.probe_hdf5(bad, remedy="copy it")
    hdf5_probe.probe_hdf5(bad.rename(bad.with_name("good.h5")), remedy="copy it")
    assert starts() == 3
    assert capfd.readouterr() == ("", "")


@posix
def test_a_library_that_never_returns_is_given_up(bad, instead, monkeypatch):
    instead("while True: pass")
    monkeypatch.setattr(hdf5_probe, "CPU_SECONDS", 1)
    with pytest.raises(InputError, match="does not come to an end of it"):
        hdf5_probe.probe_hdf5(bad, remedy="copy it")


@posix
@pytest.mark.parametrize(
    "line", ["os.kill(os.getpid(), 9)", "os.kill(os.getpid(), 15)", "os._exit(1)", "os._exit(0)"]
)
def test_a_walk_that_others_end_says_nothing(line, bad, instead):
    instead(line)
    hdf5_probe.probe_hdf5(bad, remedy="copy it")


@posix
def test_a_walk_finds_no_empty_memory(bad, instead):
    """Seen: a file of the fuzzer that was let through in every other walk, and hung the process that read it."""
    instead(
        "os.kill(os.getpid(), signal.SIGSEGV if os.environ['MALLOC_PERTURB_'] == '90' else signal.SIGKILL)"
    )
    with pytest.raises(InputError, match="crashes on it"):
        hdf5_probe.probe_hdf5(bad, remedy="copy it")


def test_a_file_that_is_not_read_in_time_is_let_through(bad, instead, monkeypatch):
    instead("time.sleep(60)")
    monkeypatch.setattr(hdf5_probe, "PATIENCE", 2)
    hdf5_probe.probe_hdf5(bad, remedy="copy it")


def test_without_a_program_nothing_is_known(whole, monkeypatch):
    monkeypatch.setattr(hdf5_probe, "_WALKER", hdf5_probe._Walker())
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    hdf5_probe.probe_hdf5(whole, remedy="copy it")


def test_one_program_walks_through_all_files_of_all_threads(whole, instead):
    starts = instead("pass")
    threads = [
        threading.Thread(target=hdf5_probe.probe_hdf5, args=(whole,), kwargs={"remedy": ""}) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert starts() == 1


@posix
def test_a_fork_starts_a_program_of_its_own(whole, instead):
    starts = instead("pass")
    hdf5_probe.probe_hdf5(whole, remedy="")
    child = os.fork()
    if child == 0:
        hdf5_probe.probe_hdf5(whole, remedy="")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    hdf5_probe.probe_hdf5(whole, remedy="")
    assert starts() == 2


@posix
@pytest.mark.parametrize("interrupted", [False, True])
def test_nothing_is_left_behind(whole, interrupted):
    code = """
import signal, sys
from pathlib import Path
from kikuchi._support import hdf5_probe
hdf5_probe.probe_hdf5(Path(sys.argv[1]), remedy="")
process = hdf5_probe._WALKER._process
print(process.pid)
if len(sys.argv) > 2:
    process.send_signal(signal.SIGSTOP)
    signal.signal(signal.SIGALRM, lambda *_: sys.exit("interrupted"))
    signal.setitimer(signal.ITIMER_REAL, 1)
    hdf5_probe.probe_hdf5(Path(sys.argv[1]), remedy="")
"""
    words = [str(whole)] + ["stop"] * interrupted
    done = subprocess.run([sys.executable, "-W", "error", "-c", code, *words], capture_output=True, text=True)
    assert done.stderr.strip() == ("interrupted" if interrupted else "")
    with pytest.raises(ProcessLookupError):
        os.kill(int(done.stdout), 0)
