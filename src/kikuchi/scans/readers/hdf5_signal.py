"""Read everything of a vendor's HDF5 scan but its patterns.

kikuchipy's readers make a dask array of the patterns and reshape it to the map. Where a file keeps one pattern a
chunk, that is a graph of a task per pattern: minutes and gigabytes before the first of a million patterns is read.
Here the readers see an empty array of the right shape, and ``Hdf5Patterns`` reads the data set itself.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError

# By the name that the maker gives to the patterns.
_READERS = {
    "patterns": ("kikuchipy_h5ebsd", "KikuchipyH5EBSDReader"),
    "Pattern": ("edax_h5ebsd", "EDAXH5EBSDReader"),
    "RawPatterns": ("bruker_h5ebsd", "BrukerH5EBSDReader"),
    "Processed Patterns": ("oxford_h5ebsd", "OxfordH5EBSDReader"),
    "Unprocessed Patterns": ("oxford_h5ebsd", "OxfordH5EBSDReader"),
}


def load_hdf5_signal(path: Path, dataset: str) -> tuple[Any, np.ndarray | None]:
    """Load a scan's metadata as a kikuchipy signal without patterns.

    Parameters
    ----------
    path
        HDF5 file.
    dataset
        Name of its pattern data set.

    Returns
    -------
    signal, order
        A ``LazyEBSD`` whose data have the right shape and are all zero, and the place of every pattern of the map
        in the data set, None where that is the same.

    Raises
    ------
    InputError
        If the map has more points than patterns.
    """
    import dask.array as da
    from kikuchipy.signals import LazyEBSD

    name = dataset.rsplit("/", 1)[-1]
    if name not in _READERS:  # EMsoft's: its reader reshapes nothing
        import kikuchipy

        return kikuchipy.load(path, lazy=True), None
    folder, class_name = _READERS[name]
    maker: Any = getattr(import_module(f"kikuchipy.io.plugins.{folder}._api"), class_name)
    orders: list[np.ndarray | None] = []

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
            if min(shape) < 1 or points != patterns or tuple(stored.shape[-2:]) != shape[2:]:
                raise InputError(
                    f"is truncated or damaged: a map of {points} points and {patterns} patterns, "
                    f"{shape[3]} x {shape[2]} pixels by its header and {stored.shape[-1]} x {stored.shape[-2]} stored",
                    path=path,
                    remedy="copy or export the scan again",
                )
            orders.append(indices)
            return da.zeros(shape, dtype=stored.dtype, chunks=shape).squeeze()

    options = {"processed": name == "Processed Patterns"} if folder == "oxford_h5ebsd" else {}
    reader = _WithoutPatterns(str(path), mode="r", **options)
    try:
        signal = LazyEBSD(**reader.scan2dict(reader.scan_groups[0], lazy=True))
    finally:
        reader.file.close()
    return signal, orders[0]
