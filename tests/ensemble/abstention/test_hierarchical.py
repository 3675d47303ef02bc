"""The deepest level that can be promised."""

import numpy as np
import pytest

from ensemble.abstention.hierarchical import answer_levels, fit_levels
from ensemble.abstention.risk_control import risk_bound
from ensemble.errors import InputError

#: Four classes in two pairs: the pair is plain to see, the class within it a coin toss or plain too.
PAIRS = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], float)


def population(n, seed, sure_share=0.5, pair_error=0.0):
    """Half of the patterns show their class, the others their pair only; probabilities say so."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, n)
    seen = np.where(rng.random(n) < pair_error, (labels + 2) % 4, labels)
    sure = rng.random(n) < sure_share
    fine = np.full((n, 4), 0.004)
    fine[np.arange(n), seen] = 0.988
    vague = np.full((n, 4), 0.005)
    vague[np.arange(n), seen] = vague[np.arange(n), seen ^ 1] = 0.495
    fine = np.where(sure[:, None], fine, vague)
    return [fine @ PAIRS, fine], [labels // 2, labels], sure


def test_the_deepest_sure_level_answers():
    coarse = np.array([[0.99, 0.01], [0.99, 0.01], [0.6, 0.4], [np.nan, np.nan]])
    fine = np.array([[0.98, 0.01, 0.01, 0], [0.5, 0.49, 0.01, 0], [0.3, 0.3, 0.4, 0], [np.nan] * 4])
    level, node = answer_levels([coarse, fine], (0.9, 0.95))
    assert level.tolist() == [1, 0, -1, -1]
    assert node.tolist() == [0, 0, -1, -1]


def test_what_may_not_be_answered_is_not():
    coarse = np.array([[0.99, 0.01], [0.99, 0.01]])
    level, _ = answer_levels([coarse], (0.9,), answerable=[True, False])
    assert level.tolist() == [0, -1]


def test_classes_are_answered_where_they_show_and_pairs_elsewhere():
    levels, labels, sure = population(3000, 1)
    rule = fit_levels(levels, labels, risk=0.02)
    level, node = answer_levels(levels, rule.thresholds)
    assert rule.certified and rule.n_errors == 0
    assert (level == np.where(sure, 1, 0)).all()
    assert (node[level == 1] == labels[1][level == 1]).all()
    assert rule.bound == pytest.approx(float(risk_bound(0, rule.n_answered)))


def test_sure_answers_of_a_coarse_level_pay_for_no_guesses_of_a_fine_one():
    # A tenth shows a class that is wrong one time in ten, within the right pair: 1 % of all answers, which a rule
    # that only counted errors overall would accept at 2 %.
    levels, labels, sure = population(3000, 2, sure_share=0.1)
    labels[1] = np.where(sure & (np.random.default_rng(3).random(3000) < 0.1), labels[1] ^ 1, labels[1])
    rule = fit_levels(levels, labels, risk=0.02)
    level, _ = answer_levels(levels, rule.thresholds)
    assert (level == 0).all()


def test_the_promise_holds_as_often_as_it_says():
    # A coarse level that errs at the asked rate exactly: a certificate for it is false, and rare.
    false = 0
    for seed in range(120):
        levels, labels, _ = population(600, seed, sure_share=0.0, pair_error=0.021)
        rule = fit_levels(levels, labels, risk=0.02, confidence=0.9, seed=seed)
        false += rule.certified
    # Binomial(120, 0.1) is above 20 with probability 0.6 %.
    assert false <= 20


def test_nothing_certain_is_said_to_be_uncertified():
    levels, labels, _ = population(300, 5, sure_share=0.0, pair_error=0.4)
    rule = fit_levels(levels, labels, risk=0.02)
    assert not rule.certified and rule.bound > 0.02


def test_a_level_of_one_node_is_never_the_answer():
    levels, labels, _ = population(2000, 6)
    whole = [np.ones((2000, 1)), *levels]
    rule = fit_levels(whole, [np.zeros(2000, int), *labels])
    assert rule.thresholds[0] > 1


def test_groups_count_once():
    levels, labels, _ = population(600, 7)
    rule = fit_levels(levels, labels, groups=np.arange(600) // 10)
    assert rule.n_tested == 40


def test_levels_out_of_range_are_refused():
    levels, labels, _ = population(100, 8)
    with pytest.raises(InputError, match="risk"):
        fit_levels(levels, labels, risk=1.5)
