"""Maps that the studies of named phases share: patterns by EMsoft's or de-ebsd's masters, and results kept in parts."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.simulate import Detector, Microscope, load_master, load_structure, simulate_map
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.detector.distribution import between, log_between
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.scenes.microstructure import Microstructure
from kikuchi.simulate.scenes.simulation import build_microstructure
from kikuchi.simulate.scenes.spec import MapTable
from reports._provenance import provenance

HERE = Path(__file__).parent
SEED = 2021
KV = 20.0

#: The recording of the two maps of `reports/paper`.
DETECTOR = Detector(shape=(60, 60), pcx=between(0.48, 0.52), pcy=between(0.23, 0.27), pcz=between(0.53, 0.57))
MICROSCOPE = Microscope(contrast=between(0.03, 0.08), dose=log_between(1500, 6000))


def master_file(shared: Path, name: str) -> Path:
    """Return a file of the public database."""
    return shared / "masters" / f"{name}_{KV:.0f}kV.sht"


def true_master(file: str, name: str, shared: Path, work: Path) -> MasterPattern:
    """Load the master that patterns are made of."""
    if file != "de-ebsd":
        return load_master(master_file(shared, file), half_size=200)
    structure = load_structure(named(name))
    north = np.load(work / "other" / f"{name}.npy").astype(np.float32)
    assert is_centrosymmetric(structure.space_group)
    return replace(MasterPattern.of(structure, KV, north, kind="dynamical"), simulator="de-ebsd")


def named(phase: str) -> str:
    """Return what a command is told of a phase: a structure that ships, or the file of one that does not."""
    file = HERE / "structures" / f"{phase}.toml"
    return str(file) if file.is_file() else phase


def recorded(name: str, entry: dict[str, Any], shared: Path, work: Path) -> Path:
    """Simulate a map from EMsoft's masters, once."""
    out = work / f"{name.replace(' ', '_')}.h5"
    if not out.is_file():
        names = list(entry["phases"])
        masters = [replace(true_master(f, n, shared, work), name=n) for n, f in entry["phases"].items()]
        table = dict(entry["microstructure"])
        if "file" in table:
            table["file"] = shared / table["file"]
        structure, step = build_microstructure(MapTable.model_validate(table), names, SEED)
        every = entry.get("every", 1)
        simulate_map(
            masters,
            subsampled(structure, every),
            out,
            detector=DETECTOR,
            microscope=MICROSCOPE,
            seed=SEED,
            step_um=step * every,
        )
    return out


def subsampled(structure: Microstructure, every: int) -> Microstructure:
    """Return every so many points of a map in both directions."""
    rows, columns = np.indices(structure.shape)
    kept = ((rows % every == 0) & (columns % every == 0)).ravel()
    arrays = {name: value[kept] for name, value in vars(structure).items() if name != "shape"}
    shape = (-(-structure.shape[0] // every), -(-structure.shape[1] // every))
    return replace(structure, shape=shape, **arrays)


def kept(part: str) -> dict[str, Any]:
    """Return the results of a part that are there already."""
    file = HERE / f"{part}.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def keep(part: str, results: dict[str, Any]) -> None:
    """Write what a part has so far."""
    made = {"made_by": provenance(seed=SEED)} | {k: v for k, v in results.items() if k != "made_by"}
    (HERE / f"{part}.json").write_text(json.dumps(made, indent=1, default=float) + "\n")
