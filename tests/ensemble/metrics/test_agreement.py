import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.metrics import agreement_table, cohen_kappa


def test_kappa_by_hand():
    # Cohen (1960): p_o = 35/50 = 0.7, p_e = (25 * 30 + 25 * 20) / 50^2 = 0.5, kappa = 0.2 / 0.5.
    assert cohen_kappa([[20, 5], [10, 15]]) == pytest.approx(0.4)


def test_table_and_kappa_are_those_of_scikit_learn():
    from sklearn.metrics import cohen_kappa_score, confusion_matrix

    rng = np.random.default_rng(0)
    first = rng.integers(0, 5, 500)
    second = np.where(rng.random(500) < 0.6, first, rng.integers(0, 5, 500))
    table = agreement_table(first, second, 5)
    assert np.array_equal(table, confusion_matrix(first, second))
    assert cohen_kappa(table) == pytest.approx(cohen_kappa_score(first, second))


def test_what_chance_would_give_as_well_has_no_kappa():
    assert np.isnan(cohen_kappa([[7, 0], [0, 0]]))
    assert np.isnan(cohen_kappa(np.zeros((3, 3))))
    assert cohen_kappa([[0, 5], [5, 0]]) == pytest.approx(-1)


@pytest.mark.parametrize(("first", "second"), [([0, 1], [0]), ([0, 2], [0, 1]), ([-1], [0])])
def test_answers_that_do_not_fit_are_refused(first, second):
    with pytest.raises(InputError):
        agreement_table(first, second, 2)
    with pytest.raises(InputError, match="square"):
        cohen_kappa([[1, 2]])
