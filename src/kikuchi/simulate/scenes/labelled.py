"""Scans whose truth is known: one of each material, or a map of a microstructure."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.atomic import write_text
from kikuchi._support.progress import SILENT, Progress
from kikuchi.simulate.detector.acquisition import acquire, draw_parameters, random_crystals
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.detector.orientations import euler_angles
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.scenes.microstructure import NO_PHASE, Microstructure
from kikuchi.simulate.scenes.writer import truth_path, write_scan, write_truth

#: Whether parameters are drawn once a scan or once a pattern.
Vary = Literal["scan", "pattern"]


def simulate_labelled(
    masters: Sequence[MasterPattern],
    out_dir: str | Path,
    *,
    count: int | Sequence[int] = 400,
    detector: Detector | None = None,
    microscope: Microscope | None = None,
    seed: int = 0,
    step_um: float = 1.0,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Write one scan of random orientations per material, and the dataset file that names them.

    Parameters
    ----------
    masters
        The materials; their names must differ.
    out_dir
        Folder for ``<name>.h5``, ``<name>.truth.csv`` and ``dataset.toml``.
    count
        Patterns of each material, one number or one per material.
    detector, microscope
        How they are recorded.
    seed
        The same seed gives the same patterns; every material has randomness of its own.
    step_um
        Step of the grid, micrometres.
    workers
        Threads; by default one per core. They change nothing but the time.
    progress
        Listener of the work.

    Returns
    -------
    pathlib.Path
        The dataset file.

    Raises
    ------
    InputError
        Two materials share a name, a count is not positive, or a file cannot be written.
    """
    detector, microscope = detector or Detector(), microscope or Microscope()
    counts = [count] * len(masters) if isinstance(count, int) else list(count)
    names = [master.name for master in masters]
    stems = [_file_stem(name) for name in names]
    if not masters or len({stem.lower() for stem in stems}) != len(stems):
        raise InputError(
            f"materials need names that differ, not {', '.join(names) or 'none at all'}", remedy="rename one"
        )
    if len(counts) != len(masters) or min(counts) < 1:
        raise InputError("every material needs a count of at least 1 pattern", remedy="set its count")
    out_dir = Path(out_dir)
    entries = ["# Simulated scans. What is true of each pattern lies beside its scan in <name>.truth.csv.\n"]
    with progress.bar("patterns", sum(counts)) as step:
        for number, (master, n, stem) in enumerate(zip(masters, counts, stems, strict=True)):
            parameters = draw_parameters(detector, microscope, n, [seed, number])
            crystals = random_crystals(np.zeros(n, dtype=int), parameters["overlap"], [seed, number])
            structure = Microstructure(
                _grid(n),
                crystals.phase,
                crystals.rotations,
                np.arange(n),
                crystals.second_phase,
                crystals.second_rotations,
                crystals.mix,
                np.zeros(n, dtype=bool),
            )
            _record(
                out_dir / f"{stem}.h5",
                [master],
                structure,
                detector,
                microscope,
                [seed, number],
                step_um,
                "pattern",
                workers,
                step,
            )
            entries.append(
                f'[[material]]\nname = "{master.name}"\nspace_group = {master.space_group}\nscan = "{stem}.h5"\n'
            )
    write_text(out_dir / "dataset.toml", "\n".join(entries))
    return out_dir / "dataset.toml"


def simulate_map(
    masters: Sequence[MasterPattern],
    structure: Microstructure,
    out_file: str | Path,
    *,
    detector: Detector | None = None,
    microscope: Microscope | None = None,
    seed: int = 0,
    step_um: float = 1.0,
    vary: Vary = "scan",
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Write the scan of a microstructure, and its truth beside it.

    Parameters
    ----------
    masters
        Master patterns of the phases that the structure points to.
    structure
        What is at every point; its mixing at boundaries takes the place of the microscope's overlap.
    out_file
        Scan to write, ``.h5``; the truth goes to ``<stem>.truth.csv``.
    detector, microscope, seed, step_um
        As for `simulate_labelled`; the step in micrometres.
    vary
        Whether geometry and recording are drawn once, as in a real scan, or for every point.
    workers, progress
        As for `simulate_labelled`.

    Returns
    -------
    pathlib.Path
        The scan.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    detector, microscope = detector or Detector(), microscope or Microscope()
    with progress.bar("patterns", len(structure.crystals)) as step:
        return _record(
            Path(out_file), masters, structure, detector, microscope, [seed], step_um, vary, workers, step
        )


def _record(
    path: Path,
    masters: Sequence[MasterPattern],
    structure: Microstructure,
    detector: Detector,
    microscope: Microscope,
    seed: Sequence[int],
    step_um: float,
    vary: Vary,
    workers: int | None,
    step: Callable[[int], None],
) -> Path:
    """Record all points, then write scan and truth: the truth first, so that no scan is ever without it."""
    crystals = structure.crystals
    n = len(crystals)
    parameters = draw_parameters(detector, microscope, 1 if vary == "scan" else n, seed)
    parameters = {name: np.broadcast_to(values, n) for name, values in parameters.items()}
    parameters["overlap"] = crystals.mix
    parameters["contrast"] = np.where(crystals.phase == NO_PHASE, 0.0, parameters["contrast"])
    if microscope.camera_seed is None:
        # One scan, one camera: its dead pixels stay where they are.
        microscope = microscope.model_copy(update={"camera_seed": seed[0]})
    write_truth(truth_path(path), _truth(masters, structure, step_um) | parameters)
    blocks = acquire(masters, crystals, parameters, detector, microscope, seed, workers)
    centre = np.stack([parameters[name] for name in ("pcx", "pcy", "pcz")], axis=1)
    return write_scan(
        path,
        _counted(blocks, step),
        grid=structure.shape,
        signal_shape=detector.shape,
        dtype=np.uint8 if microscope.bits == 8 else np.uint16,
        step_um=step_um,
        voltage_kv=masters[0].voltage_kv,
        simulators=sorted({master.simulator for master in masters if master.simulator}),
        pattern_centre=centre[0] if np.ptp(centre, axis=0).max() == 0 else centre,
        # The format has one of each for a scan; the truth table has them all.
        **{
            angle: float(np.mean(parameters[angle]))
            for angle in ("sample_tilt", "tilt", "azimuthal", "twist")
        },
    )


def _truth(
    masters: Sequence[MasterPattern], structure: Microstructure, step_um: float
) -> dict[str, np.ndarray]:
    row, column = (index.ravel() for index in np.indices(structure.shape))
    # The last entry stands for NO_PHASE, which is -1.
    names = np.array([*(master.name for master in masters), None], dtype=object)
    groups = np.array([*(str(master.space_group) for master in masters), None], dtype=object)
    angles = euler_angles(structure.rotations)
    angles[structure.phase == NO_PHASE] = np.nan
    mixed = structure.mix > 0
    return {
        "index": np.arange(row.size),
        "row": row,
        "col": column,
        "x": column * step_um,
        "y": row * step_um,
        "phase": names[structure.phase],
        "space_group": groups[structure.phase],
        "grain": structure.grain,
        "status_truth": structure.status(),
        "mix": structure.mix,
        "second_phase": np.where(mixed, names[structure.second_phase], None),
        "phi1": angles[:, 0],
        "Phi": angles[:, 1],
        "phi2": angles[:, 2],
    }


def _counted(
    blocks: Iterable[tuple[int, np.ndarray]], step: Callable[[int], None]
) -> Iterator[tuple[int, np.ndarray]]:
    for start, patterns in blocks:
        yield start, patterns
        step(len(patterns))


def _grid(n: int) -> tuple[int, int]:
    """Rows and columns of the squarest full grid of `n` points."""
    rows = next(k for k in range(math.isqrt(n), 0, -1) if n % k == 0)
    return rows, n // rows


def _file_stem(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name)
