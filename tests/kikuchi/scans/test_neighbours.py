"""Filters over neighbours, held against kikuchipy, the published formula and what must hold on any grid."""

import numpy as np
import pytest

from kikuchi.scans import (
    Dataset,
    Material,
    Preparation,
    dataset_with_neighbours,
    scan_from_array,
    with_neighbours,
)
from kikuchi.scans.neighbours import CACHE_BYTES, NeighbourSource, window
from kikuchi.scans.scan import Scan

AVERAGE = Preparation(neighbours="average")
NLPAR = Preparation(neighbours="nlpar")


def two_grains(
    seed: int = 1, noise: float = 20.0, shape: tuple[int, int] = (6, 8)
) -> tuple[np.ndarray, np.ndarray]:
    """A scan whose left and right half are one pattern each, and its truth."""
    rng = np.random.default_rng(seed)
    clean = 100 + 25 * rng.standard_normal((2, 20, 20))
    truth = np.repeat(clean[None, [0] * (shape[1] // 2) + [1] * (shape[1] // 2)], shape[0], axis=0)
    return truth + noise * rng.standard_normal(truth.shape), truth


def by_the_formula(patterns: np.ndarray, radius: int, strength: float) -> np.ndarray:
    """NLPAR, equation by equation and point by point, on a full grid (rows, columns, sy, sx)."""
    rows, columns = patterns.shape[:2]
    flat = patterns.reshape(rows, columns, -1).astype(float)
    n = flat.shape[2]

    def around(r, c):
        for y in range(max(0, r - radius), min(rows, r + radius + 1)):
            for x in range(max(0, c - radius), min(columns, c + radius + 1)):
                yield y, x

    def squared(a, b):
        return np.sum((flat[a] - flat[b]) ** 2)

    points = [(r, c) for r in range(rows) for c in range(columns)]
    variance = {p: min(squared(p, q) for q in around(*p) if q != p) / (2 * n) for p in points}
    out = np.empty_like(flat)
    for p in points:
        total, norm = 0.0, 0.0
        for q in around(*p):
            noise = variance[p] + variance[q]
            above = (squared(p, q) - n * noise) / (noise * np.sqrt(2 * n))
            weight = np.exp(-max(above, 0) / strength**2)
            total, norm = total + weight * flat[q], norm + weight
        out[p] = total / norm
    return out.reshape(patterns.shape)


def test_the_mean_is_kikuchipys():
    kikuchipy = pytest.importorskip("kikuchipy")
    patterns, _ = two_grains()
    signal = kikuchipy.signals.EBSD(patterns.astype(np.float32))
    signal.average_neighbour_patterns(window="circular", window_shape=(3, 3), show_progressbar=False)
    # kikuchipy stretches what it averaged to its data type's range; the pattern itself is the same but for that.
    seen = with_neighbours(scan_from_array(patterns, "s"), AVERAGE).read(slice(None))
    theirs = signal.data.reshape(seen.shape)
    for a, b in zip(seen, theirs, strict=True):
        assert np.corrcoef(a.ravel(), b.ravel())[0, 1] == pytest.approx(1, abs=1e-5)


def test_the_mean_of_a_cross_is_the_mean_of_five_and_less_at_the_edge():
    patterns, _ = two_grains()
    seen = with_neighbours(scan_from_array(patterns, "s"), AVERAGE).read([0, 2 * 8 + 3])
    np.testing.assert_allclose(seen[0], (patterns[0, 0] + patterns[0, 1] + patterns[1, 0]) / 3, rtol=1e-5)
    cross = patterns[2, 3] + patterns[1, 3] + patterns[3, 3] + patterns[2, 2] + patterns[2, 4]
    np.testing.assert_allclose(seen[1], cross / 5, rtol=1e-5)


@pytest.mark.parametrize("radius", [1, 2])
def test_nlpar_is_the_published_formula(radius):
    patterns, _ = two_grains(shape=(5, 6))
    look = NLPAR.model_copy(update={"neighbour_radius": radius, "neighbour_strength": 0.9})
    seen = with_neighbours(scan_from_array(patterns, "s"), look).read(slice(None))
    expected = by_the_formula(patterns.astype(np.float32), radius, 0.9)
    np.testing.assert_allclose(seen.reshape(expected.shape), expected, rtol=1e-4)


def test_nlpar_lowers_noise_and_keeps_a_boundary_that_a_mean_blurs():
    patterns, truth = two_grains(noise=8.0)
    scan = scan_from_array(patterns, "s")

    def error(look, columns):
        seen = with_neighbours(scan, look).read(slice(None)).reshape(truth.shape)
        return np.sqrt(np.mean((seen - truth)[1:-1, columns] ** 2))

    assert error(NLPAR, [1, 2, 5, 6]) < 0.6 * 8  # of nine patterns' noise a third would be left at best
    boundary = [3, 4]
    assert error(NLPAR, boundary) < error(AVERAGE, boundary)


@pytest.mark.parametrize("look", [AVERAGE, NLPAR])
def test_the_same_in_any_order_and_in_pieces_of_any_size(look, monkeypatch):
    patterns, _ = two_grains()
    whole = with_neighbours(scan_from_array(patterns, "s"), look).read(slice(None))
    monkeypatch.setattr("kikuchi.scans.neighbours._BLOCK_BYTES", 1)
    monkeypatch.setattr("kikuchi.scans.neighbours.CACHE_BYTES", 4 * 20 * 20 * 8)
    scan = with_neighbours(scan_from_array(patterns, "s"), look)
    order = np.random.default_rng(2).permutation(scan.n)
    np.testing.assert_array_equal(scan.read(order), whole[order])


def test_a_patchy_grid_takes_the_points_that_are_there():
    patterns = np.arange(3.0)[:, None, None] * np.ones((3, 20, 20))
    scan = scan_from_array(patterns[None], "s")
    scan = Scan("s", scan.path, scan.source, np.array([0, 0, 5]), np.array([0, 1, 5]), scan.x, scan.y, (6, 6))
    seen = with_neighbours(scan, AVERAGE).read(slice(None))
    np.testing.assert_allclose(seen[:, 0, 0], [0.5, 0.5, 2])


@pytest.mark.parametrize("look", [AVERAGE, NLPAR])
def test_what_cannot_be_read_spoils_no_neighbour(look):
    patterns = np.full((3, 3, 20, 20), 7.0)
    patterns[1, 1] = np.nan
    seen = with_neighbours(scan_from_array(patterns, "s"), look).read(slice(None))
    assert (seen[4] == 0).all()
    np.testing.assert_allclose(np.delete(seen, 4, axis=0), 7)


def test_a_scan_filtered_is_the_same_scan_and_is_filtered_once():
    scan = scan_from_array(two_grains()[0], "s")
    filtered = with_neighbours(scan, NLPAR)
    assert filtered.fingerprint() == scan.fingerprint()
    assert with_neighbours(filtered, NLPAR) is filtered
    assert with_neighbours(scan, Preparation()) is scan


def test_a_dataset_keeps_its_materials_and_reads_filtered_patterns():
    scan = scan_from_array(two_grains()[0], "s")
    left = tuple(r * 8 + c for r in range(6) for c in range(4))
    right = tuple(r * 8 + c for r in range(6) for c in range(4, 8))
    data = Dataset([Material("a", 225, scan, points=left), Material("b", 229, scan, points=right)])
    seen = dataset_with_neighbours(data, AVERAGE)
    assert [m.name for m in seen.materials] == ["a", "b"] and isinstance(
        seen.materials[0].scan.source, NeighbourSource
    )
    assert seen.materials[0].scan is seen.materials[1].scan
    expected = with_neighbours(scan, AVERAGE).read(data.materials[1].indices)
    np.testing.assert_array_equal(seen.materials[1].scan.read(seen.materials[1].indices), expected)


def test_rows_are_read_once_while_the_map_goes_on():
    patterns = np.random.default_rng(1).random((30, 5, 16, 16))
    scan = scan_from_array(patterns, "s")
    read: list[int] = []
    source = scan.source

    class Counting:
        n, signal_shape, dtype, problems = source.n, source.signal_shape, source.dtype, source.problems

        def read(self, indices):
            read.extend(indices.tolist())
            return source.read(indices)

    scan = Scan("s", scan.path, Counting(), scan.row, scan.col, scan.x, scan.y, scan.shape)
    filtered = with_neighbours(scan, NLPAR)
    for start in range(0, 150, 5):
        filtered.read(slice(start, start + 5))
    assert sorted(read) == list(range(150)) and CACHE_BYTES < 2**28


def test_windows_are_round_for_means_and_square_for_nlpar():
    assert sorted(map(tuple, window(1, square=False))) == [(-1, 0), (0, -1), (0, 0), (0, 1), (1, 0)]
    assert len(window(2, square=False)) == 13 and len(window(3, square=True)) == 49
