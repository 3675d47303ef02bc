"""Bounds over mixtures, by hand and by scipy's exact intervals."""

import numpy as np
import pytest
from scipy.stats import binomtest

from ensemble.abstention.scan_mixtures import MOST_OPEN, corner_mixtures, mixture_bound, risk_at_scan
from ensemble.errors import InputError


def exact(errors, answered):
    """Upper end of Clopper and Pearson's interval, one-sided at 95 %."""
    return binomtest(errors, answered).proportion_ci(0.9, "exact").high


def units(*classes):
    """Labels, answered and wrong of (units, answered, wrong) a class."""
    label = np.repeat(np.arange(len(classes)), [n for n, _, _ in classes])
    answered = np.concatenate([np.arange(n) < a for n, a, _ in classes])
    wrong = np.concatenate([np.arange(n) < w for n, _, w in classes])
    return label, answered, wrong


def risk(mixture, answered, wrong):
    return mixture @ wrong / (mixture @ answered)


@pytest.mark.parametrize(
    ("low", "high", "corners"),
    [
        ([0, 0], [1, 1], [[0, 1], [1, 0]]),
        ([0, 0], [1, 0], [[1, 0]]),
        ([0.9, 0], [1, 0.1], [[0.9, 0.1], [1, 0]]),
        # At most half of each of three: any two of them, half and half.
        ([0, 0, 0], [0.5] * 3, [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]),
        ([0.2, 0.8], [0.2, 0.8], [[0.2, 0.8]]),
        # One class is known; the others share the rest.
        ([0.4, 0, 0], [0.4, 1, 1], [[0.4, 0, 0.6], [0.4, 0.6, 0]]),
        # No mixture lies between: each alone that may be there.
        ([0, 0, 0], [0.2, 0.2, 0], [[1, 0, 0], [0, 1, 0]]),
    ],
)
def test_corners_of_what_the_ends_allow(low, high, corners):
    found = corner_mixtures(low, high)
    np.testing.assert_allclose(sorted(found.tolist()), sorted(corners), atol=1e-9)


def test_no_mixture_between_the_ends_is_worse_than_the_worst_corner():
    rng = np.random.default_rng(0)
    low, high = np.array([0.1, 0.0, 0.2, 0.0]), np.array([0.6, 0.3, 0.7, 0.5])
    mixtures = rng.dirichlet(np.ones(4), size=20_000)
    inside = mixtures[((mixtures >= low) & (mixtures <= high)).all(axis=1)]
    assert len(inside) > 500
    corners = corner_mixtures(low, high)
    for _ in range(50):
        answered = rng.random(4)
        wrong = answered * rng.random(4)
        worst = max(risk(w, answered, wrong) for w in corners)
        assert max(risk(w, answered, wrong) for w in inside) <= worst + 1e-12


def test_of_very_many_classes_each_stands_alone():
    k = MOST_OPEN + 1
    assert corner_mixtures(np.zeros(k), np.full(k, 0.3)).tolist() == np.eye(k).tolist()


def test_at_any_mixture_the_bound_is_that_of_the_worst_class_alone():
    found = mixture_bound(*units((80, 60, 1), (70, 59, 0)), [0, 0], [1, 1])
    assert found.bound == pytest.approx(exact(1, 60))
    assert (found.mixture, found.n_answered, found.n_errors) == ((1.0, 0.0), 60, 1)


def test_at_the_units_own_mixture_all_of_them_count():
    found = mixture_bound(*units((80, 60, 1), (20, 15, 2)), [0.8, 0.2], [0.8, 0.2])
    assert found.bound == pytest.approx(exact(3, 75))


def test_a_class_that_may_be_there_and_no_unit_shows_or_answers_leaves_no_bound():
    shown = units((100, 90, 0), (50, 0, 0), (0, 0, 0))
    assert mixture_bound(*shown, [0, 0, 0], [1, 1, 0]).bound == 1.0
    assert mixture_bound(*shown, [0.9, 0, 0], [1, 0, 0.1]).bound == 1.0
    # A little of a class that is never answered changes nothing in the errors.
    assert mixture_bound(*shown, [0.9, 0, 0], [1, 0.1, 0]).bound < 0.05


@pytest.mark.parametrize("mixture", [(0.97, 0.03), (0.5, 0.5), (0.02, 0.98)])
def test_the_bound_is_broken_in_at_most_one_case_of_twenty(mixture):
    answered, wrong = np.array([0.9, 0.6]), np.array([0.01, 0.09])
    truth = risk(np.array(mixture), answered, wrong)
    rng, broken, n = np.random.default_rng(1), 0, 400
    low, high = np.array(mixture) - 0.02, np.array(mixture) + 0.02
    for i in range(n):
        a, w = rng.binomial(200, answered), 0
        w = rng.binomial(a, wrong / answered)
        found = mixture_bound(*units((200, a[0], w[0]), (200, a[1], w[1])), low, high, seed=i)
        broken += found.bound < truth
    # 5 % of 400, and two standard deviations of that count.
    assert broken <= 0.05 * n + 2 * np.sqrt(0.05 * 0.95 * n)


def test_what_is_certified_stands_where_the_bound_keeps_it():
    assert risk_at_scan(0.02, 0.019) == 0.02
    assert risk_at_scan(0.02, 0.19) == 0.19
    assert risk_at_scan(0.02, 0.26) == 1.0


@pytest.mark.parametrize(("low", "high"), [([0.5, 0.5], [0.4, 0.6]), ([0, 0], [1]), ([-0.1, 0], [1, 1])])
def test_ends_that_are_none_are_refused(low, high):
    with pytest.raises(InputError):
        mixture_bound(*units((5, 5, 0), (5, 5, 0)), low, high)
