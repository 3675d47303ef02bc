"""The logits store: every member's outputs for one scan, written chunk by chunk, resumed after any stop.

Everything right of the logits is array work, so they are what is kept: changing the rule, the calibration or the
allowed risk never runs a network again.
"""

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO

import numpy as np

from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from kikuchi._support import atomic
from kikuchi._support.archive import mapped
from kikuchi._support.links import refuse_links
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.scans import Scan

#: Folder of the store beside a map.
STORE = "logits.store"

VERSION = 1
DESCRIPTION = "store.json"
_BROKEN = "delete the folder and map again"
_MOST = 2**40


@dataclass(frozen=True)
class StoreIdentity:
    """Identity of a store; a resumed run must match in all of it.

    Parameters
    ----------
    scan, bundle
        Fingerprints.
    members
        Names of the M members.
    n_patterns, n_classes, draws, chunk
        N, K, dropout draws a member and patterns a chunk.
    poses
        Whether a matcher's orientations are kept.
    """

    scan: str
    bundle: str
    members: tuple[str, ...]
    n_patterns: int
    n_classes: int
    draws: int
    chunk: int
    poses: bool = False

    def __post_init__(self) -> None:
        sizes = (self.n_patterns, self.n_classes, self.draws, self.chunk, len(self.members))
        if not all(isinstance(size, int) and 1 <= size <= _MOST for size in sizes):
            raise ValueError(f"sizes {sizes}")


class LogitsStore:
    """A folder of plain ``.npy`` arrays, memory-mapped, and a list of finished chunks.

    HDF5 was not chosen because a process that is killed while writing can leave a file that does not open; here a
    chunk counts only once its numbers are on disk, and the arrays have their final size, and the room for it on the
    disk, from the start. Arrays are mapped for reading and written through their files: a full disk or a lost network
    share is then an error that can be reported, where a mapped page that finds no room kills the process.

    Attributes
    ----------
    logits
        (M, N, K) float32.
    draw_mean, draw_entropy, draw_votes
        Sufficient statistics of the dropout draws: (M, N, K) float32, (M, N) float32, (M, N, K) uint16.
    unfamiliarity
        (N,) float32, distance from what the members were trained on, averaged over them.
    quality
        (N,) float32, signal against noise of the pattern itself.
    """

    def __init__(self, path: Path, identity: StoreIdentity, arrays: dict[str, np.memmap]) -> None:
        self.path = path
        self._files: dict[str, IO[bytes]] = {}
        self.identity = identity
        self._arrays = arrays
        self.logits = arrays["logits"]
        self.draw_mean = arrays["draw_mean"]
        self.draw_entropy = arrays["draw_entropy"]
        self.draw_votes = arrays["draw_votes"]
        self.unfamiliarity = arrays["unfamiliarity"]
        self.quality = arrays["quality"]
        self._done = arrays["done"]

    @classmethod
    def open(cls, path: Path, identity: StoreIdentity) -> "LogitsStore":
        """Make a new store, or go on with the one that is there.

        Raises
        ------
        InputError
            The store there belongs to another scan or bundle, is broken, or cannot be written.
        """
        if (path / DESCRIPTION).exists():
            store = cls.read(path)
            for name, wanted in vars(identity).items():
                if getattr(store.identity, name) != wanted:
                    raise InputError(
                        f"this logits store was made with another {name.replace('_', ' ')}",
                        path=path,
                        remedy="give another --out, or delete this folder",
                    )
            return store
        _refuse_links(path)
        layout = _layout(identity)
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name, (dtype, shape) in layout.items():
                _make(path / f"{name}.npy", np.dtype(dtype), shape)
        except OSError as error:
            for name in layout:
                (path / f"{name}.npy").unlink(missing_ok=True)
            raise _unwritable(path, error, "nothing was begun: free space or give another --out") from error
        # Written last: a folder without it is a store that never began.
        atomic.write_json(path / DESCRIPTION, {"format_version": VERSION} | vars(identity))
        return cls.read(path)

    @classmethod
    def read(cls, path: Path) -> "LogitsStore":
        """Open an existing store.

        Raises
        ------
        InputError
            There is none, or its arrays do not have the shapes it states.
        """
        _refuse_links(path)
        data = atomic.read_json(path / DESCRIPTION, remedy=_BROKEN)
        try:
            version = data.pop("format_version")
            identity = StoreIdentity(**data | {"members": tuple(data["members"])})
            layout = _layout(identity)
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError("not a logits store", path=path / DESCRIPTION, remedy=_BROKEN) from error
        if version != VERSION:
            raise InputError(
                f"logits store of format {version}, this version reads {VERSION}", path=path, remedy=_BROKEN
            )
        arrays = {
            name: mapped(path / f"{name}.npy", dtype, shape, remedy=_BROKEN)
            for name, (dtype, shape) in layout.items()
        }
        return cls(path, identity, arrays)

    def outputs(self) -> MemberOutputs:
        """Return what is stored as the members' outputs; arrays stay on disk until they are read."""
        return MemberOutputs(
            logits=self.logits,
            draws=DropoutDraws(self.draw_mean, self.draw_entropy, self.draw_votes),
            unfamiliarity=np.asarray(self.unfamiliarity),
            quality=np.asarray(self.quality),
            poses=self._poses(),
        )

    def _poses(self) -> np.ndarray | None:
        if not self.identity.poses:
            return None
        flat = np.asarray(self._arrays["poses"])
        return flat.reshape(self.identity.n_classes, 4, -1).transpose(2, 0, 1)

    def missing(self) -> list[slice]:
        """Return the chunks still to do, as slices of patterns, in order."""
        size, n = self.identity.chunk, self.identity.n_patterns
        return [
            slice(int(i) * size, min((int(i) + 1) * size, n))
            for i in np.flatnonzero(np.asarray(self._done) == 0)
        ]

    def finished(self) -> list[slice]:
        """Return the chunks that are done, as slices of patterns, in order."""
        size, n = self.identity.chunk, self.identity.n_patterns
        return [
            slice(int(i) * size, min((int(i) + 1) * size, n)) for i in np.flatnonzero(np.asarray(self._done))
        ]

    def rename_scan(self, fingerprint: str) -> None:
        """Say that this store belongs to the scan of another fingerprint; whoever asks for it has compared the two."""
        self.identity = replace(self.identity, scan=fingerprint)
        atomic.write_json(self.path / DESCRIPTION, {"format_version": VERSION} | vars(self.identity))

    def reopen(self, part: slice) -> None:
        """Count a chunk as still to do.

        Raises
        ------
        InputError
            The store cannot be written.
        """
        try:
            self._put("done", part.start // self.identity.chunk, np.zeros(1, np.uint8))
            os.fsync(self._files["done"].fileno())
        except OSError as error:
            raise _unwritable(self.path, error, "give a folder that can be written to") from error

    def write(self, part: slice, **values: np.ndarray) -> None:
        """Store one chunk, and mark it done once its numbers are on disk.

        Parameters
        ----------
        part
            One of the slices `missing` gave.
        **values
            An array for each attribute of the store; the pattern axis has the slice's length.
        """
        try:
            for name, value in values.items():
                array = self._arrays[name]
                value = np.ascontiguousarray(value, array.dtype)
                # Members lie one after the other in a file, and the patterns of a chunk within each of them.
                rows = value if array.ndim > 1 else value[None]
                for row, numbers in enumerate(rows):
                    self._put(name, row * self.identity.n_patterns + part.start, numbers)
            for name in values:
                os.fsync(self._files[name].fileno())
            self._put("done", part.start // self.identity.chunk, np.ones(1, np.uint8))
            os.fsync(self._files["done"].fileno())
        except OSError as error:
            remedy = "free space and run the same command again: what is stored stays, it goes on from there"
            raise _unwritable(self.path, error, remedy) from error

    def _put(self, name: str, place: int, numbers: np.ndarray) -> None:
        """Write rows of an array to its file, from its row `place` on."""
        array = self._arrays[name]
        if name not in self._files:
            self._files[name] = (self.path / f"{name}.npy").open("r+b", buffering=0)
        per_pattern = array.shape[2] if array.ndim == 3 else 1
        at = array.offset + place * per_pattern * array.itemsize
        left = memoryview(numbers.tobytes())
        while left:
            written = _write_at(self._files[name], left, at)
            left, at = left[written:], at + written


def _write_at(file: IO[bytes], data: memoryview, at: int) -> int:
    if hasattr(os, "pwrite"):
        return os.pwrite(file.fileno(), data, at)
    file.seek(at)  # Windows
    return file.write(data)


def _make(path: Path, dtype: np.dtype, shape: tuple[int, ...]) -> None:
    """Write an array of zeros, its room on the disk taken at once: a disk too small says so before any work."""
    header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    size = dtype.itemsize * math.prod(shape)
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, header)
        begin = file.tell()
        file.truncate(begin + size)
        file.flush()
        if hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), begin, size)
        os.fsync(file.fileno())


def _unwritable(path: Path, error: OSError, remedy: str) -> InputError:
    return InputError(f"cannot be written: {error.strerror or error}", path=path, remedy=remedy)


def _refuse_links(path: Path) -> None:
    """Refuse a store that is a link, or holds one: it would be written to wherever that leads."""
    if path.is_symlink():
        raise InputError("is a link", path=path, remedy=_BROKEN)
    refuse_links(path, remedy=_BROKEN)


def _layout(identity: StoreIdentity) -> dict[str, tuple[str, tuple[int, ...]]]:
    m, n, k = len(identity.members), identity.n_patterns, identity.n_classes
    chunks = -(-n // identity.chunk)
    return {
        "logits": ("<f4", (m, n, k)),
        "draw_mean": ("<f4", (m, n, k)),
        "draw_entropy": ("<f4", (m, n)),
        "draw_votes": ("<u2", (m, n, k)),
        "unfamiliarity": ("<f4", (n,)),
        "quality": ("<f4", (n,)),
        "done": ("|u1", (chunks,)),
    } | ({"poses": ("<f4", (4 * k, n))} if identity.poses else {})


def write_chunk(store: LogitsStore, scan: Scan, part: slice, outputs: MemberOutputs) -> None:
    """Write one part's outputs to the store and mark it done.

    Parameters
    ----------
    store
        Of this scan.
    scan
        Whose problems make a pattern's quality 0: one that could not be read came as zeros.
    part
        One of the slices that `LogitsStore.missing` gave.
    outputs
        Of the patterns in it, in order.
    """
    quality = outputs.quality.copy()
    for index in scan.problems:
        if part.start <= index < part.stop:
            quality[index - part.start] = 0
    poses = {}
    if outputs.poses is not None:
        poses["poses"] = outputs.poses.reshape(len(quality), -1).T
    store.write(
        part,
        logits=outputs.logits,
        draw_mean=outputs.draws.mean,
        draw_entropy=outputs.draws.entropy,
        draw_votes=outputs.draws.votes,
        unfamiliarity=outputs.unfamiliarity,
        quality=quality,
        **poses,
    )
