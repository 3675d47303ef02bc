"""What happens where the disk is full: one line, the files of before, nothing half-written. The disk is a real one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ensemble.errors import InputError
from kikuchi._support.atomic import replaced, replaced_together

TESTS = Path(__file__).resolve().parents[2]


def test_a_library_that_stumbles_over_a_full_disk_is_told_as_one(tmp_path):
    with (
        pytest.raises(InputError, match=r"a\.pdf: cannot be written: No space left"),
        replaced(tmp_path / "a.pdf"),
    ):
        try:
            raise OSError(28, "No space left on device")
        finally:
            raise AttributeError(
                "'Stream' object has no attribute 'pos'"
            )  # matplotlib's, while it closes the file


def test_a_mistake_of_ours_is_no_full_disk(tmp_path):
    with pytest.raises(AttributeError), replaced(tmp_path / "a.pdf"):
        raise AttributeError("of our own")


def test_the_file_that_is_named_is_the_one_that_was_wanted(tmp_path):
    with (
        pytest.raises(InputError) as refused,
        replaced_together(tmp_path, "summary.json") as staged,
        replaced(staged / "figures" / "a.pdf"),
    ):
        raise OSError(28, "No space left on device")
    assert str(refused.value).startswith(
        f"{tmp_path / 'figures' / 'a.pdf'}: cannot be written: No space left"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def small_disk(tmp_path):
    """A disk of its own that holds 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("a disk of its own needs the right to mount one")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(os.name == "nt", reason="tmpfs")
def test_a_map_on_a_full_disk_is_one_line_and_the_old_one_stays(small_disk):
    # HDF5 keeps a file open that it could not write: a process of its own is over with it.
    script = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2])\n"
        "from ensemble.errors import InputError; from tests.kikuchi.maps.conftest import decision, make_map\n"
        "from kikuchi.maps.h5_file import write_h5\n"
        "target = Path(sys.argv[1]) / 'map.h5'; target.write_bytes(b'the old map')\n"
        "try: write_h5(make_map((60, 80), decision(4800)), target)\n"
        "except InputError as error: print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(small_disk), str(TESTS.parent)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (
        done.stdout.count("\n") == 1 and "map.h5: cannot be written: No space left on the disk" in done.stdout
    )
    assert done.returncode == 0 and done.stderr == ""
    assert (small_disk / "map.h5").read_bytes() == b"the old map"
    assert [file.name for file in small_disk.iterdir()] == ["map.h5"]
