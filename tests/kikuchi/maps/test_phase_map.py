from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.maps.full_grid import full_grid, is_hexagonal
from kikuchi.maps.map_data import solved_space_groups, voted_space_groups


def test_decisions_of_another_scan_are_refused(four_statuses, one_row):
    with pytest.raises(InputError, match="6 points, 3 classes and 2 members does not fit 7 decisions"):
        replace(four_statuses, decision=one_row.decision)


def test_points_outside_the_grid_are_refused(four_statuses):
    with pytest.raises(InputError, match="outside the grid of 2 x 2"):
        replace(four_statuses, shape=(2, 2))


def test_winner_is_no_answer_where_the_status_is_not_solved(four_statuses):
    assert solved_space_groups(four_statuses).tolist() == [225, 221, 0, 0, 0, 229]
    assert voted_space_groups(four_statuses)[:, 4].tolist() == [0, 0]


def test_rounding_in_coordinates_makes_no_new_columns(one_row):
    noisy = replace(one_row, x=one_row.x + 1e-9 * np.array([1, -2, 3, 0, 2, -1, 1]))
    assert np.unique(np.diff(full_grid(noisy).x).round(12)).tolist() == [0.5]


def test_coordinates_off_the_grid_are_kept(one_row):
    bent = replace(one_row, x=one_row.x + np.array([0, 0.1, 0, 0, 0, 0, 0]))
    assert full_grid(bent).x == pytest.approx(bent.x)


def test_origin_is_kept(cropped):
    moved = full_grid(replace(cropped, x=cropped.x + 10, y=cropped.y - 3))
    assert moved.x[:4] == pytest.approx([10, 10.5, 11, 11.5])
    assert moved.y[::4] == pytest.approx([-3, -2.5, -2])


def test_full_grid_says_where_no_pattern_lies(cropped):
    assert full_grid(cropped).index.tolist() == [-1, *range(10), -1]


def test_only_a_shift_by_half_a_step_is_hexagonal(hexagonal, cropped, one_row):
    assert is_hexagonal(hexagonal)
    assert not is_hexagonal(cropped)
    assert not is_hexagonal(one_row)


def test_left_shifted_hexagonal_rows_keep_their_positions(hexagonal):
    left = replace(hexagonal, x=hexagonal.x - 0.5 * (hexagonal.row % 2))
    assert is_hexagonal(left)
    assert full_grid(left).x == pytest.approx(left.x)


def test_orix_gets_in_memory_what_the_file_holds(four_statuses):
    crystal_map = four_statuses.to_crystal_map()
    groups = [0 if i == -1 else crystal_map.phases[int(i)].space_group.number for i in crystal_map.phase_id]
    assert crystal_map.shape == (2, 3) and groups == [225, 221, 0, 0, 0, 229]
    assert crystal_map.prop["status"].tolist() == [0, 0, 1, 2, 3, 0]


def test_pandas_gets_one_row_a_pattern(four_statuses):
    table = four_statuses.to_dataframe()
    assert table["status"].tolist() == [
        "solved", "solved", "ambiguous", "unfamiliar", "unreadable", "solved",
    ]  # fmt: skip
    assert table["space_group"].isna().tolist() == [False, False, True, True, True, False]
    assert table.loc[2, "candidates"] == "221|225"


def test_a_map_says_itself_in_one_line(four_statuses):
    text = repr(four_statuses)
    assert len(text) < 150 and "2 x 3, 6 points, 3 solved, classes 221, 225, 229" in text


@pytest.mark.parametrize("what", ["phase", "status", "confidence", "entropy"])
def test_a_map_draws_itself_on_axes_in_micrometres(four_statuses, what):
    from matplotlib.figure import Figure

    axes = Figure().subplots()
    assert four_statuses.plot(what, axes) is axes
    # 2 x 3 points of 0.5 um; first row on top.
    assert axes.images[0].get_extent() == [0, 1.5, 1.0, 0]
    assert what in axes.get_title()


def test_a_picture_that_is_none_is_refused(four_statuses):
    with pytest.raises(InputError, match="no picture of 'colour'"):
        four_statuses.plot("colour")
