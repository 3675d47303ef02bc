"""How far neighbours of a map depend on each other."""

import numpy as np
import pytest

from ensemble.errors import InputError
from ensemble.spatial_correlation import correlation_length, independent_blocks


def _grid(n):
    row, col = np.divmod(np.arange(n * n), n)
    return row, col


def test_noise_has_the_shortest_length():
    row, col = _grid(60)
    assert correlation_length(np.random.default_rng(0).normal(size=3600), row, col) == 1


@pytest.mark.parametrize("size", [4, 8])
def test_square_grains_are_as_long_as_they_are(size):
    # The autocorrelation of cells of side s falls as 1 - lag / s: below 0.1 from 0.9 s on.
    row, col = _grid(96)
    grain = (row // size) * 200 + col // size
    values = np.random.default_rng(1).normal(size=40000)[grain]
    assert abs(correlation_length(values, row, col) - size) <= 1
    blocks, side = independent_blocks(values, row, col)
    assert abs(side - 2 * size) <= 2
    assert len(np.unique(blocks)) == np.ceil(96 / side) ** 2


def test_a_constant_map_and_a_map_of_nothing_are_no_error():
    row, col = _grid(5)
    assert correlation_length(np.ones(25), row, col) == 1
    assert correlation_length(np.full(25, np.nan), row, col) == 1
    assert correlation_length(np.ones(0), np.ones(0, int), np.ones(0, int)) == 1


def test_arrays_must_fit():
    with pytest.raises(InputError, match="do not fit"):
        correlation_length(np.ones(3), np.zeros(2, int), np.zeros(3, int))
