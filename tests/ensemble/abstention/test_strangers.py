"""A threshold for strangers at a stated rate of false alarms."""

import json

import numpy as np
import pytest
from scipy.stats import norm

from ensemble.abstention.strangers import (
    StrangerGate,
    false_alarm_threshold,
    fit_stranger_gate,
    overlap_features,
)
from ensemble.errors import InputError
from ensemble.metrics import auroc


def _crystals(n, each, rng, shift=0.0):
    """Crystals of `each` patterns: what is common to a crystal varies more than what is not."""
    common = np.repeat(rng.normal(size=(n, 3)), each, axis=0)
    return common + 0.3 * rng.normal(size=(n * each, 3)) + shift, np.repeat(np.arange(n), each)


def test_new_familiar_crystals_are_called_strange_at_the_stated_rate():
    rng = np.random.default_rng(0)
    alarms = []
    for _ in range(200):
        x, groups = _crystals(60, 8, rng)
        threshold = false_alarm_threshold(x[:, 0], groups, 0.05)
        alarms.append((_crystals(50, 1, rng)[0][:, 0] > threshold).mean())
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.012)


def test_every_crystal_counts_once():
    # One crystal of a thousand strange patterns among nineteen of one: 1 / 21 of the weight is its.
    scores = np.append(np.arange(19.0), np.full(1000, 100.0))
    groups = np.append(np.arange(19), np.full(1000, 19))
    assert false_alarm_threshold(scores, groups, 0.1) == 18.0
    assert false_alarm_threshold(scores, None, 0.1) == 100.0


def test_too_few_crystals_flag_nobody():
    assert false_alarm_threshold(np.arange(10.0), None, 0.05) == np.inf


def test_weights_find_the_direction_in_which_strangers_lie():
    rng = np.random.default_rng(1)
    x, groups = _crystals(400, 4, rng)
    strangers = _crystals(200, 2, rng, shift=np.array([3.0, 0.0, -3.0]))[0]
    gate = fit_stranger_gate(x, strangers, groups=groups)
    new, others = _crystals(500, 1, rng)[0], _crystals(500, 1, rng, shift=np.array([3.0, 0.0, -3.0]))[0]
    # Two unit shifts of 3 at a spread of sqrt(1.09): the best direction is sqrt(18 / 1.09) = 4.06 spreads away.
    expected = norm.cdf(np.sqrt(18 / 1.09) - norm.ppf(0.95))
    assert gate.flag(others).mean() == pytest.approx(expected, abs=0.02)
    assert gate.flag(new).mean() == pytest.approx(0.05, abs=0.035)
    assert auroc(gate.score(new), gate.score(others)) > 0.99


def test_overlaps_are_told_from_doubt_by_what_the_others_have():
    rng = np.random.default_rng(2)
    n = 600
    sure = rng.dirichlet([60, 1, 1, 1], n)
    even = rng.dirichlet([30, 30, 0.5, 0.5], n)
    known = overlap_features(sure, rng.normal(0.02, 0.01, n))
    overlaps = overlap_features(even, rng.normal(0.02, 0.01, n))
    gate = fit_stranger_gate(known, overlaps[: n // 2])
    assert gate.flag(overlaps[n // 2 :]).mean() > 0.95
    assert gate.flag(known).mean() < 0.08


def test_a_gate_is_read_back_as_it_was_written():
    rng = np.random.default_rng(3)
    gate = fit_stranger_gate(rng.normal(size=(50, 2)), rng.normal(3, 1, size=(20, 2)))
    assert StrangerGate.from_dict(json.loads(json.dumps(gate.to_dict()))) == gate
    with pytest.raises(InputError, match="not a gate"):
        StrangerGate.from_dict({"centre": [0.0]})


@pytest.mark.parametrize(
    ("familiar", "strangers"),
    [
        (np.zeros((9, 2)), np.zeros((0, 2))),
        (np.zeros((9, 2)), np.zeros((3, 1))),
        (np.full((9, 2), np.nan), np.zeros((3, 2))),
    ],
)
def test_features_must_fit_and_be_finite(familiar, strangers):
    with pytest.raises(InputError, match="features"):
        fit_stranger_gate(familiar, strangers)
