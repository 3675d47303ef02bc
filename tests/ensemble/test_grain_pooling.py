"""Evidence of many patterns of one grain, worth what held-out grains show it to be."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.grain_pooling import GrainPooling, fit_grain_pooling, majority
from ensemble.metrics.proper import log_loss


def softmax(z):
    e = np.exp(z - z.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def looks(n_grains, size, shared, seed):
    """Grains of a normal population: the log-odds of a pattern are the truth's, plus noise shared by the grain.

    Two classes at +-0.4 with noise of variance 1 for a single pattern, `shared` of which is the grain's own. A single
    pattern's calibrated log-odds are then 0.8 x; n patterns of independent noise have 0.8 sum(x).
    """
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, n_grains)
    noise = np.sqrt(shared) * rng.standard_normal((n_grains, 1))
    noise = noise + np.sqrt(1 - shared) * rng.standard_normal((n_grains, size))
    odds = 0.8 * (0.4 * (2 * labels[:, None] - 1) + noise).ravel()
    return (
        softmax(np.stack([0 * odds, odds], axis=1)),
        np.repeat(labels, size),
        np.repeat(np.arange(n_grains), size),
    )


def test_independent_looks_multiply():
    # softmax of the sum of log-probabilities: 0.8^2 0.4 : 0.2^2 0.6 = 0.256 : 0.024, up to the share of strays.
    p = [[0.8, 0.2], [0.8, 0.2], [0.4, 0.6]]
    pooled = GrainPooling(1.0, 1.0, 3, 50).apply(p, [0, 0, 0])
    assert pooled[:, 0] == pytest.approx(np.full(3, 0.256 / 0.28), abs=0.01)


def test_dependent_looks_are_their_geometric_mean():
    p = [[0.9, 0.1], [0.5, 0.5]]
    pooled = GrainPooling().apply(p, [4, 4])
    # Odds sqrt(9 x 1) = 3.
    assert pooled[:, 0] == pytest.approx(np.full(2, 0.75), abs=0.01)


def test_patterns_on_their_own_keep_their_answer():
    p = np.array([[0.7, 0.3], [0.2, 0.8], [0.6, 0.4]])
    assert GrainPooling(0.5, 1.0, 10, 50).apply(p, [-1, -1, 3]) == pytest.approx(p, abs=0.02)


def test_an_unreadable_pattern_gets_its_grains_answer_and_gives_none():
    p = np.array([[0.9, 0.1], [np.nan, np.nan], [0.3, 0.7]])
    pooled = GrainPooling(1.0, 1.0, 5, 50).apply(p, [0, 0, 1])
    assert pooled[1] == pytest.approx(pooled[0])
    assert pooled[0, 0] == pytest.approx(0.9, abs=0.01)
    assert np.isnan(GrainPooling().apply(p, [0, 1, 0])[1]).all()


def test_one_stray_has_no_veto():
    p = np.array([[0.99, 0.01]] * 9 + [[1e-12, 1.0]])
    assert GrainPooling(1.0, 1.0, 10, 50).apply(p, np.zeros(10, int))[0, 0] > 0.99


def test_large_grains_count_as_the_largest_held_out():
    p = np.tile([[0.6, 0.4]], (100, 1))
    pooling = GrainPooling(1.0, 1.0, 10, 50)
    assert pooling.apply(p, np.zeros(100, int))[0] == pytest.approx(
        pooling.apply(p[:10], np.zeros(10, int))[0]
    )


@pytest.mark.parametrize(("shared", "expected"), [(0.0, 1.0), (1.0, 0.0)])
def test_fit_tells_fresh_looks_from_repeated_ones(shared, expected):
    fitted = fit_grain_pooling(*looks(1500, 8, shared, 1))
    # The odds of a pool are (8^exponent / temperature) times the mean's: 8 for fresh looks, 1 for repeated ones.
    assert fitted.n_grains == 1500
    assert 8**fitted.exponent / fitted.temperature == pytest.approx(8**expected, rel=0.3)


def test_fitted_pool_is_calibrated_on_other_grains_and_beats_single_patterns():
    fitted = fit_grain_pooling(*looks(1500, 6, 0.4, 2))
    p, labels, grains = looks(4000, 6, 0.4, 3)
    pooled = fitted.apply(p, grains)[::6]
    truth = labels[::6]
    assert log_loss(pooled, truth) < log_loss(p, labels) - 0.05
    top = pooled.max(axis=1)
    assert top.mean() == pytest.approx((pooled.argmax(axis=1) == truth).mean(), abs=0.02)


def test_too_few_grains_fit_nothing():
    p, labels, grains = looks(19, 5, 0.2, 4)
    assert fit_grain_pooling(p, labels, grains) == GrainPooling()


def test_more_than_half_is_a_majority():
    assert majority([True, False, False, True], [0, 0, 1, -1]).tolist() == [False, False, False, True]


def test_grains_must_be_whole_numbers_one_a_pattern():
    with pytest.raises(InputError):
        GrainPooling().apply([[0.5, 0.5]], [0, 1])
