"""The toolkit's own file for master patterns: one of every set of equivalent pixels, 16 bits each."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.archive import read_archive
from kikuchi.simulate.crystals.structures import Structure, structure_from_dict
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.masters.equivalent_pixels import equivalent_pixels
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import named_by_record

FORMAT = "kikuchi-master"
_VERSION = 1
_LARGEST = 4001
_REMEDY = "delete it where it is a cache, else copy it again"


@dataclass(frozen=True)
class StoredMaster:
    """A master pattern together with the crystal it was computed from.

    Parameters
    ----------
    master
        The master pattern.
    structure
        The crystal.
    simulation
        How it was computed, plain data; None where the file does not say.
    """

    master: MasterPattern
    structure: Structure
    simulation: dict[str, Any] | None = None


def save_master(
    path: str | Path,
    master: MasterPattern,
    structure: Structure,
    simulation: dict[str, Any] | None = None,
) -> None:
    """Write a master pattern, whole or not at all.

    Intensities are scaled to 0..1 and stored as float16 (relative error at most 0.05 %), one of every set of pixels
    that symmetry makes equal: 3 kB for a cubic master of 101 pixels. A NumPy archive without pickle.

    Parameters
    ----------
    path
        File to write, ending in ``.npz``.
    master
        The master pattern; it must have the symmetry of `structure`.
    structure
        The crystal it was computed from.
    simulation
        How it was computed, as JSON can hold it (`Simulator.to_dict`).
    """
    friedel = master.kind == "kinematical" or is_centrosymmetric(structure.space_group)
    size = len(master.north)
    representatives, _ = equivalent_pixels(structure, size, friedel=friedel)
    halves = [master.north] if friedel else [master.north, master.south]
    low = min(float(half.min()) for half in halves)
    span = max(max(float(half.max()) for half in halves) - low, np.finfo(np.float32).tiny)
    values = np.stack([(half.ravel()[representatives] - low) / span for half in halves])
    meta = {
        "format": FORMAT,
        "version": _VERSION,
        "size": size,
        "name": master.name,
        "space_group": master.space_group,
        "voltage_kv": master.voltage_kv,
        "kind": master.kind,
        "source": master.source,
        "structure": structure.to_dict(),
    }
    if simulation is not None:
        meta["simulation"] = simulation
    if master.simulator:
        meta["simulator"] = master.simulator
    path = Path(path)
    # Another process may be writing the same file: each writes its own and the last one to finish stands.
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with unfinished.open("wb") as file:
            np.savez_compressed(file, meta=np.array(json.dumps(meta)), values=values.astype(np.float16))
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def read_stored_master(path: str | Path) -> StoredMaster:
    """Read a file written by `save_master`.

    Raises
    ------
    InputError
        If the file is damaged or of another kind.
    """
    try:
        archive = read_archive(Path(path), remedy=_REMEDY)
        meta = json.loads(str(archive["meta"]))
        values = archive["values"]
    except (ValueError, KeyError, RecursionError) as error:
        raise InputError(f"not a master pattern of this toolkit: {error}", path=path) from None
    if not isinstance(meta, dict) or meta.get("format") != FORMAT or meta.get("version") != _VERSION:
        raise InputError(f"not a {FORMAT} file of version {_VERSION}", path=path)
    try:
        structure = structure_from_dict(meta["structure"], path=path)
        simulation = meta.get("simulation")
        simulation = simulation if isinstance(simulation, dict) else None
        size, kind = int(meta["size"]), str(meta["kind"])
        friedel = kind == "kinematical" or is_centrosymmetric(structure.space_group)
        if not (3 <= size <= _LARGEST and size % 2):
            raise InputError(f"a master pattern of {size} pixels is not possible", path=path)
        representatives, sets = equivalent_pixels(structure, size, friedel=friedel)
        if values.shape != (1 if friedel else 2, len(representatives)):
            raise InputError(f"{values.shape} intensities do not fill {size} x {size} pixels", path=path)
        north, *rest = (half.astype(np.float32)[sets].reshape(size, size) for half in values)
        south = rest[0] if rest else north[::-1, ::-1]
        master = MasterPattern(
            name=str(meta["name"]),
            space_group=int(meta["space_group"]),
            voltage_kv=float(meta["voltage_kv"]),
            north=north,
            south=north if np.array_equal(north, south) else south,
            kind=kind,
            source=str(meta["source"]),
            simulator=str(meta.get("simulator") or named_by_record(kind, simulation)),
        )
    except (KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError(f"damaged master pattern: {error}", path=path) from None
    return StoredMaster(master, structure, simulation)
