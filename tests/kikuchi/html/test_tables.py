import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.html.tables import Table, cell_of


def test_numbers_of_numpy_are_printed_like_numbers():
    values = [np.int64(1234), np.float32(0.5), np.bool_(True), (np.float64(1), 0.5, 2)]
    assert [cell_of(value).text for value in values] == ["1,234", "0.5", "yes", "1 [0.5, 2]"]


def test_a_crooked_row_is_refused_with_the_table_s_name():
    with pytest.raises(InputError, match="'Scores' does not have 2 cells"):
        Table("Scores", ["a", "b"], [[1, 2], [3]])


def test_columns_of_numbers_are_known_even_with_gaps():
    table = Table("t", ["name", "score", "word", "empty"], [["a", None, 1, None], ["b", 0.5, "x", None]])
    assert table.numeric == (False, True, False, False)
