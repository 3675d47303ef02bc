import pytest

from ensemble.errors import InputError
from kikuchi._support.atomic import replaced


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "map.csv"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), replaced(path) as temporary:
        temporary.write_text("half of the new")
        raise ZeroDivisionError
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_an_input_error_that_names_the_file(tmp_path):
    with (
        pytest.raises(InputError, match=r"map\.csv: cannot be written: No space left"),
        replaced(tmp_path / "map.csv"),
    ):
        raise OSError(28, "No space left on device")


def test_a_finished_write_replaces_the_old_file(tmp_path):
    path = tmp_path / "new" / "map.csv"
    with replaced(path) as temporary:
        assert temporary.suffix == ".csv"
        temporary.write_text("new")
    assert path.read_text() == "new"
