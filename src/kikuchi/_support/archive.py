"""Arrays in files of unknown origin: no pickle, and nothing is set aside before its declared size was looked at."""

import math
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.hdf5_probe import probe_hdf5

#: Most bytes of one archive, uncompressed: far above any bundle's own.
MOST_BYTES = 2**31


def read_archive(path: Path, *, remedy: str, most: int = MOST_BYTES) -> dict[str, np.ndarray]:
    """Read all arrays of an ``.npz`` file.

    Parameters
    ----------
    path
        The archive.
    remedy
        What to do where it is broken, for the message.
    most
        Bytes of all its arrays together, above which it is refused before any memory is taken.

    Raises
    ------
    InputError
        It is missing or broken, holds objects, or declares more than `most`.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            declared = sum(entry.file_size for entry in entries)
            if declared > most:
                raise InputError(f"declares {declared / 2**30:.3g} GiB of arrays", path=path, remedy=remedy)
            found = {}
            for entry in entries:
                with archive.open(entry) as stream:
                    found[entry.filename.removesuffix(".npy")] = _read_array(stream, entry.file_size)
            return found
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError("no such file", path=path, remedy=remedy) from None
    except (
        Exception
    ) as error:  # zip, its compressors and NumPy's headers raise a dozen types on damaged files
        raise InputError("missing or broken", path=path, remedy=remedy) from error


def check_archive(path: Path, *, remedy: str) -> None:
    """Refuse an ``.npz`` file for another library to read that holds objects, or declares more than `MOST_BYTES`.

    Raises
    ------
    InputError
        As above, or it is missing or broken.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
            if sum(entry.file_size for entry in entries) > MOST_BYTES:
                raise InputError(f"declares more than {MOST_BYTES / 2**30:.3g} GiB", path=path, remedy=remedy)
            for entry in entries:
                with archive.open(entry) as stream:
                    if _read_header(stream)[2].hasobject:
                        raise InputError(
                            f"holds objects in {entry.filename[:100]!r}", path=path, remedy=remedy
                        )
    except InputError:
        raise
    except Exception as error:  # as above
        raise InputError("missing or broken", path=path, remedy=remedy) from error


def mapped(path: Path, dtype: str, shape: tuple[int, ...], *, remedy: str) -> np.memmap[Any, Any]:
    """Map an ``.npy`` file into memory for reading, where it is what it should be.

    NumPy itself may fill up a file that was cut short, as if its end had been written.

    Parameters
    ----------
    path
        The file.
    dtype, shape
        What it must hold, in C order.
    remedy
        What to do where it is broken, for the message.

    Raises
    ------
    InputError
        It is missing, broken, cut short, or of another shape or data type.
    """
    try:
        with path.open("rb") as stream:
            stored_shape, fortran, stored_dtype = _read_header(stream)
            offset = stream.tell()
    except Exception as error:  # as above
        raise InputError("missing or broken", path=path, remedy=remedy) from error
    if stored_shape != shape or stored_dtype != np.dtype(dtype) or (fortran and len(shape) > 1):
        raise InputError("has another shape than the store states", path=path, remedy=remedy)
    expected = offset + math.prod(shape) * stored_dtype.itemsize
    if path.stat().st_size != expected:
        raise InputError("is cut short or too long", path=path, remedy=remedy)
    return np.memmap(path, stored_dtype, "r", offset, shape)


def check_hdf5(path: Path, *, remedy: str, most: int = MOST_BYTES) -> None:
    """Refuse an HDF5 file of weights that declares more than `most` bytes, or whose data lie in other files.

    One that the HDF5 library itself would die of is refused as well.

    Raises
    ------
    InputError
        As above, or it is missing or broken.
    """
    import h5py

    if path.is_file():
        probe_hdf5(path, remedy=remedy)
    declared = 0

    def walk(group: Any) -> None:
        nonlocal declared
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, h5py.HardLink):
                raise InputError(f"holds a link at {name!r}", path=path, remedy=remedy)
            item = group[name]
            if isinstance(item, h5py.Group):
                walk(item)
                continue
            if item.external or item.is_virtual:
                raise InputError(f"keeps {name!r} in another file", path=path, remedy=remedy)
            declared += item.size * item.dtype.itemsize
            if declared > most:
                raise InputError(f"declares more than {most / 2**30:.3g} GiB", path=path, remedy=remedy)

    try:
        with h5py.File(path, "r") as file:
            walk(file)
    except InputError:
        raise
    except (
        Exception
    ) as error:  # a damaged file makes h5py raise a dozen types; a ring of groups ends as one of them
        raise InputError("missing or broken", path=path, remedy=remedy) from error


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(stream)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(stream)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(stream)
    raise ValueError(f"NumPy file of version {version}")


def _read_array(stream: IO[bytes], size: int) -> np.ndarray:
    shape, fortran, dtype = _read_header(stream)
    count = math.prod(shape)
    if dtype.hasobject or min(shape, default=0) < 0 or not 0 <= count * dtype.itemsize <= size:
        raise ValueError(f"an array of {shape} {dtype} in {size} bytes")
    content = stream.read()
    if len(content) != count * dtype.itemsize:
        raise ValueError("an array that is cut short or too long")
    if dtype.itemsize == 0:
        raise ValueError("an array of nothing")
    return np.frombuffer(bytearray(content), dtype).reshape(shape, order="F" if fortran else "C")
