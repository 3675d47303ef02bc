import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ensemble.abstention import STATUS_NAMES, AbstentionRule, Status, decide, fit_abstention, with_mixed
from ensemble.abstention.risk_control import Certificate
from ensemble.errors import InputError
from ensemble.pooling import combine


def sample(n, k=4, seed=0, sharpness=4.0):
    """Calibrated probabilities and the labels drawn from them."""
    rng = np.random.default_rng(seed)
    z = sharpness * rng.normal(size=(n, k))
    p = np.exp(z - z.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    return p, (p.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1).clip(max=k - 1)


def pool(p):
    with np.errstate(divide="ignore"):
        return combine(np.log(np.asarray(p))[None], "average")


def rule_by_hand(**changes):
    certificate = Certificate(0.02, 0.95, True, 0.02, 0.8, 10, 10, 0, 0.01, 0, 0, "by hand")
    fields = {
        "threshold": 0.8,
        "set_thresholds": (0.3, 0.3, 0.3),
        "familiarity_threshold": 1.0,
        "quality_threshold": 0.5,
        "coverage": 0.95,
        "familiar": 0.99,
        "certificate": certificate,
    }
    return AbstentionRule(**(fields | changes))


SURE, TORN, WEAK, NAN = [0.9, 0.06, 0.04], [0.5, 0.45, 0.05], [0.7, 0.2, 0.1], [np.nan] * 3


def status_of(p, unfamiliarity=0.0, quality=1.0, **changes):
    found = decide(
        pool([p]),
        [p],
        rule_by_hand(**changes),
        unfamiliarity=np.array([unfamiliarity]),
        quality=np.array([quality]),
    )
    return Status(found.status[0]), found.candidates[0].tolist()


def test_a_sure_familiar_readable_pattern_is_solved_with_one_candidate():
    assert status_of(SURE) == (Status.SOLVED, [True, False, False])


def test_two_classes_in_the_set_are_ambiguous():
    assert status_of(TORN) == (Status.AMBIGUOUS, [True, True, False])


def test_one_class_below_the_confidence_is_ambiguous_with_the_runner_up():
    assert status_of(WEAK) == (Status.AMBIGUOUS, [True, True, False])


def test_an_empty_set_is_ambiguous_between_the_first_two():
    assert status_of(TORN, set_thresholds=(0.95,) * 3) == (Status.AMBIGUOUS, [True, True, False])


def test_a_three_class_set_is_printed_whole():
    assert status_of([0.34, 0.33, 0.33]) == (Status.AMBIGUOUS, [True, True, True])


def test_reasons_come_in_order_unreadable_unfamiliar_ambiguous():
    assert status_of(TORN, unfamiliarity=2.0, quality=0.1)[0] == Status.UNREADABLE
    assert status_of(TORN, unfamiliarity=2.0)[0] == Status.UNFAMILIAR
    assert status_of(SURE, unfamiliarity=2.0) == (Status.UNFAMILIAR, [False] * 3)
    assert status_of(SURE, quality=0.5) == (Status.UNREADABLE, [False] * 3)


def test_nan_anywhere_is_unreadable_and_no_crash():
    assert status_of(NAN)[0] == Status.UNREADABLE
    assert status_of(SURE, unfamiliarity=np.nan)[0] == Status.UNREADABLE
    assert status_of(SURE, quality=np.nan)[0] == Status.UNREADABLE


def test_a_nan_pattern_has_no_winner():
    found = decide(pool([NAN]), [NAN], rule_by_hand(familiarity_threshold=None))
    assert found.winner[0] == -1 and np.isnan(found.confidence[0])


def test_without_quality_and_familiarity_only_ambiguity_is_judged():
    found = decide(pool([SURE, TORN]), [SURE, TORN], rule_by_hand(familiarity_threshold=None))
    assert [STATUS_NAMES[s] for s in found.status] == ["solved", "ambiguous"]
    assert np.isnan(found.quality).all() and np.isnan(found.unfamiliarity).all()


def test_shapes_and_types_are_those_of_the_contract():
    p, _ = sample(50)
    found = decide(pool(p), p, rule_by_hand(set_thresholds=(0.3,) * 4, familiarity_threshold=None))
    assert found.status.dtype == np.int8 and found.winner.dtype == np.int16
    assert found.votes.dtype == np.int16 and found.votes.shape == (1, 50)
    assert found.candidates.dtype == bool and found.candidates.shape == (50, 4)


def test_unfamiliarity_that_the_rule_needs_is_asked_for():
    with pytest.raises(InputError, match="unfamiliarity"):
        decide(pool([SURE]), [SURE], rule_by_hand())


@pytest.mark.parametrize("name", ["unfamiliarity", "quality"])
def test_scores_of_another_length_are_refused(name):
    values = {"unfamiliarity": np.zeros(1), "quality": np.ones(1)} | {name: np.zeros(2)}
    with pytest.raises(InputError, match="one value for each of 1 patterns"):
        decide(pool([SURE]), [SURE], rule_by_hand(), **values)


def test_a_rule_for_other_classes_is_refused():
    with pytest.raises(InputError, match="belong together"):
        decide(pool([[0.5, 0.5]]), [[0.5, 0.5]], rule_by_hand())


def test_two_per_cent_is_certified_and_kept_on_new_patterns():
    rule = fit_abstention(*sample(6000, sharpness=8.0), risk=0.02)
    assert rule.certificate.certified
    p, labels = sample(100_000, seed=1, sharpness=8.0)
    found = decide(pool(p), p, rule)
    solved = found.status == Status.SOLVED
    assert (found.winner[solved] != labels[solved]).mean() < 0.02
    # With the truth known, 76 % could be answered at this risk.
    assert solved.mean() > 0.6


def test_the_certificate_is_about_the_patterns_that_decide_answers():
    # Two thirds of the data run the test: the same rule on all of them answers the same share.
    p, labels = sample(6000)
    rule = fit_abstention(p, labels)
    share = (decide(pool(p), p, rule).status == Status.SOLVED).mean()
    assert rule.certificate.n_tested == 4000
    assert rule.certificate.n_answered / 4000 == pytest.approx(share, abs=0.02)


def test_a_hard_problem_is_not_certified_and_says_so():
    rule = fit_abstention(*sample(2000, sharpness=0.5), risk=0.01)
    assert not rule.certificate.certified
    assert rule.certificate.certified_risk > 0.01
    assert "cannot be certified" in rule.certificate.message


def test_few_patterns_cannot_certify_and_say_how_many_more_it_takes():
    p = np.tile([0.999, 0.001], (120, 1))
    rule = fit_abstention(p, np.zeros(120, int), risk=0.02)
    # 80 answers without an error are 69 short of 149.
    assert rule.certificate.more_without_errors == 69 == rule.certificate.more_at_seen_rate


def test_the_familiar_share_is_let_through():
    rng = np.random.default_rng(0)
    p, labels = sample(9000)
    rule = fit_abstention(p, labels, unfamiliarity=rng.normal(size=9000), familiar=0.99)
    # 99 % quantile of a normal.
    assert rule.familiarity_threshold == pytest.approx(2.326, abs=0.15)


def test_unreadable_held_out_patterns_set_no_threshold():
    p, labels = sample(3000)
    distance = np.linspace(0.0, 1.0, 3000)
    distance[::10] = 1e6
    p[5::10] = np.nan
    quality = np.where(np.arange(3000) % 10 == 0, 0.0, 1.0)
    rule = fit_abstention(p, labels, unfamiliarity=distance, quality=quality)
    assert rule.familiarity_threshold <= 1.0
    assert rule.certificate.n_answered < 0.8 * 2000


def test_one_pattern_of_each_group_tests_the_promise():
    p, labels = sample(3000)
    rule = fit_abstention(p, labels, groups=np.arange(3000) // 10)
    assert rule.certificate.n_tested == 200


def test_groups_keep_neighbours_from_posing_as_evidence():
    # One hundred grains of a hundred identical patterns, all right: a hundred facts, not ten thousand.
    p = np.tile([0.999, 0.001], (10_000, 1))
    rule = fit_abstention(p, np.zeros(10_000, int), groups=np.repeat(np.arange(100), 100))
    assert not rule.certificate.certified and rule.certificate.n_answered <= 67


def test_the_same_seed_gives_the_same_rule():
    assert fit_abstention(*sample(500), seed=4) == fit_abstention(*sample(500), seed=4)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(2, 60),
    st.integers(2, 5),
    st.integers(0, 100),
    st.booleans(),
    st.booleans(),
    st.sampled_from([0.01, 0.1, 0.5]),
)
def test_every_rule_survives_json(n, k, seed, familiar, class_conditional, risk):
    p, labels = sample(n, k, seed)
    distance = np.full(n, np.nan) if familiar else None
    rule = fit_abstention(p, labels, unfamiliarity=distance, risk=risk, class_conditional=class_conditional)
    assert AbstentionRule.from_dict(json.loads(json.dumps(rule.to_dict(), allow_nan=False))) == rule


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1), st.integers(2, 6))
def test_candidates_are_one_where_solved_and_several_where_ambiguous(seed, threshold, entry, k):
    p, _ = sample(40, k, seed, sharpness=2.0)
    p[3] = np.nan
    rule = rule_by_hand(threshold=threshold, set_thresholds=(entry,) * k, familiarity_threshold=None)
    found = decide(pool(p), p, rule)
    size = found.candidates.sum(axis=1)
    assert (size[found.status == Status.SOLVED] == 1).all()
    assert (size[found.status == Status.AMBIGUOUS] >= 2).all()
    assert (size[found.status == Status.UNREADABLE] == 0).all()
    known = found.status <= Status.AMBIGUOUS
    assert found.candidates[known, found.winner[known]].all()


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"risk": 0.0}, "risk"),
        ({"coverage": 1.5}, "coverage"),
        ({"familiar": 0.0}, "familiar"),
        ({"unfamiliarity": np.zeros(3)}, "unfamiliarity"),
        ({"groups": np.zeros(100)}, "groups"),
    ],
)
def test_wrong_wishes_are_refused_in_one_line(changes, says):
    with pytest.raises(InputError, match=says):
        fit_abstention(*sample(100), **changes)


def test_what_is_no_rule_is_refused():
    with pytest.raises(InputError, match="not an abstention rule"):
        AbstentionRule.from_dict({"threshold": 0.5})


def test_mixed_patterns_have_both_classes_as_candidates_and_no_answer():
    rule = rule_by_hand()
    p = np.array([SURE, SURE, TORN, NAN])
    found = decide(pool(p), p, rule, unfamiliarity=np.zeros(4), quality=np.ones(4))
    other = np.array([2, -1, 2, 1])
    mixed = with_mixed(found, np.array([True, False, True, True]), other)
    names = [STATUS_NAMES[s] for s in mixed.status]
    # What cannot be read shows no two classes either.
    assert names == ["mixed", "solved", "mixed", "unreadable"]
    assert mixed.candidates[0].tolist() == [True, False, True]
    assert np.array_equal(mixed.candidates[1], found.candidates[1])
    assert found.status[0] == Status.SOLVED
    with pytest.raises(InputError, match="second class of its own"):
        with_mixed(found, np.array([True, False, False, False]), found.winner)


def test_new_groups_are_called_unfamiliar_at_the_rate_of_false_alarms():
    rng = np.random.default_rng(5)
    alarms = []
    for seed in range(100):
        p, y = sample(600, seed=seed)
        # Patterns of a group are alike: six of each count as one.
        strange = np.repeat(rng.normal(size=100), 6)
        groups = np.repeat(np.arange(100), 6)
        rule = fit_abstention(p, y, unfamiliarity=strange, false_alarm=0.1, groups=groups, seed=seed)
        assert rule.familiar == pytest.approx(0.9)
        alarms.append((rng.normal(size=1000) > rule.familiarity_threshold).mean())
    assert np.mean(alarms) == pytest.approx(0.1, abs=0.03)
    few = fit_abstention(*sample(600), unfamiliarity=np.arange(600.0), false_alarm=0.001)
    # Of 200 patterns that plan none can be called unfamiliar at one in a thousand.
    assert few.familiarity_threshold > 1e300
