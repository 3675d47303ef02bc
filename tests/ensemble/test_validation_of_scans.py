"""As `test_validation.py`, for what judges a scan: its mixture and likeness, strangers in it, promises by class."""

import numpy as np
import pytest

from ensemble.abstention.answered_class import certify_answers, thinned
from ensemble.abstention.multiple_testing import binomial_p_value, hochberg
from ensemble.abstention.promises import check_promise, excess_risk, promise_classes, promise_materials
from ensemble.abstention.strangers import (
    StrangerGate,
    false_alarm_threshold,
    fit_stranger_gate,
    overlap_features,
)
from ensemble.abstention.stratified import (
    NEVER,
    Answers,
    ClassVerdict,
    certify_materials,
    plan_thresholds,
)
from ensemble.candidates import mass_outside, restricted_draws, restricted_logits, unfamiliarity_among
from ensemble.errors import InputError
from ensemble.grain_pooling import GrainPooling, fit_grain_pooling, majority
from ensemble.label_shares import bbse_shares, em_shares, reweighted
from ensemble.label_shift import estimate_label_shift
from ensemble.pooling import DropoutDraws
from ensemble.shift_gauge import compare_units, rank_unit
from ensemble.softmax import log_softmax, softmax, softmax_and_entropy
from ensemble.spatial_correlation import correlation_length, independent_blocks

NAN, INF = np.nan, np.inf
P, Y = [[0.9, 0.1], [0.2, 0.8]], [0, 1]
Z = np.zeros((2, 3, 4))
X = np.random.default_rng(0).normal(size=(40, 2))
HALF = [0.5, 0.5]
SILENT = ClassVerdict(0, "silent", NEVER, 0, 500, 0, 0, 0.01)


def draws(mean=0.25, entropy=0.1, votes=5):
    return DropoutDraws(
        np.full((2, 3, 4), mean), np.full((2, 3), entropy), np.broadcast_to(np.asarray(votes), (2, 3, 4))
    )


def answers(**changes):
    given = {
        "answer": np.array([0, 1, 1]),
        "confidence": np.array([0.9, 0.8, 0.7]),
        "answerable": np.array([True, True, True]),
        "label": np.array([0, 1, 0]),
        "material": np.array([0, 1, 2]),
    }
    return Answers(**(given | {name: np.asarray(value) for name, value in changes.items()}))


def gate(**changes):
    given = {
        "centre": (0.0,),
        "scale": (1.0,),
        "weights": (1.0,),
        "threshold": 1.0,
        "false_alarm": 0.05,
        "groups": 9,
    }
    return StrangerGate(**(given | changes))


BAD = {
    "logits that are text": lambda: softmax([["a", "b"]]),
    "logits that are ragged": lambda: log_softmax([[0.0, 1.0], [0.0]]),
    "logits that are complex": lambda: softmax_and_entropy([1j, 0]),
    "logits of one table": lambda: restricted_logits(P, [0, 1]),
    "logits to restrict that are text": lambda: mass_outside([[["a", "b"]]], [0, 1]),
    "a candidate twice": lambda: restricted_logits(Z, [0, 0]),
    "half a candidate": lambda: restricted_logits(Z, [0.5, 1.5]),
    "candidates by name": lambda: restricted_logits(Z, ["Ni", "Fe"]),
    "one candidate": lambda: mass_outside(Z, [2]),
    "a candidate that is not there": lambda: mass_outside(Z, [0, 9]),
    "draws above 1": lambda: restricted_draws(draws(mean=1.5), [0, 1]),
    "draws of negative entropy": lambda: restricted_draws(draws(entropy=-0.3), [0, 1]),
    "draws of another shape": lambda: restricted_draws(
        DropoutDraws(np.full((2, 3, 4), 0.25), np.zeros((2, 5)), np.ones((2, 3, 4))), [0, 1]
    ),
    "unfamiliarity of other patterns": lambda: unfamiliarity_among([0.1], [0.1, 0.2], [0.1, 0.2], [0.1, 0.2]),
    "a probability outside of 3": lambda: unfamiliarity_among([0.1], [3.0], [0.1, 0.2], [0.1, 0.2]),
    "unfamiliarity that is text": lambda: unfamiliarity_among(["a"], [0.1], [0.1, 0.2], [0.1, 0.2]),
    "unfamiliarity without held-out patterns": lambda: unfamiliarity_among([0.1], [0.1], [], []),
    "a prior that sums to 2": lambda: em_shares(P, [1.0, 1.0]),
    "a prior of text": lambda: em_shares(P, ["a", "b"]),
    "a prior of NaN": lambda: em_shares(P, [NAN, 1.0]),
    "weights of NaN": lambda: em_shares(P, HALF, weights=[NAN, 1.0]),
    "weights of infinity": lambda: em_shares(P, HALF, weights=[INF, 1.0]),
    "weights that are all 0": lambda: em_shares(P, HALF, weights=[0.0, 0.0]),
    "a confusion of NaN": lambda: bbse_shares([[NAN, 1], [1, 9]], [5, 5]),
    "a confusion of minus 3": lambda: bbse_shares([[9, -3], [1, 9]], [5, 5]),
    "a confusion of nothing": lambda: bbse_shares([[0, 0], [1, 9]], [5, 5]),
    "a confusion without classes": lambda: bbse_shares(np.zeros((0, 2)), [5, 5]),
    "answers of infinity": lambda: bbse_shares([[9, 1], [1, 9]], [INF, 5]),
    "shares that sum to 3": lambda: reweighted(P, HALF, [2.0, 1.0]),
    "shares of three classes": lambda: reweighted(P, HALF, [0.2, 0.3, 0.5]),
    "a mixture at confidence 95": lambda: estimate_label_shift(P, Y, P, confidence=95),
    "a mixture of no draws": lambda: estimate_label_shift(P, Y, P, n_draws=0),
    "a mixture of half a draw": lambda: estimate_label_shift(P, Y, P, n_draws=2.5),
    "a mixture of seed -1": lambda: estimate_label_shift(P, Y, P, seed=-1),
    "a mixture without held-out patterns": lambda: estimate_label_shift(np.zeros((0, 2)), [], P),
    "a mixture without a scan": lambda: estimate_label_shift(P, Y, np.zeros((0, 2))),
    "a mixture of NaN": lambda: estimate_label_shift(P, Y, [[NAN, NAN]]),
    "groups of NaN": lambda: estimate_label_shift(P, Y, P, groups=[0, NAN]),
    "blocks of other points": lambda: estimate_label_shift(P, Y, P, blocks=[0, 1, 2]),
    "features of text": lambda: compare_units([["a", "b"]] * 9, X, ["u", "v"]),
    "features of NaN": lambda: compare_units(X, np.full((9, 2), NAN), ["u", "v"]),
    "features without names": lambda: compare_units(X, X, []),
    "a name too many": lambda: compare_units(X, X, ["u", "v", "w"]),
    "a level of 5": lambda: compare_units(X, X, ["u", "v"], level=5),
    "a level of NaN": lambda: rank_unit(X, X[0], ["u", "v"], level=NAN),
    "a unit of text": lambda: rank_unit(X, ["a", "b"], ["u", "v"]),
    "a unit of infinity": lambda: rank_unit(X, [INF, 0.0], ["u", "v"]),
    "a rate of false alarms of 5": lambda: false_alarm_threshold([0.1, 0.2], None, 5),
    "a threshold from nothing": lambda: false_alarm_threshold([]),
    "a threshold from NaN": lambda: false_alarm_threshold([NAN, 0.1]),
    "a threshold from text": lambda: false_alarm_threshold(["a", "b"]),
    "a threshold from groups of NaN": lambda: false_alarm_threshold([0.1, 0.2], [0.0, NAN]),
    "a gate of scale 0": lambda: gate(scale=(0.0,)),
    "a gate of threshold NaN": lambda: gate(threshold=NAN),
    "a gate of false alarm 5": lambda: gate(false_alarm=5),
    "a gate of more weights than features": lambda: gate(weights=(1.0, 2.0)),
    "a gate of minus a group": lambda: gate(groups=-1),
    "a gate asked about text": lambda: gate().score([["a"]]),
    "a gate asked about other features": lambda: gate().flag([[0.0, 1.0]]),
    "a gate without strangers": lambda: fit_stranger_gate(X, np.zeros((0, 2))),
    "a gate with features of text": lambda: fit_stranger_gate([["a"]] * 9, [["b"]]),
    "a gate with groups of others": lambda: fit_stranger_gate(X, X, groups=[0, 1]),
    "a gate with seed -1": lambda: fit_stranger_gate(X, X, seed=-1),
    "an overlap of what sums to 2": lambda: overlap_features([[1.0, 1.0]], [0.1]),
    "an overlap of negative information": lambda: overlap_features(P, [-0.5, 0.1]),
    "an overlap of one class": lambda: overlap_features([[1.0]], [0.1]),
    "more errors than answers": lambda: binomial_p_value(3, 2, 0.02),
    "errors by halves": lambda: binomial_p_value(0.5, 2, 0.02),
    "errors of other answers": lambda: binomial_p_value([0, 1], [5, 5, 5], 0.02),
    "a p-value at risk 2": lambda: binomial_p_value(0, 2, 2),
    "a p-value of 3": lambda: hochberg([3.0]),
    "a p-value of NaN": lambda: hochberg([NAN]),
    "a family-wise level of 5": lambda: hochberg([0.01], 5),
    "a confidence of 95": lambda: answers(confidence=[95.0, 0.8, 0.7]),
    "a confidence of NaN": lambda: answers(confidence=[NAN, 0.8, 0.7]),
    "an answer of class -1": lambda: answers(answer=[-1, 1, 1]),
    "a label by halves": lambda: answers(label=[0.5, 1.0, 0.0]),
    "what can be answered by probability": lambda: answers(answerable=[0.3, 1.0, 1.0]),
    "a material of two classes": lambda: answers(material=[0, 1, 0], label=[0, 1, 1]),
    "a plan of no classes": lambda: plan_thresholds(answers(), 0, 0.02, 0.95),
    "a plan of too few classes": lambda: plan_thresholds(answers(), 1, 0.02, 0.95),
    "a plan at risk NaN": lambda: plan_thresholds(answers(), 2, NAN, 0.95),
    "a plan at confidence 95": lambda: plan_thresholds(answers(), 2, 0.02, 95),
    "a plan of scale -1": lambda: plan_thresholds(answers(), 2, 0.02, 0.95, -1.0),
    "a path of NaN": lambda: certify_materials(answers(), [[NAN, 0.5]]),
    "a path of too few classes": lambda: certify_materials(answers(), [[0.5]]),
    "materials at risk 0": lambda: certify_materials(answers(), [HALF], 0.0),
    "thinning by negative weights": lambda: thinned([0, 1], [1.0, -1.0], np.random.default_rng(0)),
    "thinning of class -1": lambda: thinned([-1, 1], HALF, np.random.default_rng(0)),
    "thinning of class 2": lambda: thinned([0, 2], HALF, np.random.default_rng(0)),
    "answers of too few classes": lambda: certify_answers(answers(), answers(), 1),
    "answers at risk -1": lambda: certify_answers(answers(), answers(), 2, -1.0),
    "answers at confidence 1": lambda: certify_answers(answers(), answers(), 2, 0.02, 1.0),
    "shares of other classes": lambda: certify_answers(answers(), answers(), 2, shares=([0.1], [0.9])),
    "shares of NaN": lambda: certify_answers(answers(), answers(), 2, shares=([NAN, 0.1], HALF)),
    "shares upside down": lambda: certify_answers(answers(), answers(), 2, shares=([0.9, 0.9], [0.1, 0.1])),
    "a promise of the moon": lambda: check_promise("moon"),
    "a promise at risk 2": lambda: promise_materials(answers(), answers(), ["a", "b"], 2.0, 0.95),
    "a promise by class at risk NaN": lambda: promise_classes(answers(), answers(), ["a", "b"], NAN, 0.95),
    "a promise of one name": lambda: promise_classes(answers(), answers(), ["a"], 0.02, 0.95),
    "an answered share of 2": lambda: excess_risk([SILENT], [0.1], 2.0),
    "an answered share of NaN": lambda: excess_risk([SILENT], [0.1], NAN),
    "the upper ends of no class": lambda: excess_risk([SILENT], [], 0.5),
    "the upper end of NaN": lambda: excess_risk([SILENT], [NAN], 0.5),
    "a map of half rows": lambda: correlation_length([0.1, 0.2], [0.5, 1.0], [0, 1]),
    "a map of row -1": lambda: correlation_length([0.1, 0.2], [-1, 0], [0, 1]),
    "a map of a billion rows": lambda: correlation_length([0.1, 0.2], [0, 10**9], [0, 10**9]),
    "a map of text": lambda: correlation_length(["a", "b"], [0, 1], [0, 1]),
    "a map of other points": lambda: correlation_length([0.1], [0, 1], [0, 1]),
    "blocks of side 0": lambda: independent_blocks([0.1, 0.2], [0, 1], [0, 1], least_side=0),
    "grains of other patterns": lambda: fit_grain_pooling(P, Y, [0]),
    "a largest grain of 0": lambda: GrainPooling(largest=0),
    "grains of NaN": lambda: majority([True, False], [0.0, NAN]),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
@pytest.mark.filterwarnings("error")
def test_is_refused_in_one_line(call):
    with pytest.raises(InputError) as refused:
        call()
    assert "\n" not in str(refused.value)
