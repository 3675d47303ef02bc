"""Whether a scan is like what was certified, and how it is mixed: made-up outputs of members, no network."""

from dataclasses import replace

import numpy as np
import pytest

from kikuchi.bundle.decision import strata
from kikuchi.bundle.outputs import HeldOut
from kikuchi.postprocessing.scan_promise import held_promise
from tests.kikuchi.postprocessing.made_up import checked, made_bundle, made_outputs


@pytest.fixture(scope="module")
def easy():
    return made_bundle(np.random.default_rng(0))


def test_a_scan_of_the_same_kind_keeps_its_promise(easy):
    rng = np.random.default_rng(2)
    labels = rng.integers(3, size=3600)
    outputs = made_outputs(labels, rng)
    check, decision = checked(easy, outputs, labels)
    assert check.gauge.method == "units" and check.alike
    kept = held_promise(easy, "average", easy.abstentions["average"], check, decision)
    assert kept.promise == "material" and kept.certificate.certified


def test_a_shift_of_the_mixture_alone_is_no_alarm_and_is_estimated(easy):
    rng = np.random.default_rng(3)
    labels = rng.choice(3, size=3600, p=[0.9, 0.08, 0.02])
    check, _ = checked(easy, made_outputs(labels, rng), labels)
    assert check.alike
    assert check.shift.identified
    assert check.shift.shares == pytest.approx([0.9, 0.08, 0.02], abs=0.02)


def test_a_small_scan_of_another_mixture_is_no_alarm_though_its_mixture_has_no_interval():
    of_class = np.array([1.0, 1.3, 1.6])  # the classes look different, so that a mixture of them does too
    bundle = made_bundle(np.random.default_rng(11), unfamiliarity=of_class)
    rng = np.random.default_rng(12)
    alarms = 0
    for _ in range(20):
        labels = rng.choice(3, size=100, p=[0.9, 0.08, 0.02])
        check, _ = checked(bundle, made_outputs(labels, rng, unfamiliarity=of_class[labels]), labels, side=10)
        assert not check.shift.identified and check.shift.units < 20
        alarms += check.alike is False
    assert alarms <= 4  # of 20 at a level of 5 % there are more in 0.3 % of the cases


def test_stranger_features_take_the_promise_back_and_are_named(easy):
    rng = np.random.default_rng(4)
    labels = rng.integers(3, size=3600)
    check, decision = checked(easy, made_outputs(labels, rng, unfamiliarity=1.08), labels)
    assert not check.alike
    assert "this scan is not like what was certified: no promise" in check.message()
    assert "stranger features" in check.message()
    taken = held_promise(easy, "average", easy.abstentions["average"], check, decision)
    assert not taken.certificate.certified and taken.certificate.certified_risk == 1.0
    assert taken.threshold == easy.abstentions["average"].threshold


def test_strata_are_materials_or_the_class_of_single_crystals():
    n = 12
    labels = np.repeat([0, 1], 6)
    outputs = made_outputs(labels, np.random.default_rng(0))
    # Class 0: three crystals, a group each. Class 1: two scans of three grains each.
    material = np.array([0, 0, 1, 1, 2, 2, 3, 3, 3, 4, 4, 4])
    group = np.array([0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8])
    found = strata(HeldOut(outputs, labels, material, np.zeros(n, int), group))
    assert len(np.unique(found[:6])) == 1
    assert len(np.unique(found[6:9])) == 1 and len(np.unique(found[6:])) == 2


def test_a_scan_recorded_otherwise_by_its_own_words_is_promised_nothing(easy):
    rng = np.random.default_rng(13)
    labels = rng.integers(3, size=3600)
    check, decision = checked(easy, made_outputs(labels, rng), labels)
    assert check.alike
    far = replace(check, recording="camera distance of 1.10 pattern heights, trained at 0.45 to 0.75")
    assert not far.alike and far.to_dict((225, 227, 229))["recording"] == far.recording
    taken = held_promise(easy, "average", easy.abstentions["average"], far, decision).certificate
    assert taken.certified_risk == 1.0
    assert taken.message.startswith("this scan was not recorded as what was certified: no promise (camera")
