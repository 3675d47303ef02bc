"""A map as orix' CrystalMap: what its HDF5 file holds, in memory."""

from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.maps.colours import class_colours
from kikuchi.maps.csv_file import MEASURES
from kikuchi.maps.file_phases import FilePhases, euler_angles, file_phases
from kikuchi.maps.full_grid import full_grid
from kikuchi.maps.map_data import MapData, coded_words, voted_space_groups

if TYPE_CHECKING:
    from orix.crystal_map import CrystalMap


def crystal_map_of(phase_map: MapData) -> "tuple[CrystalMap, dict[str, list[str]]]":
    """Return a map as orix has it, and the words of its columns of words.

    Phases are numbered from 1 and carry their space group; phase -1 is no solution. Properties of each point are those
    of `kikuchi.maps.h5_file.write_h5`. Points without a pattern are there but not in the data.

    Parameters
    ----------
    phase_map
        N points on a grid of R x C.

    Returns
    -------
    crystal_map, words
        R C points, and by column the words that its numbers stand for.
    """
    from orix.crystal_map import CrystalMap
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
    return crystal_map, words


def _phase_list(phases: FilePhases) -> Any:
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
