"""Choosing points: what each score asks for, and no case twice."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain import choose
from kikuchi.explain.point_selection import vote_entropy


def arrays(n=40, members=3, classes=2):
    """Points that all members agree on, with nothing to choose."""
    p = np.tile(np.array([0.95, 0.05]), (members, n, 1))
    return {
        "member_probabilities": p,
        "mutual_information": np.zeros(n),
        "votes": np.zeros((members, n), int),
        "confidence": np.full(n, 0.95),
        "unfamiliarity": np.full(n, 1.0),
    }


def test_vote_entropy_of_an_even_split_is_log_2_and_of_agreement_is_0():
    np.testing.assert_allclose(vote_entropy(np.array([[0, 1], [1, 1]]), 2), [np.log(2), 0])


def test_a_vote_not_given_counts_for_no_class():
    np.testing.assert_allclose(vote_entropy(np.array([[0], [-1]]), 2), [0.5 * np.log(2)])


def test_a_strange_answer_given_with_confidence_is_chosen_as_an_outlier():
    given = arrays()
    given["unfamiliarity"][17] = 5.0
    given["unfamiliarity"][3], given["confidence"][3] = 9.0, 0.5
    chosen = choose(**given, points=4)
    assert dict(zip(chosen.indices.tolist(), chosen.reasons, strict=True))[17] == "confident outlier"
    assert 3 not in chosen.indices[np.array(chosen.reasons) == "confident outlier"]


def test_the_highest_mutual_information_comes_first():
    given = arrays()
    given["mutual_information"][[5, 9]] = 0.2, 0.6
    chosen = choose(**given, points=4)
    assert chosen.indices[0] == 9 and chosen.reasons[0] == "most disagreement"


def test_two_kinds_of_disagreement_are_both_shown_though_one_is_stronger_and_repeated():
    given = arrays()
    p = given["member_probabilities"]
    p[:, :20] = np.array([[0.9, 0.1], [0.9, 0.1], [0.1, 0.9]])[:, None]
    p[:, 30] = np.array([[0.1, 0.9], [0.1, 0.9], [0.9, 0.1]])
    given["mutual_information"][:20] = np.linspace(0.30, 0.29, 20)
    given["mutual_information"][30] = 0.2
    chosen = choose(**given, points=4)
    assert chosen.indices[:2].tolist() == [0, 30]


def test_no_point_comes_twice_and_no_unusable_one_at_all():
    given = arrays()
    rng = np.random.default_rng(0)
    given["mutual_information"] = rng.random(40)
    given["votes"] = rng.integers(0, 2, (3, 40))
    usable = np.arange(40) % 2 == 0
    chosen = choose(**given, points=12, usable=usable)
    assert len(set(chosen.indices.tolist())) == len(chosen.indices) == len(chosen.reasons) == 12
    assert usable[chosen.indices].all()


def test_a_small_map_gives_what_it_has():
    chosen = choose(**arrays(n=3), points=12)
    assert sorted(chosen.indices.tolist()) == [0, 1, 2]


def test_a_map_without_a_usable_point_is_refused():
    with pytest.raises(InputError, match="no point to explain"):
        choose(**arrays(), points=3, usable=np.zeros(40, bool))
