"""Numbers that cannot be meant are refused at the door of every function, in one line, and never computed with."""

import numpy as np
import pytest

from ensemble.abstention import (
    AbstentionRule,
    Familiarity,
    energy,
    fit_abstention,
    fit_familiarity,
    generalised_entropy,
)
from ensemble.abstention.conformal import conformal_sets, fit_conformal
from ensemble.abstention.hierarchical import answer_levels, fit_levels
from ensemble.abstention.risk_control import answers_needed, certify, risk_bound, threshold_sequence
from ensemble.abstention.splitting import split_groups, stratified_groups
from ensemble.active_learning import choose_queries
from ensemble.bayesian import fit_heads
from ensemble.calibration import fit_calibration
from ensemble.calibration.temperature import apply_temperature
from ensemble.diversity import disagreement, double_fault, q_statistic
from ensemble.early_exit import Cascade, VoteStop, best_order, filled, fit_cascade, stopped
from ensemble.errors import InputError
from ensemble.grain_pooling import GrainPooling, majority
from ensemble.hierarchy import Hierarchy, HierarchyCalibration
from ensemble.learning_curves import PowerLaw, fit_power_law
from ensemble.metrics import (
    aurc,
    auroc,
    bootstrap_interval,
    class_report,
    coverage_at_risk,
    excess_aurc,
    expected_calibration_error,
    fpr_at,
    log_loss,
    reliability_diagram,
    risk_at_coverage,
)
from ensemble.metrics.calibration_error import bin_confidences
from ensemble.phase_fractions import effective_sample_size, outcomes, phase_fractions, square_blocks
from ensemble.pooling import DropoutDraws, choose_rule, combine, log_loss_weights
from ensemble.uncertainty import decompose, entropy, expected_entropy, variation_ratio

NAN, INF = np.nan, np.inf
U, W = [0.1, 0.2, 0.3], [False, True, False]
P, Y = [[0.9, 0.1], [0.2, 0.8]], [0, 1]
Z = np.zeros((3, 2, 2))
LAW = np.array([[0.0, 1.0, 0.5]])
TREE = Hierarchy.from_paths(("kind", "name"), [("cat", "lion"), ("dog", "wolf")])


def draws(mean=0.5, entropy=0.1, votes=5):
    return DropoutDraws(
        np.full((2, 3, 2), mean), np.full((2, 3), entropy), np.broadcast_to(np.asarray(votes), (2, 3, 2))
    )


def cascade(**changes):
    given = {"order": (0, 1, 2), "agreement": 0.9} | changes
    return fit_cascade(Z, Y, given.pop("rule", "vote"), **given)


BAD = {
    "a risk below 0": lambda: coverage_at_risk(U, W, -1),
    "a risk above 1": lambda: coverage_at_risk(U, W, 1.5),
    "a risk that is NaN": lambda: coverage_at_risk(U, W, NAN),
    "a risk that is text": lambda: coverage_at_risk(U, W, "2 %"),
    "a coverage above 1": lambda: risk_at_coverage(U, W, 2.0),
    "an uncertainty that is infinite": lambda: aurc([INF, 0, 1], W),
    "an uncertainty that is text": lambda: aurc(["a", "b", "c"], W),
    "outcomes that are probabilities": lambda: aurc(U, [0.2, 0.4, 0.9]),
    "outcomes that are NaN": lambda: excess_aurc(U, [NAN, 0, 1]),
    "outcomes of another length": lambda: excess_aurc(U, [True]),
    "nothing to score": lambda: log_loss(np.empty((0, 2)), []),
    "negative probabilities": lambda: log_loss([[1.5, -0.5]], [0]),
    "probabilities that are complex": lambda: log_loss([[1j, 1 - 1j]], [0]),
    "ragged probabilities": lambda: log_loss([[0.5, 0.5], [1.0]], Y),
    "labels with a fraction": lambda: log_loss(P, [0.5, 1.2]),
    "whole labels as floats": lambda: log_loss(P, [0.0, 1.0]),
    "labels of no class": lambda: log_loss(P, [0, 2]),
    "no bins": lambda: expected_calibration_error(P, Y, bins=0),
    "half a bin": lambda: expected_calibration_error(P, Y, bins=2.5),
    "an unknown binning": lambda: expected_calibration_error(P, Y, scheme="square"),
    "a confidence above 1": lambda: bin_confidences([1.2], [True]),
    "a confidence that is NaN": lambda: bin_confidences([NAN], [True]),
    "a band above 1": lambda: reliability_diagram(P, Y, confidence=95),
    "a bootstrap of confidence 0": lambda: bootstrap_interval(np.mean, [1.0], confidence=0.0),
    "a bootstrap of a number": lambda: bootstrap_interval(np.mean, 3.0),
    "minus ten resamples": lambda: bootstrap_interval(np.mean, [1.0], n_resamples=-10),
    "groups that are NaN": lambda: bootstrap_interval(np.mean, [1.0, 2.0], groups=[0, NAN]),
    "predictions that are floats": lambda: class_report([0, 1], [0.2, 1.7], 2),
    "no class": lambda: class_report([0], [0], 0),
    "scores that are infinite": lambda: auroc([0.0, INF], [1.0]),
    "a table of scores": lambda: auroc([[0.0]], [1.0]),
    "a familiar share of 95": lambda: fpr_at([0.0], [1.0], 95),
    "dropout means that sum to 3": lambda: combine(None, "mc-dropout", draws=draws(mean=1.5)),
    "a negative entropy of draws": lambda: combine(None, "mc-dropout", draws=draws(entropy=-0.3)),
    "an entropy of draws above log K": lambda: combine(None, "mc-dropout", draws=draws(entropy=2.0)),
    "draws without votes": lambda: combine(None, "mc-dropout", draws=draws(votes=0)),
    "negative votes of draws": lambda: combine(None, "mc-dropout", draws=draws(votes=-4)),
    "draws of other shapes": lambda: combine(
        None, "mc-dropout", draws=DropoutDraws(np.full((2, 3, 2), 0.5), np.zeros((2, 4)), np.ones((2, 3, 2)))
    ),
    "no logits": lambda: combine(None, "vote"),
    "logits of one member alone": lambda: combine(np.zeros((2, 3)), "vote"),
    "weights that are NaN": lambda: combine(Z, "vote", weights=[NAN, 1, 1]),
    "labels that do not fit logits": lambda: log_loss_weights(Z, [0]),
    "no rule to choose": lambda: choose_rule(Z, Y, rules=()),
    "labels too many for a rule": lambda: choose_rule(Z, [0, 1, 1]),
    "a vote of 9 among 3 classes": lambda: variation_ratio([[0], [9]], 3),
    "a vote of minus 5": lambda: variation_ratio([[0], [-5]], 3),
    "votes that are floats": lambda: disagreement([[0.0, 1.5]]),
    "right or wrong by probability": lambda: double_fault([[0.3, 0.9]]),
    "right or wrong by NaN": lambda: q_statistic([[NAN, 1.0]]),
    "an entropy of what sums to 2": lambda: entropy([1.0, 1.0]),
    "an entropy of a negative number": lambda: entropy([1.5, -0.5]),
    "a decomposition of one member's table": lambda: decompose(P),
    "negative weights of members": lambda: expected_entropy([P, P], [-1, 2]),
    "outcomes with a fraction": lambda: phase_fractions([0, 1], [0, 1], [0.4, 1.6], 2),
    "held-out labels that are floats": lambda: phase_fractions([0.2, 1.0], [0, 1], [0, 1], 2),
    "an interval of 95": lambda: phase_fractions([0, 1], [0, 1], [0, 1], 2, confidence=95),
    "no posterior draws": lambda: phase_fractions([0, 1], [0, 1], [0, 1], 2, n_draws=0),
    "an effective size of minus 1": lambda: phase_fractions(
        [0, 1], [0, 1], [0, 1], 2, effective_sample_size=-1.0
    ),
    "a status of 7": lambda: outcomes([7], [0]),
    "a solved pattern without a winner": lambda: outcomes([0], [-1]),
    "a block without a side": lambda: square_blocks([0, 1], [0, 1], 0),
    "half a row": lambda: square_blocks([0.5], [0], 2),
    "blocks of other points": lambda: effective_sample_size([0, 1], [0], 2),
    "a temperature of 0": lambda: apply_temperature(P, {"temperature": 0.0}),
    "a temperature of NaN": lambda: apply_temperature(P, {"temperature": NAN}),
    "no temperature": lambda: apply_temperature(P, {}),
    "an unknown calibration": lambda: fit_calibration(P, Y, "platt"),
    "names of other classes": lambda: fit_calibration(P, Y, names=["221"]),
    "a set coverage of 0": lambda: fit_conformal(P, Y, 0.0),
    "thresholds of other classes": lambda: conformal_sets(P, [0.1, 0.2, 0.3]),
    "thresholds that are NaN": lambda: conformal_sets(P, [NAN, 0.5]),
    "more errors than answers": lambda: risk_bound(3, 2),
    "half an error": lambda: risk_bound(0.5, 2),
    "minus one error": lambda: risk_bound(-1, 2),
    "a confidence of 95": lambda: risk_bound(0, 10, 95),
    "answers for a risk of 0": lambda: answers_needed(0.0, 0.95),
    "answers for a rate of 2": lambda: answers_needed(0.02, 0.95, rate=2.0),
    "a plan at risk NaN": lambda: threshold_sequence([0.9], [False], NAN, 0.95),
    "a certificate of confidences above 1": lambda: certify([3.0], [False], [0.5]),
    "a certificate of outcomes by NaN": lambda: certify([0.9], [NAN], [0.5]),
    "a certificate without thresholds": lambda: certify([0.9], [False], []),
    "a test smaller than its answers": lambda: certify([0.9, 0.8], [False, True], [0.5], n_tested=1),
    "a quality threshold of NaN": lambda: fit_abstention(P * 20, Y * 20, quality_threshold=NAN),
    "a familiar share of 0": lambda: fit_abstention(P * 20, Y * 20, familiar=0.0),
    "unfamiliarity that is text": lambda: fit_abstention(P * 20, Y * 20, unfamiliarity=["a"] * 40),
    "a rule whose threshold is NaN": lambda: AbstentionRule(NAN, (0.1, 0.1), None, 0.0, 0.95, 0.99, None),
    "a rule without classes": lambda: AbstentionRule(0.5, (), None, 0.0, 0.95, 0.99, None),
    "levels that differ in patterns": lambda: answer_levels([np.array(P), np.array([[1.0]])], [0.5, 0.5]),
    "a level without a threshold": lambda: answer_levels([np.array(P)], []),
    "labels of another level": lambda: fit_levels([np.array(P)], [np.array([0, 3])]),
    "a share of groups of 1": lambda: stratified_groups([0, 1], [0, 0], 1.0, np.random.default_rng(0)),
    "groups of other patterns": lambda: split_groups(3, [0, 1], np.random.default_rng(0)),
    "features of other patterns": lambda: fit_familiarity([np.ones((5, 2)), np.ones((4, 2))]),
    "a neighbour before the first": lambda: fit_familiarity([np.ones((5, 2))], k=0),
    "a reference of nothing": lambda: fit_familiarity([np.ones((5, 2))], max_reference=0),
    "a reference of scale 0": lambda: Familiarity((np.ones((5, 2)),), np.array([0.0]), 2),
    "logits without members": lambda: energy(np.zeros((2, 3))),
    "a gamma of 2": lambda: generalised_entropy(Z, gamma=2.0),
    "a head of no classes": lambda: fit_heads("laplace", [[0.0]], [0], 0),
    "a head of no draws": lambda: fit_heads("laplace", [[0.0]], [0], 2, draws=0),
    "a head without anything kept": lambda: fit_heads("dropout", [[0.0]], [0], 2, rate=1.0),
    "a prior of another shape": lambda: fit_heads("laplace", [[0.0]], [0], 2, prior=([[1.0]], [0.0])),
    "features that are text": lambda: fit_heads("laplace", [["a"]], [0], 2),
    "a member that is not there": lambda: cascade(order=(0, 1, 7)),
    "a member twice": lambda: cascade(order=(0, 1, 1)),
    "a member left out": lambda: cascade(order=(0, 1)),
    "an agreement of 99": lambda: cascade(agreement=99),
    "an unknown rule for a cascade": lambda: cascade(rule="sum"),
    "a stop of another ensemble": lambda: stopped(Z, VoteStop((0, 1))),
    "an order that starts at 1": lambda: VoteStop((1, 2, 3)),
    "a stop of other weights": lambda: VoteStop((0, 1), (1.0,)),
    "a cascade of temperature 0": lambda: Cascade((0, 1), (0.0,), 0.9),
    "a cascade of threshold NaN": lambda: Cascade((0, 1), (1.0,), NAN),
    "logits to fill of one member": lambda: filled(np.zeros((2, 3))),
    "an order of unreadable patterns": lambda: best_order(np.full((2, 3, 2), NAN)),
    "a power law of NaN": lambda: PowerLaw(NAN, 1.0, 0.5, LAW),
    "a power law that rises": lambda: PowerLaw(0.0, 1.0, -0.5, LAW),
    "a power law without scatter": lambda: PowerLaw(0.0, 1.0, 0.5, LAW[:0]),
    "the error of no patterns": lambda: PowerLaw(0.0, 1.0, 0.5, LAW).error(0),
    "patterns for an error of NaN": lambda: PowerLaw(0.0, 1.0, 0.5, LAW).needed(NAN),
    "patterns for an error of minus 1": lambda: PowerLaw(0.0, 1.0, 0.5, LAW).needed(-1),
    "an interval of confidence 1": lambda: PowerLaw(0.0, 1.0, 0.5, LAW).error_interval(10, 1.0),
    "a learning curve of NaN": lambda: fit_power_law([1, 2, 4], [NAN, 0.5, 0.4], 100),
    "a learning curve above 1": lambda: fit_power_law([1, 2, 4], [1.5, 0.5, 0.4], 100),
    "a learning curve tested on nothing": lambda: fit_power_law([1, 2, 4], [0.6, 0.5, 0.4], 0),
    "a score below 0": lambda: choose_queries([-1.0, 0.5], [[[1, 0], [0, 1]]], 1),
    "features of fewer patterns": lambda: choose_queries([0.5, 0.5], [[[1, 0]]], 1),
    "known patterns of other features": lambda: choose_queries([0.5], [[[1, 0]]], 1, known=[[[1, 0, 0]]]),
    "half a question": lambda: choose_queries([0.5], [[[1, 0]]], 1.5),
    "a level below the last": lambda: TREE.sums(P, 2),
    "labels beyond a hierarchy": lambda: TREE.labels([5], 0),
    "a temperature a level too few": lambda: HierarchyCalibration(TREE, (1.0,)),
    "a hierarchy at temperature 0": lambda: HierarchyCalibration(TREE, (0.0, 1.0)),
    "an exponent above 1": lambda: GrainPooling(exponent=2.0),
    "a pooling at temperature 0": lambda: GrainPooling(temperature=0.0),
    "grains that are floats": lambda: GrainPooling().apply(P, [0.5, 1.0]),
    "flags that are numbers": lambda: majority([0.3, 2.0], [0, 0]),
}


@pytest.mark.parametrize("call", BAD.values(), ids=BAD)
@pytest.mark.filterwarnings("error")
def test_is_refused_in_one_line(call):
    with pytest.raises(InputError) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_a_pattern_without_a_prediction_is_no_error():
    logits = np.array([[[NAN, NAN], [2.0, 0.0]], [[NAN, NAN], [2.0, 0.0]]])
    found = combine(logits, "average")
    assert np.isnan(found.probabilities[0]).all()
    assert np.isnan(found.entropy[0])
    assert found.votes[:, 0].tolist() == [-1, -1]
    assert np.isnan(entropy([[NAN, NAN]])).all()


def test_a_pattern_without_features_is_never_asked_about():
    # Distances to NaN are NaN, and argmax would take the first of them.
    asked = choose_queries([0.9, 0.5, 0.4], [[[NAN, NAN], [1, 0], [0, 1]]], 3)
    assert asked.tolist() == [1, 2]
