import numpy as np
import pytest

from ensemble.abstention.conformal import conformal_sets, fit_conformal
from ensemble.errors import InputError


def draw(rng, n, k=4):
    truth = rng.dirichlet(np.full(k, 0.4), n)
    return truth, (truth.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def test_the_threshold_is_the_finite_sample_quantile():
    # n = 9, coverage .8: rank ceil(10 * .8) = 8 of the scores 1 - p, the second smallest p.
    p = np.linspace(0.1, 0.9, 9)
    found = fit_conformal(np.stack([p, 1 - p], axis=1), np.zeros(9, int), 0.8)
    np.testing.assert_allclose(found, 0.2)


def test_too_few_patterns_leave_no_class_out():
    # ceil((18 + 1) .95) = 19 of 18 scores.
    p = np.tile([0.9, 0.1], (18, 1))
    np.testing.assert_array_equal(fit_conformal(p, np.zeros(18, int), 0.95), 0.0)


def test_mapie_style_coverage_is_nominal_over_many_draws():
    rng = np.random.default_rng(0)
    fresh, truth = draw(rng, 20_000)
    covered = []
    for _ in range(200):
        thresholds = fit_conformal(*draw(rng, 199), 0.9)
        covered.append(conformal_sets(fresh, thresholds)[np.arange(20_000), truth].mean())
    # Beta(180, 20) over draws: mean .9, standard deviation .021; of the mean of 200, .0015.
    assert np.mean(covered) == pytest.approx(0.9, abs=0.006)
    assert np.std(covered) == pytest.approx(0.0212, rel=0.25)


def test_class_conditional_coverage_holds_within_the_hard_class():
    rng = np.random.default_rng(1)

    def skewed(n):
        p, y = draw(rng, n, k=3)
        p = p * [1.0, 1.0, 0.3]
        return p / p.sum(axis=1, keepdims=True), y

    held, fresh = skewed(20_000), skewed(20_000)
    marginal = conformal_sets(fresh[0], fit_conformal(*held, 0.9))
    conditional = conformal_sets(fresh[0], fit_conformal(*held, 0.9, class_conditional=True))
    hard = fresh[1] == 2
    assert marginal[hard, 2].mean() < 0.85
    assert conditional[hard, 2].mean() == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize("coverage", [0.0, 1.0, 95])
def test_an_impossible_coverage_is_refused(coverage):
    with pytest.raises(InputError, match="coverage"):
        fit_conformal([[1.0, 0.0]], [0], coverage)


def test_every_group_counts_once_whatever_its_size():
    # 19 groups of one pattern and one of a thousand: the twentieth carries 1/21 of the weight, not nearly all of it.
    truth = np.append(np.linspace(0.99, 0.81, 19), np.full(1000, 0.5))
    p = np.stack([truth, 1 - truth], axis=1)
    groups = np.append(np.arange(19), np.full(1000, 19))
    labels = np.zeros(len(truth), int)
    # 0.9 x 21 = 18.9 groups: the 19th largest truth.
    assert fit_conformal(p, labels, 0.9, groups=groups)[0] == pytest.approx(0.81)
    assert fit_conformal(p, labels, 0.9)[0] == pytest.approx(0.5)


def test_groups_of_one_are_the_plain_quantile():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.4, 1, 99)
    p = np.stack([truth, 1 - truth], axis=1)
    labels = np.zeros(99, int)
    assert fit_conformal(p, labels, 0.9, groups=rng.permutation(99)) == pytest.approx(
        fit_conformal(p, labels, 0.9)
    )


def test_coverage_holds_for_a_pattern_of_a_new_grain():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(300):
        # Grains of very different sizes; large ones are hard.
        sizes = rng.choice([1, 64], size=60)
        grain = np.repeat(np.arange(60), sizes)
        level = np.where(sizes == 64, rng.normal(0.0, 1.0, 60), rng.normal(2.0, 1.0, 60))
        z = level[grain] + 0.3 * rng.normal(size=len(grain))
        truth = 1 / (1 + np.exp(-z))
        p = np.stack([truth, 1 - truth], axis=1)
        threshold = fit_conformal(p, np.zeros(len(z), int), 0.9, groups=grain)[0]
        large = rng.random() < 0.5
        new = (rng.normal(0.0, 1.0) if large else rng.normal(2.0, 1.0)) + 0.3 * rng.normal()
        covered.append(1 / (1 + np.exp(-new)) >= threshold)
    assert np.mean(covered) >= 0.9 - 2 * np.sqrt(0.09 / 300)


def test_a_group_for_each_pattern():
    with pytest.raises(InputError, match="one group for each"):
        fit_conformal([[1.0, 0.0]], [0], groups=[0, 1])
