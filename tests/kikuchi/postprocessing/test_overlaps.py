"""Which points a second phase makes mixed; what is seen of it is given, not computed."""

from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.abstention import Decision, Status
from kikuchi.maps import PhaseMap
from kikuchi.maps.csv_file import write_csv
from kikuchi.maps.point_table import read_point_table
from kikuchi.matching.overlap import SecondCrystal
from kikuchi.postprocessing import overlaps


@pytest.fixture
def two_phases():
    """Two rows of three points, the upper of 225, the lower of 229, all answered but the last."""
    n = 6
    winner = np.array([0, 0, 0, 1, 1, 1], np.int16)
    p = np.where(np.eye(2)[winner] > 0, 0.9, 0.1)
    status = np.array([0, 0, 0, 0, 0, 1], np.int8)
    nothing = np.zeros(n)
    decision = Decision(
        status=status, winner=winner, candidates=np.eye(2, dtype=bool)[winner], probabilities=p,
        confidence=p.max(axis=1), entropy=nothing, expected_entropy=nothing, mutual_information=nothing,
        variation_ratio=nothing, unfamiliarity=nothing, quality=nothing + 1, votes=winner[None],
    )  # fmt: skip
    row, col = (a.ravel() for a in np.indices((2, 3)))
    return PhaseMap(
        name="two", classes=(225, 229), members=("one",), member_kinds=("matcher",), shape=(2, 3), row=row, col=col,
        x=1.0 * col, y=1.0 * row, step=(1.0, 1.0), decision=decision,
        member_probabilities=p[None].astype(np.float32), orientations=np.tile([1.0, 0, 0, 0], (n, 1)),
    )  # fmt: skip


def looked(phase_map, share, monkeypatch, least=0.1):
    second = SecondCrystal(1 - phase_map.decision.winner, np.zeros((phase_map.n, 4)), np.array(share))
    monkeypatch.setattr(overlaps, "_found", lambda *_: second)
    bundle = SimpleNamespace(manifest={"adapted": {"overlap": {"least_share": least}}}, candidates=None)
    return overlaps.with_overlaps(phase_map, bundle, None)


def test_a_quarter_of_a_second_phase_is_mixed_and_less_is_only_told(two_phases, monkeypatch, tmp_path):
    found = looked(two_phases, [0.05, 0.2, 0.25, 0.5, 0.8, 0.4], monkeypatch)
    names = ["solved", "solved", "mixed", "mixed", "mixed", "mixed"]
    assert [Status(s).name.lower() for s in found.decision.status] == names
    # 225 and 229 by their words; a tenth is seen, but decides nothing.
    assert [bool(name) for name in found.columns["second_phase"]] == [False, True, True, True, True, True]
    assert found.decision.candidates[2:].all() and (found.decision.candidates[:2].sum(axis=1) == 1).all()
    assert found.meta["overlaps"]["mixed"] == 4 and found.meta["overlaps"]["second_phase_seen"] == 5
    write_csv(found, tmp_path / "map.csv")
    again = read_point_table(tmp_path / "map.csv")
    assert again.status.tolist() == [0, 0, 4, 4, 4, 4] and again.answer.tolist() == [225, 225, 0, 0, 0, 0]
    assert "mixed" in (tmp_path / "map.csv").read_text() and "225|229" in (tmp_path / "map.csv").read_text()


def test_where_noise_makes_as_much_no_point_is_mixed(two_phases, monkeypatch):
    found = looked(two_phases, [0.3] * 6, monkeypatch, least=0.35)
    assert np.array_equal(found.decision.status, two_phases.decision.status)
