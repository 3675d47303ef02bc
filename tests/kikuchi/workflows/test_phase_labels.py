"""Lists of points whose phase a person knows."""

from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.crystallography.named_phase import NamedPhase
from kikuchi.scans import scan_from_array
from kikuchi.workflows.phase_labels import across_order, read_phase_labels

PHASES = tuple(
    NamedPhase.from_dict(
        {"name": name, "space_group": group, "lattice": None, "structure": None, "file": None}
    )
    for name, group in (("Ni", 225), ("Ni3Al", 221))
)
HEAD = "scan,scan_name,index,row,col,guess,space_group,material\n"


@pytest.fixture
def scan():
    return scan_from_array(np.zeros((2, 5, 8, 8), np.uint8), "alloy")


def written(tmp_path, *rows):
    file = tmp_path / "labels.csv"
    file.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    return file


def test_phases_by_name_or_by_their_space_group(tmp_path, scan):
    file = written(
        tmp_path, "alloy,,7,1,2,Ni,,Ni3Al", "alloy,,2,0,2,Ni,225,", "alloy,,3,0,3,Ni,,", "alloy,,2,0,2,Ni,,Ni"
    )
    points, phase = read_phase_labels(file, scan, PHASES)
    assert points.tolist() == [2, 7] and phase.tolist() == [0, 1]


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("alloy,,1,0,1,Ni,,Ni2Al", "line 2: 'Ni2Al' is not one of the phases"),
        ("alloy,,1,0,1,Ni,227,", "line 2: '227' is not one of the phases"),
        ("alloy,,10,2,0,Ni,,Ni", "line 2: the scan has no point '10'"),
        ("other.h5,,1,0,1,Ni,,Ni", "line 2 is of another scan"),
        ("alloy,,1,0,1,Ni,,", "no row names a phase"),
    ],
)
def test_wrong_rows_are_named(tmp_path, scan, row, what):
    with pytest.raises(InputError, match=what):
        read_phase_labels(written(tmp_path, row), scan, PHASES)


def test_a_point_of_two_phases_is_refused(tmp_path, scan):
    file = written(tmp_path, "alloy,,1,0,1,Ni,,Ni", "alloy,,1,0,1,Ni,,Ni3Al")
    with pytest.raises(InputError, match="line 3: point 1 has another phase before"):
        read_phase_labels(file, scan, PHASES)


def test_labels_divide_two_phases_only(tmp_path, scan):
    with pytest.raises(InputError, match="divide the two phases"):
        read_phase_labels(written(tmp_path, "alloy,,1,0,1,Ni,,Ni"), scan, ())


def test_points_to_ask_about_are_spread_over_the_ranks():
    # Ranks of the order parameter are those of the second column; points 0 to 9 cannot be asked about.
    logits = np.stack([np.zeros(110), np.arange(110.0)], axis=1)
    bundle = SimpleNamespace(phases=PHASES, path="run")
    assert across_order(logits, np.arange(110) >= 10, 5, bundle).tolist() == [20, 40, 60, 80, 100]
    with pytest.raises(InputError, match="3 phases"):
        across_order(logits, np.ones(110, bool), 5, SimpleNamespace(phases=PHASES + PHASES[:1], path="run"))
