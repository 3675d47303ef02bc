"""Scans in the formats of the microscopes' makers, read through kikuchipy."""

import logging
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.readers.grid import full_grid
from kikuchi.scans.readers.hdf5_file import HDF5_SUFFIXES, inspect_hdf5
from kikuchi.scans.readers.hdf5_signal import load_hdf5_signal
from kikuchi.scans.readers.limits import check_grid_size, check_pattern_size
from kikuchi.scans.readers.sources import ArrayPatterns, Hdf5Patterns
from kikuchi.scans.scan import PatternSource, Scan, stem_of

if TYPE_CHECKING:
    from orix.crystal_map import CrystalMap

BINARY_SUFFIXES = (".dat", ".up1", ".up2", ".ebsp")
SIGNAL_SUFFIXES = HDF5_SUFFIXES + BINARY_SUFFIXES
_WITHOUT_GEOMETRY = (".up1", ".up2", ".ebsp")
_COPY_AGAIN = "copy or export the scan again"


def open_signal(path: Path, shape: tuple[int, int] | None = None) -> Scan:
    """Open a vendor's, EMsoft's or kikuchipy's file as a scan.

    Parameters
    ----------
    path
        ``.h5``, ``.hdf5``, ``.h5ebsd``, ``.oh5``, ``.h5oina``, ``.dat`` (NORDIF), ``.up1``, ``.up2`` or ``.ebsp``.
    shape
        Rows and columns of the grid, where the file does not tell.

    Raises
    ------
    InputError
        If the file is empty, truncated, damaged, declares sizes no scan has, or holds no patterns.
    """
    if path.stat().st_size == 0:
        raise InputError("is empty", path=path, remedy=_COPY_AGAIN)
    if path.suffix.lower() == ".dat":
        _check_nordif_settings(path)
    metadata: dict[str, Any] = {"format": path.suffix.lower().lstrip(".")}
    dataset = None
    if path.suffix.lower() in HDF5_SUFFIXES:
        content = inspect_hdf5(path)
        if content.kind != "scan":
            raise _no_patterns(path, content.kind)
        dataset = content.patterns[0]
        if content.scans > 1:
            metadata["note"] = f"the first of {content.scans} scans in the file"
    with _quiet():
        signal, order = _load(path, dataset)
        source = (
            ArrayPatterns(signal.data, files=(path,))
            if dataset is None
            else Hdf5Patterns(path, dataset, order)
        )
        return _from_signal(signal, source, path, shape, metadata)


def _load(path: Path, dataset: str | None) -> tuple[Any, np.ndarray | None]:
    """Signal of a file, and the order of its patterns where it is not that of the map."""
    order = None
    try:
        if dataset is None:
            import kikuchipy

            signal = kikuchipy.load(path, lazy=True)
        else:
            signal, order = load_hdf5_signal(path, dataset)
    except InputError:
        raise
    except Exception as error:  # the readers raise whatever a damaged header leads to
        detail = str(error).replace(str(path), path.name).splitlines() or [type(error).__name__]
        remedy = _COPY_AGAIN
        if path.suffix.lower() == ".dat":
            remedy = "NORDIF's Setting.txt must lie beside it; else " + remedy
        if path.suffix.lower() == ".ebsp":
            remedy = "AZtec 6.1 and compressed patterns are not read: export as .h5oina"
        raise InputError(f"cannot be read: {detail[0][:300]}", path=path, remedy=remedy) from None
    signal = signal[0] if isinstance(signal, list) else signal
    if type(signal).__name__ not in ("EBSD", "LazyEBSD"):
        raise _no_patterns(path, "master pattern")
    return signal, order


def _from_signal(
    signal: Any, source: PatternSource, path: Path, shape: tuple[int, int] | None, metadata: dict[str, Any]
) -> Scan:
    scan_shape, signal_shape = signal.data.shape[:-2], signal.data.shape[-2:]
    check_pattern_size(signal_shape[0], signal_shape[1], path)
    rows, columns = (1, *scan_shape)[-2:] if scan_shape else (1, 1)
    axes = {axis.name: axis for axis in signal.axes_manager.navigation_axes}
    if len(scan_shape) == 1 and "y" in axes:  # a single column
        rows, columns = columns, 1
    check_grid_size(rows, columns, path)
    if shape is not None:
        if shape[0] * shape[1] != rows * columns:
            raise InputError(
                f"holds {rows * columns} patterns", path=path, remedy=f"not {shape[0]} x {shape[1]}"
            )
        rows, columns = shape
    step = tuple(_positive(axes[name].scale, 1.0) if name in axes else 1.0 for name in ("y", "x"))
    if len(axes) == 1:
        step = (max(step), max(step)) if min(step) == 1.0 else step
    _check_not_truncated(path, rows * columns, signal)
    grid = full_grid(rows, columns, (step[0], step[1]))
    xmap = _known_map(signal.xmap, rows * columns)
    names, groups = (None, None) if xmap is None else phases_of(xmap)
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
    background = signal.static_background
    # AZtec has already taken its background off.
    processed = isinstance(source, Hdf5Patterns) and source.dataset.endswith("/Processed Patterns")
    return Scan(
        name=stem_of(path),
        path=path,
        source=source,
        row=grid.row,
        col=grid.col,
        x=grid.col * grid.step[1],
        y=grid.row * grid.step[0],
        shape=grid.shape,
        step=grid.step,
        voltage_kv=_voltage(metadata.get("microscope", {}).get("beam_energy")),
        # Where the file does not tell, kikuchipy says 70.
        sample_tilt=None if path.suffix.lower() in _WITHOUT_GEOMETRY else _finite(detector.sample_tilt),
        pattern_centre=_pattern_centre(detector.pc),
        xmap=xmap,
        phase_names=names,
        space_groups=groups,
        static_background=background if np.shape(background) == signal_shape and not processed else None,
        metadata=metadata,
    )


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


def _known_map(xmap: Any, n: int) -> "CrystalMap | None":
    """Return the map where it says more than that there are points."""
    if xmap is None or xmap.size != n:
        return None
    named = any(phase.name or phase.space_group is not None for i, phase in xmap.phases if i >= 0)
    return xmap if named or not np.allclose(xmap.rotations.angle, 0) else None


def _pattern_centre(pc: np.ndarray) -> tuple[float, float, float] | None:
    centre = np.asarray(pc, dtype=float).reshape(-1, 3).mean(axis=0)
    # kikuchipy puts the middle of everything where the file has none, and some files hold zeros.
    if not np.all(np.isfinite(centre)) or np.all(centre == 0.5) or centre[2] <= 0:
        return None
    return float(centre[0]), float(centre[1]), float(centre[2])


def _finite(value: Any) -> float | None:
    try:
        return float(value) if np.isfinite(value) else None
    except (TypeError, ValueError):
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
    if path.suffix.lower() not in BINARY_SUFFIXES:
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
