"""An open scan, whatever file it came from."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ensemble.errors import printable

if TYPE_CHECKING:
    from orix.crystal_map import CrystalMap


class PatternSource(Protocol):
    """Where patterns are read from, a few at a time.

    ``read`` takes an array of valid, non-negative indices in any order, repeats allowed. A pattern that cannot
    be read comes back as zeros, and ``problems`` says why.
    """

    n: int
    signal_shape: tuple[int, int]
    dtype: np.dtype

    @property
    def problems(self) -> dict[int, str]:
        """Why patterns cannot be read, by index."""

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx) at ``indices``."""

    def identity(self) -> list[str]:
        """Sizes and names that identify these patterns, without folders."""


# So many patterns make a mean in which bands of single ones drown.
_BACKGROUND_PATTERNS = 100
_SEVERAL = 4
_LIKE_BACKGROUND, _LIKE_BACKGROUND_ALONE = 0.75, 0.5


@dataclass(eq=False)
class Scan:
    """Patterns on a grid, read when they are asked for, and what the file says of them.

    Parameters
    ----------
    name
        Short name: the file's or folder's, without suffix.
    path
        File, folder or glob that was opened.
    source
        Where the patterns are read from.
    row, col
        Grid position of every pattern, (N,) integers. In a hexagonal map every other row is shifted by half a step.
    x, y
        Position of every pattern in micrometres, (N,).
    shape
        Rows and columns (R, C) of the grid; N may be below R * C, gaps are normal.
    step
        Distance of rows and of columns (dy, dx) in micrometres; 1 where the file does not say.
    voltage_kv
        Accelerating voltage in kV, if known.
    sample_tilt
        Tilt of the sample in degrees, if known.
    pattern_centre
        (PCx, PCy, PCz) in Bruker's convention, if known; the mean where the file has one per pattern.
    xmap
        Orientations and phases that came with the patterns, N points, if any.
    phase_names
        The file's own phase of every pattern, (N,), empty where it has none; None where the file has no phases.
    space_groups
        Space group of that phase, (N,), 0 where unknown; None where the file has no space groups.
    static_background
        The detector's background (sy, sx), if stored.
    metadata
        Everything else that the file says, and ``note``, see there.
    given_shape, given_name
        Rows and columns, and the name among several scans of a file, with which it was opened: who opens it again, as
        workers do, gives them too. None where nothing was given.
    """

    name: str
    path: Path
    source: PatternSource
    row: np.ndarray
    col: np.ndarray
    x: np.ndarray
    y: np.ndarray
    shape: tuple[int, int]
    step: tuple[float, float] = (1.0, 1.0)
    voltage_kv: float | None = None
    sample_tilt: float | None = None
    pattern_centre: tuple[float, float, float] | None = None
    xmap: "CrystalMap | None" = None
    phase_names: np.ndarray | None = None
    space_groups: np.ndarray | None = None
    static_background: np.ndarray | None = None
    metadata: dict[str, Any] = field(default_factory=dict)
    given_shape: tuple[int, int] | None = None
    given_name: str | None = None

    def __post_init__(self) -> None:
        # Names and notes come from files, and go to terminals, pages and other programs.
        self.name = printable(self.name)
        self.metadata = _shown(self.metadata)
        if self.phase_names is not None and any(
            printable(str(name)) != name for name in set(self.phase_names)
        ):
            self.phase_names = np.array([printable(str(name)) for name in self.phase_names], dtype=object)

    def __len__(self) -> int:
        return self.source.n

    def __repr__(self) -> str:
        sy, sx = self.signal_shape
        return f"<Scan {self.name}: {self.n} patterns of {sy} x {sx} on {self.shape[0]} x {self.shape[1]}>"

    @property
    def n(self) -> int:
        """Number of patterns."""
        return self.source.n

    @property
    def signal_shape(self) -> tuple[int, int]:
        """Rows and columns (sy, sx) of one pattern."""
        return self.source.signal_shape

    @property
    def dtype(self) -> np.dtype:
        """Data type of the patterns, as in the file."""
        return self.source.dtype

    @property
    def note(self) -> str | None:
        """Note for the user about how the scan was read, in one line: shown wherever the scan or its map is."""
        return self.metadata.get("note")

    @property
    def simulated(self) -> bool:
        """Whether its file says that no microscope recorded it: this toolkit's own simulations, and EMsoft's."""
        return self._microscope.split(": ")[0] == "simulated" or self._by_emsoft

    @property
    def simulators(self) -> tuple[str, ...]:
        """What computed the master patterns of a simulated scan, as far as its file says; empty for a recorded one."""
        if self._by_emsoft:
            return ("EMsoft",)
        _, _, named = self._microscope.partition(": ")
        return tuple(name for name in named.split("; ") if name) if self.simulated else ()

    @property
    def _microscope(self) -> str:
        record = self.metadata.get("microscope")
        return str(record.get("microscope") or "") if isinstance(record, dict) else ""

    @property
    def _by_emsoft(self) -> bool:
        return str(getattr(self.source, "dataset", "")).endswith("EBSDPatterns")

    @property
    def problems(self) -> dict[int, str]:
        """Why a pattern could not be read, by index, for those tried so far."""
        return self.source.problems

    def read(self, indices: slice | int | Sequence[int] | np.ndarray) -> np.ndarray:
        """Read some patterns.

        Parameters
        ----------
        indices
            A slice, one index, or indices in any order; negative ones count from the end.

        Returns
        -------
        numpy.ndarray
            Patterns (n, sy, sx) in the file's data type. One that cannot be read is zeros, see ``problems``.

        Raises
        ------
        IndexError
            If an index is beyond the scan.
        """
        if isinstance(indices, slice):
            wanted = np.arange(*indices.indices(self.n))
        else:
            wanted = np.atleast_1d(np.asarray(indices, dtype=np.int64))
            if wanted.size and (wanted.min() < -self.n or wanted.max() >= self.n):
                raise IndexError(f"{self.name} has {self.n} patterns")
            wanted = np.where(wanted < 0, wanted + self.n, wanted)
        if wanted.size == 0:
            return np.empty((0, *self.signal_shape), self.dtype)
        return self.source.read(wanted)

    def iter_chunks(self, n: int) -> Iterator[tuple[int, np.ndarray]]:
        """Yield (start, patterns) in scan order, at most ``n`` patterns at a time."""
        for start in range(0, self.n, n):
            yield start, self.read(slice(start, min(start + n, self.n)))

    def mean_pattern(self, n: int = 500) -> np.ndarray:
        """Mean of at most ``n`` patterns spread evenly over the scan, (sy, sx) float64: a static background.

        Patterns that cannot be read, and pixels that are not finite, are left out.
        """
        total = np.zeros(self.signal_shape)
        count = np.zeros(self.signal_shape)
        for indices in np.array_split(np.unique(np.linspace(0, self.n - 1, n).astype(int)), 10):
            patterns = self.read(indices)
            good = np.isfinite(patterns) & ~np.isin(indices, list(self.problems))[:, None, None]
            total += np.where(good, patterns, 0).sum(axis=0, dtype=np.float64)
            count += good.sum(axis=0)
        return total / np.maximum(count, 1)

    def stamp(self) -> str:
        """Hash of size and time of the files that the patterns are in: unchanged, they need not be read again.

        Returns
        -------
        str
            32 hexadecimal digits; empty where there are no files, or one of them cannot be asked.
        """
        files = _files_of(getattr(self.source, "raw", self.source))
        digest = hashlib.blake2b(digest_size=16)
        try:
            for file in files:
                record = file.stat()
                digest.update(f"{file.name}|{record.st_size}|{record.st_mtime_ns};".encode())
        except OSError:
            return ""
        return digest.hexdigest() if files else ""

    @cached_property
    def keeps_background(self) -> bool:
        """Whether the static background is still in the patterns: their mean looks like it.

        Programs keep a detector's background beside patterns from which they took it off already (kikuchipy's
        ``remove_static_background`` and ``save``), and taken off twice it is printed into every pattern. Measured on
        nickel and simulated scans, the correlation of a scan's mean with the background is 0.91 to 1.00 before and -0.2
        to 0.63 after; single patterns have their bands in the mean, 0.44 to 1.00 before and -0.2 to 0.55 after.
        """
        if self.static_background is None:
            return False
        mean = self.mean_pattern(_BACKGROUND_PATTERNS)
        background = np.nan_to_num(np.asarray(self.static_background, np.float64))
        if background.shape != mean.shape or not (np.std(background) > 0 and np.std(mean) > 0):
            return False
        likeness = float(np.corrcoef(mean.ravel(), background.ravel())[0, 1])
        return likeness >= (_LIKE_BACKGROUND if self.n >= _SEVERAL else _LIKE_BACKGROUND_ALONE)

    def fingerprint(self) -> str:
        """Hash of what this scan is: sizes, grid, data type, and its first, middle and last pattern.

        The same scan in another folder has the same fingerprint.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        digest = hashlib.blake2b(digest_size=16)
        # Filtered with its neighbours or not, it is the same scan.
        source = getattr(self.source, "raw", self.source)
        parts = [self.n, self.signal_shape, np.dtype(source.dtype).str, self.shape, *self.source.identity()]
        digest.update("|".join(map(str, parts)).encode())
        digest.update(np.ascontiguousarray(self.row, np.int64).tobytes())
        digest.update(np.ascontiguousarray(self.col, np.int64).tobytes())
        for index in sorted({0, self.n // 2, self.n - 1}):
            digest.update(np.ascontiguousarray(source.read(np.array([index]))).tobytes())
        return digest.hexdigest()

    def outline(self) -> str:
        """Hash of the names of all files, grid, shape and type, without any pattern: what mending a file leaves alone.

        Returns
        -------
        str
            32 hexadecimal digits.
        """
        source = getattr(self.source, "raw", self.source)
        parts = [self.n, self.signal_shape, np.dtype(source.dtype).str, self.shape]
        digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=16)
        for place in (self.row, self.col):
            digest.update(np.ascontiguousarray(place, np.int64).tobytes())
        for file in _files_of(source):
            digest.update(f"{file.name};".encode())
        return digest.hexdigest()


def _files_of(source: Any) -> list[Path]:
    files = getattr(source, "files", None)
    if files is not None:
        return [files[i] for i in range(len(files))]
    path = getattr(source, "path", None)
    return [] if path is None else [Path(path)]


def joined_notes(*notes: str | None) -> dict[str, str]:
    """Return the notes there are as an entry of a scan's metadata, an empty dictionary where there is none."""
    record = [note for note in notes if note]
    return {"note": "; ".join(record)} if record else {}


def _shown(record: Any) -> Any:
    """Return what a file says with all text in it as `printable` has it."""
    if isinstance(record, str):
        return printable(record, keep="\n\t")
    if isinstance(record, dict):
        return {_shown(name): _shown(value) for name, value in record.items()}
    return [_shown(value) for value in record] if isinstance(record, list) else record


def stem_of(path: Path) -> str:
    """Name of a file or folder without its last suffix, never empty."""
    return path.stem or path.name or "scan"
