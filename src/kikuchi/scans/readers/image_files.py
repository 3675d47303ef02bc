"""A list of image files that costs little more than their names.

A scan of a million images is a million names. As path objects they take some 400 bytes each, and as much again while
they are sorted; here all names lie one after the other in one block of bytes.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import overload

import numpy as np

_DIGITS = re.compile(r"(\d{1,15})")


class ImageFiles(Sequence[Path]):
    """Paths of images, made when they are asked for.

    Parameters
    ----------
    folders
        The folders they lie in.
    names
        Their names, encoded by ``os.fsencode``, one after the other.
    start, length
        Where each name is in ``names``, (N,).
    folder
        Index of the folder of each, (N,).
    """

    def __init__(
        self,
        folders: tuple[Path, ...],
        names: bytes,
        start: np.ndarray,
        length: np.ndarray,
        folder: np.ndarray,
    ) -> None:
        self.folders = folders
        self._names = names
        self._start = start
        self._length = length
        self._folder = folder

    @classmethod
    def in_folder(cls, folder: Path, names: Iterable[str]) -> "ImageFiles":
        """Keep files of one folder by their names."""
        return cls._of((folder, name) for name in names)

    @classmethod
    def of(cls, paths: Iterable[Path]) -> "ImageFiles":
        """Keep paths, whatever folders they lie in."""
        return cls._of((path.parent, path.name) for path in paths)

    @classmethod
    def _of(cls, files: Iterable[tuple[Path, str]]) -> "ImageFiles":
        folders: dict[Path, int] = {}
        names = bytearray()

        def lengths() -> Iterator[tuple[int, int]]:
            for parent, name in files:
                encoded = os.fsencode(name)
                names.extend(encoded)
                yield len(encoded), folders.setdefault(parent, len(folders))

        record = np.fromiter(lengths(), np.dtype([("length", np.uint16), ("folder", np.uint32)]))
        length = np.ascontiguousarray(record["length"])
        start = np.cumsum(length, dtype=np.int64)
        start -= length
        folder = record["folder"].astype(np.min_scalar_type(max(len(folders) - 1, 0)))
        return cls(tuple(folders), bytes(names), start, length, folder)

    def __len__(self) -> int:
        return len(self._start)

    @overload
    def __getitem__(self, index: int) -> Path: ...
    @overload
    def __getitem__(self, index: slice) -> "ImageFiles": ...
    def __getitem__(self, index: int | slice) -> "Path | ImageFiles":
        if isinstance(index, slice):
            return self.take(np.arange(*index.indices(len(self))))
        return self.folders[self._folder[index]] / self.name(index)

    def name(self, index: int) -> str:
        """Name of one file, without its folder."""
        start = int(self._start[index])
        return os.fsdecode(self._names[start : start + int(self._length[index])])

    def names(self) -> Iterator[str]:
        """Names of all files, in order."""
        return map(self.name, range(len(self)))

    def take(self, order: np.ndarray) -> "ImageFiles":
        """Take some of the files, in the order of these indices."""
        return ImageFiles(
            self.folders, self._names, self._start[order], self._length[order], self._folder[order]
        )

    def in_natural_order(self) -> "ImageFiles":
        """Sort by name so that ``a_10`` comes after ``a_9``, whatever the case of letters."""
        longest = max((len(natural_key(name)) for name in self.names()), default=0)
        keys = np.fromiter(map(natural_key, self.names()), np.dtype((np.bytes_, max(longest, 1))), len(self))
        return self.take(np.argsort(keys, kind="stable"))


def natural_key(name: str) -> bytes:
    """Bytes that sort as a name's parts do: numbers by their value and before text, text by its characters.

    A number is a 1 and seven bytes, which hold fifteen digits; a text is a 2, its UTF-8, and a 0, so that a text comes
    before one that it begins. Zeros at the end mean nothing, as in NumPy's byte strings.

    Examples
    --------
    >>> sorted(["a_10.png", "A_9.png", "a.png", "7.png"], key=natural_key)
    ['7.png', 'a.png', 'A_9.png', 'a_10.png']
    """
    key = bytearray()
    for part in _DIGITS.split(name.lower()):
        if part.isdecimal():
            key += b"\1" + int(part).to_bytes(7, "big")
        elif part:
            # A name that is not UTF-8 holds lone surrogates.
            key += b"\2" + part.encode("utf-8", "surrogatepass") + b"\0"
    return bytes(key)
