"""Patterns that lie at known places of a plain binary file."""

from pathlib import Path
from typing import BinaryIO

import numpy as np

#: So many bytes are read in one go where patterns follow each other.
_AT_ONCE = 2**24


class BinaryPatterns:
    """Uncompressed patterns of one size in a binary file, read where they lie and not mapped into memory.

    A mapped file that is cut while it is read ends the process; here it is a problem of the patterns that are gone.

    Parameters
    ----------
    path
        The file.
    offsets
        Byte at which each pattern begins, (n,), in scan order.
    signal_shape, dtype
        Size and type of a pattern.
    """

    def __init__(
        self, path: Path, offsets: np.ndarray, signal_shape: tuple[int, int], dtype: np.dtype
    ) -> None:
        self.path = path
        self.offsets = offsets
        self.n = len(offsets)
        self.signal_shape = signal_shape
        self.dtype = np.dtype(dtype)
        self.problems: dict[int, str] = {}

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx); zeros for one that the file ends before."""
        size = self.dtype.itemsize * self.signal_shape[0] * self.signal_shape[1]
        patterns = np.zeros((len(indices), size), np.uint8)
        begins = self.offsets[indices]
        ends_run = np.diff(begins, append=-1) != size
        longest = max(1, _AT_ONCE // size)
        with self.path.open("rb") as file:
            start = 0
            while start < len(indices):
                stop = start + 1
                while stop < len(indices) and stop - start < longest and not ends_run[stop - 1]:
                    stop += 1
                whole = _read_into(file, int(begins[start]), patterns[start:stop]) // size
                for place in range(start + whole, stop):
                    patterns[place] = 0
                    self.problems[int(indices[place])] = "the file ends before it"
                start = stop
        return patterns.view(self.dtype).reshape(len(indices), *self.signal_shape)

    def identity(self) -> list[str]:
        """Size of the file."""
        return [str(self.path.stat().st_size)]


def _read_into(file: BinaryIO, offset: int, rows: np.ndarray) -> int:
    """Fill rows of bytes from a place of a file; return how many bytes there were."""
    file.seek(offset)
    content = file.read(rows.size)
    rows.reshape(-1)[: len(content)] = np.frombuffer(content, np.uint8)
    return len(content)
