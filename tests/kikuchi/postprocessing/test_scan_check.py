"""What may be promised for a scan: made-up outputs of members, no network."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.pooling import DropoutDraws
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import fit_decision, strata
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.postprocessing.scan_check import check_scan, class_promise, expected_risk, held_promise

MEMBERS, CLASSES = 5, (225, 227, 229)


def _outputs(labels, rng, *, hard=(), unfamiliarity=1.0):
    """Logits of five members: right nearly always, but for the classes in `hard`, which look like the next one."""
    n = len(labels)
    z = rng.normal(size=(n, 3)) * 1.2
    z[np.arange(n), labels] += 7
    for c in hard:
        own = np.flatnonzero(labels == c)
        odd = own[rng.random(len(own)) < 0.1]
        z[odd, (c + 1) % 3] += 12
    logits = (z + 0.3 * rng.normal(size=(MEMBERS, n, 3))).astype(np.float32)
    p = softmax(logits).astype(np.float32)
    draws = DropoutDraws(p, np.zeros((MEMBERS, n), np.float32), (p * 10).astype(np.uint16))
    return MemberOutputs(logits, draws, rng.normal(unfamiliarity, 0.05, n), rng.normal(0.9, 0.01, n))


def _bundle(rng, n=6000, hard=(), groups=None, unfamiliarity=(1.0, 1.0, 1.0)):
    labels = rng.integers(3, size=n)
    material = labels.copy()
    part = rng.choice(3, size=n, p=[0.25, 0.5, 0.25])
    group = np.arange(n) if groups is None else groups
    held_out = HeldOut(
        _outputs(labels, rng, hard=hard, unfamiliarity=np.array(unfamiliarity)[labels]),
        labels,
        material,
        part,
        group,
    )
    shipped = Bundle.load("shipped")
    manifest = shipped.manifest | {
        "classes": list(CLASSES),
        "materials": [{"name": f"m{c}", "space_group": c} for c in CLASSES],
    }
    recipe = shipped.recipe.model_copy(
        update={"abstain": shipped.recipe.abstain.model_copy(update={"promise": "auto", "risk": 0.02})}
    )
    bundle = replace(shipped, manifest=manifest, recipe=recipe, rule="average", own_held_out=held_out)
    return _fitted(bundle)


def _fitted(bundle, **wishes):
    recipe = bundle.recipe.model_copy(update={"abstain": bundle.recipe.abstain.model_copy(update=wishes)})
    calibration, abstention = fit_decision(bundle.held_out, "average", recipe, names=bundle.class_names)
    return replace(
        bundle, recipe=recipe, calibrations={"average": calibration}, abstentions={"average": abstention}
    )


def _scan(labels, side):
    row, col = np.divmod(np.arange(len(labels)), side)
    return SimpleNamespace(row=row, col=col, n=len(labels))


def _checked(bundle, outputs, labels, side=60):
    rule = bundle.abstentions["average"]
    decision = bundle.decide(outputs, rule="average", abstention=rule)
    return check_scan(bundle, "average", rule, outputs, decision, _scan(labels, side)), decision


@pytest.fixture(scope="module")
def easy():
    return _bundle(np.random.default_rng(0))


@pytest.fixture(scope="module")
def hard():
    return _bundle(np.random.default_rng(1), hard=(2,))


def test_a_scan_of_the_same_kind_keeps_its_promise(easy):
    rng = np.random.default_rng(2)
    labels = rng.integers(3, size=3600)
    outputs = _outputs(labels, rng)
    check, decision = _checked(easy, outputs, labels)
    assert check.gauge.method == "units" and check.alike
    kept = held_promise(easy, "average", easy.abstentions["average"], check, decision)
    assert kept.promise == "material" and kept.certificate.certified


def test_a_shift_of_the_mixture_alone_is_no_alarm_and_is_estimated(easy):
    rng = np.random.default_rng(3)
    labels = rng.choice(3, size=3600, p=[0.9, 0.08, 0.02])
    check, _ = _checked(easy, _outputs(labels, rng), labels)
    assert check.alike
    assert check.shift.identified
    assert check.shift.shares == pytest.approx([0.9, 0.08, 0.02], abs=0.02)


def test_a_small_scan_of_another_mixture_is_no_alarm_though_its_mixture_has_no_interval():
    of_class = np.array([1.0, 1.3, 1.6])  # the classes look different, so that a mixture of them does too
    bundle = _bundle(np.random.default_rng(11), unfamiliarity=of_class)
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(20):
        labels = rng.choice(3, size=100, p=[0.9, 0.08, 0.02])
        check, _ = _checked(bundle, _outputs(labels, rng, unfamiliarity=of_class[labels]), labels, side=10)
        assert not check.shift.identified and check.shift.units < 20
        alarms += check.alike is False
    assert alarms <= 4  # of 20 at a level of 5 % there are more in 0.3 % of the cases


def test_stranger_features_take_the_promise_back_and_are_named(easy):
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=3600)
    check, decision = _checked(easy, _outputs(labels, rng, unfamiliarity=1.08), labels)
    assert not check.alike
    assert "this scan is not like what was certified: no promise" in check.message()
    assert "stranger features" in check.message()
    taken = held_promise(easy, "average", easy.abstentions["average"], check, decision)
    assert not taken.certificate.certified and taken.certificate.certified_risk == 1.0
    assert taken.threshold == easy.abstentions["average"].threshold


def test_a_promise_for_the_held_out_mixture_is_taken_back_where_it_would_be_broken(hard):
    mixed = _fitted(hard, promise="mixture", risk=0.05)
    assert mixed.abstentions["average"].certificate.certified
    rng = np.random.default_rng(5)
    labels = rng.choice(3, size=3600, p=[0.02, 0.03, 0.95])
    outputs = _outputs(labels, rng, hard=(2,))
    check, decision = _checked(mixed, outputs, labels)
    wrong = decision.winner[decision.status == 0] != labels[decision.status == 0]
    expected = expected_risk(mixed, "average", mixed.abstentions["average"], check.shift)
    assert expected == pytest.approx(wrong.mean(), abs=0.02)
    assert expected > 0.05
    taken = held_promise(mixed, "average", mixed.abstentions["average"], check, decision)
    assert "mixed otherwise" in taken.certificate.message and not taken.certificate.certified


def test_class_by_class_a_class_that_may_be_absent_is_not_answered(easy):
    by_class = _fitted(easy, promise="class")
    rng = np.random.default_rng(6)
    labels = rng.choice(3, size=3600, p=[0.6, 0.4, 0.0])
    check, _ = _checked(by_class, _outputs(labels, rng), labels)
    rule = class_promise(by_class, "average", check)
    assert [v.kept for v in rule.verdicts] == [True, True, False]
    few = replace(check, shift=replace(check.shift, identified=False, why="of a reason"))
    nothing = class_promise(by_class, "average", few)
    assert not any(v.kept for v in nothing.verdicts)
    assert "of a reason" in nothing.certificate.message


def test_strata_are_materials_or_the_class_of_single_crystals():
    n = 12
    labels = np.repeat([0, 1], 6)
    outputs = _outputs(labels, np.random.default_rng(0))
    # Class 0: three crystals, a group each. Class 1: two scans of three grains each.
    material = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4])
    group = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8])
    found = strata(HeldOut(outputs, labels, material, np.zeros(n, int), group))
    assert len(np.unique(found[:6])) == 1
    assert len(np.unique(found[6:9])) == 1 and len(np.unique(found[6:])) == 2
