"""From a specification to files: what `ensemble simulate` does."""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.atomic import replaced_together, require_room
from kikuchi._support.progress import SILENT, Progress, Whole
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.scenes.labelled import simulate_labelled, simulate_map
from kikuchi.simulate.scenes.microstructure import (
    Microstructure,
    add_foreign,
    add_precipitates,
    disc,
    make_unreadable,
    voronoi_grains,
)
from kikuchi.simulate.scenes.spec import MapTable, Material, Spec, load_spec

#: Pixels from the pole to the edge: of kinematical masters, whose time is no matter, and of dynamical ones: 0.9 degrees
#: each, about a pixel of a detector of 60.
_FINE, _ENOUGH = 200, 100

#: Some forty parameters and columns of the truth of one pattern.
_BYTES_A_PATTERN = 600


def simulate(
    spec: str | Path | Spec,
    out: str | Path,
    *,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Path:
    """Simulate what a specification says.

    Parameters
    ----------
    spec
        TOML file, or one already read.
    out
        For a map the scan to write, ``.h5``, or a folder for ``map.h5``; otherwise a folder for the scans.
    workers
        Threads; by default one per core.
    progress
        Listener of the work: a bar of every master pattern, one of the patterns, and one of the whole.

    Returns
    -------
    pathlib.Path
        The map's scan, or the dataset file of the labelled scans.

    Raises
    ------
    InputError
        The specification or a file that it names is wrong, or `out` cannot be written.
    """
    name = "scans" if isinstance(spec, Spec) else Path(spec).name
    spec = spec if isinstance(spec, Spec) else load_spec(spec)
    out = Path(out)
    if spec.map is None and out.suffix:
        raise InputError(
            "labelled scans go into a folder", path=out, remedy="give a folder, or a [map] in the spec"
        )
    if spec.map is not None and out.suffix.lower() not in ("", ".h5"):
        raise InputError("a map goes into an .h5 file", path=out, remedy="end its name in .h5")
    _require_room(spec, out)
    try:
        with Whole(progress, f"simulating {name}", _costs(spec)).begun() as told:
            return _simulate(spec, out, workers, told)
    except MemoryError as error:
        raise InputError(
            f"there is not memory enough for what the specification asks: {error or 'out of memory'}",
            remedy="ask for fewer patterns, a smaller detector or a smaller half_size",
        ) from error


def _require_room(spec: Spec, out: Path) -> None:
    """Refuse what neither the disk nor the memory has room for, before anything is computed."""
    rows, columns = spec.detector.shape
    table = spec.map
    counts = [material.count for material in spec.material]
    most = max(counts)
    if table is not None:
        most = table.shape[0] * table.shape[1] if table.file is None else 1
        counts = [most]
    size = 1 if spec.microscope.bits == 8 else 2
    target = out / "map.h5" if table is not None and not out.suffix else out
    require_room(target if table is not None else out / "dataset.toml", sum(counts) * rows * columns * size)
    # A scan's truth and parameters lie in memory while it is made, and patterns of a pixel or more.
    needed = most * _BYTES_A_PATTERN + 64 * rows * columns
    if (have := _memory()) is not None and needed > have:
        raise InputError(
            f"there is not memory enough for {most} patterns of {rows} x {columns} pixels in one scan: it takes some "
            f"{needed / 2**30:.3g} GiB and the machine has {have / 2**30:.3g}",
            remedy="ask for fewer patterns in a scan",
        )


def _costs(spec: Spec) -> dict[str, tuple[float, int]]:
    """About how many seconds of two cores the steps take: what the bar of the whole goes by."""
    half_size = spec.half_size or (_FINE if spec.diffraction == "kinematical" else _ENOUGH)
    # Of nickel: crystals of less symmetry have up to 24 times the directions.
    a_master = (2.5e-6 if spec.diffraction == "kinematical" else 3e-3) * half_size**2
    computed = sum(material.master is None for material in spec.material)
    if spec.map is None:
        patterns = sum(material.count for material in spec.material)
    else:
        patterns = 10_000 if spec.map.file is not None else int(np.prod(spec.map.shape))
    rows, columns = spec.detector.shape
    masters = (a_master * computed + 0.01) / len(spec.material)
    return {
        "master pattern": (masters, len(spec.material)),
        "patterns": (8e-8 * rows * columns * patterns, 1),
    }


@contextmanager
def _percent(progress: Progress, description: str) -> Iterator[Callable[[int, int], None]]:
    """Open a bar of a hundred steps, full at the end; the function it gives takes (done, in all)."""
    with progress.bar(description, 100) as step:
        shown = 0

        def told(done: int, total: int) -> None:
            nonlocal shown
            if (now := 100 * done // total) > shown:
                step(now - shown)
                shown = now

        yield told
        told(1, 1)


def _memory() -> int | None:
    """Bytes of memory of this machine; None where nobody says."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):  # Windows
        return None


def _simulate(spec: Spec, out: Path, workers: int | None, progress: Progress) -> Path:
    masters = [material_master(material, spec, progress) for material in spec.material]
    # A scan and its truth come together: killed amid them, the old pair stays.
    if spec.map is None:
        with replaced_together(out, "dataset.toml") as staged:
            written = simulate_labelled(
                masters,
                staged,
                count=[material.count for material in spec.material],
                detector=spec.detector,
                microscope=spec.microscope,
                seed=spec.seed,
                workers=workers,
                progress=progress,
            )
        return out / written.name
    structure, step_um = build_microstructure(spec.map, [m.name for m in spec.material], spec.seed)
    target = out if out.suffix else out / "map.h5"
    with replaced_together(target.parent, target.name) as staged:
        simulate_map(
            masters,
            structure,
            staged / target.name,
            detector=spec.detector,
            microscope=spec.microscope,
            seed=spec.seed,
            step_um=step_um,
            vary=spec.map.vary,
            workers=workers,
            progress=progress,
        )
    return target


def material_master(material: Material, spec: Spec, progress: Progress = SILENT) -> MasterPattern:
    """Load a material's master pattern, or compute it from its structure.

    Parameters
    ----------
    material
        Its name, and where it comes from.
    spec
        Voltage, size and kind of diffraction for those that are computed.
    progress
        Listener of the work.

    Raises
    ------
    InputError
        There is no such structure or file.
    """
    with _percent(progress, f"master pattern of {material.name}") as advance:
        return replace(_master(material, spec, advance), name=material.name)


def _master(material: Material, spec: Spec, advance: Callable[[int, int], None]) -> MasterPattern:
    if material.master is not None:
        from kikuchi.simulate.masters.load import load_master

        return load_master(material.master)
    from kikuchi.simulate.crystals.structure_files import load_structure

    structure = load_structure(material.structure or material.name)
    if spec.diffraction == "kinematical":
        from kikuchi.simulate.masters.kinematical import kinematical_master

        return kinematical_master(structure, spec.voltage_kv, half_size=spec.half_size or _FINE)
    from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
    from kikuchi.simulate.masters.cache import cached_master

    half_size = spec.half_size or _ENOUGH
    try:
        return cached_master(
            bloch_wave_master, structure, spec.voltage_kv, half_size=half_size, advance=advance
        )
    except (OSError, InputError):  # nothing can be kept here; a wrong request is told again
        return bloch_wave_master(structure, spec.voltage_kv, half_size=half_size, advance=advance)


def build_microstructure(
    table: MapTable, materials: Sequence[str], seed: int = 0
) -> tuple[Microstructure, float]:
    """Make the microstructure that a map table describes.

    Parameters
    ----------
    table
        The description.
    materials
        Names of the materials; a phase's index is its place here.
    seed
        The same seed gives the same microstructure.

    Returns
    -------
    structure : Microstructure
        The points.
    step_um : float
        Step of the grid, micrometres.

    Raises
    ------
    InputError
        The map file cannot be used.
    """
    place = {name: index for index, name in enumerate(materials)}
    rng = np.random.default_rng(np.random.SeedSequence([seed, 3]))
    step = table.step
    if table.file is not None:
        from kikuchi.simulate.scenes.real_map import load_microstructure

        names = {phase.in_file or phase.material: place[phase.material] for phase in table.phase}
        structure, step = load_microstructure(table.file, names, boundary_width=table.boundary_width)
    else:
        structure = voronoi_grains(
            table.shape,
            np.array([phase.fraction for phase in table.phase]),
            table.grain_size / step,
            table.boundary_width / step,
            rng,
        )
        places = np.array([place[phase.material] for phase in table.phase])
        structure = replace(
            structure, phase=places[structure.phase], second_phase=places[structure.second_phase]
        )
    for precipitates in table.precipitate:
        structure = add_precipitates(
            structure,
            place[precipitates.material],
            place[precipitates.matrix],
            precipitates.fraction,
            precipitates.radius / step,
            table.boundary_width / step,
            rng,
            aligned=precipitates.orientation == "matrix",
        )
    for region in table.foreign:
        where = disc(structure.shape, region.centre, region.radius)
        structure = add_foreign(structure, where, place[region.material], rng)
    for patch in table.unreadable:
        structure = make_unreadable(structure, disc(structure.shape, patch.centre, patch.radius))
    return structure, step
