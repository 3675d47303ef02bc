"""Networks beside a matcher: they learn from lookalikes of a scan, and vote after the matcher."""

import numpy as np
import pytest

from ensemble.abstention import Familiarity
from kikuchi._support.progress import SILENT
from kikuchi.inference.matching_runner import MatchingRunner
from kikuchi.matching.lookalike import Lookalike
from kikuchi.matching.matcher import Evidence, Matcher, Matches
from kikuchi.matching.search import CentrePlane
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.storage import MatcherMember
from kikuchi.matching.texture import texture_of
from kikuchi.simulate import MasterPattern
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.training.adapted import adapted_networks
from kikuchi.workflows.adapt import _familiarity, _recipe


@pytest.mark.slow
def test_a_network_learns_and_votes_beside_the_matcher(tmp_path, monkeypatch):
    monkeypatch.setattr("kikuchi.training.adapted.PATTERNS", 128)
    monkeypatch.setattr("kikuchi.training.adapted.EPOCHS", 1)
    rng = np.random.default_rng(0)
    images = rng.random((2, 31, 31)).astype(np.float32)
    textures = tuple(texture_of(MasterPattern("x", 225, 20.0, i, i, "kinematical")) for i in images)
    plane = CentrePlane(np.array([0.5, 0.3, 0.6]), np.zeros((2, 3)))
    spectrum, base = Spectrum((40, 40), 26.0), Geometry((40, 40), plane.middle)
    lookalike = Lookalike(spectrum, base, plane, np.array([0.8]), 0.05, np.ones((40, 40), np.float32))
    recipe = _recipe(1)
    labels = np.arange(20) % 2
    patterns, _ = lookalike.patterns(textures, labels, rng)
    made = adapted_networks(
        tmp_path,
        recipe,
        lookalike,
        [textures],
        flat=True,
        validation=(patterns, labels),
        seed=0,
        progress=SILENT,
    )
    assert [spec.name for spec in made.specs] == ["transfer-1"]
    assert (tmp_path / "members" / "transfer-1" / "history.csv").is_file()
    whole = _familiarity(made.familiarity)
    assert isinstance(whole, Familiarity) and len(whole.references) == 2
    matcher = Matcher(textures, (225, 225), spectrum, base, plane)
    runner = MatchingRunner(MatcherMember(matcher, Evidence(1.0, (0.0, 0.0)), None), made.runner, 20)
    scores = np.where(labels[:, None] == np.arange(2), 0.4, 0.2)
    found = Matches(scores, np.tile([1.0, 0, 0, 0], (20, 2, 1)), np.full(20, 0.8))
    outputs = runner.outputs_of(found, Evidence(0.5, (0.0, 0.0)), patterns)
    assert outputs.logits.shape == (2, 20, 2) and (outputs.logits[0].argmax(axis=1) == labels).all()
    assert outputs.draws.votes[0].max() == 20 and outputs.draws.votes[1].sum(axis=1).max() == 20
    # The best phase explains 0.4 of at most 0.8: that is a half, and 0.6 is what it must.
    assert outputs.unfamiliarity == pytest.approx(np.full(20, 0.6 / 0.5))
    # One that explains more is not the more familiar for it.
    better = Matches(2 * scores, found.rotations, found.ceiling)
    assert runner.outputs_of(better, Evidence(0.5, (0.0, 0.0)), patterns).unfamiliarity == pytest.approx(
        np.ones(20)
    )
