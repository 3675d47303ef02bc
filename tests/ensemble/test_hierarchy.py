"""Probabilities on the levels of a tree: coherent, and calibrated level by level."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.hierarchy import Hierarchy, HierarchyCalibration, fit_hierarchy

PATHS = [("a", "a1", "x"), ("a", "a1", "y"), ("a", "a2", "z"), ("b", "b1", "u"), ("b", "b1", "v")]
TREE = Hierarchy.from_paths(("first", "second", "third"), PATHS)


def random_probabilities(n, seed=1):
    return np.random.default_rng(seed).dirichlet(np.ones(5), n)


def test_sums_add_up_the_classes_below_a_node():
    p = [[0.1, 0.2, 0.3, 0.15, 0.25]]
    assert TREE.sums(p, 0) == pytest.approx(np.array([[0.6, 0.4]]))
    assert TREE.sums(p, 1) == pytest.approx(np.array([[0.3, 0.3, 0.4]]))
    assert TREE.sums(p, 2) == pytest.approx(np.array(p))


def test_parents_are_the_nodes_one_level_up():
    assert TREE.parents(1).tolist() == [0, 0, 1]
    assert TREE.parents(2).tolist() == [0, 0, 1, 2, 2]


def test_temperature_one_changes_nothing():
    p = random_probabilities(20)
    levels = HierarchyCalibration(TREE, (1.0, 1.0, 1.0)).apply(p)
    assert levels[2] == pytest.approx(p)
    assert levels[0] == pytest.approx(TREE.sums(p, 0))


def test_a_temperature_sharpens_the_choice_between_siblings_only():
    # Odds 3:2 between the two roots become (3:2)^2 at T = 1/2; odds below them stay.
    coarse, _, fine = HierarchyCalibration(TREE, (0.5, 1.0, 1.0)).apply([[0.2, 0.2, 0.2, 0.1, 0.3]])
    assert coarse[0] == pytest.approx([9 / 13, 4 / 13])
    assert fine[0, 4] / fine[0, 3] == pytest.approx(3.0)


@pytest.mark.parametrize("temperatures", [(0.3, 5.0, 1.0), (2.0, 0.1, 50.0)])
def test_levels_are_coherent_whatever_the_temperatures(temperatures):
    levels = HierarchyCalibration(TREE, temperatures).apply(random_probabilities(50))
    for depth in (1, 2):
        children = levels[depth] @ np.eye(len(TREE.nodes[depth - 1]))[TREE.parents(depth)]
        assert children == pytest.approx(levels[depth - 1])
    assert levels[0].sum(axis=1) == pytest.approx(np.ones(50))


def test_certain_and_unreadable_patterns_stay_what_they_are():
    p = np.array([[1.0, 0, 0, 0, 0], [np.nan] * 5])
    levels = HierarchyCalibration(TREE, (3.0, 0.5, 2.0)).apply(p)
    assert levels[0][0] == pytest.approx([1, 0])
    assert all(np.isnan(level[1]).all() for level in levels)


def test_fit_finds_the_temperature_each_level_was_distorted_with():
    rng = np.random.default_rng(3)
    truth = random_probabilities(20_000, seed=2)
    labels = (truth.cumsum(axis=1) < rng.random((len(truth), 1))).sum(axis=1)
    # Raising conditional odds to 2 is undone by T = 2, to 1/2 by T = 1/2.
    distorted = HierarchyCalibration(TREE, (0.5, 1.0, 2.0)).apply(truth)[2]
    fitted = fit_hierarchy(TREE, distorted, labels)
    assert fitted.temperatures == pytest.approx((2.0, 1.0, 0.5), rel=0.06)
    assert fitted.to_dict()["temperatures"]["first"] == fitted.temperatures[0]


def test_a_choice_that_says_nothing_is_flattened():
    # The classes x and y are drawn at random whatever is said of them.
    rng = np.random.default_rng(4)
    said = rng.dirichlet((0.3, 0.3), 5000)
    p = np.concatenate([said, np.zeros((5000, 3))], axis=1)
    fitted = fit_hierarchy(TREE, p, rng.integers(0, 2, 5000))
    fine = fitted.apply(p)[2]
    assert np.abs(fine[:, 0] - 0.5).max() < 0.2
    assert fitted.temperatures[0] == pytest.approx(1.0, abs=0.05)


@pytest.mark.parametrize(
    "paths",
    [[], [("a",)], [("a", "s", "x"), ("b", "s", "y"), ("a", "t", "z")], [("a", "b", "x"), ("a", "b", "x")]],
)
def test_what_is_no_tree_is_refused(paths):
    with pytest.raises(InputError):
        Hierarchy.from_paths(("first", "second", "third"), paths)


def test_probabilities_of_other_classes_are_refused():
    with pytest.raises(InputError, match="5 classes"):
        TREE.sums([[0.5, 0.5]], 0)
