"""Masters computed once: kept on disk, keyed by the crystal and every setting."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.master_file import read_stored_master, save_master
from kikuchi.simulate.masters.simulator import Simulator

_VERSION = 4  # raise when a change of the physics makes older files wrong


def default_cache_folder() -> Path:
    """Return where masters are kept: ``$KIKUCHI_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("KIKUCHI_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kikuchi-ensemble" / "masters"


def cached_master(
    compute: Callable[..., MasterPattern],
    structure: Structure,
    voltage_kv: float = 20.0,
    *,
    folder: str | Path | None = None,
    advance: Callable[[int, int], None] | None = None,
    **settings: Any,
) -> MasterPattern:
    """Return a master pattern from the cache, or compute and keep it.

    Parameters
    ----------
    compute
        `kinematical_master`, `bloch_wave_master`, `dynamical_master` or `simulated_master`.
    structure
        The crystal.
    voltage_kv
        Accelerating voltage, kV.
    folder
        Where masters are kept; `default_cache_folder` by default.
    advance
        Passed on to `compute` where it is given; no part of the key.
    **settings
        Passed on to `compute`; part of the key, by their text.

    Returns
    -------
    master
        As computed, with intensities rounded to 16 bits and scaled to 0..1, whether it came from the cache or not.
    """
    folder = default_cache_folder() if folder is None else Path(folder)
    simulation = {"method": compute.__name__} | {name: plain(value) for name, value in settings.items()}
    file = folder / f"{cache_key(compute.__name__, structure, voltage_kv, settings)}.npz"

    def keep() -> None:
        listening = {} if advance is None else {"advance": advance}
        save_master(file, compute(structure, voltage_kv, **settings, **listening), structure, simulation)

    if not file.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        keep()
    try:
        return read_stored_master(file).master
    except InputError:
        # A damaged file is no reason to stop: it can be made again.
        file.unlink(missing_ok=True)
        keep()
        return read_stored_master(file).master


def plain(value: Any) -> Any:
    """Return a setting as plain data, for a record: dataclasses as dictionaries, the rest as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    return value if isinstance(value, int | float | str | bool | None) else repr(value)


def cache_key(method: str, structure: Structure, voltage_kv: float, settings: dict[str, Any]) -> str:
    """Return a name that changes with anything that changes the pattern, and with nothing else.

    Examples
    --------
    >>> from kikuchi.simulate.crystals.structure_files import load_structure
    >>> key = cache_key("kinematical_master", load_structure("Ni"), 20, {"half_size": 50})
    >>> key == cache_key("kinematical_master", load_structure("Ni"), 20.0, {"half_size": 50})
    True
    """
    content = structure.to_dict()
    del content["source"]
    # Settings that nobody gave are the simulator's own, and those may change.
    given = [{k: repr(v) for k, v in settings.items()}, repr(Simulator())]
    text = json.dumps([_VERSION, method, content, float(voltage_kv), *given], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
