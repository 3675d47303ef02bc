"""One run at a time in a folder, and none left locked by a run that died."""

import errno
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from ensemble.errors import InputError
from kikuchi._support.atomic import own_name, replaced_together, sweep
from kikuchi._support.lock import OWNER, locked

HOLD = """
import sys, time
from pathlib import Path
from kikuchi._support.lock import locked

with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_is_refused_until_the_first_is_gone(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline().strip() == "held"
        with pytest.raises(InputError, match="another run is at work"), locked(tmp_path):
            pass
        first.kill()
        first.wait()
    with locked(tmp_path):
        pass


def test_a_run_that_waits_gets_the_folder_when_the_first_lets_go(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout.readline().strip() == "held"
        said = []

        def waiting():
            said.append("waiting")
            first.kill()

        with locked(tmp_path, waiting=waiting):
            pass
        first.wait()
    assert said == ["waiting"]


def test_a_second_hold_in_the_same_process_is_refused(tmp_path):
    with locked(tmp_path), pytest.raises(InputError, match="another run is at work"), locked(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_without_locks_is_worked_on_and_still_held(tmp_path, monkeypatch, number):
    # As Lustre without -o flock, or some FUSE and SMB mounts, answer.
    import fcntl

    def no_lock(*_):
        raise OSError(number, "not here")

    monkeypatch.setattr(fcntl, "flock", no_lock)
    with locked(tmp_path):
        (tmp_path / "work").touch()
    with locked(tmp_path):  # and again
        pass


def test_without_locks_a_living_run_is_respected_and_a_dead_one_passed_over(tmp_path, monkeypatch):
    import fcntl

    def no_lock(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", no_lock)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as other:
        (tmp_path / OWNER).write_text(f"{platform.node()} {other.pid}")
        with pytest.raises(InputError, match="another run is at work"), locked(tmp_path):
            pass
        other.kill()
        other.wait()
    with locked(tmp_path):
        pass


def test_without_fcntl_a_folder_can_be_held(tmp_path):
    # What Windows has: the module is not there at all.
    program = "import sys; sys.modules['fcntl'] = None\n" + HOLD.replace("time.sleep(60)", "pass")
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path)], capture_output=True, text=True)
    assert done.stdout.strip() == "held", done.stderr


def test_what_a_killed_run_left_half_written_is_swept(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine, theirs = (tmp_path / own_name(n) for n in ("map.csv", "x"))
    left = tmp_path / mine.name.replace(str(os.getpid()), str(dead.pid))
    left_folder = tmp_path / "deep" / theirs.name.replace(str(os.getpid()), str(dead.pid))
    left_folder.mkdir(parents=True)
    (left_folder / "map.h5").touch()
    left.touch()
    mine.touch()
    with locked(tmp_path):
        assert not left.exists() and not left_folder.exists()
        assert mine.exists()  # a living process is still at it


def test_files_change_places_together_or_not_at_all(tmp_path):
    for name in ("map.csv", "summary.json"):
        (tmp_path / name).write_text("old")
    with pytest.raises(KeyboardInterrupt), replaced_together(tmp_path, "summary.json") as staged:
        (staged / "map.csv").write_text("new")
        raise KeyboardInterrupt
    assert [(tmp_path / n).read_text() for n in ("map.csv", "summary.json")] == ["old", "old"]
    with replaced_together(tmp_path, "summary.json") as staged:
        (staged / "summary.json").write_text("new")
        (staged / "map.csv").write_text("new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["map.csv", "summary.json"]
    assert [(tmp_path / n).read_text() for n in ("map.csv", "summary.json")] == ["new", "new"]


def test_killed_while_files_change_places_leaves_no_file_that_vouches(tmp_path, monkeypatch):
    for name in ("map.csv", "map.h5", "summary.json"):
        (tmp_path / name).write_text("old")
    moved, replace = [], Path.replace

    def killed(self, target):
        if moved:
            raise KeyboardInterrupt
        moved.append(target)
        return replace(self, target)

    monkeypatch.setattr("pathlib.Path.replace", killed)
    with pytest.raises(KeyboardInterrupt), replaced_together(tmp_path, "summary.json") as staged:
        for name in ("map.csv", "map.h5", "summary.json"):
            (staged / name).write_text("new")
    assert not (tmp_path / "summary.json").exists()


def test_folders_of_dead_processes_are_swept_by_their_mark(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    mine = own_name("worker", mark="kikuchi-")
    for name in (mine, mine.replace(f"-{os.getpid()}-", f"-{dead.pid}-"), "kikuchi-somebody", "other"):
        (tmp_path / name).mkdir()
    sweep(tmp_path, mark="kikuchi-")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([mine, "kikuchi-somebody", "other"])
