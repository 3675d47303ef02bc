"""Labelled patterns: materials with their space groups and scans."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ensemble.errors import InputError, printable
from kikuchi._support.text import read_toml
from kikuchi.scans.opening import open_scan
from kikuchi.scans.preparation import Preparation, background_for, prepare
from kikuchi.scans.scan import Scan

_CHUNK = 512


@dataclass(frozen=True, eq=False)
class Material:
    """One material of a dataset: patterns that share a label.

    Parameters
    ----------
    name
        Name of the material, unique in its dataset.
    space_group
        Number of its space group, 1 to 230.
    scan
        Where its patterns are.
    phase
        Take only the points of that phase in the scan's own list; None takes all points.
    pattern_centre
        (PCx, PCy, PCz) in Bruker's convention; the scan's own where None.
    points
        Take only these points of the scan, whatever its own list says; None takes all.

    Raises
    ------
    InputError
        If the space group or a point does not exist, the phase is not in the scan, or the scan has several phases
        and none is chosen.
    """

    name: str
    space_group: int
    scan: Scan
    phase: str | None = None
    pattern_centre: tuple[float, float, float] | None = None
    points: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))
        if self.phase is not None:
            object.__setattr__(self, "phase", printable(self.phase))
        if not 1 <= self.space_group <= 230:
            raise InputError(f"material {self.name!r} has space group {self.space_group}", remedy="1 to 230")
        if self.points is not None:
            outside = [p for p in self.points if not 0 <= p < self.scan.n]
            if outside or not self.points:
                raise InputError(
                    f"has no point {outside[0]}" if outside else f"no point is {self.name!r}",
                    path=self.scan.path,
                    remedy=f"points are 0 to {self.scan.n - 1}",
                )
            return
        names = self.scan.phase_names
        known = [] if names is None else sorted({str(name) for name in names if name})
        if self.phase is None and len(known) > 1:
            raise InputError(
                f"holds the phases {', '.join(known)}",
                path=self.scan.path,
                remedy=f"say which one material {self.name!r} is: phase = {known[0]!r}",
            )
        if self.phase is not None and self.phase not in known:
            raise InputError(
                f"has no phase {self.phase!r}, asked for by material {self.name!r}",
                path=self.scan.path,
                remedy=f"its phases are {', '.join(known)}" if known else "it has no phases: leave phase out",
            )

    @cached_property
    def indices(self) -> np.ndarray:
        """Indices in the scan of this material's patterns, ascending."""
        if self.points is not None:
            return np.unique(self.points)
        if self.phase is None or self.scan.phase_names is None:
            return np.arange(self.scan.n)
        return np.flatnonzero(self.scan.phase_names == self.phase)


class Dataset:
    """Patterns of some materials, one after the other, each with its label.

    Parameters
    ----------
    materials
        The materials, in order.
    path
        The file that they were read from, for messages.
    strangers
        Crystals that are none of the classes: members are never trained on them, and a fit sets by them what is
        unfamiliar. They are no part of the patterns and labels above.

    Raises
    ------
    InputError
        If there is no material, two have one name, two take the same points, or a stranger is of a class.
    """

    def __init__(
        self, materials: Sequence[Material], path: Path | None = None, strangers: Sequence[Material] = ()
    ) -> None:
        self.materials = tuple(materials)
        self.path = path
        self.strangers = tuple(strangers)
        if not self.materials:
            raise InputError(
                "has no material", path=path, remedy="add a [[material]] with name, space_group, scan"
            )
        seen: dict[object, str] = {}
        for material in (*self.materials, *self.strangers):
            scan = material.scan
            # Scans made of arrays have no file to distinguish them.
            source = scan.path.absolute() if scan.path.exists() else id(scan.source)
            part = getattr(
                getattr(scan.source, "raw", scan.source), "dataset", None
            )  # of several in one file
            taken = (source, part, material.phase, material.points)
            for key, what in ((material.name, "name"), (taken, "scan")):
                if key in seen:
                    raise InputError(
                        f"materials {seen[key]!r} and {material.name!r} have the same {what}",
                        path=path,
                        remedy="remove one of them or choose another phase",
                    )
                seen[key] = material.name
        if known := sorted({m.space_group for m in self.strangers} & {m.space_group for m in self.materials}):
            raise InputError(
                f"a stranger of space group {known[0]}, which is a class", path=path, remedy="leave it out"
            )
        sizes = [len(material.indices) for material in self.materials]
        self.material = np.repeat(np.arange(len(sizes)), sizes)
        self.index = np.concatenate([material.indices for material in self.materials])
        self.space_group = np.repeat([material.space_group for material in self.materials], sizes)

    def __len__(self) -> int:
        return len(self.material)

    @property
    def n(self) -> int:
        """Number of patterns."""
        return len(self.material)

    @property
    def classes(self) -> tuple[int, ...]:
        """Space groups of the dataset, ascending."""
        return tuple(sorted({material.space_group for material in self.materials}))

    def labels(self, classes: Sequence[int]) -> np.ndarray:
        """Class index of every pattern, (N,), -1 for a space group that is not in ``classes``."""
        place = {group: k for k, group in enumerate(classes)}
        return np.array([place.get(material.space_group, -1) for material in self.materials])[self.material]

    def iter_patterns(
        self, positions: np.ndarray | None = None
    ) -> Iterator[tuple[np.ndarray, int, np.ndarray]]:
        """Yield (positions, material, patterns), at most 512 patterns of one material at a time.

        Parameters
        ----------
        positions
            Which of the dataset's patterns, (n,); all where None. Materials come in order, whatever the order here.
        """
        wanted = np.arange(self.n) if positions is None else np.asarray(positions)
        for number, material in enumerate(self.materials):
            here = np.sort(wanted[self.material[wanted] == number])
            for start in range(0, len(here), _CHUNK):
                chunk = here[start : start + _CHUNK]
                yield chunk, number, material.scan.read(self.index[chunk])

    def prepared(self, positions: np.ndarray, preparation: Preparation) -> np.ndarray:
        """Prepare some patterns, (n, size, size) float32 in the order of ``positions``."""
        positions = np.asarray(positions)
        order = np.argsort(positions, kind="stable")
        ordered = positions[order]
        patterns = np.empty((len(positions), preparation.size, preparation.size), np.float32)
        backgrounds: dict[int, np.ndarray | None] = {}
        for chunk, number, raw in self.iter_patterns(np.unique(positions)):
            if number not in backgrounds:
                backgrounds[number] = background_for(self.materials[number].scan, preparation)
            ready = prepare(raw, preparation, backgrounds[number])
            here = slice(*np.searchsorted(ordered, [chunk[0], chunk[-1] + 1]))
            patterns[order[here]] = ready[np.searchsorted(chunk, ordered[here])]
        return patterns


def contradictions(dataset: Dataset) -> list[str]:
    """Say which materials have another space group in their scan's own list of phases than in the dataset.

    Returns
    -------
    list of str
        One clause a material; empty where nothing contradicts.
    """
    found = []
    for material in dataset.materials:
        record = material.scan.space_groups
        if record is None:
            continue
        own = np.asarray(record)[material.indices]
        others = own[(own > 0) & (own != material.space_group)]
        if len(others):
            numbers = ", ".join(str(g) for g in np.unique(others))
            found.append(
                f"material {material.name!r} is labelled {material.space_group}, and its scan says {numbers} of "
                f"{len(others)} of its {len(own)} patterns"
            )
    return found


def refuse_or_say(found: Sequence[str], path: Path | None, force: bool, say: Callable[[str], None]) -> None:
    """Refuse labels that contradict what is known of the patterns; say so only where the user insists.

    Raises
    ------
    InputError
        Something contradicts, and the user does not insist.
    """
    if found and not force:
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        raise InputError(
            f"labels contradict the patterns: {found[0]}{more}",
            path=path,
            remedy="correct the label or, if the scan's own list is wrong, give --force",
        )
    for line in found:
        say(f"note: {line}; --force: the label is taken")


class _MaterialEntry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=200)
    space_group: int = Field(ge=1, le=230)
    scan: str = Field(min_length=1, max_length=4096)
    pattern_centre: list[float | int] | None = Field(default=None, min_length=3, max_length=3)
    phase: str | None = Field(default=None, min_length=1)
    shape: list[int] | None = Field(default=None, min_length=2, max_length=2)
    scan_name: str | None = Field(default=None, min_length=1, max_length=1000)


class _DatasetFile(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    material: list[_MaterialEntry] = Field(min_length=1)
    stranger: list[_MaterialEntry] = []


def load_dataset(path: str | Path) -> Dataset:
    """Open a dataset file.

    Parameters
    ----------
    path
        TOML with one ``[[material]]`` each: ``name``, ``space_group``, ``scan`` (file, folder or glob, relative to
        the TOML), and if wanted ``pattern_centre``, ``phase``, ``shape`` (rows and columns of the scan's grid) and
        ``scan_name`` (which scan of several in one file). A ``[[stranger]]`` has the same keys, and is of none of the
        materials' space groups.

    Returns
    -------
    Dataset
        The dataset, its scans open.

    Raises
    ------
    InputError
        If the file or a scan is missing or damaged, a key is unknown or wrong, or materials repeat.
    """
    path = Path(path)
    tables = read_toml(
        path,
        "dataset",
        remedy="a dataset is a TOML file: for each [[material]] its name, space_group and scan",
    )
    try:
        file = _DatasetFile.model_validate(tables)
    except ValidationError as error:
        raise _explain(error, path) from None
    return Dataset(
        [_material(e, path) for e in file.material], path, [_material(e, path) for e in file.stranger]
    )


def _material(entry: _MaterialEntry, path: Path) -> Material:
    centre = None if entry.pattern_centre is None else tuple(map(float, entry.pattern_centre))
    if any(letter < " " for letter in entry.scan):
        raise InputError(
            f"the scan of {entry.name!r} is {entry.scan!r}: a backslash and a letter stand for one sign in TOML",
            path=path,
            remedy="write paths with / or in 'single quotes'",
        )
    shape = None if entry.shape is None else (entry.shape[0], entry.shape[1])
    scan = open_scan(path.parent / entry.scan, shape, entry.scan_name)
    return Material(entry.name, entry.space_group, scan, entry.phase, centre)  # type: ignore[arg-type]


def _explain(error: ValidationError, path: Path) -> InputError:
    """Turn the first of pydantic's complaints into one line."""
    # A key misspelt is unknown and missing: the first message helps more.
    complaints = error.errors()
    first = next((c for c in complaints if c["type"] == "extra_forbidden"), complaints[0])
    place = ".".join(str(part + 1 if isinstance(part, int) else part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        what = f"unknown key {place}"
    elif first["type"] == "missing":
        what = f"missing key {place}"
    else:
        what = f"{place}: {first['msg'].lower()}, not {str(first['input'])[:80]!r}"
    known = ", ".join(_MaterialEntry.model_fields)
    return InputError(what, path=path, remedy=f"a [[material]] has {known}")
