"""A promise for any mixture: risk per true material, thresholds per class."""

import numpy as np
import pytest
from scipy.stats import binom

from ensemble.abstention.multiple_testing import binomial_p_value, hochberg
from ensemble.abstention.stratified import (
    NEVER,
    Answers,
    certify_materials,
    plan_thresholds,
)
from ensemble.errors import InputError


def _answers(answer, confidence, label, material=None):
    answer, label = np.asarray(answer), np.asarray(label)
    material = label if material is None else np.asarray(material)
    return Answers(answer, np.asarray(confidence, float), np.ones(len(label), bool), label, material)


def _drawn(n, rng, *, pair=False, k=4, strength=5.0):
    """Draw units of k classes, the first two of them not to be told apart if `pair`."""
    label = rng.integers(k, size=n)
    scores = rng.normal(size=(n, k))
    scores[np.arange(n), label] += strength
    if pair:
        scores[np.ix_(label < 2, [0, 1])] = strength + rng.normal(size=((label < 2).sum(), 2))
    p = np.exp(scores)
    p /= p.sum(axis=1, keepdims=True)
    return _answers(p.argmax(axis=1), p.max(axis=1), label)


def test_p_values_are_binomial_tails():
    assert binomial_p_value([0, 3, 5], [100, 100, 5], 0.02) == pytest.approx(
        [0.98**100, binom.cdf(3, 100, 0.02), 1.0]
    )
    assert binomial_p_value(0, 0, 0.02) == 1.0


def test_hochberg_is_the_step_up_of_statsmodels_example():
    # Hochberg (1988): with p = .01, .02, .03, .04, all four are rejected at .05 although .02 > .05 / 3.
    assert hochberg([0.01, 0.02, 0.03, 0.04]).all()
    assert hochberg([0.012, 0.02, 0.03, 0.06]).tolist() == [True, False, False, False]
    assert not hochberg([0.06, 0.05, 0.04]).any()


def test_a_class_without_an_error_is_kept_and_one_with_too_few_units_is_unknown():
    label = np.repeat([0, 1], [400, 100])
    answers = _answers(label, np.full(500, 0.9), label)
    verdicts = certify_materials(answers, np.zeros((1, 2)), risk=0.02)
    assert [v.verdict for v in verdicts] == ["kept", "unknown"]
    # Rule of three, exactly: 1 - 0.05^(1/n).
    assert verdicts[0].bound == pytest.approx(1 - 0.05 ** (1 / 400))
    assert verdicts[1].threshold == NEVER


def test_the_worst_material_of_a_class_counts():
    # Class 0 has two materials; the second is wrong in 10 % of its answers, 5 % of the class's.
    label = np.zeros(800, int)
    material = np.repeat([0, 1], 400)
    answer = label.copy()
    answer[400:440] = 1
    label = np.append(label, np.ones(400, int))
    answers = _answers(
        np.append(answer, np.ones(400, int)), np.full(1200, 0.9), label, np.append(material, np.full(400, 2))
    )
    verdicts = certify_materials(answers, np.zeros((1, 2)), risk=0.06)
    assert verdicts[0].verdict == "unknown" and verdicts[0].material == 1 and verdicts[1].verdict == "kept"


def test_a_pair_that_cannot_be_told_apart_is_silenced_and_nothing_else():
    rng = np.random.default_rng(0)
    planning, testing = _drawn(2000, rng, pair=True), _drawn(4000, rng, pair=True)
    path = plan_thresholds(planning, 4, 0.02, 0.95, 2.0)
    verdicts = certify_materials(testing, path, 0.02)
    assert [v.verdict for v in verdicts] == ["silent", "silent", "kept", "kept"]
    assert verdicts[2].n_answered > 0.9 * verdicts[2].n_tested


def test_path_goes_from_strict_to_loose():
    path = plan_thresholds(_drawn(600, np.random.default_rng(1), strength=3.0), 4, 0.05, 0.95, 2.0)
    assert (np.diff(path, axis=0) <= 0).all()
    assert np.isin(path[-1], [0.0, NEVER]).all()


@pytest.mark.parametrize(("strength", "pair"), [(2.0, False), (3.0, False), (3.0, True)])
def test_what_is_promised_is_broken_in_at_most_five_per_cent_of_draws(strength, pair):
    rng = np.random.default_rng(7)
    truth = _drawn(200_000, rng, pair=pair, strength=strength)
    broken, kept, n = 0, 0, 100
    for _ in range(n):
        planning = truth.select(rng.integers(200_000, size=600))
        testing = truth.select(rng.integers(200_000, size=1200))
        verdicts = certify_materials(testing, plan_thresholds(planning, 4, 0.05, 0.95, 2.0), 0.05)
        thresholds = np.array([v.threshold for v in verdicts])
        said = truth.confidence >= thresholds[truth.answer]
        wrong = said & (truth.answer != truth.label)
        held = True
        for v in verdicts:
            own = truth.label == v.index
            if v.verdict == "kept":
                kept += 1
                held &= wrong[own].sum() <= 0.05 * said[own].sum()
            elif v.verdict == "silent":
                held &= wrong[own].mean() <= 0.05
        broken += not held
    # Three standard errors of a rate of 5 % among 100.
    assert broken / n <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / n)
    assert kept > 0


def test_any_mixture_of_kept_materials_keeps_the_risk():
    # The selective risk of a mixture is a weighted mean of those of its parts.
    rng = np.random.default_rng(3)
    planning, testing, truth = (_drawn(n, rng, strength=3.0) for n in (2000, 4000, 100_000))
    verdicts = certify_materials(testing, plan_thresholds(planning, 4, 0.05, 0.95, 2.0), 0.05)
    thresholds = np.array([v.threshold for v in verdicts])
    assert all(v.verdict == "kept" for v in verdicts)
    said = truth.confidence >= thresholds[truth.answer]
    wrong = said & (truth.answer != truth.label)
    for _ in range(20):
        share = rng.dirichlet(np.full(4, 0.2))
        w = share[truth.label]
        assert (w * wrong).sum() <= 0.05 * (w * said).sum()


def test_p_values_of_a_vector_of_thresholds_are_those_of_mapie():
    mapie = pytest.importorskip("mapie.risk_control", reason="mapie is a test-only oracle")
    risks = pytest.importorskip("mapie.risk_control.risks")
    rng = np.random.default_rng(5)
    truth = _drawn(1500, rng, k=3, strength=3.0)
    p = np.full((1500, 3), 0.0)
    p[np.arange(1500), truth.answer] = truth.confidence
    rest = (1 - truth.confidence) / 2
    p = np.where(p == 0, rest[:, None], p)
    thresholds = np.array([0.5, 0.7, 0.9])
    controller = mapie.MultiClassificationLTTController(
        predict_function=lambda x: p[np.asarray(x)[:, 0].astype(int)],
        risks=risks.build_precision_ovr(np.arange(3)),
        target_level=[0.95] * 3,
        confidence_level=0.95,
        classes=np.arange(3),
        list_predict_params=thresholds,
    )
    controller.calibrate(np.arange(1500)[:, None], truth.label)
    theirs = np.ravel(controller.p_values)
    for t, together in zip(thresholds, theirs, strict=True):
        said = [(truth.answer == c) & (truth.confidence >= t) for c in range(3)]
        errors = np.array([(truth.label[s] != c).sum() for c, s in enumerate(said)])
        answered = np.array([s.sum() for s in said])
        # All classes must hold at one threshold: the largest p-value, here as there. MAPIE takes n times the error
        # rate up to a whole number, which round-off can make one error more.
        assert binomial_p_value(errors, answered, 0.05).max() <= together * (1 + 1e-9)
        assert together <= binomial_p_value(errors + 1, answered, 0.05).max() * (1 + 1e-9)
    assert theirs[0] == pytest.approx(binom.cdf(15, 509, 0.05))


def test_materials_belong_to_one_class_each():
    with pytest.raises(InputError, match="two classes"):
        _answers([0, 1], [0.9, 0.9], [0, 1], [0, 0])
