import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
from kikuchi.scans import open_scan
home = os.environ["HOME"]
assert open_scan(sys.argv[1]).n == 9
assert os.environ["HOME"] == home
"""


def test_a_scan_opens_where_the_home_cannot_be_written(tmp_path):
    kikuchipy = pytest.importorskip("kikuchipy")
    scan = Path(kikuchipy.__file__).parent / "data/kikuchipy_h5ebsd/patterns.h5"
    (tmp_path / "file").touch()
    # A home below a file can be made by nobody, not even by root.
    here = os.environ | {"HOME": str(tmp_path / "file" / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(scan)], env=here, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
