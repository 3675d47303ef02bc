"""A truth beside a scan that is none: one line, whatever stands in it."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain.ground_truth import Truth
from kikuchi.scans import Preparation, scan_from_array

HEAD = "phase,mix,phi1,Phi,phi2,pcx,pcy,pcz,sample_tilt,tilt,azimuthal,twist\n"
ROW = "Ni,0,10,20,30,0.5,0.4,0.6,70,5,0,0\n"


@pytest.fixture
def scan(tmp_path):
    made = scan_from_array(np.zeros((2, 16, 16), np.uint8))
    made.path = tmp_path / "scan.h5"
    return made


@pytest.mark.parametrize(("good", "bad"), [("0.4", "0.4.0"), ("0.6", "inf"), ("30,", "thirty,")])
def test_numbers_that_are_none_are_refused(good, bad, scan):
    scan.path.with_name("scan.truth.csv").write_text(HEAD + ROW + ROW.replace(good, bad))
    with pytest.raises(InputError, match=r"column \w+ has what is no number"):
        Truth.beside(scan)


def test_a_phase_called_by_a_number_is_a_name(scan):
    scan.path.with_name("scan.truth.csv").write_text(HEAD + ROW.replace("Ni", "17") * 2)
    truth = Truth.beside(scan)
    assert truth.phase(0) == "17" and truth.physics(0, Preparation(size=16)) is None


def test_a_point_without_a_crystal_has_empty_fields(scan):
    scan.path.with_name("scan.truth.csv").write_text(HEAD + ROW + ",0,,,,0.5,0.4,0.6,70,5,0,0\n")
    assert Truth.beside(scan).physics(1, Preparation(size=16)) is None
