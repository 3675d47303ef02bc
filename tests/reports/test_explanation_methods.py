"""The reference of the study of methods: Shapley values of squares, from outputs alone."""

import numpy as np
import pytest

pytest.importorskip("shap")

from reports.explanations.methods import SQUARE, by_permutations, squares_of

SIDE = 3 * SQUARE
RNG = np.random.default_rng(0)
PATTERN, HIDDEN, WEIGHTS = (RNG.normal(size=(SIDE, SIDE)) for _ in range(3))


def test_of_a_linear_output_they_are_weight_times_difference_in_every_order():
    rows = by_permutations(
        lambda x: (x * WEIGHTS).sum(axis=(1, 2)), PATTERN, HIDDEN[None], 3, np.random.default_rng(1)
    )
    expected = squares_of(WEIGHTS * (PATTERN - HIDDEN))
    np.testing.assert_allclose(rows, np.tile(expected, (3, 1)), atol=1e-4)


def test_two_squares_that_only_work_together_share_what_they_do():
    """v(S) is 1 where both are shown: Shapley's value of each is 1/2, and a permutation with its reverse finds it."""

    def both(x):
        shown = np.isclose(x, PATTERN, atol=1e-5)
        return shown[:, 0, 0].astype(float) * shown[:, -1, -1]

    for row in by_permutations(both, PATTERN, HIDDEN[None], 4, np.random.default_rng(2)):
        assert row.tolist() == [0.5, 0, 0, 0, 0, 0, 0, 0, 0.5]


def test_their_sum_is_what_the_output_gains_whatever_the_network():
    rows = by_permutations(
        lambda x: np.tanh((x * WEIGHTS).sum(axis=(1, 2))), PATTERN, HIDDEN[None], 5, np.random.default_rng(3)
    )
    gain = np.tanh((PATTERN * WEIGHTS).sum()) - np.tanh((HIDDEN * WEIGHTS).sum())
    np.testing.assert_allclose(rows.sum(axis=1), gain, atol=1e-5)
