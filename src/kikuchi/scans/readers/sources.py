"""Where patterns are read from: an HDF5 data set or an array, in memory or lazy."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError


def runs_of(indices: np.ndarray, longest_gap: int = 0) -> Iterator[tuple[int, int]]:
    """Split sorted unique indices into [start, stop) runs, bridging gaps of at most ``longest_gap``.

    Examples
    --------
    >>> list(runs_of(np.array([2, 3, 4, 9])))
    [(2, 5), (9, 10)]
    """
    for run in np.split(indices, np.flatnonzero(np.diff(indices) > longest_gap + 1) + 1):
        yield int(run[0]), int(run[-1]) + 1


_CUT = "the file was cut short while it was read"


class Hdf5Patterns:
    """Patterns in one HDF5 data set whose leading axes are the scan, in row-major order.

    Reading past dask is what keeps a million patterns at constant memory: one pattern a chunk, as some vendors
    store them, makes a graph of a million tasks. The file is opened when first read, once per process.

    Parameters
    ----------
    path
        HDF5 file.
    dataset
        Name of the data set, (n, sy, sx) or (R, C, sy, sx).
    order
        Place in the data set of every pattern of the scan, (n,); None where it is the same.
    """

    def __init__(self, path: Path, dataset: str, order: np.ndarray | None = None) -> None:
        self.path = path
        self.dataset = dataset
        self.order = order
        self.problems: dict[int, str] = {}
        self._file: Any = None
        self._process = 0
        self._size = path.stat().st_size
        data = self._open()
        self.n = int(np.prod(data.shape[:-2], dtype=np.int64))
        self.signal_shape: tuple[int, int] = (int(data.shape[-2]), int(data.shape[-1]))
        self.dtype = np.dtype(data.dtype)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_file": None}

    def _open(self) -> Any:
        import h5py

        # A handle must not cross a fork.
        if self._file is None or self._process != os.getpid():
            try:
                self._file = h5py.File(self.path, "r")
            except OSError as error:
                raise InputError(f"cannot be opened: {error}", path=self.path) from None
            self._process = os.getpid()
        try:
            return self._file[self.dataset]
        except Exception as error:  # the name may be damaged, or what it leads to
            what = f"has no readable {self.dataset!r}: {str(error).splitlines()[0]}"
            raise InputError(what, path=self.path, remedy="copy or export the scan again") from None

    def _read_run(self, data: Any, start: int, stop: int) -> np.ndarray:
        if data.ndim == 3:
            return data[start:stop]
        columns = data.shape[1]
        first, last = start // columns, (stop - 1) // columns
        rows = data[first : last + 1].reshape(-1, *self.signal_shape)
        return rows[start - first * columns : stop - first * columns]

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx); runs of neighbours, and neighbours within one chunk, in one go."""
        data = self._open()
        stored = indices if self.order is None else self.order[indices]
        wanted, inverse = np.unique(stored, return_inverse=True)
        per_chunk = data.chunks[0] if data.ndim == 3 and data.chunks else 1
        found = np.zeros((len(wanted), *self.signal_shape), self.dtype)
        for start, stop in runs_of(wanted, longest_gap=min(per_chunk - 1, 256)):
            here = slice(*np.searchsorted(wanted, [start, stop]))
            try:
                found[here] = self._read_run(data, start, stop)[wanted[here] - start]
            except OSError:
                for place in range(here.start, here.stop):
                    problem = self._read_one(data, int(wanted[place]), found[place])
                    if problem:
                        self.problems |= {int(index): problem for index in indices[inverse == place]}
        # Beyond a file's end HDF5 reads zeros and says nothing.
        if self.path.stat().st_size < self._size:
            found[:] = 0
            self.problems |= {int(index): _CUT for index in indices}
        return found[inverse]

    def _read_one(self, data: Any, place: int, into: np.ndarray) -> str | None:
        """Read one pattern, or say why it cannot be read."""
        try:
            into[...] = self._read_run(data, place, place + 1)[0]
        except OSError as error:
            return f"cannot be read from the file: {str(error).splitlines()[0]}"
        return None

    def identity(self) -> list[str]:
        """Size of the file and name of the data set."""
        return [str(self.path.stat().st_size), self.dataset]


class ArrayPatterns:
    """Patterns of a NumPy or dask array (..., sy, sx) whose leading axes are the scan, in row-major order.

    Parameters
    ----------
    data
        The array; with no leading axis it is a single pattern.
    files
        Files behind a lazy array: their sizes are part of its identity.
    """

    def __init__(self, data: Any, files: tuple[Path, ...] = ()) -> None:
        self.data = data if data.ndim > 2 else data[None]
        self.files = files
        self.problems: dict[int, str] = {}
        self.n = int(np.prod(self.data.shape[:-2], dtype=np.int64))
        self.signal_shape: tuple[int, int] = (int(self.data.shape[-2]), int(self.data.shape[-1]))
        self.dtype = np.dtype(self.data.dtype)

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx); of a lazy array every chunk is read at most once."""
        scan_shape = self.data.shape[:-2]
        if isinstance(self.data, np.ndarray):
            return self.data[np.unravel_index(indices, scan_shape)]
        if len(indices) == indices[-1] - indices[0] + 1 and np.all(np.diff(indices) == 1):
            return self._read_run(int(indices[0]), int(indices[-1]) + 1)
        return self.data.vindex[np.unravel_index(indices, scan_shape)].compute(scheduler="threads")

    def _read_run(self, start: int, stop: int) -> np.ndarray:
        columns = int(np.prod(self.data.shape[1:-2], dtype=np.int64))
        first, last = start // columns, (stop - 1) // columns
        rows = self.data[first : last + 1].compute(scheduler="threads").reshape(-1, *self.signal_shape)
        return rows[start - first * columns : stop - first * columns]

    def identity(self) -> list[str]:
        """Sizes of the files behind the array."""
        return [str(path.stat().st_size) for path in self.files]
