"""Which places are marked by the widths of their bands; how far these are off is given, not computed."""

from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.abstention import Decision, Status
from kikuchi.maps import PhaseMap
from kikuchi.maps.summary_text import summary_text
from kikuchi.matching.phases import candidates
from kikuchi.postprocessing import band_widths

SHAPE = (20, 30)
ROW, COL = (a.ravel() for a in np.indices(SHAPE))
PARTICLE = (ROW >= 4) & (ROW < 12) & (COL >= 10) & (COL < 17)
#: As single points of real nickel scatter.
NOISE = np.random.default_rng(0).normal(scale=0.008, size=len(ROW)).astype(np.float32)


@pytest.fixture
def phase_map():
    """Matrix of one phase and a particle that is called another, all answered."""
    n, nothing = len(ROW), np.zeros(len(ROW))
    winner = PARTICLE.astype(np.int16)
    p = np.where(np.eye(2)[winner] > 0, 0.9, 0.1)
    decision = Decision(
        status=np.zeros(n, np.int8), winner=winner, candidates=np.eye(2, dtype=bool)[winner], probabilities=p,
        confidence=p.max(axis=1), entropy=nothing, expected_entropy=nothing, mutual_information=nothing,
        variation_ratio=nothing, unfamiliarity=nothing, quality=nothing + 1, votes=winner[None],
    )  # fmt: skip
    return PhaseMap(
        name="one", classes=(225, 227), members=("matcher-1",), member_kinds=("matcher",), shape=SHAPE, row=ROW,
        col=COL, x=1.0 * COL, y=1.0 * ROW, step=(1.0, 1.0), decision=decision,
        member_probabilities=p[None].astype(np.float32), orientations=np.tile([1.0, 0, 0, 0], (n, 1)),
    )  # fmt: skip


@pytest.mark.parametrize(("sign", "bands"), [(1, "wider"), (-1, "narrower")])
def test_a_particle_of_another_cell_is_marked_and_told(phase_map, sign, bands):
    found = band_widths.marked(phase_map, np.where(PARTICLE, sign * 0.05, 0).astype(np.float32) + NOISE)
    place = found.columns["other_width"] > 0
    assert not (place & ~PARTICLE).any() and place[PARTICLE].mean() > 0.9
    (told,) = found.meta["band_widths"]["places"]
    assert (told["bands"], told["rows"], told["columns"]) == (bands, [4, 11], [10, 16])
    assert f"have {bands} bands than what they are called" in summary_text(found)
    assert np.array_equal(found.decision.status, phase_map.decision.status)


def test_a_particle_of_its_own_phase_is_not(phase_map):
    found = band_widths.marked(phase_map, np.where(PARTICLE, 0.008, 0).astype(np.float32) + NOISE)
    assert not found.columns["other_width"].any() and not found.meta["notes"]
    assert found.meta["band_widths"]["places"] == []


def test_scattered_points_of_a_phase_are_counted(phase_map):
    # Every seventh point of the matrix is called the particle's phase, and its bands are of another width.
    scattered = ~PARTICLE & (np.arange(len(ROW)) % 7 == 0)
    phase_map.decision.winner[scattered] = 1
    found = band_widths.marked(phase_map, np.where(scattered, 0.1, 0).astype(np.float32) + NOISE / 4)
    assert not found.columns["other_width"].any()
    counts = found.meta["band_widths"]["phases"]["227"]
    assert counts == {
        "answered": int(PARTICLE.sum() + scattered.sum()), "of_another_width": int(scattered.sum())
    }  # fmt: skip
    assert f"{scattered.sum()} of the {counts['answered']} points answered 227" in summary_text(found)


def test_points_that_nobody_looked_at_or_answered_are_not_marked(phase_map):
    off = np.where(PARTICLE, np.nan, 0).astype(np.float32) + NOISE
    assert not band_widths.marked(phase_map, off).columns["other_width"].any()
    phase_map.decision.status[PARTICLE] = Status.UNFAMILIAR
    off = np.where(PARTICLE, 0.05, 0).astype(np.float32) + NOISE
    assert not band_widths.marked(phase_map, off).columns["other_width"].any()


def test_phases_of_large_cells_are_left_out_before_anything_is_simulated(monkeypatch):
    # Nine atoms without an inversion centre, and sixteen.
    phases = [phase.to_dict() for phase in candidates(["Quartz", "Fe3C"])]
    monkeypatch.setattr(band_widths, "texture_of", lambda _: pytest.fail("simulated"))
    assert (
        band_widths._textures(SimpleNamespace(manifest={"voltages_kv": [20.0], "phases": phases}), 0.87) == {}
    )
