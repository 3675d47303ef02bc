import numpy as np
import pytest

from kikuchi.scans.readers.grid import grid_from_positions, hexagonal_grid


def test_steps_rounded_in_a_text_file_are_found():
    x = np.round(np.tile(np.arange(30) / 3, 4), 3)
    y = np.round(np.repeat(np.arange(4) * 0.15, 30), 3)
    grid = grid_from_positions(x, y)
    assert grid.shape == (4, 30)
    assert grid.step == pytest.approx((0.15, 1 / 3), abs=1e-4)
    np.testing.assert_array_equal(grid.col, np.tile(np.arange(30), 4))


def test_cropped_map_starts_at_zero():
    grid = grid_from_positions(np.array([100.0, 102, 100, 102]), np.array([51.0, 51, 54, 54]))
    assert grid.shape == (2, 2) and grid.step == (3, 2) and not grid.hexagonal


def test_missing_column_is_a_gap():
    grid = grid_from_positions(np.array([0.0, 1, 3, 0, 3]), np.array([0.0, 0, 0, 1, 1]))
    assert grid.shape == (2, 4) and grid.col.tolist() == [0, 1, 3, 0, 3]


def test_hexagonal_map_that_starts_with_the_shifted_row():
    grid = grid_from_positions(np.array([1.0, 3, 0, 2, 4]), np.array([0.0, 0, 1.7, 1.7, 1.7]))
    assert grid.hexagonal and grid.shape == (2, 3) and grid.col.tolist() == [0, 1, 0, 1, 2]


def test_single_point_and_single_row_are_grids():
    assert grid_from_positions(np.array([5.0]), np.array([7.0])).shape == (1, 1)
    # A row tells no distance of rows: that of its columns is the likeliest.
    assert grid_from_positions(np.arange(4) * 2.0, np.zeros(4)).step == (2.0, 2.0)
    column = grid_from_positions(np.array([7.0, 7.001, 7.0]), np.arange(3) * 0.2)
    assert column.shape == (3, 1) and column.step == pytest.approx((0.2, 0.2))


def test_two_points_at_one_place_are_no_grid():
    assert grid_from_positions(np.array([0.0, 1, 1]), np.zeros(3)) is None


def test_positions_that_would_need_a_monstrous_grid_are_no_grid():
    assert grid_from_positions(np.array([0.0, 0.001, 1e12]), np.array([0.0, 0.001, 1e12])) is None
    assert grid_from_positions(np.array([0.0, 1e300]), np.array([0.0, 1e-300])) is not None


def test_scattered_points_are_no_grid():
    rng = np.random.default_rng(0)
    assert grid_from_positions(*rng.uniform(0, 1e5, (2, 50))) is None


@pytest.mark.parametrize("columns", [60, 300, 1000])
@pytest.mark.parametrize("step", [0.0625, 0.1234, 1 / 3, 0.3125, 0.0375, 0.1667])
def test_steps_of_four_decimals_are_found_however_many_columns(step, columns):
    x = np.round(np.tile(np.arange(columns) * step, 4), 4)
    y = np.round(np.repeat(np.arange(4) * step, columns), 4)
    grid = grid_from_positions(x, y)
    assert grid.shape == (4, columns)
    # Both ends are rounded to 1e-4: the mean step is as much off as that over the columns.
    assert grid.step[1] == pytest.approx(step, abs=1e-4 / (columns - 1) + 1e-9)
    np.testing.assert_array_equal(grid.col, np.tile(np.arange(columns), 4))


@pytest.mark.parametrize("step", [0.01, 0.0025, 0.0015, 0.0008, 0.0004])
def test_steps_of_nanometres_are_found_in_micrometres(step):
    grid = grid_from_positions(np.tile(np.arange(12) * step, 10), np.repeat(np.arange(10) * step, 12))
    assert grid.shape == (10, 12) and grid.step == pytest.approx((step, step))


def test_positions_that_scatter_by_a_tenth_of_a_step_and_lie_far_from_zero():
    rng = np.random.default_rng(3)
    x = -4000 + 0.2 * (np.tile(np.arange(40), 30) + rng.uniform(-0.1, 0.1, 1200))
    y = 900 + 0.2 * (np.repeat(np.arange(30), 40) + rng.uniform(-0.1, 0.1, 1200))
    grid = grid_from_positions(x, y)
    assert grid.shape == (30, 40) and grid.step == pytest.approx((0.2, 0.2), rel=0.02)


def test_two_regions_far_from_each_other_are_one_grid_with_a_gap():
    x = np.tile(np.arange(5.0), 8)
    y = np.repeat([0.0, 1, 2, 3, 500, 501, 502, 503], 5)
    grid = grid_from_positions(x, y)
    assert grid.shape == (504, 5) and grid.step == (1, 1)


def test_every_other_row_of_a_hexagonal_grid_is_shorter_longer_or_as_long():
    x, y = hexagonal_grid(3, 4, 4 + 3 + 4, (0.5, 1.0)).positions()
    assert x.tolist() == [0, 1, 2, 3, 0.5, 1.5, 2.5, 0, 1, 2, 3]
    assert y.tolist() == [0] * 4 + [0.5] * 3 + [1] * 4
    assert grid_from_positions(x, y).hexagonal
    x, _ = hexagonal_grid(3, 3, 3 + 4 + 3, (0.5, 1.0)).positions()
    assert x.tolist() == [0.5, 1.5, 2.5, 0, 1, 2, 3, 0.5, 1.5, 2.5]
    x, _ = hexagonal_grid(2, 3, 3 + 3, (0.5, 1.0)).positions()
    assert x.tolist() == [0, 1, 2, 0.5, 1.5, 2.5]
    assert hexagonal_grid(3, 4, 14, (0.5, 1.0)) is None
