"""Training patterns without end: simulated while the last ones are learned, never the same twice."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.recipes.schema import StreamTable
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate.detector.distribution import log_between
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import (
    guided_batch,
    labelled_batch,
    real_detector,
    real_microscope,
    varied_detector,
    varied_microscope,
)

#: Space groups of point group m-3m.
M_3M = range(221, 231)

MASTER_FILES = (".npz", ".sht", ".h5")

#: From the contrast of real patterns (3 %) to ten times as much: what is only faint teaches nothing at first.
WIDE = varied_microscope().model_copy(
    update={"contrast": log_between(0.03, 0.3), "dose": log_between(1000, 20_000)}
)


@dataclass(frozen=True, eq=False)
class MasterStream:
    """Fresh patterns of some master patterns for every epoch.

    Classes are drawn by their chances, then a master of the class evenly; orientation, geometry and recording are
    drawn for every pattern. What comes depends on the seed, the epoch and the masters only.

    Parameters
    ----------
    masters
        Master patterns of at least two space groups.
    patterns
        How many an epoch has.
    detector, microscope
        What every pattern's recording is drawn from; by default everything varies widely, from real contrast up.
    seed
        The same seed gives the same epochs, whatever the number of threads.
    classes
        Space groups whose indices are the labels; those of the masters by default.
    chances
        How often each class comes, up to a common factor; equally often by default.
    """

    masters: Sequence[MasterPattern]
    patterns: int = 6400
    detector: Detector = field(default_factory=varied_detector)
    microscope: Microscope = WIDE
    seed: int = 0
    classes: tuple[int, ...] = ()
    chances: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        groups = tuple(sorted({m.space_group for m in self.masters}))
        if not self.classes:
            object.__setattr__(self, "classes", groups)
        if not set(groups) <= set(self.classes):
            unknown = sorted(set(groups) - set(self.classes))[0]
            raise InputError(f"master patterns of space group {unknown}, which is not among the classes")
        if missing := sorted(set(self.classes) - set(groups)):
            raise InputError(f"no master pattern of space group {missing[0]}", remedy="add one")
        if self.chances and (len(self.chances) != len(self.classes) or min(self.chances) <= 0):
            raise InputError(f"chances of {len(self.classes)} classes take as many positive numbers")
        if self.patterns < 1:
            raise InputError(f"{self.patterns} patterns an epoch teach nothing")

    @cached_property
    def labels(self) -> np.ndarray:
        """Class index of every master pattern."""
        return np.array([self.classes.index(m.space_group) for m in self.masters])

    def raw(self, epoch: int, n: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return patterns as recorded (n, rows, columns) uint8, and their class indices (n,)."""
        return labelled_batch(
            self.masters,
            self.labels,
            n or self.patterns,
            self.detector,
            self.microscope,
            [self.seed, epoch],
            chances=self.chances or None,
        )

    def prepared(
        self, epoch: int, preparation: Preparation, n: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return prepared patterns (n, size, size) float16, and their class indices (n,)."""
        raw, labels = self.raw(epoch, n)
        return prepare(raw, preparation).astype(np.float16), labels

    def guided(
        self, epoch: int, preparation: Preparation, cells: int, n: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `prepared` does, and what the parts of the screen look at, (n, cells, cells, `SIGHTS`).

        Raises
        ------
        InputError
            The screen is not square, or a class is not of point group m-3m.
        """
        if not set(self.classes) <= set(M_3M):
            other = next(c for c in self.classes if c not in M_3M)
            raise InputError(
                f"guidance folds directions by the symmetry of m-3m, and space group {other} has another",
                remedy="leave guidance out of the recipe's [train]",
            )
        raw, labels, seen = guided_batch(
            self.masters,
            self.labels,
            n or self.patterns,
            self.detector,
            self.microscope,
            [self.seed, epoch],
            cells,
            chances=self.chances or None,
        )
        return prepare(raw, preparation).astype(np.float16), labels, seen

    def fingerprint(self) -> str:
        """Return a hash of everything that decides what comes."""
        digest = hashlib.sha256()
        for master in self.masters:
            digest.update(f"{master.name};{master.space_group};{master.voltage_kv}".encode())
            digest.update(np.ascontiguousarray(master.north, np.float32).tobytes())
        settings: dict[str, Any] = {
            "patterns": self.patterns,
            "seed": self.seed,
            "classes": self.classes,
            "chances": self.chances,
            "detector": self.detector.model_dump(mode="json"),
            "microscope": self.microscope.model_dump(mode="json"),
        }
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A stream as members of one preparation see it: a function from the epoch to patterns and labels.

    Under guidance it also tells what so many `cells` along a side of the screen look at.
    """

    stream: MasterStream
    preparation: Preparation
    cells: int | None = None

    def for_member(self, seed: int, cells: int | None = None) -> "Prepared":
        """Return the stream of one member: members that see different patterns err differently."""
        return replace(self, stream=replace(self.stream, seed=seed), cells=cells)

    def __call__(
        self, epoch: int
    ) -> tuple[np.ndarray, np.ndarray] | tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return patterns (n, size, size) float16, class indices (n,) of an epoch, from 1 on, and what is seen."""
        if self.cells is None:
            return self.stream.prepared(epoch, self.preparation)
        return self.stream.guided(epoch, self.preparation, self.cells)


def recipe_stream(table: StreamTable, classes: Sequence[int], seed: int) -> MasterStream:
    """Open the stream that a recipe asks for.

    Parameters
    ----------
    table
        The recipe's ``[stream]``.
    classes
        Space groups of the dataset; there must be a master pattern of each, and of no other.
    seed
        Of the fit.

    Raises
    ------
    InputError
        The folder holds no masters, or those of other space groups.
    """
    masters = load_masters(table.masters)
    real = {"detector": real_detector(), "microscope": real_microscope()}
    chosen: dict[str, Any] = real if table.recording == "real" else {}
    chosen |= {
        name: value
        for name in ("detector", "microscope", "chances")
        if (value := getattr(table, name)) is not None
    }
    try:
        return MasterStream(masters, table.patterns, seed=seed, classes=tuple(map(int, classes)), **chosen)
    except InputError as error:
        raise InputError(
            error.what, path=table.masters, remedy="masters and dataset must share their groups"
        ) from None


def load_masters(folder: str | Path, *, half_size: int = 50) -> list[MasterPattern]:
    """Load every master pattern of a folder, in the order of their names.

    Parameters
    ----------
    folder
        With ``.npz``, ``.sht`` and ``.h5`` files as `kikuchi.simulate.load_master` reads them.
    half_size
        Pixels from pole to edge of masters whose files have no pixels of their own (``.sht``).

    Raises
    ------
    InputError
        There is none, or one cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such folder of master patterns", path=folder)
    found = sorted(p for p in folder.iterdir() if p.suffix.lower() in MASTER_FILES)
    if not found:
        raise InputError("holds no master pattern", path=folder, remedy="give .npz, .sht or .h5 files")
    return [load_master(path, half_size=half_size) for path in found]
