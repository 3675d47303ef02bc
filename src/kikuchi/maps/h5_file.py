"""A map as orix HDF5: the file that holds everything."""

import json
from pathlib import Path

import numpy as np

from kikuchi._support.atomic import replaced, require_room
from kikuchi._support.json import plain
from kikuchi.maps.crystal_map import crystal_map_of
from kikuchi.maps.map_data import MapData

DETAILS = "kikuchi_ensemble"


def write_h5(phase_map: MapData, path: str | Path) -> None:
    """Write a map that `orix.io.load` reads.

    Phases are numbered from 1 and carry their space group; phase -1 is no solution. Properties of each point:
    `status` (0 solved, 1 ambiguous, 2 unfamiliar, 3 unreadable, 4 mixed, -1 no pattern), the measures of `map.csv`,
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
    from orix.io import save

    crystal_map, words = crystal_map_of(phase_map)
    details = {"meta": phase_map.meta, "problems": phase_map.problems, "member_kinds": phase_map.member_kinds}
    details["words"] = words
    columns = [*crystal_map.prop.values(), crystal_map.rotations.data, crystal_map.x, crystal_map.y]
    # Where points are, what phase they have and whether they are there: 32 bytes a point.
    numbers = sum(np.asarray(column).nbytes for column in columns) + 32 * crystal_map.size
    text = json.dumps(plain(details))
    require_room(Path(path), numbers + len(text))
    with replaced(Path(path)) as temporary:
        save(str(temporary), crystal_map, overwrite=True)
        with h5py.File(temporary, "a") as file:
            group = file.create_group(DETAILS)
            group["name"] = phase_map.name
            group["classes"] = np.asarray(phase_map.classes, dtype=np.int16)
            if phase_map.phases:
                group["phases"] = list(phase_map.words)
            group["members"] = list(phase_map.members)
            group["shape"] = phase_map.shape
            group["details"] = text
