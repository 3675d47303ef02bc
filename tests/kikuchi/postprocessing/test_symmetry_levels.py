"""A map's answers on the levels of diffraction, and those of its grains, from a bundle's held-out patterns."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.abstention import Status, fit_abstention
from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from ensemble.softmax import softmax
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.postprocessing.grain_pooling import (
    decided_by_grains,
    fit_grain_rule,
    pooled_phase_map,
    with_grains,
    write_pooled,
)
from kikuchi.postprocessing.symmetry_levels import fit_bundle_levels, with_levels
from tests.kikuchi.maps.conftest import decision, make_map

CLASSES = (221, 225, 194)
BLOCK = 6


def said_of(labels, rng, noise=1.0):
    """Logits that tell 194 from the cubic groups for sure, and 221 from 225 by chance."""
    logits = np.zeros((len(labels), 3))
    logits[:, 2] = np.where(labels == 2, 6.0, -6.0)
    logits[:, :2] += noise * rng.standard_normal((len(labels), 2))
    return logits


@pytest.fixture(scope="module")
def bundle():
    """Blocks of six patterns of one class, each with noise of its own, as a bundle holds them."""
    rng = np.random.default_rng(1)
    labels = np.repeat(rng.integers(0, 3, 600), BLOCK)
    group = np.repeat(np.arange(600), BLOCK)
    logits = said_of(labels, rng)
    # A weak sign of which of the two it is, so that many looks tell what one does not.
    logits[:, 0] += np.select([labels == 0, labels == 1], [0.5, -0.5])
    n = len(labels)
    draws = DropoutDraws(np.zeros((1, n, 3)), np.zeros((1, n)), np.zeros((1, n, 3), int))
    outputs = MemberOutputs(logits[None], draws, np.ones(n), np.ones(n))
    held_out = HeldOut(outputs, labels, np.zeros(n, int), group % 2, group)
    return SimpleNamespace(
        classes=CLASSES,
        held_out=held_out,
        calibrated=lambda o, rule: (None, softmax(o.logits[0])),
        promised=lambda rule: rule,
    )


@pytest.fixture(scope="module")
def abstention(bundle):
    second = bundle.held_out.certification
    p = bundle.calibrated(second.outputs, "average")[1]
    return fit_abstention(
        p, second.labels, unfamiliarity=second.outputs.unfamiliarity, quality=second.outputs.quality,
        groups=second.group,
    )  # fmt: skip


def four_points():
    """221 or 225, 194 for sure, an unreadable one, an unfamiliar one that looks cubic."""
    p = np.array([[0.55, 0.4495, 0.0005], [0.001, 0.001, 0.998], [np.nan] * 3, [0.6, 0.39, 0.01]])
    return decision(
        4,
        status=np.array([1, 0, 3, 2], np.int8),
        winner=np.array([0, 2, -1, 0], np.int16),
        candidates=np.array([[1, 1, 0], [0, 0, 1], [0, 0, 0], [0, 0, 0]], bool),
        probabilities=p,
        confidence=p.max(axis=1),
    )


def test_where_groups_cannot_be_told_apart_the_laue_class_is_the_answer(bundle, abstention):
    phase_map = with_levels(make_map((2, 2), four_points(), classes=CLASSES), bundle, "average", abstention)
    c = phase_map.columns
    assert c["answer"].tolist() == ["m-3m", "194", "", ""]
    assert c["answer_level"].tolist() == ["laue_class", "space_group", "", ""]
    assert c["crystal_system"].tolist() == ["cubic", "hexagonal", "", "cubic"]
    assert c["laue_class_probability"][:2] == pytest.approx([1.0, 0.998], abs=0.01)
    assert np.isnan(c["laue_class_probability"][2])
    told = phase_map.meta["levels"]
    assert told["points"] == {"": 2, "laue_class": 1, "space_group": 1}
    assert told["indistinguishable"]["225"] == [209, 216, 225]
    assert told["rule"]["certified"]


def test_levels_agree_with_one_another(bundle, abstention):
    levels = fit_bundle_levels(bundle, "average", abstention)
    system, laue, extinction, group = levels.calibration.apply([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    assert laue == pytest.approx(system)
    assert extinction == pytest.approx(group)
    assert group[:, :2].sum(axis=1) == pytest.approx(system[:, 0])


def grain_map(bundle):
    """A grain of 225 whose points each lean to it a little, one of them unreadable, beside a point of 194."""
    p = np.array([[0.40, 0.59, 0.01]] * 5 + [[np.nan] * 3] + [[0.001, 0.001, 0.998]] * 2)
    d = decision(
        8,
        status=np.array([1] * 5 + [3, 0, 0], np.int8),
        winner=np.array([1] * 5 + [-1, 2, 2], np.int16),
        candidates=np.zeros((8, 3), bool),
        probabilities=p,
        confidence=p.max(axis=1),
    )
    return make_map((2, 4), d, classes=CLASSES), np.array([0, 0, 0, 0, 0, 0, 1, 1])


def test_points_of_a_grain_are_sure_together_and_the_decisions_stay(bundle, abstention, tmp_path):
    alone, grains = grain_map(bundle)
    phase_map = with_grains(alone, bundle, "average", abstention, grains)
    c = phase_map.columns
    assert phase_map.decision is alone.decision
    assert c["grain_points"].tolist() == [6] * 6 + [2] * 2
    # The held-out looks are fresh, and their log-odds lie at +-0.5 with variance 2: worth 2 x 0.5 / 2 of what they say.
    # Five that say 0.59 : 0.40 then come to odds of 1.475^2.5 = 2.64.
    assert c["pooled_confidence"][0] == pytest.approx(0.725, abs=0.05)
    assert c["pooled_confidence"][5] == c["pooled_confidence"][0]
    assert c["pooled_space_group"].tolist()[6:] == ["194", "194"]
    told = phase_map.meta["grains"]
    assert (told["grains"], told["answered_alone"]) == (2, 2)
    assert told["pooling"]["n_grains"] > 100
    together = pooled_phase_map(phase_map)
    assert (together.decision.status[6:] == Status.SOLVED).all()
    write_pooled(phase_map, tmp_path)
    assert (tmp_path / "pooled.png").stat().st_size > 5000


def test_strange_grains_have_no_answer(bundle, abstention):
    alone, grains = grain_map(bundle)
    alone.decision.status[6:] = Status.UNFAMILIAR
    phase_map = with_grains(alone, bundle, "average", abstention, grains)
    assert phase_map.columns["pooled_space_group"].tolist()[6:] == ["", ""]


def test_without_held_out_neighbours_grains_are_one_look_and_nothing_is_promised(bundle, abstention):
    h = bundle.held_out
    single = HeldOut(h.outputs, h.labels, h.material, h.part, np.arange(len(h.labels)))
    rule = fit_grain_rule(SimpleNamespace(**(vars(bundle) | {"held_out": single})), "average", abstention)
    assert rule.certificate is None
    assert (rule.pooling.exponent, rule.pooling.temperature) == (0.0, 1.0)
    alone, grains = grain_map(bundle)
    assert rule.columns(alone.decision, grains, CLASSES)["pooled_confidence"][0] == pytest.approx(
        0.59, abs=0.01
    )


def test_a_map_without_grains_has_no_pooled_map(bundle):
    with pytest.raises(InputError, match="without grains"):
        pooled_phase_map(grain_map(bundle)[0])


def test_grains_decide_on_request_and_promise_only_where_each_material_is_kept(bundle, abstention):
    alone, grains = grain_map(bundle)
    phase_map = with_grains(alone, bundle, "average", abstention, grains)
    together = pooled_phase_map(phase_map).decision
    by_mixture, shown = decided_by_grains(phase_map, bundle, "average", abstention)
    assert np.array_equal(by_mixture.decision.status, together.status)
    assert by_mixture.meta["decided_by"] == "grains"
    assert not shown.certificate.certified and "--promise material" in shown.certificate.message
    kept = replace(abstention, promise="material")
    by_material, promised = decided_by_grains(phase_map, bundle, "average", kept)
    certificate = fit_grain_rule(bundle, "average", kept).certificate
    assert promised.certificate.certified_risk == certificate.certified_risk
    assert by_material.meta["promised_risk"]["message"].startswith("by grain: ")
    # Taken back for the points, taken back for the grains.
    gone = replace(kept, certificate=replace(kept.certificate, certified_risk=1.0, message="no promise"))
    assert decided_by_grains(phase_map, bundle, "average", gone)[1].certificate.certified_risk == 1.0
