"""A scan kept as one image per pattern."""

import re
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.aztec_tag import aztec_geometry, aztec_metadata
from kikuchi.scans.grain_list import GRAIN_LIST_NAME, GrainList, read_grain_list
from kikuchi.scans.grid import Grid, full_grid, grid_from_positions
from kikuchi.scans.images import IMAGE_SUFFIXES, image_header, read_image
from kikuchi.scans.scan import Scan, stem_of

#: NORDIF's static background lies among the patterns.
BACKGROUND_NAME = "Background acquisition pattern.bmp"
#: So many headers are compared on opening; the others when they are read.
_CHECKED = 2000
_POSITION = re.compile(r"(?:_x(\d{1,9})_?y(\d{1,9})|-(\d{1,9})-(\d{1,9}))$", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,15})$")


class ImagePatterns:
    """Patterns in image files, each read when it is asked for.

    Parameters
    ----------
    files
        One image per pattern, in scan order.

    Raises
    ------
    InputError
        If no image can be read or two differ in size or data type.
    """

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.problems: dict[int, str] = {}
        self.n = len(files)
        self._pattern_of = files[0]
        header = None
        spread = np.unique(np.linspace(0, self.n - 1, min(self.n, _CHECKED)).astype(int))
        for index in map(int, spread):
            try:
                found = image_header(files[index])
            except InputError as error:
                self.problems[index] = error.what
                continue
            if header is None:
                header, self._pattern_of = found, files[index]
                self.signal_shape, self.dtype = header
            self._check_same(found, files[index])
        if header is None:
            raise InputError(
                self.problems[0],
                path=files[0],
                remedy="export the image again"
                if self.n == 1
                else f"none of the {self.n} images can be read",
            )

    def _check_same(self, header: tuple[tuple[int, int], np.dtype], file: Path) -> None:
        if header[0] != self.signal_shape:
            (sy, sx), (ty, tx) = self.signal_shape, header[0]
            raise InputError(
                f"{self._pattern_of.name} has {sx} x {sy} pixels and {file.name} has {tx} x {ty}",
                path=file.parent,
                remedy="keep images of one size in a folder",
            )
        if header[1] != self.dtype:
            raise InputError(
                f"{self._pattern_of.name} is {self.dtype} and {file.name} is {header[1]}",
                path=file.parent,
                remedy="export all images with the same bit depth",
            )

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx); zeros for one that cannot be read."""
        patterns = np.zeros((len(indices), *self.signal_shape), self.dtype)
        for place, index in enumerate(map(int, indices)):
            try:
                pattern = read_image(self.files[index])
            except InputError as error:
                self.problems[index] = error.what
                continue
            self._check_same((pattern.shape, pattern.dtype), self.files[index])
            patterns[place] = pattern
        return patterns

    def identity(self) -> list[str]:
        """Names and sizes of the first, the middle and the last file."""
        chosen = (self.files[i] for i in sorted({0, self.n // 2, self.n - 1}))
        return [part for file in chosen for part in (file.name, str(file.stat().st_size))]


def images_in(folder: Path) -> list[Path]:
    """Image files directly in a folder, a static background left out."""
    return [
        file
        for file in folder.iterdir()
        if file.suffix.lower() in IMAGE_SUFFIXES and file.name != BACKGROUND_NAME and file.is_file()
    ]


def open_images(files: list[Path], path: Path) -> Scan:
    """Open images, one a pattern, as a scan.

    Positions come from names (``_x5y10`` or ``-5-10``: column and row), else from ``Grain List.txt`` beside the
    images: AZtec's names end in a number that counts from 1, its IDs count from 0. Without either the patterns
    are a line in the order of their numbers.

    Parameters
    ----------
    files
        The images, in any order.
    path
        What the user named: file, folder or glob.

    Raises
    ------
    InputError
        If no image can be read, two differ in size or data type, two lie at one place, or a grain list is damaged.
    """
    files = sorted(files, key=_natural_order)
    numbers = [_number_of(file) for file in files]
    positions = [_position_of(file) for file in files]
    folder = files[0].parent
    points: GrainList | None = None
    metadata: dict[str, object] = {"format": "images"}
    x = y = None
    if None not in positions and len(files) > 1:
        x, y = (np.array(values, dtype=float) for values in zip(*positions, strict=True))  # type: ignore[misc]
    elif (folder / GRAIN_LIST_NAME).is_file() and None not in numbers:
        points, order = _match(read_grain_list(folder / GRAIN_LIST_NAME), numbers)  # type: ignore[arg-type]
        if points is None:
            metadata["note"] = f"no image matches a point of {GRAIN_LIST_NAME}"
        else:
            if len(order) < len(files):
                metadata["note"] = f"{len(files) - len(order)} images have no point in {GRAIN_LIST_NAME}"
            files = [files[i] for i in order]
            x, y = points.x, points.y
    source = ImagePatterns(files)
    grid = full_grid(1, len(files))
    if x is not None and y is not None:
        grid = _grid(x, y, files, metadata)
        if points is None:  # numbers in names count columns and rows, which need not start at 0
            x, y = grid.col * 1.0, grid.row * 1.0
        scan_order = np.lexsort((grid.col, grid.row))
        x, y = x[scan_order], y[scan_order]
        points = _take(points, scan_order)
        grid = Grid(grid.row[scan_order], grid.col[scan_order], grid.shape, grid.step, grid.hexagonal)
        source.files = [files[i] for i in scan_order]
        moved = np.argsort(scan_order)
        source.problems = {int(moved[i]): why for i, why in source.problems.items()}
    metadata["grid"] = "hexagonal" if grid.hexagonal else "square"
    first = next(i for i in range(source.n) if i not in source.problems)
    aztec = aztec_metadata(source.files[first])
    if aztec:
        metadata["aztec"] = aztec
    voltage, tilt, centre = aztec_geometry(aztec, source.signal_shape)
    return Scan(
        name=stem_of(path if path.exists() else folder),
        path=path,
        source=source,
        row=grid.row,
        col=grid.col,
        x=grid.col * grid.step[1] if x is None else x,
        y=grid.row * grid.step[0] if y is None else y,
        shape=grid.shape,
        step=grid.step,
        voltage_kv=voltage,
        sample_tilt=tilt,
        pattern_centre=centre,
        xmap=None if points is None else _crystal_map(points),
        phase_names=None if points is None else points.phases,
        static_background=_background(folder, source.signal_shape),
        metadata=metadata,
    )


def _grid(x: np.ndarray, y: np.ndarray, files: list[Path], metadata: dict[str, object]) -> Grid:
    places, counts = np.unique(np.stack([y, x]), axis=1, return_counts=True)
    if np.any(counts > 1):
        k = int(np.argmax(counts > 1))
        twins = np.flatnonzero((y == places[0, k]) & (x == places[1, k]))[:2]
        raise InputError(
            f"{files[twins[0]].name} and {files[twins[1]].name} lie at the same place",
            path=files[0].parent,
            remedy="keep one image per point in a folder",
        )
    grid = grid_from_positions(x, y)
    if grid is None:
        metadata["note"] = "the positions lie on no grid; the patterns are shown as a line"
        return full_grid(1, len(files))
    return grid


def _match(points: GrainList, numbers: list[int]) -> tuple[GrainList | None, np.ndarray]:
    """Points of the images with these numbers, and which images have one; number = ID + 1."""
    wanted = np.array(numbers) - 1
    by_id = np.argsort(points.ids)
    found = np.minimum(np.searchsorted(points.ids[by_id], wanted), len(by_id) - 1)
    known = np.flatnonzero(points.ids[by_id[found]] == wanted)
    if known.size == 0:
        return None, known
    return _take(points, by_id[found[known]]), known


def _take(points: GrainList | None, order: np.ndarray) -> GrainList | None:
    if points is None:
        return None
    return GrainList(
        points.ids[order],
        points.x[order],
        points.y[order],
        None if points.phases is None else points.phases[order],
        None if points.euler is None else points.euler[order],
    )


def _crystal_map(points: GrainList):  # type: ignore[no-untyped-def]
    """Orientations and phases of a grain list as an orix CrystalMap, or None where it has no angles."""
    if points.euler is None:
        return None
    from orix.crystal_map import CrystalMap, PhaseList
    from orix.quaternion import Rotation

    names = np.full(len(points.ids), "unknown", object) if points.phases is None else points.phases
    known = sorted({name for name in names if name})
    phase_id = np.array([known.index(name) if name else -1 for name in names])
    return CrystalMap(
        rotations=Rotation.from_euler(points.euler, degrees=True),
        phase_id=phase_id,
        x=points.x,
        y=points.y,
        phase_list=PhaseList(names=known, ids=list(range(len(known)))) if known else None,
        scan_unit="um",
    )


def _background(folder: Path, signal_shape: tuple[int, int]) -> np.ndarray | None:
    file = folder / BACKGROUND_NAME
    if not file.is_file():
        return None
    background = read_image(file)
    return background if background.shape == signal_shape else None


def _number_of(file: Path) -> int | None:
    match = _NUMBER.search(file.stem)
    return int(match[1]) if match else None


def _position_of(file: Path) -> tuple[int, int] | None:
    match = _POSITION.search(file.stem)
    if match is None:
        return None
    x, y = (int(number) for number in match.groups() if number is not None)
    return x, y


def _natural_order(file: Path) -> list[tuple[int, int, str]]:
    """Sort key by which ``a_10`` comes after ``a_9``."""
    parts = re.split(r"(\d{1,15})", file.name.lower())
    return [(0, int(part), "") if part.isdecimal() else (1, 0, part) for part in parts if part]
