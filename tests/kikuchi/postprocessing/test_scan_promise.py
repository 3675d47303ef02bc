"""What may be promised for a scan: made-up outputs of members, no network."""

from dataclasses import replace

import numpy as np
import pytest

from kikuchi.postprocessing.scan_promise import (
    OF_CRYSTALS,
    class_promise,
    expected_risk,
    held_promise,
    scan_bound,
)
from tests.kikuchi.postprocessing.made_up import checked, fitted, made_bundle, made_outputs

HARD = (2,)
"""A tenth of this class looks like another: its answers are wrong three times as often as all of a balanced mixture."""


@pytest.fixture(scope="module")
def easy():
    return made_bundle(np.random.default_rng(0))


@pytest.fixture(scope="module")
def hard():
    return made_bundle(np.random.default_rng(1), hard=(2,))


def test_a_promise_for_the_held_out_mixture_is_taken_back_where_it_would_be_broken(hard):
    mixed = fitted(hard, promise="mixture", risk=0.05)
    assert mixed.abstentions["average"].certificate.certified
    rng = np.random.default_rng(5)
    labels = rng.choice(3, size=3600, p=[0.02, 0.03, 0.95])
    outputs = made_outputs(labels, rng, hard=(2,))
    check, decision = checked(mixed, outputs, labels)
    wrong = decision.winner[decision.status == 0] != labels[decision.status == 0]
    expected = expected_risk(mixed, "average", mixed.abstentions["average"], check.shift)
    assert expected == pytest.approx(wrong.mean(), abs=0.02)
    assert expected > 0.05
    taken = held_promise(mixed, "average", mixed.abstentions["average"], check, decision)
    assert "mixed otherwise" in taken.certificate.message and not taken.certificate.certified


def test_class_by_class_a_class_that_may_be_absent_is_not_answered(easy):
    by_class = fitted(easy, promise="class")
    rng = np.random.default_rng(6)
    labels = rng.choice(3, size=3600, p=[0.6, 0.4, 0.0])
    check, _ = checked(by_class, made_outputs(labels, rng), labels)
    rule = class_promise(by_class, "average", check)
    assert [v.kept for v in rule.verdicts] == [True, True, False]
    few = replace(check, shift=replace(check.shift, identified=False, why="of a reason"))
    nothing = class_promise(by_class, "average", few)
    assert not any(v.kept for v in nothing.verdicts)
    assert "of a reason" in nothing.certificate.message


def _mixed(bundle, shares, seed, side=60):
    """Check of a scan of such a mixture, its decisions, and the share of its answers that is wrong."""
    rng = np.random.default_rng(seed)
    labels = rng.choice(3, size=side * side, p=shares)
    check, decision = checked(bundle, made_outputs(labels, rng, hard=HARD), labels, side=side)
    solved = decision.status == 0
    return check, decision, float((decision.winner != labels)[solved].sum() / max(solved.sum(), 1))


def _promised(bundle, check, decision):
    return held_promise(bundle, "average", bundle.abstentions["average"], check, decision)


@pytest.fixture(scope="module")
def fallen(hard):
    """A bundle whose default is what was left: the hard class cannot be kept at 2 %, all answers together can."""
    found = fitted(hard, promise="auto", risk=0.02)
    assert found.abstentions["average"].promise == "mixture"
    assert found.abstentions["average"].certificate.certified
    return found


def test_by_default_the_promise_is_what_holds_at_the_scans_mixture(fallen):
    check, decision, wrong = _mixed(fallen, [0.02, 0.03, 0.95], 5)
    assert check.shift.identified
    kept = _promised(fallen, check, decision).certificate
    # 400 answered units of the class bound its 4 % by some 2 % more.
    assert 0.02 < wrong < kept.certified_risk < wrong + 0.04
    assert not kept.certified and kept.bound == kept.certified_risk
    assert "of 229 (m229) (held out: 3" in kept.message
    assert "at most 2 % only of a scan that is mixed as the held-out patterns" in kept.message


def test_where_the_scan_is_mixed_in_an_easier_way_nothing_changes(fallen):
    check, decision, wrong = _mixed(fallen, [0.9, 0.08, 0.02], 7)
    assert wrong < 0.01
    assert _promised(fallen, check, decision).certificate == fallen.abstentions["average"].certificate


@pytest.mark.filterwarnings("ignore:held-out patterns are too few")
def test_a_scan_too_small_to_tell_its_mixture_is_promised_the_worst_or_nothing(fallen):
    check, decision, _ = _mixed(fallen, [0.02, 0.03, 0.95], 8, side=10)
    assert not check.shift.bounded
    kept = _promised(fallen, check, decision).certificate
    *_, of_the_hard_class_alone = _mixed(fallen, [0, 0, 1], 8)
    assert of_the_hard_class_alone < kept.certified_risk < of_the_hard_class_alone + 0.04
    assert "whatever the mixture" in kept.message and "cannot be told (the map is worth" in kept.message
    few = made_bundle(np.random.default_rng(9), n=120)
    few = replace(few, abstentions={"average": _as_mixture(few)})
    check, decision, _ = _mixed(few, [1 / 3] * 3, 8, side=10)
    taken = _promised(few, check, decision).certificate
    # Ten test patterns of each class, all answered and all right, bound its risk by 1 - 0.05 ** (1 / 10), 26 %.
    assert taken.certified_risk == 1.0 and not taken.certified
    assert taken.message.startswith("no promise: how the scan is mixed cannot be told")
    assert taken.message.endswith("only of a scan that is mixed as the held-out patterns")


def _as_mixture(bundle):
    rule = fitted(bundle, promise="mixture").abstentions["average"]
    return replace(rule, certificate=replace(rule.certificate, certified_risk=0.1))


def test_who_asks_for_the_held_out_mixture_gets_it_and_is_told_of_which_scan_it_is_true(fallen):
    asked = fitted(fallen, promise="mixture")
    certificate = asked.abstentions["average"].certificate
    check, decision, _ = _mixed(asked, [0.95, 0.03, 0.02], 10)
    kept = _promised(asked, check, decision).certificate
    assert kept == replace(certificate, message=kept.message)
    assert kept.message.startswith(certificate.message)
    assert "mixed as the held-out patterns only: the scan holds 9" in kept.message
    small, decision, _ = _mixed(asked, [0.95, 0.03, 0.02], 10, side=10)
    kept = _promised(asked, small, decision).certificate
    assert kept.certified_risk == certificate.certified_risk
    assert "how this one is mixed cannot be told" in kept.message


def test_groups_that_set_a_threshold_bound_nothing():
    # Every group has patterns in every part, as single crystals of several patterns may.
    crystals = made_bundle(np.random.default_rng(3), groups=np.arange(6000) % 50)
    check, *_ = _mixed(crystals, [1 / 3] * 3, 11)
    assert scan_bound(crystals, "average", crystals.abstentions["average"], check).bound == 1.0


def test_a_promise_that_whole_crystals_certified_is_said_to_be_their_mean(fallen):
    held_out = fallen.held_out
    crystals = replace(fallen, own_held_out=replace(held_out, material=held_out.group))
    check, decision, _ = _mixed(fallen, [0.9, 0.08, 0.02], 7)
    certificate = fallen.abstentions["average"].certificate
    assert _promised(fallen, check, decision).certificate == certificate
    said = _promised(crystals, check, decision).certificate
    assert said == replace(certificate, message=f"{certificate.message}; {OF_CRYSTALS}")
