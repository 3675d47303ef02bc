"""Patterns of any diffraction kind in HyperSpy's own file: 4D-STEM, CBED, transmission Kikuchi, channelling patterns.

The file is HDF5 of a plain layout (rosettasciio, "HSpy format", 3.x): ``Experiments/<title>/data`` and a group of
attributes for each axis. It is read here and not through HyperSpy, so that a scan larger than memory is read a few
patterns at a time, and nothing but numbers and short texts is taken from it.
"""

from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.hdf5_probe import probe_hdf5
from kikuchi.scans.readers.grid import UNTOLD_GRID, full_grid
from kikuchi.scans.readers.hdf5_file import check_filters, listed, other_scans
from kikuchi.scans.readers.limits import check_grid_size, check_pattern_size
from kikuchi.scans.readers.sources import ArrayPatterns, Hdf5Patterns
from kikuchi.scans.readers.units import micrometres
from kikuchi.scans.scan import Scan, joined_notes, stem_of

HYPERSPY_SUFFIX = ".hspy"
_SAVE_AGAIN = "save it again from HyperSpy, as .hspy, with the pattern's two axes as signal axes"
_INSTRUMENTS = ("Acquisition_instrument/TEM", "Acquisition_instrument/SEM")


def open_hyperspy(path: Path, shape: tuple[int, int] | None = None, scan_name: str | None = None) -> Scan:
    """Open a HyperSpy file of two-dimensional signals, whatever their kind, as a scan.

    Parameters
    ----------
    path
        ``.hspy``: no, one or two navigation axes and two signal axes. Of several signals the first with such axes.
    shape
        Rows and columns of the grid, where the file has one navigation axis only.
    scan_name
        Title of the signal, where the file holds several; the first with such axes where None.

    Raises
    ------
    InputError
        If the file is damaged, declares sizes no scan has, or holds no two-dimensional signal of that title.
    """
    import h5py

    if not h5py.is_hdf5(path):
        raise InputError("is no HyperSpy file", path=path, remedy=_SAVE_AGAIN)
    probe_hdf5(path, remedy=_SAVE_AGAIN, objects=True)  # only data and some attributes are read
    try:
        with h5py.File(path, "r") as file:
            group, axes, others = _image_signal(file, path, scan_name)
            name, data_shape = f"{group.name}/data", group["data"].shape
            check_filters(group["data"], path)
            single = group["data"][()] if len(data_shape) == 2 else None
            signal_type = _text(_attributes(group, "metadata/Signal").get("signal_type"))
            energy = [_attributes(group, f"metadata/{place}").get("beam_energy") for place in _INSTRUMENTS]
    except InputError:
        raise
    except (
        Exception
    ) as error:  # a damaged file makes h5py raise OSError, KeyError, RuntimeError, ValueError...
        raise InputError(
            f"is damaged: {str(error).splitlines()[0][:200]}", path=path, remedy=_SAVE_AGAIN
        ) from None
    rows, columns = (1, 1, *data_shape[:-2])[-2:]
    if shape is not None:
        if shape[0] * shape[1] != rows * columns:
            raise InputError(
                f"holds {rows * columns} patterns", path=path, remedy=f"not {shape[0]} x {shape[1]}"
            )
        rows, columns = shape
    steps = [_step(axis) for axis in axes[:-2]]
    known = [step for step in steps if step is not None] or [1.0]
    dy, dx = (known[0] if step is None else step for step in (steps[0], steps[-1])) if steps else (1.0, 1.0)
    grid = full_grid(rows, columns, (dy, dx))
    units = {_text(a.get("units")) or "none" for a, step in zip(axes, steps, strict=False) if step is None}
    record = ", ".join(sorted(units))[:60]
    untold = (
        f"the unit of the steps ({record}) is no length: a step counts as {known[0]:g} µm" if units else None
    )
    line = UNTOLD_GRID if len(steps) == 1 and columns > 1 and shape is None else None
    voltage = next((float(value) for value in energy if value is not None and np.isfinite(value)), None)
    return Scan(
        name=stem_of(path),
        path=path,
        source=ArrayPatterns(single, files=(path,)) if single is not None else Hdf5Patterns(path, name),
        row=grid.row,
        col=grid.col,
        x=grid.col * grid.step[1],
        y=grid.row * grid.step[0],
        shape=grid.shape,
        step=grid.step,
        voltage_kv=voltage if voltage is not None and voltage > 0 else None,
        metadata={"format": "hspy", "signal_type": signal_type, **joined_notes(others, line, untold)},
    )


def _image_signal(
    file: Any, path: Path, scan_name: str | None
) -> tuple[Any, list[dict[str, Any]], str | None]:
    """Return the signal of that title, or the first, whose last two axes are a pattern's; its axes; the others."""
    found = {}
    for title, group in file.get("Experiments", {}).items():
        data = group.get("data")
        ndim = len(getattr(data, "shape", None) or ())
        if ndim not in (2, 3, 4) or data.dtype.kind not in "uif":
            continue
        axes = [_attributes(group, f"axis-{number}") for number in range(ndim)]
        if [bool(axis.get("navigate", False)) for axis in axes] == [True] * (ndim - 2) + [False] * 2:
            found[title] = group, axes
    if not found:
        raise InputError("holds no patterns: no signal with two signal axes", path=path, remedy=_SAVE_AGAIN)
    chosen = next(iter(found)) if scan_name is None else scan_name
    if chosen not in found:
        raise InputError(f"has no scan {chosen!r}", path=path, remedy=f"with patterns: {listed([*found])}")
    group, axes = found[chosen]
    data = group["data"]
    check_pattern_size(data.shape[-2], data.shape[-1], path)
    rows, columns = (1, 1, *data.shape[:-2])[-2:]
    check_grid_size(rows, columns, path)
    return group, axes, other_scans(chosen, [title for title in found if title != chosen])


def _attributes(group: Any, name: str) -> dict[str, Any]:
    return dict(group[name].attrs) if name in group else {}


def _step(axis: dict[str, Any]) -> float | None:
    """Step of a navigation axis in micrometres; None where its unit is no length."""
    step = abs(float(axis.get("scale", 1.0))) * (micrometres(_text(axis.get("units"))) or 0.0)
    return step if np.isfinite(step) and step > 0 else None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value or "")
