"""Patterns kept as the pages of one TIFF file."""

from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.grid import full_grid
from kikuchi.scans.readers.images import read_page
from kikuchi.scans.readers.limits import check_grid_size, check_pattern_size
from kikuchi.scans.scan import Scan, stem_of


class TiffPages:
    """Pages of a TIFF file, each read when it is asked for.

    Parameters
    ----------
    path
        The file.
    n, signal_shape, dtype
        Pages, and the size and data type of each.
    """

    def __init__(self, path: Path, n: int, signal_shape: tuple[int, int], dtype: np.dtype) -> None:
        self.path = path
        self.n = n
        self.signal_shape = signal_shape
        self.dtype = dtype
        self.problems: dict[int, str] = {}

    def read(self, indices: np.ndarray) -> np.ndarray:
        """Read patterns (n, sy, sx); zeros for a page that cannot be read."""
        import tifffile

        patterns = np.zeros((len(indices), *self.signal_shape), self.dtype)
        with tifffile.TiffFile(self.path) as tiff:
            for place, index in enumerate(map(int, indices)):
                try:
                    pixels = read_page(tiff.pages[index])
                    if pixels.shape != self.signal_shape:
                        raise ValueError(f"page {index} is of another size")
                    patterns[place] = pixels
                except Exception as error:  # tifffile raises a dozen types on damaged pages
                    self.problems[index] = str(error).splitlines()[0][:200] or type(error).__name__
        return patterns

    def identity(self) -> list[str]:
        """Size of the file."""
        return [str(self.path.stat().st_size)]


def pages_of(path: Path) -> int:
    """Return the number of grey pages of one size and type in a TIFF file; 1 where it is no stack of patterns.

    Pages of other sizes, as thumbnails and pyramids have them, make it the image that its first page is.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as tiff:
            first = tiff.pages.first
            offsets = set()
            for page in tiff.pages:
                # A damaged file's chain of pages may be a ring.
                if (page.shape, page.dtype) != (first.shape, first.dtype) or page.offset in offsets:
                    return 1
                offsets.add(page.offset)
            return len(offsets) if len(first.shape) == 2 else 1
    except Exception:  # a damaged file is told of where it is read
        return 1


def open_tiff_stack(path: Path, shape: tuple[int, int] | None = None) -> Scan:
    """Open the pages of a TIFF file as a scan: one row of points, or the grid that is given.

    Parameters
    ----------
    path
        ``.tif`` or ``.tiff`` with several pages, in scan order.
    shape
        Rows and columns of the grid.

    Raises
    ------
    InputError
        If the grid does not hold as many points as there are pages, or a size is beyond any scan's.
    """
    import tifffile

    n = pages_of(path)
    with tifffile.TiffFile(path) as tiff:
        first = tiff.pages.first
        signal_shape, dtype = (int(first.shape[0]), int(first.shape[1])), np.dtype(first.dtype)
    check_pattern_size(*signal_shape, path)
    rows, columns = shape or (1, n)
    check_grid_size(rows, columns, path)
    if rows * columns != n:
        raise InputError(f"holds {n} patterns", path=path, remedy=f"not {rows} x {columns}")
    grid = full_grid(rows, columns, (1.0, 1.0))
    return Scan(
        name=stem_of(path),
        path=path,
        source=TiffPages(path, n, signal_shape, dtype),
        row=grid.row,
        col=grid.col,
        x=grid.col * 1.0,
        y=grid.row * 1.0,
        shape=grid.shape,
        step=grid.step,
        metadata={"format": "tiff stack"},
    )
