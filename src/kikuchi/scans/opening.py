"""Open any scan: a file, a folder, a glob or a single image."""

import glob
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.atomic import read_json
from kikuchi.scans.readers.edax_binary import EDAX_BINARY_SUFFIXES, open_edax_binary
from kikuchi.scans.readers.grid import full_grid
from kikuchi.scans.readers.hdf5_file import HDF5_SUFFIXES
from kikuchi.scans.readers.hyperspy_file import HYPERSPY_SUFFIX, open_hyperspy
from kikuchi.scans.readers.image_files import ImageFiles
from kikuchi.scans.readers.image_folder import images_in, open_images
from kikuchi.scans.readers.images import IMAGE_SUFFIXES
from kikuchi.scans.readers.oxford_binary import OXFORD_BINARY_SUFFIXES, open_oxford_binary
from kikuchi.scans.readers.signal_scan import SIGNAL_SUFFIXES, open_signal, scan_from_signal
from kikuchi.scans.readers.sources import ArrayPatterns
from kikuchi.scans.readers.tiff_stack import open_tiff_stack, stack_in
from kikuchi.scans.scan import Scan

_BINARY_SUFFIXES = (*EDAX_BINARY_SUFFIXES, *OXFORD_BINARY_SUFFIXES)
_SCAN_SUFFIXES = (*SIGNAL_SUFFIXES, *_BINARY_SUFFIXES, HYPERSPY_SUFFIX)
_MAP_SUFFIXES = (".ang", ".ctf", ".cpr", ".crc", ".osc")

#: Files of patterns that neither kikuchipy nor RosettaSciIO reads, nor does anything public describe them: what each
#: is, and what its program writes instead.
_CLOSED = {
    ".bcf": (
        "is a Bruker composite file: of these, open readers know spectra and images, not patterns",
        "export the map from ESPRIT as HDF5 (.h5)",
    ),
    ".pat": (
        "is a pattern file whose format is not public (Thermo Fisher's programs write such)",
        "export the patterns as images (.tif, .png, .bmp) and give their folder, or as HDF5",
    ),
    ".oip": (
        "is a project of AZtec, not a scan",
        "export from AZtec as .h5oina with its patterns, or give the .ebsp of its stored patterns",
    ),
}
_CLOSED[".oipx"] = _CLOSED[".oip"]


def open_scan(source: Any, shape: tuple[int, int] | None = None, scan_name: str | None = None) -> Scan:
    """Open a scan without reading its patterns.

    Parameters
    ----------
    source
        A path, or patterns in memory: a kikuchipy ``EBSD`` signal with its detector and background, or an array
        (R, C, sy, sx), (n, sy, sx) or (sy, sx). A path is a file of a microscope's maker (Oxford ``.h5oina``
        ``.ebsp``, EDAX ``.up1`` ``.up2`` ``.h5`` ``.oh5``, Bruker ``.h5``, NORDIF ``.dat``), of EMsoft or kikuchipy
        (``.h5``), a folder of images with or without AZtec's ``Grain List.txt``, a glob of images, or a single
        image. Patterns of any other diffraction: HyperSpy's ``.hspy`` with two signal axes, or a TIFF file of
        several pages.
    shape
        Rows and columns of the grid where the file does not say (``.up1``, EMsoft, a TIFF of pages, images).
    scan_name
        Which scan of an HDF5 file that holds several (``"Scan 2"``); the first that has patterns where None.

    Returns
    -------
    Scan
        Patterns are read when asked for.

    Raises
    ------
    InputError
        If there is nothing at ``path``, it is empty, truncated or damaged, holds a map without patterns, its
        images differ in size, or it has no scan of that name.
    """
    if isinstance(source, Scan):
        return source
    if isinstance(source, np.ndarray):
        return scan_from_array(source)
    if not isinstance(source, str | Path):
        return scan_from_signal(source, shape)
    path = Path(source).expanduser()
    try:
        scan = _open(path, shape, scan_name)
    except OSError as error:
        raise InputError(f"cannot be read: {error.strerror or error}", path=path, remedy="check it") from None
    scan.given_shape, scan.given_name = shape, scan_name
    return scan


def open_mapped(path: str | Path, map_folder: Path) -> Scan:
    """Open a scan as `map` did: on the grid and by the name that were given for it, where they were.

    Parameters
    ----------
    path
        As for `open_scan`.
    map_folder
        The folder that `map` wrote.

    Returns
    -------
    Scan
        The scan, on its grid.

    Raises
    ------
    InputError
        As `open_scan`; a map that cannot be read is reported by its reader.
    """
    try:
        record = read_json(map_folder / "summary.json", remedy="map the scan again")["scan"]
        shape, name = record.get("given_shape"), record.get("given_name")
    except (InputError, KeyError, TypeError, AttributeError):  # the map is of before or broken
        return open_scan(path)
    whole = isinstance(shape, list) and len(shape) == 2 and all(type(length) is int for length in shape)
    return open_scan(path, tuple(shape) if whole else None, name if isinstance(name, str) else None)


def scan_from_array(
    patterns: np.ndarray,
    name: str = "array",
    *,
    step: tuple[float, float] = (1.0, 1.0),
    phase_names: np.ndarray | None = None,
    space_groups: np.ndarray | None = None,
    static_background: np.ndarray | None = None,
) -> Scan:
    """Make a scan of patterns in memory.

    Parameters
    ----------
    patterns
        NumPy or dask array (R, C, sy, sx), (n, sy, sx) or (sy, sx).
    name
        Name of the scan.
    step
        (dy, dx) in micrometres.
    phase_names, space_groups
        The truth of every pattern, if known, (N,) each, in scan order.
    static_background
        The detector's background (sy, sx), if known; a kikuchipy signal has it as ``static_background``.

    Returns
    -------
    Scan
        The scan, of the patterns as they are.

    Raises
    ------
    InputError
        If the background is of another size.

    Examples
    --------
    >>> scan_from_array(np.zeros((2, 3, 60, 60), np.uint8), "zeros")
    <Scan zeros: 6 patterns of 60 x 60 on 2 x 3>
    """
    source = ArrayPatterns(patterns)
    if static_background is not None and np.shape(static_background) != source.signal_shape:
        raise InputError(
            f"the static background is {np.shape(static_background)} and the patterns are {source.signal_shape}",
            remedy="give a background of the patterns' size",
        )
    rows, columns = (1, 1, *patterns.shape[:-2])[-2:]
    grid = full_grid(rows, columns, step)
    return Scan(
        name,
        Path(name),
        source,
        grid.row,
        grid.col,
        grid.col * step[1],
        grid.row * step[0],
        grid.shape,
        grid.step,
        phase_names=phase_names,
        space_groups=space_groups,
        static_background=static_background,
    )


def _open(path: Path, shape: tuple[int, int] | None, scan_name: str | None = None) -> Scan:
    if path.is_dir() and path.suffix.lower() != ".zspy":
        if scan_name is not None:
            raise _one_scan(path)
        return _open_folder(path, shape)
    if not path.exists():
        if glob.has_magic(str(path)):
            return _open_glob(path, shape, scan_name)
        raise InputError("no such file or folder", path=path, remedy="check the spelling")
    suffix = path.suffix.lower()
    if scan_name is not None and suffix not in (*HDF5_SUFFIXES, HYPERSPY_SUFFIX):
        raise _one_scan(path)
    if suffix in IMAGE_SUFFIXES:
        stack = stack_in(path) if suffix in (".tif", ".tiff") else None
        if stack is not None and stack.n > 1:
            return open_tiff_stack(path, stack, shape)
        return open_images(ImageFiles.of([path]), path, shape)
    if suffix == HYPERSPY_SUFFIX:
        return open_hyperspy(path, shape, scan_name)
    if suffix in (".zspy", ".emd", ".mib", ".blo"):
        raise InputError(
            "is not read directly", path=path, remedy="load it in HyperSpy or pyxem and save it as .hspy"
        )
    if suffix in _BINARY_SUFFIXES and path.stat().st_size == 0:
        raise InputError("is empty", path=path, remedy="copy or export the scan again")
    if suffix in EDAX_BINARY_SUFFIXES:
        return open_edax_binary(path, shape)
    if suffix in OXFORD_BINARY_SUFFIXES:
        return open_oxford_binary(path, shape)
    if suffix in SIGNAL_SUFFIXES:
        return open_signal(path, shape, scan_name)
    if suffix in _CLOSED:
        what, remedy = _CLOSED[suffix]
        raise InputError(what, path=path, remedy=remedy)
    if suffix in _MAP_SUFFIXES:
        raise InputError(
            "is a map without patterns", path=path, remedy="give the scan that holds the patterns of this map"
        )
    if suffix in (".sht", ".npz"):
        raise InputError(
            "is a master pattern, not a scan",
            path=path,
            remedy="simulate a scan from it with `ensemble simulate`",
        )
    raise InputError(
        f"is no scan: suffix {suffix or '(none)'} is not known",
        path=path,
        remedy="known are " + " ".join((*_SCAN_SUFFIXES, *IMAGE_SUFFIXES)),
    )


def _one_scan(path: Path) -> InputError:
    return InputError(
        "holds one scan without a name", path=path, remedy="leave --scan (scan_name in a dataset) out"
    )


def _open_folder(folder: Path, shape: tuple[int, int] | None) -> Scan:
    files = images_in(folder)
    if files:
        return open_images(files, folder, shape)
    scans = sorted(file.name for file in folder.iterdir() if file.suffix.lower() in _SCAN_SUFFIXES)
    closed = sorted(file for file in folder.iterdir() if file.suffix.lower() in _CLOSED)
    if closed and not scans:
        return _open(closed[0], shape)
    remedy = (
        f"name the file, as {folder / scans[0]}" if scans else "images end in " + " ".join(IMAGE_SUFFIXES)
    )
    raise InputError("holds no images", path=folder, remedy=remedy)


def _open_glob(pattern: Path, shape: tuple[int, int] | None, scan_name: str | None = None) -> Scan:
    found = ImageFiles.of(sorted(_matching(pattern)))
    if not found:
        raise InputError(
            "matches no file", path=pattern, remedy="check the spelling; quote the glob in the shell"
        )
    if len(found) == 1:
        return _open(found[0], shape, scan_name)
    other = next((file for file in found if file.suffix.lower() not in IMAGE_SUFFIXES), None)
    if other is not None:
        raise InputError(
            f"matches {len(found)} files, one of them {other.name}",
            path=pattern,
            remedy="a glob may match images, or one file of any other format",
        )
    if scan_name is not None:
        raise _one_scan(pattern)
    return open_images(found, pattern, shape)


def _matching(pattern: Path) -> Iterator[Path]:
    """Files that a glob matches; a folder on the way that exists by that very name, [brackets] and all, is meant."""
    parts = pattern.parts
    known = Path(parts[0]) if pattern.is_absolute() else Path()
    place = 1 if pattern.is_absolute() else 0
    while place < len(parts) - 1 and (known / parts[place]).exists():
        known /= parts[place]
        place += 1
    rest = str(Path(*parts[place:]))
    return (known / name for name in glob.glob(rest, root_dir=known))  # noqa: PTH207 - Path.glob reads ** otherwise
