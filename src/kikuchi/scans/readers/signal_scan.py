"""Scans in the formats of the microscopes' makers, read through kikuchipy."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.home import load_kikuchipy
from kikuchi.scans.readers.grid import UNTOLD_GRID, Grid, full_grid, given_grid
from kikuchi.scans.readers.hdf5_file import HDF5_SUFFIXES, inspect_hdf5
from kikuchi.scans.readers.hdf5_signal import Hdf5Signal, load_hdf5_signal
from kikuchi.scans.readers.limits import check_grid_size, check_pattern_size
from kikuchi.scans.readers.sources import ArrayPatterns, Hdf5Patterns
from kikuchi.scans.readers.units import micrometres
from kikuchi.scans.scan import PatternSource, Scan, joined_notes, stem_of

if TYPE_CHECKING:
    from orix.crystal_map import CrystalMap

NORDIF_SUFFIX = ".dat"
SIGNAL_SUFFIXES = (*HDF5_SUFFIXES, NORDIF_SUFFIX)
_COPY_AGAIN = "copy or export the scan again"


def open_signal(path: Path, shape: tuple[int, int] | None = None, scan_name: str | None = None) -> Scan:
    """Open a vendor's, EMsoft's or kikuchipy's file as a scan.

    Parameters
    ----------
    path
        ``.h5``, ``.hdf5``, ``.h5ebsd``, ``.oh5``, ``.h5oina``, or ``.dat`` (NORDIF).
    shape
        Rows and columns of the grid, where the file does not say.
    scan_name
        Which scan of several in an HDF5 file; the first where None.

    Raises
    ------
    InputError
        If the file is empty, truncated, damaged, declares sizes no scan has, holds no patterns, or no such scan.
    """
    if path.stat().st_size == 0:
        raise InputError("is empty", path=path, remedy=_COPY_AGAIN)
    if path.suffix.lower() == NORDIF_SUFFIX:
        _check_nordif_settings(path)
    metadata: dict[str, Any] = {"format": path.suffix.lower().lstrip(".")}
    dataset, note = None, None
    if path.suffix.lower() in HDF5_SUFFIXES:
        content = inspect_hdf5(path)
        if content.kind != "scan":
            raise _no_patterns(path, content.kind)
        dataset, note = content.chosen(path, scan_name)
    with _quiet():
        loaded = _load(path, dataset)
        source = (
            ArrayPatterns(loaded.signal.data, files=(path,))
            if dataset is None
            else Hdf5Patterns(path, dataset, loaded.order)
        )
        return _from_signal(loaded, source, path, shape, metadata, note)


def scan_from_signal(signal: Any, shape: tuple[int, int] | None = None) -> Scan:
    """Make a scan of a kikuchipy signal in memory, with its detector, static background and crystal map.

    Parameters
    ----------
    signal
        ``EBSD`` or ``LazyEBSD`` with no, one or two navigation axes; patterns are taken as they are.
    shape
        Rows and columns of the grid, where the signal has one navigation axis.

    Raises
    ------
    InputError
        It is no such signal, or declares sizes no scan has.
    """
    if type(signal).__name__ not in ("EBSD", "LazyEBSD"):
        raise InputError(
            f"a {type(signal).__name__} is no scan",
            remedy="give a file, an array of patterns or kikuchipy's EBSD",
        )
    title = str(signal.metadata.get_item("General.title", "") or "signal")
    loaded = Hdf5Signal(signal)
    return _from_signal(loaded, ArrayPatterns(signal.data), Path(title), shape, {"format": "signal"}, None)


def _load(path: Path, dataset: str | None) -> Hdf5Signal:
    """Load all but the patterns of an HDF5 file, or a file of NORDIF's."""
    try:
        if dataset is not None:
            loaded = load_hdf5_signal(path, dataset)
        else:
            loaded = Hdf5Signal(load_kikuchipy().load(path, lazy=True))
    except InputError:
        raise
    except Exception as error:  # the readers raise whatever a damaged header leads to
        detail = str(error).replace(str(path), path.name).splitlines() or [type(error).__name__]
        remedy = _COPY_AGAIN
        if path.suffix.lower() == NORDIF_SUFFIX:
            remedy = "NORDIF's Setting.txt must lie beside it; else " + remedy
        raise InputError(f"cannot be read: {detail[0][:300]}", path=path, remedy=remedy) from None
    if isinstance(loaded.signal, list):
        loaded = replace(loaded, signal=loaded.signal[0])
    if type(loaded.signal).__name__ not in ("EBSD", "LazyEBSD"):
        raise _no_patterns(path, "master pattern")
    return loaded


def _from_signal(
    loaded: Hdf5Signal,
    source: PatternSource,
    path: Path,
    shape: tuple[int, int] | None,
    metadata: dict[str, Any],
    note: str | None,
) -> Scan:
    signal = loaded.signal
    scan_shape, signal_shape = signal.data.shape[:-2], signal.data.shape[-2:]
    check_pattern_size(signal_shape[0], signal_shape[1], path)
    rows, columns = (1, *scan_shape)[-2:] if scan_shape else (1, 1)
    axes = {axis.name: axis for axis in signal.axes_manager.navigation_axes}
    if len(scan_shape) == 1 and "y" in axes:  # a single column
        rows, columns = columns, 1
    check_grid_size(rows, columns, path)
    n = rows * columns - loaded.missing
    _check_not_truncated(path, n, signal)
    step, unknown = _steps(loaded, (rows, columns), axes)
    untold = (
        path.suffix.lower() != NORDIF_SUFFIX and loaded.step == (None, None) and len(scan_shape) < 2 and n > 1
    )
    if shape is not None:
        full, untold = given_grid(shape, n, path, step), False
    else:
        full = full_grid(rows, columns, step)
    grid = Grid(full.row[:n], full.col[:n], full.shape, full.step)
    xmap, lost = _known_map(signal.xmap, n)
    names, groups = (loaded.phase_names, loaded.space_groups) if xmap is None else phases_of(xmap)
    microscope = signal.metadata.get_item("Acquisition_instrument.SEM")
    if microscope is not None:
        metadata["microscope"] = {
            name: value.item() if isinstance(value, np.generic) else value
            for name, value in microscope.as_dictionary().items()
        }
    detector = signal.detector
    metadata["detector"] = {
        k: float(getattr(detector, k)) for k in ("tilt", "azimuthal", "binning", "px_size")
    }
    early = (
        f"the acquisition ended early: {n} of {rows * columns} patterns are there" if loaded.missing else None
    )
    metadata |= joined_notes(note, early, UNTOLD_GRID if untold else unknown, lost)
    background = signal.static_background
    # AZtec has already taken its background off.
    processed = isinstance(source, Hdf5Patterns) and source.dataset.endswith("/Processed Patterns")
    x, y = grid.positions()
    return Scan(
        name=stem_of(path),
        path=path,
        source=source,
        row=grid.row,
        col=grid.col,
        x=x,
        y=y,
        shape=grid.shape,
        step=grid.step,
        voltage_kv=_voltage(metadata.get("microscope", {}).get("beam_energy")),
        sample_tilt=_finite(detector.sample_tilt),
        pattern_centre=_pattern_centre(detector.pc),
        xmap=xmap,
        phase_names=names,
        space_groups=groups,
        static_background=background if np.shape(background) == signal_shape and not processed else None,
        metadata=metadata,
    )


def _steps(
    loaded: Hdf5Signal, shape: tuple[int, int], axes: dict[str, Any]
) -> tuple[tuple[float, float], str | None]:
    """Return the steps (dy, dx) in micrometres, and what to say where the file does not say them.

    A single row has no distance of rows: where the header has none either, it is that of the columns.
    """
    dy, dx = loaded.step
    if (dy, dx) == (None, None):
        dy, dx = (_positive(axes[name].scale, 0.0) if name in axes else None for name in ("y", "x"))
    # kikuchipy writes a distance of 1 for the direction that a line of points does not have.
    if min(shape) == 1 and max(shape) > 1 and 1.0 in (dy, dx):
        dy, dx = (None if length == 1 and s == 1.0 else s for length, s in zip(shape, (dy, dx), strict=True))
    unit = str(getattr(loaded.signal.xmap, "scan_unit", ""))
    scale = micrometres(unit) or 1.0
    dy, dx = ((s or 0.0) * scale for s in (dy, dx))
    if not (dy or dx):
        return (1.0, 1.0), "the file does not tell the step: it counts as 1" if max(shape) > 1 else None
    return (dy or dx, dx or dy), None


def phases_of(xmap: "CrystalMap") -> tuple[np.ndarray | None, np.ndarray | None]:
    """Phase name and space group of every point of a crystal map.

    Returns
    -------
    phase_names, space_groups
        (N,) each, "" and 0 where not indexed or unknown; None where no phase has a name or a space group.
    """
    names = np.full(xmap.size, "", dtype=object)
    groups = np.zeros(xmap.size, dtype=np.int64)
    for phase_id, phase in xmap.phases:
        here = xmap.phase_id == phase_id
        if phase_id >= 0:
            names[here] = phase.name or ""
            groups[here] = 0 if phase.space_group is None else phase.space_group.number
    return (names if names.any() else None), (groups if groups.any() else None)


def _known_map(xmap: Any, n: int) -> tuple["CrystalMap | None", str | None]:
    """Return the file's crystal map of all N points where it says more than that there are points.

    Points that are not in its data, as a mask of the indexing leaves them, are there without a phase.

    Returns
    -------
    xmap, note
        None and what a user should know where the map says nothing, or is of other points.
    """
    if xmap is None:
        return None, None
    named = any(phase.name or phase.space_group is not None for i, phase in xmap.phases if i >= 0)
    if not named and np.allclose(xmap.rotations.angle, 0):
        return None, None
    there = np.asarray(xmap.is_in_data, bool)
    if there.size != n:
        return None, f"the crystal map in the file has {there.size} points and not {n}: it is left out"
    if there.all():
        return xmap, None
    whole = xmap.deepcopy()
    whole.is_in_data = np.ones(n, bool)
    if -1 not in whole.phases.ids:
        whole.phases.add_not_indexed()
    whole[~there].phase_id = -1
    return whole, None


def _pattern_centre(pc: np.ndarray) -> tuple[float, float, float] | None:
    centre = np.asarray(pc, dtype=float).reshape(-1, 3).mean(axis=0)
    # kikuchipy puts the middle of everything where the file has none, and some files hold zeros.
    if not np.all(np.isfinite(centre)) or np.all(centre == 0.5) or centre[2] <= 0:
        return None
    return float(centre[0]), float(centre[1]), float(centre[2])


def _finite(value: Any) -> float | None:
    try:
        return float(value) if np.isfinite(value) else None
    except (OverflowError, TypeError, ValueError):
        return None


def _voltage(value: Any) -> float | None:
    """Voltage in kV from a file's number, which may be in volts."""
    voltage = _finite(value)
    if voltage is None or voltage <= 0:
        return None
    return voltage / 1000 if voltage > 1000 else voltage


def _positive(value: Any, otherwise: float) -> float:
    number = _finite(value)
    return number if number is not None and number > 0 else otherwise


def _check_not_truncated(path: Path, n: int, signal: Any) -> None:
    if path.suffix.lower() != NORDIF_SUFFIX:
        return
    needed = n * int(np.prod(signal.data.shape[-2:])) * signal.data.dtype.itemsize
    if path.stat().st_size < needed:
        raise InputError(
            f"is truncated: {path.stat().st_size} of at least {needed} bytes", path=path, remedy=_COPY_AGAIN
        )


def _check_nordif_settings(path: Path) -> None:
    """Refuse patterns that no detector has, and more than the file can hold, before room is made for them."""
    settings = path.with_name("Setting.txt")
    if not settings.is_file():
        return  # kikuchipy says so
    text = settings.read_bytes()[:1_000_000].decode("latin-1")
    for rows, columns in re.findall(
        r"Resolution\t(\d{1,18})x(\d{1,18})\tpx", text.partition("[Acquisition settings]")[2]
    ):
        check_pattern_size(int(rows), int(columns), settings)
    match = re.search(r"Number of samples\t(\d+)x(\d+)", text)
    if match and int(match[1]) * int(match[2]) * 16 > path.stat().st_size:
        raise InputError(
            f"is truncated: its Setting.txt tells of {match[1]} x {match[2]} patterns",
            path=path,
            remedy=_COPY_AGAIN,
        )


def _no_patterns(path: Path, kind: str) -> InputError:
    if kind == "master pattern":
        return InputError(
            "is a master pattern, not a scan",
            path=path,
            remedy="simulate a scan from it with `ensemble simulate`",
        )
    if kind == "map":
        return InputError(
            "is a map without patterns",
            path=path,
            remedy="save the patterns with the scan, or give their file",
        )
    return InputError(
        "holds no EBSD patterns", path=path, remedy="give a scan, or a folder of pattern images"
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep readers' warnings about missing metadata from the user."""
    logger = logging.getLogger("kikuchipy")
    level = logger.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logger.setLevel(logging.CRITICAL)
        try:
            yield
        finally:
            logger.setLevel(level)
