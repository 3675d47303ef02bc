"""A map as orix HDF5: the file that holds everything."""

import json
from pathlib import Path

import numpy as np

from kikuchi._support.atomic import replaced
from kikuchi._support.json import plain
from kikuchi.maps.colours import class_colours
from kikuchi.maps.csv_file import MEASURES
from kikuchi.maps.file_phases import FilePhases, euler_angles, file_phases
from kikuchi.maps.full_grid import full_grid
from kikuchi.maps.phase_map import PhaseMap, coded_words, voted_space_groups

DETAILS = "kikuchi_ensemble"


def write_h5(phase_map: PhaseMap, path: str | Path) -> None:
    """Write a map that `orix.io.load` reads.

    Phases are numbered from 1 and carry their space group; phase -1 is no solution. Properties of each point:
    `status` (0 solved, 1 ambiguous, 2 unfamiliar, 3 unreadable, -1 no pattern), the measures of `map.csv`,
    `probabilities` and `candidates` (N, K), `votes` (N, M) as space-group numbers, `best` the space group put
    first, whether it is the answer or not, `index` in scan order, and the map's further columns, words as their number
    in the list of that name under ``words`` in the details. Points without a pattern are there but
    not in the data (``CrystalMap.is_in_data``). The group ``kikuchi_ensemble``, which orix leaves alone, names
    the classes and members and holds how the map was made, as JSON. orix knows square grids only: a hexagonal
    map keeps its positions.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import h5py
    from orix.crystal_map import CrystalMap
    from orix.io import save
    from orix.quaternion import Rotation

    grid, phases, d = full_grid(phase_map), file_phases(phase_map), phase_map.decision
    ids = np.where(phases.ids == 0, -1, phases.ids)
    numbers = np.asarray(phase_map.classes, dtype=np.int16)
    prop = {
        "index": grid.index,
        "status": grid.spread(d.status, np.int8(-1)),
        "best": grid.spread(np.where(d.winner >= 0, numbers[d.winner], 0), 0),
        "candidates": grid.spread(d.candidates, False),
        "probabilities": grid.spread(np.asarray(d.probabilities, dtype=np.float32), np.float32(np.nan)),
        "votes": grid.spread(voted_space_groups(phase_map).T, np.int16(0)),
    }
    for name in MEASURES:
        prop[name] = grid.spread(np.asarray(getattr(d, name), dtype=np.float32), np.float32(np.nan))
    words: dict[str, list[str]] = {}
    for name, column in phase_map.columns.items():
        if column.dtype == object:
            words[name], codes = coded_words(column)
            column = codes.astype(np.int16)
        prop[name] = grid.spread(column, np.float32(np.nan) if column.dtype.kind == "f" else np.int8(-1))
    crystal_map = CrystalMap(
        rotations=Rotation.from_euler(grid.spread(euler_angles(phase_map), 0.0)),
        phase_id=grid.spread(ids, -1),
        x=grid.x,
        y=grid.y,
        phase_list=_phase_list(phases),
        prop=prop,
        scan_unit="um",
        is_in_data=grid.index >= 0,
    )
    details = {"meta": phase_map.meta, "problems": phase_map.problems, "member_kinds": phase_map.member_kinds}
    details["words"] = words
    with replaced(Path(path)) as temporary:
        save(str(temporary), crystal_map, overwrite=True)
        with h5py.File(temporary, "a") as file:
            group = file.create_group(DETAILS)
            group["name"] = phase_map.name
            group["classes"] = numbers
            if phase_map.phases:
                group["phases"] = list(phase_map.words)
            group["members"] = list(phase_map.members)
            group["shape"] = phase_map.shape
            group["details"] = json.dumps(plain(details))


def _phase_list(phases: FilePhases):
    from diffpy.structure import Lattice, Structure
    from orix.crystal_map import Phase, PhaseList

    colours = class_colours(phases.space_groups)
    return PhaseList(
        {
            i: Phase(
                name=phases.names[i - 1],
                space_group=g,
                color=_named_colour(colours[i - 1]),
                structure=Structure(title=phases.names[i - 1], lattice=Lattice(*phases.cells[i - 1])),
            )
            for i, g in enumerate(phases.space_groups, start=1)
        }
    )


def _named_colour(colour: str) -> str:
    """Return the colour of Matplotlib that is nearest: orix takes colours with a name only."""
    from matplotlib.colors import XKCD_COLORS, to_rgb

    names = list(XKCD_COLORS)
    differences = np.array([to_rgb(name) for name in names]) - to_rgb(colour)
    return names[int(np.argmin((differences**2).sum(axis=1)))]
