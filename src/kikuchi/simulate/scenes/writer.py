"""Scans on disk: patterns in kikuchipy's own HDF5 layout, and the truth beside them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi._support.atomic import replaced, require_room, write_text
from kikuchi._support.cells import cell


def write_scan(
    path: str | Path,
    blocks: Iterable[tuple[int, np.ndarray]],
    *,
    grid: tuple[int, int],
    signal_shape: tuple[int, int],
    dtype: type[np.generic] | np.dtype,
    step_um: float,
    voltage_kv: float,
    pattern_centre: np.ndarray,
    sample_tilt: float = 70.0,
    tilt: float = 0.0,
    azimuthal: float = 0.0,
    twist: float = 0.0,
    simulators: Sequence[str] = (),
) -> Path:
    """Write a scan that `kikuchipy.load` opens, as its blocks come in.

    The file appears under its name only when it is complete. No phase is named in it: it is what a microscope
    records, and the truth lies beside it.

    Parameters
    ----------
    path
        File to write, ``.h5``.
    blocks
        (start, patterns): index of the first pattern, and patterns of shape (b, *signal_shape).
    grid
        Rows and columns of the scan.
    signal_shape
        Rows and columns of a pattern.
    dtype
        uint8 or uint16.
    step_um
        Step of the grid, micrometres.
    voltage_kv
        Accelerating voltage, kV.
    pattern_centre
        Bruker's convention, shape (3,) or (n, 3).
    sample_tilt, tilt, azimuthal, twist
        Degrees, one for the scan, as the format has it.
    simulators
        What computed the master patterns; `kikuchi.scans.Scan.simulators` reads it back.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    import h5py

    path = Path(path)
    rows, columns = grid
    n = rows * columns
    centre = np.atleast_2d(np.asarray(pattern_centre, dtype=float))
    per_point = (rows, columns) if len(centre) == n and n > 1 else (1,)
    header = {
        "n_rows": rows,
        "n_columns": columns,
        "pattern_height": signal_shape[0],
        "pattern_width": signal_shape[1],
        "step_x": float(step_um),
        "step_y": float(step_um),
        "sample_tilt": float(sample_tilt),
        "elevation_angle": float(tilt),
        "azimuth_angle": float(azimuthal),
        "twist_angle": float(twist),
        "binning": 1,
        "detector_pixel_size": 1.0,
        "pcx": centre[:, 0].reshape(per_point),
        "pcy": centre[:, 1].reshape(per_point),
        "pcz": centre[:, 2].reshape(per_point),
        "static_background": -1,
    }
    require_room(path, n * math.prod(signal_shape) * np.dtype(dtype).itemsize + centre.nbytes)
    with replaced(path) as unfinished, h5py.File(unfinished, "w") as file:
        _put(file, {"manufacturer": "kikuchipy", "version": version("kikuchipy")})
        scan = file.create_group("Scan 1")
        chunk = (min(64, n), *signal_shape)
        patterns = scan.create_dataset(
            "EBSD/Data/patterns", (n, *signal_shape), np.dtype(dtype), chunks=chunk
        )
        for start, block in blocks:
            patterns[start : start + len(block)] = block
        _put(scan.create_group("EBSD/Header"), header)
        microscope = ["simulated", *(["; ".join(simulators)] if simulators else [])]
        sem = {"beam_energy": voltage_kv, "magnification": 0, "microscope": ": ".join(microscope)}
        _put(scan.create_group("SEM/Header"), {**sem, "working_distance": 0.0})
    return path


def write_truth(path: str | Path, columns: Mapping[str, np.ndarray]) -> Path:
    """Write the truth of a scan, one row a pattern, in scan order.

    Parameters
    ----------
    path
        File to write, ``.csv``.
    columns
        Name and values, all of one length; NaN and None become empty.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    import pandas as pd

    table = pd.DataFrame(dict(columns))
    words = table.select_dtypes(include=["object", "string"]).columns
    table[words] = table[words].map(cell)
    write_text(Path(path), table.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
    return Path(path)


def truth_path(scan: str | Path) -> Path:
    """Give where the truth of a scan lies.

    Examples
    --------
    >>> truth_path("demo/map.h5").as_posix()
    'demo/map.truth.csv'
    """
    scan = Path(scan)
    return scan.with_name(scan.stem + ".truth.csv")


def _put(group: Any, values: Mapping) -> None:
    """Datasets as kikuchipy's own writer makes them: single values have shape (1,), text is bytes."""
    for name, value in values.items():
        if isinstance(value, str):
            group.create_dataset(name, data=np.array([value.encode()]))
        else:
            group.create_dataset(name, data=np.atleast_1d(value))
