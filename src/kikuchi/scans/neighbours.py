"""Patterns filtered with their neighbours in the scan: a plain mean, or NLPAR's mean of those that are alike.

Noisy scans are commonly treated so before they are indexed. The filter is part of the recipe, so that members are
calibrated and asked on patterns that were treated alike; it reads a few rows beyond what is asked for, and keeps no
more of a scan in memory than that.
"""

import threading
from collections import OrderedDict
from dataclasses import replace

import numpy as np

from kikuchi.scans.dataset import Dataset
from kikuchi.scans.preparation import Preparation
from kikuchi.scans.scan import PatternSource, Scan

#: Raw patterns that a filtered scan keeps at hand, bytes: rows above are needed again for the rows below.
CACHE_BYTES = 2**27
# So many bytes of patterns as float32 are filtered at a time, neighbours included, unless one alone takes more.
_BLOCK_BYTES = 2**26


def with_neighbours(scan: Scan, preparation: Preparation) -> Scan:
    """Return a scan as its patterns are after the filter that a preparation asks for; the scan itself without one.

    Parameters
    ----------
    scan
        A map: in one that is none, whoever stands beside a pattern is its neighbour.
    preparation
        Its `neighbours`, `neighbour_radius` and `neighbour_strength` are what counts.

    Returns
    -------
    Scan
        Reads float32 patterns; to its fingerprint it is the same scan.
    """
    if preparation.neighbours == "none" or isinstance(scan.source, NeighbourSource):
        return scan
    return replace(scan, source=NeighbourSource(scan, preparation))


def dataset_with_neighbours(data: Dataset, preparation: Preparation) -> Dataset:
    """Return a dataset whose scans are filtered as `with_neighbours` does."""
    if preparation.neighbours == "none":
        return data
    everything = (*data.materials, *data.strangers)
    filtered = {id(m.scan): with_neighbours(m.scan, preparation) for m in everything}
    materials, strangers = (
        [replace(m, scan=filtered[id(m.scan)]) for m in some] for some in (data.materials, data.strangers)
    )
    return Dataset(materials, data.path, strangers)


class NeighbourSource:
    """Patterns of a scan's source, each filtered with its neighbours on the grid (see `PatternSource`).

    Parameters
    ----------
    scan
        Whose patterns and grid.
    preparation
        Which filter.
    """

    def __init__(self, scan: Scan, preparation: Preparation) -> None:
        self.raw: PatternSource = scan.source
        self.n, self.signal_shape, self.problems = self.raw.n, self.raw.signal_shape, self.raw.problems
        self.dtype = np.dtype(np.float32)
        self._nlpar, self._strength = preparation.neighbours == "nlpar", preparation.neighbour_strength
        self._around = window(preparation.neighbour_radius, square=self._nlpar)
        self._recent = _Recent(self.raw)
        # A frame of points that are not there: neighbours of neighbours are asked for.
        margin = 2 * preparation.neighbour_radius
        self._row, self._col = (
            np.asarray(place, np.int64) - np.min(place, initial=0) + margin for place in (scan.row, scan.col)
        )
        extent = [int(place.max(initial=0)) + margin + 1 for place in (self._row, self._col)]
        self._at = np.full(extent, -1, np.int64)
        self._at[self._row, self._col] = np.arange(self.n)

    def identity(self) -> list[str]:
        """Tell these patterns from others as their source does: the filter belongs to the recipe."""
        return self.raw.identity()

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx) float32 at ``indices``, filtered; one that cannot be read is zeros."""
        indices = np.asarray(indices, np.int64)
        side = int(np.abs(self._around).max()) * (2 if self._nlpar else 1)
        each = 4 * (2 * side + 1) * self.signal_shape[0] * self.signal_shape[1]
        step = max(1, _BLOCK_BYTES // each)
        filtered = np.empty((len(indices), *self.signal_shape), np.float32)
        for start in range(0, len(indices), step):
            part = slice(start, start + step)
            filtered[part] = self._filtered(indices[part]).reshape(-1, *self.signal_shape)
        return filtered

    def _filtered(self, indices: np.ndarray) -> np.ndarray:
        beside = self._beside(indices)
        first = np.unique(np.append(beside[beside >= 0], indices))
        second = self._beside(first) if self._nlpar else beside
        there = np.unique(np.append(second[second >= 0], first))
        raw = self._recent.read(there)
        patterns = raw.reshape(len(there), -1).astype(np.float32)
        broken = np.isin(there, list(self.problems)) | ~np.isfinite(patterns).all(axis=1)
        patterns[broken] = 0

        def places(of: np.ndarray) -> np.ndarray:
            found = np.searchsorted(there, of).clip(max=len(there) - 1)
            return np.where((of >= 0) & ~broken[found], found, -1)

        if self._nlpar:
            variance = np.ones(len(there))
            own = np.searchsorted(there, first)
            variance[own] = noise_variance(patterns, own, places(second))
            weights = nlpar_weights(
                patterns, variance, np.searchsorted(there, indices), places(beside), self._strength
            )
        else:
            weights = np.ones(beside.shape)
        mixed = weighted_mean(patterns, places(beside), weights)
        mixed[broken[np.searchsorted(there, indices)]] = 0
        return mixed

    def _beside(self, indices: np.ndarray) -> np.ndarray:
        """Give indices of the points around some, (n, window), -1 where there is none."""
        return self._at[
            self._row[indices][:, None] + self._around[:, 0], self._col[indices][:, None] + self._around[:, 1]
        ]


def window(radius: int, *, square: bool) -> np.ndarray:
    """Give steps (rows, columns) to the points that are filtered together, the point itself among them, (k, 2).

    Examples
    --------
    >>> len(window(1, square=False)), len(window(1, square=True))
    (5, 9)
    """
    steps = np.arange(-radius, radius + 1)
    rows, cols = (a.ravel() for a in np.meshgrid(steps, steps, indexing="ij"))
    near = square | (rows**2 + cols**2 <= radius**2)
    return np.stack([rows[near], cols[near]], axis=1)


def weighted_mean(patterns: np.ndarray, places: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of some patterns for each of several points.

    Parameters
    ----------
    patterns
        Shape (u, pixels), float32.
    places
        Which of them take part, shape (n, k); -1 takes no part.
    weights
        Shape (n, k), at least 0.

    Returns
    -------
    numpy.ndarray
        Shape (n, pixels), float32; 0 where nothing takes part.
    """
    weights = np.where(places >= 0, weights, 0).astype(np.float32)
    total = np.zeros((len(places), patterns.shape[1]), np.float32)
    for k in range(places.shape[1]):
        total += weights[:, k, None] * patterns[places[:, k]]
    return total / np.maximum(weights.sum(axis=1), np.finfo(np.float32).tiny)[:, None]


def noise_variance(patterns: np.ndarray, own: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Variance of a pixel's noise: half the mean squared difference from the neighbour that is most alike.

    Parameters
    ----------
    patterns
        Shape (u, pixels), float32.
    own
        Place of every point's own pattern, shape (n,).
    places
        Places of its neighbours, shape (n, k); -1 and its own are left out.

    Returns
    -------
    numpy.ndarray
        Shape (n,), float64; 1 for a pattern without neighbours.
    """
    least = np.full(len(own), np.inf)
    for k in range(places.shape[1]):
        apart = _mean_square(patterns, own, places[:, k]) / 2
        counts = (places[:, k] >= 0) & (places[:, k] != own)
        least = np.where(counts, np.minimum(least, apart), least)
    return np.where(np.isfinite(least), np.maximum(least, np.finfo(np.float32).tiny), 1.0)


def nlpar_weights(
    patterns: np.ndarray, variance: np.ndarray, own: np.ndarray, places: np.ndarray, strength: float
) -> np.ndarray:
    r"""Weights of non-local pattern averaging: 1 for what differs by noise only, next to nothing across a boundary.

    With :math:`d^2_{ij}` the squared difference of two patterns of n pixels and :math:`\sigma^2` their noise variances,

    .. math:: w_{ij} = \exp\left(-\frac{1}{\lambda^2}
        \max\left(0, \frac{d^2_{ij} - n (\sigma_i^2 + \sigma_j^2)}{(\sigma_i^2 + \sigma_j^2) \sqrt{2 n}}\right)\right)

    which is how many of its standard deviations the difference lies above what noise alone would make it (Brewick,
    Wright & Rowenhorst, NLPAR: Non-local smoothing for enhanced EBSD pattern indexing, Ultramicroscopy 200, 2019).

    Parameters
    ----------
    patterns
        Shape (u, pixels), float32.
    variance
        Of each pattern's noise, shape (u,).
    own
        Place of every point's own pattern, shape (n,).
    places
        Places of its neighbours, shape (n, k), its own among them; -1 has weight 0.
    strength
        :math:`\lambda`, above 0.

    Returns
    -------
    numpy.ndarray
        Shape (n, k), float64.
    """
    pixels = patterns.shape[1]
    weights = np.zeros(places.shape)
    for k in range(places.shape[1]):
        noise = variance[own] + variance[places[:, k]]
        excess = (_mean_square(patterns, own, places[:, k]) / noise - 1) * np.sqrt(pixels / 2)
        weights[:, k] = np.where(places[:, k] >= 0, np.exp(-np.maximum(excess, 0) / strength**2), 0)
    return weights


def _mean_square(patterns: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Mean squared difference of pairs of patterns, (n,) float64."""
    apart = patterns[first] - patterns[second]
    return np.einsum("np,np->n", apart, apart).astype(np.float64) / patterns.shape[1]


class _Recent:
    """The raw patterns read last, up to `CACHE_BYTES` of them."""

    def __init__(self, raw: PatternSource) -> None:
        self._raw = raw
        self._kept: OrderedDict[int, np.ndarray] = OrderedDict()
        size = raw.signal_shape[0] * raw.signal_shape[1] * np.dtype(raw.dtype).itemsize
        self._room = max(1, CACHE_BYTES // max(size, 1))
        self._lock = threading.Lock()

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read raw patterns at ascending indices."""
        with self._lock:
            missing = np.array([i for i in indices.tolist() if i not in self._kept], np.int64)
            fresh = self._raw.read(missing) if len(missing) else np.empty((0, *self._raw.signal_shape))
            found = dict(zip(missing.tolist(), fresh, strict=True))
            patterns = np.stack([found[i] if i in found else self._kept[i] for i in indices.tolist()])
            for i in indices.tolist():
                if i in found:
                    self._kept[i] = found[i].copy()
                self._kept.move_to_end(i)
            while len(self._kept) > self._room:
                self._kept.popitem(last=False)
            return patterns

    def __getstate__(self) -> dict[str, object]:
        return {"_raw": self._raw, "_room": self._room}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _kept=OrderedDict(), _lock=threading.Lock())
