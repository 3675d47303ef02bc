"""Read everything of a vendor's HDF5 scan but its patterns.

kikuchipy's readers make a dask array of the patterns and reshape it to the map. Where a file keeps one pattern a
chunk, that is a graph of a task per pattern: minutes and gigabytes before the first of a million patterns is read.
Here the readers see an empty array of the right shape, and ``Hdf5Patterns`` reads the data set itself.
"""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.home import load_kikuchipy
from kikuchi.scans.readers.hdf5_file import scan_of
from kikuchi.scans.readers.limits import MAX_GRID
from kikuchi.scans.readers.vendor_header import header_phases, header_steps

# By the name that the maker gives to the patterns.
_READERS = {
    "patterns": ("kikuchipy_h5ebsd", "KikuchipyH5EBSDReader"),
    "Pattern": ("edax_h5ebsd", "EDAXH5EBSDReader"),
    "RawPatterns": ("bruker_h5ebsd", "BrukerH5EBSDReader"),
    "Processed Patterns": ("oxford_h5ebsd", "OxfordH5EBSDReader"),
    "Unprocessed Patterns": ("oxford_h5ebsd", "OxfordH5EBSDReader"),
}


_COPY_AGAIN = "copy or export the scan again"
# Only a microscope stops before its map is full; other programs write what they have.
_MAY_END_EARLY = ("Pattern", "Processed Patterns", "Unprocessed Patterns")


@dataclass(frozen=True)
class Hdf5Signal:
    """A scan's metadata, its patterns left in the file.

    Parameters
    ----------
    signal
        A kikuchipy signal; but for EMsoft's its data have the right shape and are all zero.
    order
        Place of every pattern of the map in the data set, None where that is the same.
    missing
        Points at the end of the map that have no pattern: the acquisition was stopped.
    step
        (dy, dx) in micrometres as the maker's header has them, None where it has none.
    phase_names, space_groups
        As the maker's own list has them, (N,) in the order of the map, see `header_phases`.
    """

    signal: Any
    order: np.ndarray | None = None
    missing: int = 0
    step: tuple[float | None, float | None] = (None, None)
    phase_names: np.ndarray | None = None
    space_groups: np.ndarray | None = None


def load_hdf5_signal(path: Path, dataset: str) -> Hdf5Signal:
    """Load a scan's metadata without patterns.

    Parameters
    ----------
    path
        HDF5 file.
    dataset
        Name of its pattern data set.

    Raises
    ------
    InputError
        If the map has more points than patterns though nobody stopped it, or its grid is not read.
    """
    import dask.array as da

    kikuchipy = load_kikuchipy()
    name = dataset.rsplit("/", 1)[-1]
    group_name = scan_of(dataset)
    if name not in _READERS:  # EMsoft's: its reader reshapes nothing
        return Hdf5Signal(kikuchipy.load(path, lazy=True))
    if group_name is None:
        raise InputError(
            f"has its patterns in {dataset!r}, where no maker keeps them",
            path=path,
            remedy="a scan's lie in SCAN/EBSD/Data; save it again",
        )
    folder, class_name = _READERS[name]
    maker: Any = getattr(import_module(f"kikuchipy.io.plugins.{folder}._api"), class_name)
    orders: list[np.ndarray | None] = []
    missing: list[int] = []

    class _WithoutPatterns(maker):
        def get_data(
            self,
            group: Any,
            data_shape: tuple[int, ...],
            lazy: bool = False,
            indices: np.ndarray | None = None,
        ) -> Any:
            stored = group[f"EBSD/Data/{self.patterns_name}"]
            shape = tuple(int(length) for length in data_shape)
            points = shape[0] * shape[1]
            patterns = int(np.prod(stored.shape[:-2], dtype=np.int64))
            early = name in _MAY_END_EARLY and stored.ndim == 3 and 0 < patterns < points <= MAX_GRID
            if min(shape) < 1 or (points != patterns and not early) or tuple(stored.shape[-2:]) != shape[2:]:
                raise InputError(
                    f"is truncated or damaged: a map of {points} points and {patterns} patterns, "
                    f"{shape[3]} x {shape[2]} pixels by its header and {stored.shape[-1]} x {stored.shape[-2]} stored",
                    path=path,
                    remedy=_COPY_AGAIN,
                )
            orders.append(indices)
            missing.append(points - patterns)
            return da.zeros(shape, dtype=stored.dtype, chunks=shape).squeeze()

        def get_detector(self, data_group: dict[str, Any], **known: Any) -> Any:
            # A pattern centre for each of the patterns that are there would not fill the map: their mean.
            if missing[-1]:
                data_group = {
                    key: np.mean(value)
                    if np.ndim(value) == 1 and np.asarray(value).dtype.kind == "f"
                    else value
                    for key, value in data_group.items()
                }
            return super().get_detector(data_group=data_group, **known)

    options = {"processed": name == "Processed Patterns"} if folder == "oxford_h5ebsd" else {}
    reader = _WithoutPatterns(str(path), mode="r", **options)
    try:
        scan = reader.file[group_name]
        _check_grid(scan, path)
        signal = kikuchipy.signals.LazyEBSD(**reader.scan2dict(scan, lazy=True))
        patterns = int(np.prod(scan[f"EBSD/Data/{name}"].shape[:-2], dtype=np.int64))
        phases = header_phases(scan, name, patterns)
        step = header_steps(scan, name)
    finally:
        reader.file.close()
    order = orders[0]
    names, groups = (a if a is None or order is None else a[order] for a in phases)
    return Hdf5Signal(signal, order, missing[0], step, names, groups)


def _check_grid(scan: Any, path: Path) -> None:
    """Refuse grids that are not read, with what can be done about them."""
    grid = scan.get("EBSD/Header/Grid Type")
    kind = "" if grid is None else str(np.ravel(grid[()])[0])
    if "hex" in kind.lower():
        raise InputError(
            "has a hexagonal grid, which is read from .up2 files only",
            path=path,
            remedy="save the patterns as .up2 in OIM or APEX, or convert the scan to a square grid",
        )
    iy, ix = scan.get("EBSD/SEM/IY"), scan.get("EBSD/SEM/IX")
    if iy is None or ix is None or iy.shape != ix.shape or iy.size < 1:
        return
    height, width = (int(np.ptp(np.asarray(a[()], np.int64))) + 1 for a in (iy, ix))
    if height * width != iy.size:
        raise InputError(
            f"has a region of interest that is no rectangle: {iy.size} points within {height} x {width}",
            path=path,
            remedy="export a rectangular region, or all of the map, from Esprit",
        )
