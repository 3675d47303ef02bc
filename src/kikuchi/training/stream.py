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
    batch_with_targets,
    labelled_batch,
    real_detector,
    real_microscope,
    varied_detector,
    varied_microscope,
)

#: Space groups of point group m-3m.
M_3M = range(221, 231)

#: Overlaps are made of patterns of epochs that no training reaches.
_OVERLAPS = 10_000_000

MASTER_FILES = (".npz", ".sht", ".h5")

#: From the contrast of real patterns (3 %) to ten times as much: what is only faint teaches nothing at first.
WIDE = varied_microscope().model_copy(
    update={"contrast": log_between(0.03, 0.3), "dose": log_between(1000, 20_000)}
)


@dataclass(frozen=True, eq=False)
class MasterStream:
    """Fresh patterns of some master patterns for every epoch.

    Classes are drawn by `class_sampling`, then a master of the class evenly; orientation, geometry and recording
    are drawn for every pattern. What comes depends on the seed, the epoch and the masters only.

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
    class_sampling
        How often each class comes, up to a common factor; equally often by default.
    strangers
        Master patterns of crystals that are none of the classes. Members learn to say of them, and of two crystals
        of different classes in one pattern, that every class is as likely as another (outlier exposure: Hendrycks,
        Mazeika & Dietterich, ICLR 2019); labels are then probabilities.
    stranger_share
        Share of an epoch's patterns that are such strangers and overlaps, half and half, in (0, 1).
    """

    masters: Sequence[MasterPattern]
    patterns: int = 6400
    detector: Detector = field(default_factory=varied_detector)
    microscope: Microscope = WIDE
    seed: int = 0
    classes: tuple[int, ...] = ()
    class_sampling: tuple[float, ...] = ()
    strangers: Sequence[MasterPattern] = ()
    stranger_share: float = 0.2

    def __post_init__(self) -> None:
        groups = tuple(sorted({m.space_group for m in self.masters}))
        if not self.classes:
            object.__setattr__(self, "classes", groups)
        if not set(groups) <= set(self.classes):
            unknown = sorted(set(groups) - set(self.classes))[0]
            raise InputError(f"master patterns of space group {unknown}, which is not among the classes")
        if missing := sorted(set(self.classes) - set(groups)):
            raise InputError(f"no master pattern of space group {missing[0]}", remedy="add one")
        if self.class_sampling and (
            len(self.class_sampling) != len(self.classes) or min(self.class_sampling) <= 0
        ):
            raise InputError(f"class_sampling of {len(self.classes)} classes takes as many positive numbers")
        if self.patterns < 1:
            raise InputError(f"{self.patterns} patterns an epoch teach nothing")
        if known := sorted({m.space_group for m in self.strangers} & set(self.classes)):
            raise InputError(f"a stranger of space group {known[0]}, which is a class", remedy="leave it out")
        if not 0 < self.stranger_share < 1:
            raise InputError(
                f"a share of strangers of {self.stranger_share}", remedy="between 0 and 1, e.g. 0.2"
            )

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
            class_sampling=self.class_sampling or None,
        )

    def prepared(
        self, epoch: int, preparation: Preparation, n: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return prepared patterns (n, size, size) float16, and their class indices (n,).

        With strangers the second is probabilities (n, K), 1 for the class of a known crystal and 1 / K each for what
        is none.
        """
        raw, labels = self.raw(epoch, n)
        if self.strangers:
            foreign = self.foreign(epoch, round(self.stranger_share * len(raw)))
            raw = np.concatenate([raw[: len(raw) - len(foreign)], foreign])
            k = len(self.classes)
            even = np.full((len(foreign), k), 1 / k, np.float32)
            labels = np.concatenate([np.eye(k, dtype=np.float32)[labels[: len(labels) - len(foreign)]], even])
        return prepare(raw, preparation).astype(np.float16), labels

    def foreign(self, epoch: int, n: int) -> np.ndarray:
        """Return patterns of strangers, and of two classes in one pattern, (n, rows, columns) uint8."""
        one, _ = labelled_batch(
            self.strangers,
            np.array([m.space_group for m in self.strangers]),
            n - n // 2,
            self.detector,
            self.microscope,
            [self.seed, epoch, 1],
        )
        first, of_first = self.raw(epoch + _OVERLAPS, 2 * n)
        second, of_second = np.roll(first, 1, axis=0), np.roll(of_first, 1)
        mixed = np.flatnonzero(of_first != of_second)[: n // 2]
        share = np.random.default_rng([self.seed, epoch, 2]).uniform(0.4, 0.6, (len(mixed), 1, 1))
        both = share * first[mixed] + (1 - share) * second[mixed]
        return np.concatenate([one, np.round(both).astype(np.uint8)])

    def with_targets(
        self, epoch: int, preparation: Preparation, cells: int, n: int | None = None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `prepared` does, and what the parts of the screen look at, (n, cells, cells, `TARGETS`).

        Raises
        ------
        InputError
            The screen is not square, or a class is not of point group m-3m.
        """
        if self.strangers:
            raise InputError(
                "strangers have another symmetry than the auxiliary task folds by",
                remedy="auxiliary_weight = 0",
            )
        if not set(self.classes) <= set(M_3M):
            other = next(c for c in self.classes if c not in M_3M)
            raise InputError(
                f"the auxiliary task folds directions by the symmetry of m-3m, and space group {other} has another",
                remedy="leave auxiliary_weight out of the recipe's [train]",
            )
        raw, labels, seen = batch_with_targets(
            self.masters,
            self.labels,
            n or self.patterns,
            self.detector,
            self.microscope,
            [self.seed, epoch],
            cells,
            class_sampling=self.class_sampling or None,
        )
        return prepare(raw, preparation).astype(np.float16), labels, seen

    def fingerprint(self) -> str:
        """Return a hash of everything that decides what comes."""
        digest = hashlib.sha256()
        for master in (*self.masters, *self.strangers):
            digest.update(f"{master.name};{master.space_group};{master.voltage_kv}".encode())
            digest.update(np.ascontiguousarray(master.north, np.float32).tobytes())
        settings: dict[str, Any] = {
            "patterns": self.patterns,
            "seed": self.seed,
            "classes": self.classes,
            "chances": self.class_sampling,  # its first name: unfinished fits are known by this hash
            "detector": self.detector.model_dump(mode="json"),
            "microscope": self.microscope.model_dump(mode="json"),
        }
        if self.strangers:
            settings["stranger_share"] = self.stranger_share
        digest.update(json.dumps(settings, sort_keys=True).encode())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Prepared:
    """A stream as members of one preparation see it: a function from the epoch to patterns and labels.

    With the auxiliary task it also returns what so many `cells` along a side of the screen look at.
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
        return self.stream.with_targets(epoch, self.preparation, self.cells)


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
        for name in ("detector", "microscope", "class_sampling")
        if (value := getattr(table, name)) is not None
    }
    if table.strangers is not None:
        chosen |= {"strangers": load_masters(table.strangers), "stranger_share": table.stranger_share}
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
