"""Whether the files of a map's folder are of one run."""

import json
from pathlib import Path

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.hdf5_probe import probe_hdf5
from kikuchi.maps.h5_file import DETAILS

_MAP_AGAIN = "run the same `ensemble map` again"


def require_one_run(map_dir: Path) -> None:
    """Refuse a folder whose summary and map are of two runs: nobody could say which of them its pictures show.

    Parameters
    ----------
    map_dir
        A map's folder. A file that is missing, or of a version that wrote no ``run_id``, is not asked.

    Raises
    ------
    InputError
        ``summary.json`` and ``map.h5`` are of two runs, or one of them cannot be read.
    """
    summary, table = map_dir / "summary.json", map_dir / "map.h5"
    if not (summary.is_file() and table.is_file()):
        return
    record = atomic.read_json(summary, remedy=_MAP_AGAIN)
    first = record.get("run_id") if isinstance(record, dict) else None
    second = _run_of(table)
    if first is not None and second is not None and first != second:
        raise InputError(
            "the folder mixes two runs: summary.json and map.h5 are not of the same one",
            path=map_dir,
            remedy=_MAP_AGAIN,
        )


def _run_of(path: Path) -> str | None:
    import h5py

    probe_hdf5(path, remedy=_MAP_AGAIN)
    try:
        with h5py.File(path, "r") as file:
            details = json.loads(file[DETAILS]["details"][()])
        found = details["meta"].get("run_id")
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError):
        return None  # of another program: it says nothing of a run
    return found if isinstance(found, str) else None
