"""One run at a time in a folder, and none left locked by a run that died."""

import subprocess
import sys

import pytest

from ensemble.errors import InputError
from kikuchi._support.lock import locked

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
