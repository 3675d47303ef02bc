"""One count of cores, held by everything that starts threads."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from kikuchi._support import threads
from kikuchi.simulate import load_structure, simulate_labelled
from kikuchi.simulate.detector import acquisition
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.training.stream import MasterStream


@pytest.fixture
def seen(monkeypatch):
    """Names of the threads that record patterns."""
    names = set()
    usual = acquisition.degrade

    def degrade(*arguments, **options):
        names.add(threading.current_thread().name)
        return usual(*arguments, **options)

    monkeypatch.setattr(acquisition, "degrade", degrade)
    return names


@pytest.fixture(scope="module")
def master():
    return kinematical_master(load_structure("Ni"), half_size=20)


def test_the_share_is_the_count_of_cores(monkeypatch):
    monkeypatch.setenv(threads.SHARE, "3")
    assert threads.cores() == 3
    for word in ("", "0", "-2", "many"):
        monkeypatch.setenv(threads.SHARE, word)
        assert 1 <= threads.cores() <= (os.cpu_count() or 1)


@pytest.mark.parametrize("share", [1, 3])
def test_a_stream_of_training_patterns_keeps_to_the_share(monkeypatch, seen, master, share):
    monkeypatch.setenv(threads.SHARE, str(share))
    stream = MasterStream(masters=(master,), patterns=16 * acquisition.BLOCK, seed=1, classes=(225,))
    stream.raw(1)
    assert 1 <= len(seen) <= share


def test_simulated_scans_keep_to_the_share(monkeypatch, seen, master, tmp_path):
    monkeypatch.setenv(threads.SHARE, "1")
    simulate_labelled(
        [master], tmp_path, count=300, detector=Detector(shape=(16, 16)), microscope=Microscope(), seed=1
    )
    assert len(seen) == 1


def test_patterns_do_not_depend_on_the_share(monkeypatch, master):
    found = []
    for share in ("1", "3"):
        monkeypatch.setenv(threads.SHARE, share)
        found.append(acquisition.simulate_patterns(master, 200, seed=3, detector=Detector(shape=(16, 16)))[0])
    np.testing.assert_array_equal(*found)


def test_libraries_are_held_before_keras_loads():
    code = (
        "import os, sys; from kikuchi._support import keras_setup;"
        "sys.modules['keras'] = __import__('unittest.mock').mock.MagicMock(); keras_setup.import_keras();"
        "print(os.environ['OMP_NUM_THREADS'], os.environ['TF_NUM_INTRAOP_THREADS'])"
    )
    told = {"OMP_NUM_THREADS": "2", threads.SHARE: "1"}
    environment = {
        name: value for name, value in os.environ.items() if name not in threads.OF_LIBRARIES
    } | told
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["2", "1"]


def test_a_failing_item_raises_where_the_results_are_used():
    with pytest.raises(ZeroDivisionError):
        list(threads.in_order(lambda x: 1 // x, [2, 1, 0, 3], threads=2))
