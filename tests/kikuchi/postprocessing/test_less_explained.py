"""Which places of a map are explained less well than the rest; what is explained is given, not computed."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.abstention import Decision, Status
from kikuchi.maps import PhaseMap
from kikuchi.maps.summary_text import summary_text
from kikuchi.matching.matcher import Evidence
from kikuchi.postprocessing import less_explained

SHAPE = (20, 30)
ROW, COL = (a.ravel() for a in np.indices(SHAPE))
#: Eight rows and seven columns: its corners may fall to the smoothing.
PARTICLE = (ROW >= 4) & (ROW < 12) & (COL >= 10) & (COL < 17)
NOISE = np.random.default_rng(0).normal(scale=0.01, size=len(ROW))
SLOPE, BIAS, SIZE = 0.05, (0.3, -0.3), 1500


def as_logits(scores):
    """A second phase fits a little worse; logits by the definition, -D/2 log(1 - r^2) with slope and bias."""
    both = np.stack([scores, 0.9 * scores], axis=1)
    return SLOPE * -SIZE / 2 * np.log(1 - both**2) + np.array(BIAS)


def mapped(scores, ceiling, monkeypatch, status=None):
    n = len(scores)
    nothing, winner = np.zeros(n), np.zeros(n, np.int16)
    p = np.tile([0.9, 0.1], (n, 1))
    decision = Decision(
        status=np.zeros(n, np.int8) if status is None else status, winner=winner,
        candidates=np.tile([True, False], (n, 1)), probabilities=p, confidence=p[:, 0], entropy=nothing,
        expected_entropy=nothing, mutual_information=nothing, variation_ratio=nothing, unfamiliarity=nothing,
        quality=nothing + 1, votes=winner[None],
    )  # fmt: skip
    phase_map = PhaseMap(
        name="one", classes=(225, 229), members=("matcher-1",), member_kinds=("matcher",), shape=SHAPE, row=ROW,
        col=COL, x=1.0 * COL, y=1.0 * ROW, step=(1.0, 1.0), decision=decision,
        member_probabilities=p[None].astype(np.float32), orientations=np.tile([1.0, 0, 0, 0], (n, 1)),
    )  # fmt: skip
    # A scan whose patterns are their own numbers, and a spectrum that knows the ceiling of each.
    scan = SimpleNamespace(read=lambda points: np.asarray(points, np.float32)[:, None, None])
    spectrum = SimpleNamespace(size=SIZE, ceiling=lambda patterns: ceiling[patterns[:, 0, 0].astype(int)])
    member = SimpleNamespace(
        matcher=SimpleNamespace(spectrum=spectrum), evidence=Evidence(SLOPE, BIAS), background=None
    )
    monkeypatch.setattr(less_explained, "load_matcher", lambda _: member)
    bundle = SimpleNamespace(
        manifest={"adapted": {}}, path=Path("nowhere"), members=[SimpleNamespace(name="matcher-1")]
    )
    return less_explained.with_less_explained(phase_map, bundle, scan, as_logits(scores))


def test_a_particle_that_is_explained_less_well_is_marked_and_told(monkeypatch):
    found = mapped(np.where(PARTICLE, 0.60, 0.69) + NOISE, np.full(len(ROW), 0.95), monkeypatch)
    marked = found.columns["less_explained"] > 0
    assert not (marked & ~PARTICLE).any() and marked[PARTICLE].mean() > 0.9
    (place,) = found.meta["less_explained"]
    # Shares of the ceiling: 0.60 / 0.95 and 0.69 / 0.95.
    assert place["explained"] == pytest.approx(0.632, abs=0.005)
    assert place["explained_elsewhere"] == pytest.approx(0.726, abs=0.005)
    assert (place["rows"], place["columns"]) == ([4, 11], [10, 16])
    assert np.array_equal(found.decision.status, np.zeros(len(ROW)))
    assert "63% against 73%: a phase may be missing from the list" in summary_text(found)


@pytest.mark.parametrize(
    "scores",
    [
        np.full(len(ROW), 0.68),
        # Phases that were named differ by 6 %: a third of the map is of another.
        np.where(COL < 20, 0.68, 0.64),
        # Boundaries two points wide, and what crosses them.
        np.where((ROW % 10 < 2) | (COL % 10 < 2), 0.3, 0.68),
        # A dozen bad points in one corner.
        np.where((ROW < 4) & (COL < 3), 0.3, 0.68),
    ],
    ids=["one phase", "two phases", "boundaries", "a corner"],
)
def test_a_complete_list_marks_nothing(scores, monkeypatch):
    found = mapped(scores + NOISE, np.full(len(ROW), 0.95), monkeypatch)
    assert "less_explained" not in found.columns and "notes" not in found.meta


def test_noise_is_no_missing_phase(monkeypatch):
    # The same share of what the noise leaves to be seen: 0.60 of 0.84 and 0.68 of 0.95.
    found = mapped(np.where(PARTICLE, 0.60, 0.68) + NOISE, np.where(PARTICLE, 0.84, 0.95), monkeypatch)
    assert "less_explained" not in found.columns


def test_what_is_not_answered_is_not_marked_again(monkeypatch):
    status = np.where(PARTICLE, Status.UNFAMILIAR, Status.SOLVED).astype(np.int8)
    found = mapped(np.where(PARTICLE, 0.3, 0.68) + NOISE, np.full(len(ROW), 0.95), monkeypatch, status=status)
    assert "less_explained" not in found.columns


def test_maps_of_other_bundles_stay_as_they_are():
    phase_map, bundle = object(), SimpleNamespace(manifest={})
    assert less_explained.with_less_explained(phase_map, bundle, None, np.zeros((4, 2))) is phase_map
