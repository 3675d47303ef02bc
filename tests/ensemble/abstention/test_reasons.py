import pytest

from ensemble.abstention import caught_by_reason
from ensemble.errors import InputError


def test_each_reason_is_charged_with_what_it_caught():
    found = caught_by_reason([0, 0, 1, 1, 2, 3], [1, 1, 1, 0, 1, -1], [1, 0, 1, 1, -1, 1])
    assert found["solved"] == (1, 1, 0)
    assert found["ambiguous"] == (1, 1, 0)
    assert found["unfamiliar"] == (0, 0, 1)
    assert found["unreadable"] == (0, 1, 0)


def test_reasons_of_unequal_length_are_refused():
    with pytest.raises(InputError):
        caught_by_reason([0], [0, 1], [0])
