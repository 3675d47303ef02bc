"""The logits store: every member's outputs for one scan, written chunk by chunk, resumed after any stop.

Everything right of the logits is array work, so they are what is kept: changing the rule, the calibration or the
allowed risk never runs a network again.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from kikuchi import files
from kikuchi.outputs import MemberOutputs

VERSION = 1
DESCRIPTION = "store.json"
_BROKEN = "delete the folder and map again"


@dataclass(frozen=True)
class StoreIdentity:
    """What a store belongs to; a resumed run must match in all of it.

    Parameters
    ----------
    scan, bundle
        Fingerprints.
    members
        Names of the M members.
    n_patterns, n_classes, draws, chunk
        N, K, dropout draws a member and patterns a chunk.
    """

    scan: str
    bundle: str
    members: tuple[str, ...]
    n_patterns: int
    n_classes: int
    draws: int
    chunk: int


class LogitsStore:
    """A folder of plain ``.npy`` arrays, memory-mapped, and a list of finished chunks.

    HDF5 was not chosen because a process that is killed while writing can leave a file that does not open; here a
    chunk counts only once its numbers are on disk, and the arrays have their final size from the start.

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
            store = cls.read(path, writable=True)
            for name, wanted in vars(identity).items():
                if getattr(store.identity, name) != wanted:
                    raise InputError(
                        f"this logits store was made with another {name.replace('_', ' ')}",
                        path=path,
                        remedy="give another --out, or delete this folder",
                    )
            return store
        try:
            path.mkdir(parents=True, exist_ok=True)
            for name, (dtype, shape) in _layout(identity).items():
                array = np.lib.format.open_memmap(path / f"{name}.npy", "w+", np.dtype(dtype), shape)
                array.flush()
        except OSError as error:
            raise InputError(
                f"cannot be written: {error.strerror or error}",
                path=path,
                remedy="give another --out or free space",
            ) from error
        # Written last: a folder without it is a store that never began.
        files.write_json(path / DESCRIPTION, {"format_version": VERSION} | vars(identity))
        return cls.read(path, writable=True)

    @classmethod
    def read(cls, path: Path, *, writable: bool = False) -> "LogitsStore":
        """Open an existing store.

        Raises
        ------
        InputError
            There is none, or its arrays do not have the shapes it states.
        """
        data = files.read_json(path / DESCRIPTION, remedy=_BROKEN)
        try:
            version = data.pop("format_version")
            identity = StoreIdentity(**data | {"members": tuple(data["members"])})
            layout = _layout(identity)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise InputError("not a logits store", path=path, remedy=_BROKEN) from error
        if version != VERSION:
            raise InputError(
                f"logits store of format {version}, this version reads {VERSION}", path=path, remedy=_BROKEN
            )
        arrays: dict[str, np.memmap] = {}
        for name, (dtype, shape) in layout.items():
            file = path / f"{name}.npy"
            try:
                array = np.load(file, mmap_mode="r+" if writable else "r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise InputError("missing or broken", path=file, remedy=_BROKEN) from error
            if array.shape != shape or array.dtype != np.dtype(dtype):
                raise InputError("has another shape than the store states", path=file, remedy=_BROKEN)
            arrays[name] = array
        return cls(path, identity, arrays)

    def outputs(self) -> MemberOutputs:
        """Return what is stored as the members' outputs; arrays stay on disk until they are read."""
        return MemberOutputs(
            logits=self.logits,
            draws=DropoutDraws(self.draw_mean, self.draw_entropy, self.draw_votes),
            unfamiliarity=np.asarray(self.unfamiliarity),
            quality=np.asarray(self.quality),
        )

    def missing(self) -> list[slice]:
        """Return the chunks still to do, as slices of patterns, in order."""
        size, n = self.identity.chunk, self.identity.n_patterns
        return [
            slice(int(i) * size, min((int(i) + 1) * size, n))
            for i in np.flatnonzero(np.asarray(self._done) == 0)
        ]

    def write(self, part: slice, **values: np.ndarray) -> None:
        """Store one chunk, and mark it done once its numbers are on disk.

        Parameters
        ----------
        part
            One of the slices `missing` gave.
        **values
            An array for each attribute of the store; the pattern axis has the slice's length.
        """
        for name, value in values.items():
            target = self._arrays[name]
            patterns_axis = (slice(None), part) if target.ndim > 1 else part
            target[patterns_axis] = value
        for name in values:
            self._arrays[name].flush()
        self._done[part.start // self.identity.chunk] = 1
        self._done.flush()


def _layout(identity: StoreIdentity) -> dict[str, tuple[str, tuple[int, ...]]]:
    m, n, k = len(identity.members), int(identity.n_patterns), int(identity.n_classes)
    chunks = -(-n // int(identity.chunk))
    return {
        "logits": ("<f4", (m, n, k)),
        "draw_mean": ("<f4", (m, n, k)),
        "draw_entropy": ("<f4", (m, n)),
        "draw_votes": ("<u2", (m, n, k)),
        "unfamiliarity": ("<f4", (n,)),
        "quality": ("<f4", (n,)),
        "done": ("|u1", (chunks,)),
    }
