import numpy as np
import pytest

from kikuchi.scans.readers.grid import grid_from_positions


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
    assert grid_from_positions(np.arange(4) * 2.0, np.zeros(4)).step == (1.0, 2.0)


def test_two_points_at_one_place_are_no_grid():
    assert grid_from_positions(np.array([0.0, 1, 1]), np.zeros(3)) is None


def test_positions_that_would_need_a_monstrous_grid_are_no_grid():
    assert grid_from_positions(np.array([0.0, 0.001, 1e12]), np.array([0.0, 0.001, 1e12])) is None
    assert grid_from_positions(np.array([0.0, 1e300]), np.array([0.0, 1e-300])) is not None


def test_scattered_points_are_no_grid():
    rng = np.random.default_rng(0)
    assert grid_from_positions(*rng.uniform(0, 1e5, (2, 50))) is None
