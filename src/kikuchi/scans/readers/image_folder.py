"""A scan kept as one image per pattern."""

import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.aztec_tag import aztec_geometry, aztec_metadata
from kikuchi.scans.readers.grain_list import GrainList
from kikuchi.scans.readers.image_files import ImageFiles
from kikuchi.scans.readers.images import IMAGE_SUFFIXES, image_header, read_image
from kikuchi.scans.readers.placement import place_images
from kikuchi.scans.scan import Scan, joined_notes, stem_of

if TYPE_CHECKING:
    from orix.crystal_map import CrystalMap

#: NORDIF's static background lies among the patterns.
BACKGROUND_NAME = "Background acquisition pattern.bmp"
# AZtec's names of pictures of the sample, and the pictures that `map` and `fit` write.
_OTHER_PICTURE = re.compile(
    r"(?:(?:electron|fsd|bse|se|sem|forescatter\w*|layered) image\b.*"
    r"|(?:phase|entropy|confidence|status|members|pooled|losses)\.png$)",
    re.IGNORECASE,
)
#: So many headers are compared on opening; the others when they are read.
_CHECKED = 2000


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

    def __init__(self, files: ImageFiles) -> None:
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


def images_in(folder: Path) -> ImageFiles:
    """Image files directly in a folder, a static background left out."""
    return ImageFiles.in_folder(folder, _image_names(folder))


def _image_names(folder: Path) -> Iterator[str]:
    # One entry at a time: a list of a million entries would be the largest thing in memory.
    with os.scandir(folder) as entries:
        for entry in entries:
            name = entry.name
            wanted = PurePath(name).suffix.lower() in IMAGE_SUFFIXES and name != BACKGROUND_NAME
            if wanted and (entry.is_file(follow_symlinks=False) or Path(folder, name).is_file()):
                yield name


def open_images(files: ImageFiles, path: Path, shape: tuple[int, int] | None = None) -> Scan:
    """Open images, one a pattern, as a scan; their places are those of ``place_images``.

    Parameters
    ----------
    files
        The images, in any order.
    path
        What the user named: file, folder or glob.
    shape
        Rows and columns of the grid, where names and lists do not say.

    Raises
    ------
    InputError
        If no image can be read, two differ in size or data type, two lie at one place, a grain list is damaged, or
        there are not as many images as ``shape`` wants.
    """
    files, left_out = _patterns_among(files)
    placement = place_images(files, shape)
    source = ImagePatterns(placement.files)
    grid, points = placement.grid, placement.points
    metadata: dict[str, object] = {"format": "images", "grid": "hexagonal" if grid.hexagonal else "square"}
    metadata |= joined_notes(placement.note, left_out)
    first = next(i for i in range(source.n) if i not in source.problems)
    aztec = aztec_metadata(source.files[first])
    if aztec:
        metadata["aztec"] = aztec
    voltage, tilt, centre = aztec_geometry(aztec, source.signal_shape)
    folder = files[0].parent
    return Scan(
        name=stem_of(path if path.exists() else folder),
        path=path,
        source=source,
        row=grid.row,
        col=grid.col,
        x=placement.x,
        y=placement.y,
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


def _patterns_among(files: ImageFiles) -> tuple[ImageFiles, str | None]:
    """Leave out pictures that are no patterns where there are others: the sample's own, and those that `map` writes."""
    other = np.fromiter((_OTHER_PICTURE.match(name) is not None for name in files.names()), bool, len(files))
    if not other.any() or other.all():
        return files, None
    named = files.name(int(np.flatnonzero(other)[0]))
    count = int(other.sum())
    note = (
        f"{named} is no pattern and left out"
        if count == 1
        else f"{count} pictures such as {named} are left out"
    )
    return files.take(np.flatnonzero(~other)), note


def _crystal_map(points: GrainList) -> "CrystalMap | None":
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
