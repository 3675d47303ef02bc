"""No class is certified by patterns of others alone."""

import numpy as np
import pytest

from ensemble.abstention import AbstentionRule, fit_abstention
from ensemble.abstention.splitting import split_groups, stratified_groups


@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_two_groups_is_on_both_sides(seed):
    # 30 groups of class 0, two of class 1: drawn blindly, 40 % of 32 leave both out or take both half of the time.
    groups = np.repeat(np.arange(32), 5)
    labels = (groups >= 30).astype(int)
    chosen = stratified_groups(groups, labels, 0.4, np.random.default_rng(seed))
    assert len(np.unique(groups[chosen & (labels == 1)])) == 1
    assert len(np.unique(groups[chosen & (labels == 0)])) == 12
    assert not set(groups[chosen]) & set(groups[~chosen])


@pytest.mark.parametrize("seed", range(20))
def test_a_class_of_one_group_tests(seed):
    labels = np.array([0] * 9 + [1])
    planning, testing = split_groups(10, None, np.random.default_rng(seed), labels=labels)
    assert 9 in testing
    assert len(planning) == 3


def test_a_group_of_two_classes_counts_for_the_rarer():
    # Groups 0 to 4 hold class 0, two of them class 1 as well: one of these two must stay.
    groups = np.array([0, 1, 2, 3, 4, 0, 1])
    labels = np.array([0, 0, 0, 0, 0, 1, 1])
    for seed in range(20):
        chosen = stratified_groups(groups, labels, 0.4, np.random.default_rng(seed))
        assert chosen[labels == 1].sum() == 1


def test_a_certificate_names_the_class_it_never_tested():
    p = np.tile([[0.98, 0.01, 0.01], [0.01, 0.98, 0.01]], (300, 1))
    rule = fit_abstention(p, [0, 1] * 300, names=["221", "225", "229"])
    assert rule.certificate.certified
    assert rule.certificate.untested == (2,)
    assert "never tested on 229" in rule.certificate.message
    assert AbstentionRule.from_dict(rule.to_dict()) == rule


def test_a_certificate_of_before_opens_without_the_list():
    p = np.tile([[0.98, 0.02], [0.02, 0.98]], (300, 1))
    stored = fit_abstention(p, [0, 1] * 300).to_dict()
    del stored["certificate"]["untested"]
    assert AbstentionRule.from_dict(stored).certificate.untested == ()
