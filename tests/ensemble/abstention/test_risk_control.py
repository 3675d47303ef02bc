import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, binomtest

from ensemble.abstention.risk_control import answers_needed, certify, risk_bound, threshold_sequence
from ensemble.errors import InputError


@pytest.mark.parametrize(("errors", "n"), [(0, 10), (3, 50), (49, 50), (7, 2000)])
def test_the_bound_is_the_one_sided_clopper_pearson_of_scipy(errors, n):
    expected = binomtest(errors, n, alternative="less").proportion_ci(0.95, "exact").high
    assert risk_bound(errors, n, 0.95) == pytest.approx(expected)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 5000), st.floats(0, 1), st.sampled_from([0.9, 0.95, 0.99]))
def test_at_the_bound_so_few_errors_have_just_the_allowed_probability(n, share, confidence):
    errors = int(share * (n - 1))
    bound = float(risk_bound(errors, n, confidence))
    assert binom.cdf(errors, n, bound) == pytest.approx(1 - confidence, rel=1e-6)


def test_nothing_answered_and_all_wrong_bound_nothing():
    np.testing.assert_array_equal(risk_bound([0, 5], [0, 5]), 1.0)


@pytest.mark.parametrize(("risk", "n"), [(0.01, 299), (0.02, 149), (0.05, 59)])
def test_certifying_takes_the_known_number_of_answers_without_error(risk, n):
    assert answers_needed(risk, 0.95) == n
    assert answers_needed(risk, 0.95, answered=n - 1) == 1
    assert answers_needed(risk, 0.95, answered=n) == 0


def test_more_answers_at_the_seen_rate_suffice_and_one_fewer_does_not():
    more = answers_needed(0.02, 0.95, errors=2, answered=200, rate=0.01)
    assert risk_bound(2 + np.ceil(more * 0.01), 200 + more) <= 0.02


def test_no_number_of_answers_certifies_a_rate_above_the_risk():
    assert answers_needed(0.02, 0.95, errors=5, answered=100, rate=0.05) is None


def test_the_loosest_threshold_before_the_first_failure_is_certified():
    # 300 right at .9, 100 wrong at .5: the threshold .9 passes, .5 fails, .1 is never reached.
    c = np.repeat([0.9, 0.5, 0.1], [300, 100, 10_000])
    wrong = np.repeat([False, True, False], [300, 100, 10_000])
    found = certify(c, wrong, [0.9, 0.5, 0.1], risk=0.02)
    assert found.certified and found.threshold == 0.9
    assert (found.n_answered, found.n_errors) == (300, 0)
    assert found.certified_risk == 0.02 and found.bound < 0.02
    assert found.more_without_errors == 0 == found.more_at_seen_rate


def test_where_the_wish_fails_the_bound_at_the_first_threshold_is_certified():
    c, wrong = np.full(100, 0.9), np.arange(100) < 1
    found = certify(c, wrong, [0.9, 0.5], risk=0.02)
    assert not found.certified and found.threshold == 0.9
    assert found.certified_risk == found.bound == pytest.approx(risk_bound(1, 100))
    # 236 answers with one error bound the risk below 2 %; 235 do not.
    assert found.more_without_errors == 136
    assert risk_bound(1, 236) <= 0.02 < risk_bound(1, 235)


def test_the_message_says_in_one_line_what_is_promised_and_what_it_would_take():
    yes = certify(np.full(300, 0.9), np.zeros(300, bool), [0.5], risk=0.02).message
    assert yes == (
        "at most 2 % of the answers are wrong, with 95 % confidence (0 wrong of 300 answered held-out patterns)"
    )
    no = certify(np.full(100, 0.9), np.zeros(100, bool), [0.5], risk=0.02).message
    assert no.startswith("2 % cannot be certified; at most 2.96 % of the answers")
    assert no.endswith("it would take 49 more answers without an error")
    none = certify([], [], [0.5], risk=0.02).message
    assert "no held-out pattern is answered; 149 answered" in none


def test_a_rounded_percentage_never_promises_more_than_the_bound():
    bound = float(risk_bound(0, 100))
    message = certify(np.full(100, 0.9), np.zeros(100, bool), [0.5], risk=0.02).message
    assert float(message.split("at most ")[1].split(" %")[0]) / 100 >= bound


def test_a_certificate_is_plain_json():
    import json

    found = certify([], [], [0.5], risk=0.02).to_dict()
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_the_sequence_runs_from_strict_to_loose_and_ends_with_answering_everything():
    rng = np.random.default_rng(0)
    c = rng.random(1000)
    sequence = threshold_sequence(c, rng.random(1000) > c, 0.05, 0.95)
    assert (np.diff(sequence) < 0).all() and sequence[-1] == 0.0


def test_the_sequence_starts_where_the_test_has_power():
    # Thresholds that answer fewer than 149 can never pass 2 %, so starting there would end the test.
    c = np.linspace(0, 1, 2000)
    start = threshold_sequence(c, np.zeros(2000, bool), 0.02, 0.95)[0]
    assert 149 <= (c >= start).sum() <= 600


def test_planning_on_nothing_still_gives_a_sequence():
    np.testing.assert_array_equal(threshold_sequence([], [], 0.02, 0.95), [0.0])


@pytest.mark.parametrize(("risk", "confidence"), [(0.0, 0.95), (1.0, 0.95), (0.02, 1.0), (2, 0.95)])
def test_an_impossible_wish_is_refused(risk, confidence):
    with pytest.raises(InputError, match="must lie between 0 and 1"):
        certify([0.9], [False], [0.5], risk, confidence)
