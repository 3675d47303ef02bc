from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ensemble.errors import InputError
from kikuchi.maps.csv_file import write_csv

HEADER = (
    "index,row,col,x,y,space_group,status,candidates,confidence,entropy,expected_entropy,mutual_information,"
    'variation_ratio,unfamiliarity,quality,p_221,p_225,p_229,vote_scratch-1,"vote_transfer, 1"'
)


@pytest.fixture
def table(four_statuses, tmp_path):
    write_csv(four_statuses, tmp_path / "map.csv")
    return pd.read_csv(tmp_path / "map.csv", dtype={"candidates": str})


def test_header_is_the_documented_one(four_statuses, tmp_path):
    write_csv(four_statuses, tmp_path / "map.csv")
    assert (tmp_path / "map.csv").read_text().splitlines()[0] == HEADER


def test_one_row_a_pattern_in_scan_order(table):
    assert table["index"].tolist() == [0, 1, 2, 3, 4, 5]
    assert table["row"].tolist() == [0, 0, 0, 1, 1, 1]
    assert table["col"].tolist() == [0, 1, 2, 0, 1, 2]
    assert table["x"].tolist() == [0.0, 0.5, 1.0, 0.0, 0.5, 1.0]
    assert table["y"].tolist() == [0.0, 0.0, 0.0, 0.5, 0.5, 0.5]


def test_space_group_is_empty_where_there_is_no_solution(table):
    assert table["space_group"].fillna(0).tolist() == [225, 221, 0, 0, 0, 229]
    assert table["status"].tolist() == ["solved", "solved", "ambiguous", "unfamiliar", "unreadable", "solved"]


def test_space_groups_are_written_as_whole_numbers(four_statuses, tmp_path):
    write_csv(four_statuses, tmp_path / "map.csv")
    fields = (tmp_path / "map.csv").read_text().splitlines()[1].split(",")
    assert (fields[5], fields[-1]) == ("225", "225")


def test_candidates_are_the_set(table):
    assert table["candidates"].fillna("").tolist() == ["225", "221", "221|225", "", "", "229"]


def test_numbers_come_back(table, four_statuses):
    assert table["entropy"].fillna(-1).tolist() == pytest.approx(
        [0.639, 0.8018, 0.9433, 1.0889, -1, 0], abs=1e-6
    )
    assert table["p_225"].fillna(-1).tolist() == pytest.approx([0.8, 0.2, 0.5, 0.4, -1, 0], abs=1e-6)
    assert table["vote_scratch-1"].fillna(0).tolist() == [225, 221, 221, 225, 0, 229]
    assert table["vote_transfer, 1"].fillna(0).tolist() == [225, 225, 225, 225, 0, 229]


def test_missing_points_have_no_row(cropped, tmp_path):
    write_csv(cropped, tmp_path / "map.csv")
    table = pd.read_csv(tmp_path / "map.csv")
    assert len(table) == 10
    assert (table["row"][0], table["col"][0]) == (0, 1)


def test_unwritable_folder_is_one_line(four_statuses, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"map\.csv: cannot be written"):
        write_csv(four_statuses, tmp_path / "file" / "map.csv")


def test_further_columns_come_last(four_statuses, tmp_path):
    words = np.array(["cubic"] * 5 + [""], dtype=object)
    write_csv(
        replace(four_statuses, columns={"crystal_system": words, "grain": np.arange(6)}), tmp_path / "m.csv"
    )
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines[0] == HEADER + ",crystal_system,grain"
    assert lines[1].endswith(",cubic,0") and lines[6].endswith(",,5")
