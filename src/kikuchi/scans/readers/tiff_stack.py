"""Patterns kept as the pages of one TIFF file, or one after the other behind a single page.

Programs that write more than 4 GB (ImageJ) or skip the pages (tifffile) leave a single page and say in its description
how many images follow its pixels. Series that tifffile makes of pages are not used: some of them open other files.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.grid import UNTOLD_GRID, full_grid, given_grid
from kikuchi.scans.readers.images import as_grey, read_page
from kikuchi.scans.readers.limits import MAX_GRID, check_grid_size, check_pattern_size
from kikuchi.scans.scan import Scan, joined_notes, stem_of


@dataclass(frozen=True)
class Stack:
    """Images of a TIFF file that are its patterns.

    Parameters
    ----------
    pages
        Page of each, (n,), or the only page, (1,), behind whose pixels the others follow.
    n
        How many patterns.
    left_out
        Pages of other sizes or types.
    grid
        Rows and columns, where the file describes two dimensions of images.
    """

    pages: np.ndarray
    n: int
    left_out: int = 0
    grid: tuple[int, int] | None = None


class TiffPages:
    """Patterns in a TIFF file, each read when it is asked for.

    Parameters
    ----------
    path
        The file.
    stack
        Which images.
    signal_shape, dtype
        Size and data type of each.
    """

    def __init__(self, path: Path, stack: Stack, signal_shape: tuple[int, int], dtype: np.dtype) -> None:
        self.path = path
        self.stack = stack
        self.n = stack.n
        self.signal_shape = signal_shape
        self.dtype = dtype
        self.problems: dict[int, str] = {}
        self._tiff: Any = None
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_tiff": None}

    def _open(self) -> Any:
        import tifffile

        # Finding a page walks through those before it, so that the file stays open; a handle must not cross a fork.
        if self._tiff is None or self._process != os.getpid():
            self._tiff, self._process = tifffile.TiffFile(self.path), os.getpid()
        return self._tiff

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx); zeros for an image that cannot be read."""
        patterns = np.zeros((len(indices), *self.signal_shape), self.dtype)
        for place, index in enumerate(map(int, indices)):
            try:
                pixels = self._one(index)
                if pixels.shape != self.signal_shape:
                    raise ValueError(f"page {index} is of another size")
                patterns[place] = pixels
            except Exception as error:  # tifffile raises a dozen types on damaged pages
                self.problems[index] = (str(error).splitlines() or [type(error).__name__])[0][:200]
        return patterns

    def _one(self, index: int) -> np.ndarray:
        tiff = self._open()
        if len(self.stack.pages) == self.n:
            return as_grey(read_page(tiff.pages[int(self.stack.pages[index])]))
        page = tiff.pages[int(self.stack.pages[0])]
        dtype = np.dtype(tiff.byteorder + page.dtype.str[1:])
        size = int(np.prod(page.shape)) * dtype.itemsize
        with self.path.open("rb") as file:
            file.seek(page.dataoffsets[0] + index * size)
            content = file.read(size)
        if len(content) < size:
            raise ValueError("the file ends before it")
        stored = np.frombuffer(content, dtype).reshape(page.shape).astype(page.dtype)
        return as_grey(read_page(page, stored))

    def identity(self) -> list[str]:
        """Size of the file."""
        return [str(self.path.stat().st_size)]


def stack_in(path: Path) -> Stack:
    """Find the patterns among the images of a TIFF file: the largest number of one size and type.

    Where no two pages are alike, as in a pyramid, the file is the image that its first page is.
    """
    import tifffile

    one = Stack(np.zeros(1, np.int64), 1)
    try:
        with tifffile.TiffFile(path) as tiff:
            kinds: dict[object, list[int]] = {}
            offsets = set()
            for number, page in enumerate(tiff.pages):
                # A damaged file's chain of pages may be a ring.
                if page.offset in offsets or number >= MAX_GRID:
                    return one
                offsets.add(page.offset)
                if _is_image(page):
                    kinds.setdefault((page.shape, page.dtype), []).append(number)
            if not kinds:
                return one
            chosen = max(kinds.values(), key=len)
            if len(offsets) == 1:
                return Stack(np.zeros(1, np.int64), _images_behind(tiff), 0, _described_grid(tiff))
            if len(chosen) == 1:
                return one
            return Stack(np.array(chosen), len(chosen), len(offsets) - len(chosen), _described_grid(tiff))
    except InputError:
        raise
    except Exception:  # a damaged file is reported where it is read
        return one


def _is_image(page: Any) -> bool:
    shape = page.shape
    planar = len(shape) == 3 and shape[1:] == (page.imagelength, page.imagewidth)
    return page.dtype is not None and (len(shape) == 2 or planar or (len(shape) == 3 and shape[-1] in (3, 4)))


def _images_behind(tiff: Any) -> int:
    """Return the number of images in the description of a file's only page."""
    page = tiff.pages.first
    n = 1
    if tiff.is_imagej:
        n = int((tiff.imagej_metadata or {}).get("images", 1))
    elif tiff.is_shaped:
        shape = _shaped(tiff)
        if len(shape) > len(page.shape) and shape[-len(page.shape) :] == page.shape:
            n = int(np.prod(shape[: -len(page.shape)], dtype=np.int64))
    if n > 1 and (page.compression != 1 or not page.is_contiguous or page.bitspersample % 8):
        raise InputError(
            f"tells of {n} images behind a single compressed page",
            path=tiff.filehandle.path,
            remedy="save it as a TIFF of as many pages, or as single images",
        )
    return max(1, n)


def _shaped(tiff: Any) -> tuple[int, ...]:
    """Shape of all images that tifffile wrote into the description of the first page."""
    record: dict[str, Any] = (tiff.shaped_metadata or ({},))[0]
    return tuple(record.get("shape", ()))


def _described_grid(tiff: Any) -> tuple[int, int] | None:
    """Rows and columns where a file describes two dimensions of grey images, the slower one first."""
    sizes: list[int] = []
    if tiff.is_imagej:
        record = tiff.imagej_metadata or {}
        if int(record.get("channels", 1)) == 1:
            sizes = [int(record.get(name, 1)) for name in ("slices", "frames")]
    elif tiff.is_ome:
        text = str(tiff.ome_metadata)[:100_000]
        found = {axis: re.search(rf'\bSize{axis}="(\d{{1,9}})"', text) for axis in "CZT"}
        order = re.search(r'\bDimensionOrder="XY([CZT]{3})"', text)
        length = {axis: int(match[1]) if match else 1 for axis, match in found.items()}
        if length["C"] == 1 and order is not None:
            sizes = [length[axis] for axis in order[1] if axis != "C"]
    elif tiff.is_shaped and len(tiff.shaped_metadata or ()) == 1:
        page = tiff.pages.first
        shape = _shaped(tiff)
        leading = shape[: -len(page.shape)] if shape[-len(page.shape) :] == page.shape else ()
        sizes = [int(length) for length in leading[::-1] if length > 1]
    return (sizes[1], sizes[0]) if len(sizes) == 2 and min(sizes) > 1 else None


def open_tiff_stack(path: Path, stack: Stack, shape: tuple[int, int] | None = None) -> Scan:
    """Open the images of a TIFF file as a scan: on the grid given or described, else one row of points.

    Parameters
    ----------
    path
        ``.tif`` or ``.tiff``, images in scan order.
    stack
        What `stack_in` found.
    shape
        Rows and columns of the grid.

    Raises
    ------
    InputError
        If the grid does not hold as many points as there are images, or a size is beyond any scan's.
    """
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        page: Any = tiff.pages[int(stack.pages[0])]
        sides, dtype = (page.imagelength, page.imagewidth), np.dtype(page.dtype)
    if not all(isinstance(side, int) for side in sides):  # a damaged tag may hold several numbers
        raise InputError("has no size", path=path, remedy="export it again")
    signal_shape = (int(sides[0]), int(sides[1]))
    if dtype.kind not in "uif":
        raise InputError("has an unknown pixel type", path=path, remedy="export as 8 or 16 bit")
    check_pattern_size(*signal_shape, path)
    check_grid_size(1, stack.n, path)
    left_out = f"left out: {stack.left_out} of its pages, of another size or type" if stack.left_out else None
    if shape is not None:
        grid, note = given_grid(shape, stack.n, path), None
    elif stack.grid is not None and stack.grid[0] * stack.grid[1] == stack.n:
        grid = full_grid(*stack.grid)
        note = f"the two dimensions of its images, {stack.grid[0]} and {stack.grid[1]}, are taken as rows and columns"
    else:
        grid, note = full_grid(1, stack.n), UNTOLD_GRID
    x, y = grid.positions()
    return Scan(
        name=stem_of(path),
        path=path,
        source=TiffPages(path, stack, signal_shape, dtype),
        row=grid.row,
        col=grid.col,
        x=x,
        y=y,
        shape=grid.shape,
        step=grid.step,
        metadata={"format": "tiff stack", **joined_notes(note, left_out)},
    )
