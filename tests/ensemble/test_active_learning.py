"""Which patterns to ask about: the informative ones, each question once."""

import numpy as np
import pytest

from ensemble.active_learning import choose_queries
from ensemble.errors import InputError


def test_the_first_choice_is_the_largest_score():
    rng = np.random.default_rng(0)
    score = rng.random(50)
    assert choose_queries(score, [rng.normal(size=(50, 4))], 1)[0] == score.argmax()


def test_what_is_known_already_is_not_asked_again():
    features = np.array([[1.0, 0.0], [0.0, 1.0]])
    # The more uncertain pattern is a copy of a labelled one.
    assert choose_queries([0.9, 0.1], [features], 1, known=[features[:1]]).tolist() == [1]


def test_three_far_corners_are_all_asked_about_before_any_twin():
    features = np.repeat(np.eye(3), 5, axis=0)
    chosen = choose_queries(np.linspace(1, 0.9, 15), [features], 3)
    assert sorted(chosen // 5) == [0, 1, 2]


def test_nothing_to_ask_is_said():
    with pytest.raises(InputError, match="no pattern"):
        choose_queries([0.0, np.nan], [np.eye(2)], 1)
