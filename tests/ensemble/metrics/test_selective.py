import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from ensemble.errors import InputError
from ensemble.metrics import augrc, aurc, coverage_at_risk, excess_aurc, risk_at_coverage, risk_coverage


def test_risk_coverage_by_hand():
    curve = risk_coverage([0.3, 0.1, 0.2, 0.4], [True, False, False, True])
    np.testing.assert_allclose(curve.coverage, [0.25, 0.5, 0.75, 1.0])
    np.testing.assert_allclose(curve.risk, [0, 0, 1 / 3, 0.5])
    np.testing.assert_allclose(curve.threshold, [0.1, 0.2, 0.3, 0.4])


def test_aurc_by_hand():
    # Risks 0, 1/2, 1/3, 1/2 at the four coverages; the perfect order has 0, 0, 1/3, 1/2.
    u, wrong = [1, 2, 3, 4], [False, True, False, True]
    assert aurc(u, wrong) == pytest.approx((0 + 1 / 2 + 1 / 3 + 1 / 2) / 4)
    assert excess_aurc(u, wrong) == pytest.approx(1 / 8)


def test_a_perfect_order_has_no_excess():
    assert excess_aurc([0, 1, 2, 3], [False, False, True, True]) == pytest.approx(0.0)


def test_scores_that_say_nothing_have_the_error_rate_as_aurc():
    assert aurc(np.zeros(10), np.arange(10) < 3) == pytest.approx(0.3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5))
def test_augrc_is_its_closed_form_in_auroc_and_accuracy(seed, levels):
    # Traub et al. 2024, eq. 7: (1 - AUROC) acc (1 - acc) + (1 - acc)^2 / 2, ties included.
    rng = np.random.default_rng(seed)
    wrong = np.append(rng.random(40) < 0.4, [True, False])
    u = rng.integers(0, levels, 42).astype(float)
    acc = 1 - wrong.mean()
    expected = (1 - roc_auc_score(wrong, u)) * acc * (1 - acc) + 0.5 * (1 - acc) ** 2
    assert augrc(u, wrong) == pytest.approx(expected)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_only_the_order_of_scores_counts(seed):
    rng = np.random.default_rng(seed)
    u, wrong = rng.random(50), rng.random(50) < 0.3
    order = rng.permutation(50)
    for metric in (aurc, excess_aurc, augrc):
        assert metric(np.exp(u)[order], wrong[order]) == pytest.approx(metric(u, wrong))


def test_coverage_at_risk_and_risk_at_coverage_read_the_curve():
    u, wrong = np.arange(10), np.arange(10) >= 8
    assert coverage_at_risk(u, wrong, 0.0) == 0.8
    assert coverage_at_risk(u, wrong, 0.15) == 0.9
    assert risk_at_coverage(u, wrong, 0.9) == pytest.approx(1 / 9)
    assert risk_at_coverage(u, wrong, 1.0) == 0.2


def test_no_coverage_where_even_the_surest_answer_is_wrong():
    assert coverage_at_risk([0.1, 0.2], [True, False], 0.1) == 0.0


@pytest.mark.parametrize(("u", "wrong"), [([], []), ([1.0], [True, False]), ([np.nan], [True])])
def test_scores_that_order_nothing_are_refused(u, wrong):
    with pytest.raises(InputError):
        aurc(u, wrong)
