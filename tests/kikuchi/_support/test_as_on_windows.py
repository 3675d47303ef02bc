"""What vendors' software runs on: no fcntl, none of POSIX' calls, a console of cp1252; as far as Linux can act it."""

import os
import subprocess
import sys

import kikuchipy
import pytest

WITHOUT = """
import os, sys
for name in ("fcntl", "pwd", "grp"):
    sys.modules[name] = None
for name in ("posix_fallocate", "sched_getaffinity", "fork", "getuid", "geteuid", "mkfifo"):
    if hasattr(os, name):
        delattr(os, name)
from ensemble_cli.main import main
sys.argv = ["ensemble", *sys.argv[1:]]
main()
"""

NAME = "\N{GREEK SMALL LETTER GAMMA}-Ni.h5"

SPEC = """
diffraction = "kinematical"
half_size = 30
[[material]]
name = "Ni"
count = 3
[detector]
shape = [24, 24]
"""


@pytest.fixture
def ensemble(tmp_path):
    """Run the command as Windows would, and return its exit code, output and errors."""

    def run(*arguments):
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "utf8=0",
                "-W",
                "ignore::UserWarning",
                "-c",
                WITHOUT,
                *map(str, arguments),
            ],
            capture_output=True,
            cwd=tmp_path,
            env=os.environ | {"PYTHONIOENCODING": "cp1252"},
            check=False,
        )
        return done.returncode, done.stdout.decode("cp1252"), done.stderr.decode("cp1252")

    return run


def test_scans_are_read(ensemble, tmp_path):
    kikuchipy.data.nickel_ebsd_small().save(tmp_path / NAME)
    code, out, err = ensemble("info", NAME)
    assert code == 0, err
    assert "patterns: 9" in out and "name: ?" in out  # what cp1252 lacks becomes a question mark


def test_scans_are_simulated_and_a_refusal_is_a_line(ensemble, tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC)
    code, _, err = ensemble("simulate", "spec.toml", "--out", "scans", "--quiet")
    assert code == 0, err
    assert (tmp_path / "scans" / "dataset.toml").is_file()
    code, _, err = ensemble("map", "nowhere.h5")
    assert code == 1 and "Traceback" not in err and err.count("\n") == 1


def test_a_store_of_logits_is_filled(tmp_path):
    program = WITHOUT.split("from ensemble_cli")[0] + (
        "from pathlib import Path; import numpy as np\n"
        "from kikuchi.inference.logits_store import _make\n"
        "_make(Path(sys.argv[1]), np.dtype('<f4'), (5, 3))\n"
        "print(np.load(sys.argv[1]).sum())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "a.npy")], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "0.0", done.stderr
