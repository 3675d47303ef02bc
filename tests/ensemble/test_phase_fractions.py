import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.phase_fractions import (
    ABSTAINED,
    LEFT_OUT,
    effective_sample_size,
    outcomes,
    phase_fractions,
    square_blocks,
)


def held_out(theta, n):
    """Labels and outcomes whose frequencies are exactly theta (K, K + 1)."""
    labels = np.repeat(np.arange(len(theta)), n)
    columns = np.append(np.arange(len(theta)), ABSTAINED)
    return labels, np.concatenate([np.repeat(columns, np.round(row * n).astype(int)) for row in theta])


CONFUSED = np.array([[0.9, 0.1, 0.0], [0.2, 0.7, 0.1]])


def test_fractions_are_corrected_for_confusion():
    # 30 % of class 0: outcomes .3 * .9 + .7 * .2 = .41, .3 * .1 + .7 * .7 = .52, abstained .07.
    shown = np.repeat([0, 1, ABSTAINED], [4100, 5200, 700])
    found = phase_fractions(*held_out(CONFUSED, 5000), shown, 2)
    assert found.fraction[0] == pytest.approx(0.3, abs=0.01)
    assert found.low[0] < 0.3 < found.high[0]
    assert found.plain[0] == pytest.approx(4100 / 9300)


def test_fractions_are_corrected_for_abstaining_more_on_one_class():
    # Nothing confused, but half of class 0 is not answered: 40 % of it shows as 1/4 of the answers.
    theta = np.array([[0.5, 0.0, 0.5], [0.0, 1.0, 0.0]])
    shown = np.repeat([0, 1, ABSTAINED], [2000, 6000, 2000])
    found = phase_fractions(*held_out(theta, 1000), shown, 2)
    assert found.plain[0] == 0.25
    assert found.fraction[0] == pytest.approx(0.4, abs=0.01)


def test_a_perfect_classifier_leaves_the_binomial_interval():
    theta = np.hstack([np.eye(2), np.zeros((2, 1))])
    found = phase_fractions(*held_out(theta, 100_000), np.repeat([0, 1], [200, 800]), 2, n_draws=4000)
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.96 * np.sqrt(0.2 * 0.8 / 1000), rel=0.1)


def test_few_held_out_patterns_widen_the_interval():
    shown = np.repeat([0, 1, ABSTAINED], [41_000, 52_000, 7_000])
    few = phase_fractions(*held_out(CONFUSED, 50), shown, 2)
    many = phase_fractions(*held_out(CONFUSED, 5000), shown, 2)
    assert few.high[0] - few.low[0] > 5 * (many.high[0] - many.low[0])


@pytest.mark.parametrize("truth", [0.005, 0.05, 0.5])
def test_intervals_cover_the_truth_about_as_often_as_they_say(truth):
    rng = np.random.default_rng(0)
    pi = np.array([truth, 1 - truth])
    theta = np.array([[0.85, 0.05, 0.10], [0.03, 0.90, 0.07]])
    covered = 0
    for seed in range(120):
        labels = np.repeat([0, 1], 300)
        seen = np.concatenate([rng.choice([0, 1, -1], 300, p=row) for row in theta])
        shown = rng.choice([0, 1, -1], 5000, p=pi @ theta)
        found = phase_fractions(labels, seen, shown, 2, n_draws=300, seed=seed)
        covered += found.low[0] <= truth <= found.high[0]
    # Four standard errors of 120 draws at 95 %.
    assert covered / 120 >= 0.87


def test_blocks_widen_the_interval_by_their_design_effect():
    # A hundred grains of a hundred points, each of one phase: a hundred independent points.
    theta = np.hstack([np.eye(2), np.zeros((2, 1))])
    grains = np.repeat(np.arange(100), 100)
    shown = (grains % 2).astype(int)
    known = held_out(theta, 100_000)
    grained = phase_fractions(*known, shown, 2, blocks=grains, n_draws=4000)
    shrunk = phase_fractions(*known, shown, 2, effective_sample_size=100, n_draws=4000)
    expected = 2 * 1.96 * np.sqrt(0.25 / 100)
    assert grained.high[0] - grained.low[0] == pytest.approx(expected, rel=0.1)
    assert shrunk.high[0] - shrunk.low[0] == pytest.approx(expected, rel=0.1)
    np.testing.assert_allclose(effective_sample_size(shown, grains, 2), 100, rtol=0.02)


def test_independent_points_are_worth_about_their_number():
    rng = np.random.default_rng(0)
    found = effective_sample_size(rng.integers(0, 2, 40_000), np.repeat(np.arange(400), 100), 2)
    np.testing.assert_allclose(found, 40_000, rtol=0.2)


def test_what_is_no_known_class_is_left_out_of_the_fractions():
    theta = np.hstack([np.eye(2), np.zeros((2, 1))])
    shown = np.repeat([0, 1, LEFT_OUT], [500, 500, 9000])
    found = phase_fractions(*held_out(theta, 100), shown, 2)
    assert found.fraction[0] == pytest.approx(0.5, abs=0.02)
    assert (found.answered, found.abstained, found.left_out) == (1000, 0, 9000)


def test_a_map_without_an_answer_has_fractions_but_no_plain_ones():
    theta = np.array([[0.5, 0.0, 0.5], [0.0, 0.5, 0.5]])
    found = phase_fractions(*held_out(theta, 100), np.full(50, ABSTAINED), 2)
    assert np.isnan(found.plain).all()
    assert found.high[0] - found.low[0] < 1 and found.fraction.sum() == pytest.approx(1)


def test_the_same_seed_gives_the_same_numbers():
    shown = np.repeat([0, 1], 50)
    one, other = (phase_fractions(*held_out(CONFUSED, 50), shown, 2, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.fraction, other.fraction)


def test_square_blocks_part_the_grid():
    row, col = np.divmod(np.arange(36), 6)
    blocks = square_blocks(row, col, 3)
    np.testing.assert_array_equal(np.bincount(blocks), [9, 9, 9, 9])
    assert blocks[0] == blocks[14] != blocks[3]


def test_outcomes_follow_the_status():
    np.testing.assert_array_equal(outcomes([0, 1, 2, 3], [3, 3, 3, -1]), [3, ABSTAINED, LEFT_OUT, LEFT_OUT])


@pytest.mark.parametrize(
    ("labels", "seen", "shown", "says"),
    [
        ([0, 0], [0, 0], [0, 1], "class 1 has no readable held-out pattern"),
        ([0, 1], [0, 1], [LEFT_OUT], "no point"),
        ([0, 1], [0, 1], [2], "outcomes"),
        ([0, 1], [0], [0], "label"),
    ],
)
def test_what_cannot_be_corrected_is_refused(labels, seen, shown, says):
    with pytest.raises(InputError, match=says):
        phase_fractions(labels, seen, shown, 2)


def test_fewer_than_twenty_blocks_carry_no_interval():
    truth = np.repeat([0, 1], 200)
    found = phase_fractions(truth, truth, np.repeat([0, 1], 50), 2, blocks=np.arange(100) // 10, n_draws=50)
    assert found.blocks == 10
    assert np.isnan(found.low).all() and np.isnan(found.high).all()
    assert found.fraction == pytest.approx([0.5, 0.5], abs=0.1)
    enough = phase_fractions(truth, truth, np.repeat([0, 1], 50), 2, blocks=np.arange(100) // 5, n_draws=50)
    assert enough.blocks == 20 and np.isfinite(enough.low).all()


def test_held_out_grains_count_once():
    # 40 grains of 64 a class, a tenth of the grains wholly wrong: the confusion is known as from 40 patterns.
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 40 * 64)
    wrong = np.repeat(np.tile(np.arange(40) < 4, 2), 64)
    seen = np.where(wrong, 1 - truth, truth)
    shown = rng.choice(2, size=20_000, p=[0.7, 0.3])
    grains = np.arange(len(truth)) // 64
    alone = phase_fractions(truth, seen, shown, 2, n_draws=400)
    grouped = phase_fractions(truth, seen, shown, 2, held_out_groups=grains, n_draws=400)
    few = phase_fractions(truth[::64], seen[::64], shown, 2, n_draws=400)
    width = grouped.high[1] - grouped.low[1]
    assert width > 3 * (alone.high[1] - alone.low[1])
    assert width == pytest.approx(few.high[1] - few.low[1], rel=0.15)


def test_with_one_pattern_a_group_nothing_changes_but_the_draws():
    truth = np.repeat([0, 1], 500)
    seen = np.where(np.arange(1000) % 10 == 0, 1 - truth, truth)
    shown = np.repeat([0, 1], [700, 300])
    plain = phase_fractions(truth, seen, shown, 2, n_draws=1000)
    grouped = phase_fractions(truth, seen, shown, 2, held_out_groups=np.arange(1000), n_draws=1000)
    assert grouped.fraction == pytest.approx(plain.fraction, abs=0.005)
    assert grouped.high - grouped.low == pytest.approx(plain.high - plain.low, rel=0.12)
