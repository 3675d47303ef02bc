"""Patterns that somebody has in memory already: kikuchipy's signals as they are, and arrays."""

import kikuchipy as kp
import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.scans import open_scan


@pytest.fixture(scope="module")
def signal():
    return kp.data.nickel_ebsd_small()


def test_a_signal_keeps_grid_detector_background_and_phases(signal):
    scan = open_scan(signal)
    assert (scan.shape, scan.n, scan.signal_shape) == ((3, 3), 9, (60, 60))
    np.testing.assert_array_equal(scan.read(np.arange(9)).reshape(3, 3, 60, 60), signal.data)
    np.testing.assert_allclose(scan.pattern_centre, signal.detector.pc.reshape(-1, 3).mean(axis=0))
    np.testing.assert_array_equal(scan.static_background, signal.static_background)
    assert scan.step == (1.5, 1.5) and set(scan.space_groups) == {225}


def test_a_lazy_signal_reads_the_same(signal):
    lazy = open_scan(signal.as_lazy())
    np.testing.assert_array_equal(lazy.read(np.arange(9)), open_scan(signal).read(np.arange(9)))


def test_an_array_is_a_scan_and_a_scan_is_itself(signal):
    scan = open_scan(np.asarray(signal.data))
    assert scan.shape == (3, 3) and open_scan(scan) is scan


def test_what_is_no_scan_is_refused(signal):
    assert open_scan(signal.mean()).n == 1
    with pytest.raises(InputError, match="a dict is no scan"):
        open_scan({})
