"""Patterns of the study: those that are not given are simulated, once, from one source of master patterns."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate import (
    Detector,
    MasterPattern,
    Microscope,
    cached_master,
    kinematical_master,
    load_master,
    load_structure,
    simulate_labelled,
    simulate_map,
    structure_names,
)
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.structure_factors import affordable_spacing
from kikuchi.simulate.scenes.simulation import build_microstructure
from reports.paper.parts.config import Map, Masters, Study


def master(name: str, masters: Masters, work: Path, voltage_kv: float | None = None) -> MasterPattern:
    """Return a material's master pattern, from the study's one source.

    Parameters
    ----------
    name
        A structure, or the name of a file in the source's folder.
    masters
        The source.
    work
        Where computed ones are kept.
    voltage_kv
        Another voltage than the study's.
    """
    voltage_kv = voltage_kv or masters.voltage_kv
    if masters.source == "kinematical":
        found = cached_master(
            kinematical_master,
            load_structure(name),
            voltage_kv,
            folder=work / "masters",
            half_size=masters.half_size,
        )
    elif masters.source == "dynamical":
        structure = load_structure(name)
        found = cached_master(
            bloch_wave_master,
            structure,
            voltage_kv,
            folder=work / "masters",
            half_size=masters.half_size,
            min_dspacing=affordable_spacing(structure, least=0.5, most_reflectors=2000),
        )
    else:
        folder = Path(masters.source)
        files = sorted(f for f in folder.glob(f"{name}.*") if f.suffix in (".npz", ".sht", ".h5"))
        files += _in_database(folder, name, voltage_kv)
        if not files:
            raise InputError(
                f"no master pattern of {name}", path=folder, remedy=f"put {name}.npz or .sht there"
            )
        found = load_master(files[0], voltage_kv, half_size=masters.half_size)
    return replace(found, name=Path(name).stem)


def _in_database(folder: Path, name: str, voltage_kv: float) -> list[Path]:
    """Return the files called as in the public database of ``.sht`` masters."""
    if name not in structure_names():
        return []
    group = load_structure(name).space_group
    return sorted(folder.glob(f"{name}_*_sg{group}_{voltage_kv:g}kV.sht"))


def labelled_dataset(study: Study, work: Path) -> Path:
    """Return the dataset TOML to learn from, simulated where none is given."""
    if study.labelled.dataset is not None:
        return study.labelled.dataset
    groups: dict[int, list[str]] = {}
    for name in study.labelled.materials:
        groups.setdefault(load_structure(name).space_group, []).append(name)
    counts = {name: study.labelled.per_group // len(names) for names in groups.values() for name in names}
    return simulated(study, work, "labelled", list(counts), list(counts.values()), study.seed)


def unknown_dataset(study: Study, work: Path) -> Path | None:
    """Return the dataset TOML of materials that no member knows, None where the study has none."""
    if study.unknown.dataset is not None:
        return study.unknown.dataset
    if not study.unknown.materials:
        return None
    names = list(study.unknown.materials)
    return simulated(study, work, "unknown", names, [study.unknown.count] * len(names), study.seed + 1)


def simulated(
    study: Study,
    work: Path,
    folder: str,
    names: list[str],
    counts: list[int],
    seed: int,
    *,
    detector: Detector | None = None,
    microscope: Microscope | None = None,
    voltage_kv: float | None = None,
    masters: Masters | None = None,
) -> Path:
    """Simulate labelled scans into a folder of the work, unless they are there.

    Returns
    -------
    pathlib.Path
        The dataset TOML.
    """
    out = work / folder
    if (out / "dataset.toml").is_file():
        return out / "dataset.toml"
    return simulate_labelled(
        [master(name, masters or study.masters, work, voltage_kv) for name in names],
        out,
        count=counts,
        detector=detector or study.recording.detector,
        microscope=microscope or study.recording.microscope,
        seed=seed,
        workers=1,
    )


def map_scan_file(entry: Map, study: Study, work: Path, number: int) -> Path:
    """Return the scan of a map, simulated where none is given, with its truth beside it."""
    if entry.scan is not None:
        return entry.scan
    out = work / "maps" / f"{stem(entry.name)}.h5"
    if out.is_file():
        return out
    table = entry.microstructure
    assert table is not None
    seed = study.seed + 10 + number
    structure, step = build_microstructure(table, entry.materials, seed)
    return simulate_map(
        [master(name, study.masters, work) for name in entry.materials],
        structure,
        out,
        detector=study.recording.detector,
        microscope=study.recording.microscope,
        seed=seed,
        step_um=step,
        vary=table.vary,
        workers=1,
    )


def truth_of(entry: Map, scan: Path) -> dict[str, np.ndarray] | None:
    """Return what is true of every point of a map, None where nobody knows."""
    import pandas

    file = entry.truth or scan.with_suffix(".truth.csv")
    if not file.is_file():
        return None
    table = pandas.read_csv(file)
    return {name: table[name].to_numpy() for name in table.columns}


def stem(name: str) -> str:
    """Return a name as a file is called.

    Examples
    --------
    >>> stem("nickel superalloy")
    'nickel_superalloy'
    """
    return "".join(letter if letter.isalnum() else "_" for letter in name)
