"""The microstructure of a real map: phases and orientations from an indexed scan."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.hdf5_probe import probe_hdf5
from kikuchi.simulate.detector.orientations import product
from kikuchi.simulate.scenes.microstructure import NO_PHASE, Microstructure, boundary_share

#: Neighbours that differ by less belong to one grain, degrees: the usual bound between low and high angles.
GRAIN_ANGLE = 10.0


def load_microstructure(
    path: str | Path, phases: Mapping[str, int], *, boundary_width: float = 1.0
) -> tuple[Microstructure, float]:
    """Read an indexed map on a square grid as a microstructure.

    Parameters
    ----------
    path
        File that orix reads: ``.ang``, ``.ctf`` or its own ``.h5``.
    phases
        Index of the master pattern for every phase name in the file.
    boundary_width
        How far from a boundary the crystal beyond is still seen, micrometres.

    Returns
    -------
    structure : Microstructure
        Points that the file calls not indexed are unreadable.
    step_um : float
        Step of the grid, micrometres.

    Raises
    ------
    InputError
        The file cannot be read, is not on a full square grid, or has a phase that `phases` does not name.
    """
    import h5py
    from orix.io import load

    path = Path(path)
    if not path.is_file():
        raise InputError("no such map", path=path, remedy="give an .ang or .ctf file")
    if h5py.is_hdf5(path):
        probe_hdf5(path, remedy="give an .ang or .ctf file")
    try:
        xmap = load(path)
    except Exception as error:
        raise InputError(
            f"orix cannot read this map: {error}", path=path, remedy="give an .ang or .ctf file"
        ) from error
    if len(xmap.shape) != 2 or xmap.size != np.prod(xmap.shape) or not np.isclose(xmap.dx, xmap.dy):
        raise InputError("not a full square grid of points", path=path, remedy="resample it to a square grid")
    phase = np.full(xmap.size, NO_PHASE)
    for phase_id, found in xmap.phases:
        here = xmap.phase_id == phase_id
        if phase_id < 0 or not here.any():
            continue
        if found.name not in phases:
            named = ", ".join(phases) or "none"
            raise InputError(
                f"phase {found.name!r} of this map is not among {named}",
                path=path,
                remedy="add a [[map.phase]] with in_file",
            )
        phase[here] = phases[found.name]
    rotations = np.asarray(xmap.rotations.data, dtype=float).reshape(xmap.size, -1, 4)[:, 0]
    symmetry = {
        phases[found.name]: found.point_group.data
        for phase_id, found in xmap.phases
        if phase_id >= 0 and found.name in phases and found.point_group is not None
    }
    grain = find_grains(xmap.shape, phase, rotations, symmetry)
    neighbour, mix = _nearest_other_grain(xmap.shape, grain, boundary_width / float(xmap.dx))
    structure = Microstructure(
        xmap.shape,
        phase,
        rotations,
        np.where(phase == NO_PHASE, -1, grain),
        phase[neighbour],
        rotations[neighbour],
        np.where((phase == NO_PHASE) | (phase[neighbour] == NO_PHASE), 0.0, mix),
        np.zeros(xmap.size, dtype=bool),
    )
    return structure, float(xmap.dx)


def find_grains(
    shape: tuple[int, int], phase: np.ndarray, rotations: np.ndarray, symmetry: Mapping[int, np.ndarray]
) -> np.ndarray:
    """Find the grains: connected points of one phase whose neighbours differ by less than `GRAIN_ANGLE`.

    Parameters
    ----------
    shape
        Rows and columns.
    phase
        Index of the phase, shape (n,).
    rotations
        Unit quaternions, shape (n, 4).
    symmetry
        Rotations of the point group of a phase as quaternions, shape (s, 4); identity where left out.

    Returns
    -------
    numpy.ndarray
        Shape (n,), from 0.

    Examples
    --------
    >>> turned = np.array([[1.0, 0, 0, 0], [np.sqrt(0.5), 0, 0, np.sqrt(0.5)]])
    >>> find_grains((1, 2), np.array([0, 0]), turned, {}).tolist()
    [0, 1]
    >>> find_grains((1, 2), np.array([0, 0]), turned, {0: turned}).tolist()
    [0, 0]
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    index = np.arange(len(phase)).reshape(shape)
    left = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    right = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    same = phase[left] == phase[right]
    left, right = left[same], right[same]
    between = product(rotations[left], rotations[right] * [1, -1, -1, -1])
    cosine = np.abs(between[:, 0])
    for number, operations in symmetry.items():
        here = phase[left] == number
        for operation in operations:
            cosine[here] = np.maximum(cosine[here], np.abs(product(operation, between[here])[:, 0]))
    joined = cosine >= np.cos(np.deg2rad(GRAIN_ANGLE) / 2)
    links = coo_array((joined[joined], (left[joined], right[joined])), shape=(len(phase), len(phase)))
    return connected_components(links, directed=False)[1]


def _nearest_other_grain(
    shape: tuple[int, int], grain: np.ndarray, width: float
) -> tuple[np.ndarray, np.ndarray]:
    """Index of the nearest point of another grain within reach of a boundary, and its share in the pattern."""
    row, column = (index.ravel() for index in np.indices(shape))
    nearest, distance = np.arange(len(grain)), np.full(len(grain), np.inf)
    reach = int(np.ceil(width + 0.5))
    for down in range(-reach, reach + 1):
        for across in range(-reach, reach + 1):
            there_row, there_column = row + down, column + across
            on_map = (
                (there_row >= 0) & (there_row < shape[0]) & (there_column >= 0) & (there_column < shape[1])
            )
            there = np.where(on_map, there_row * shape[1] + there_column, np.arange(len(grain)))
            # The boundary runs half a step before the first point beyond it.
            away = np.hypot(down, across) - 0.5
            closer = (grain[there] != grain) & (away < distance)
            nearest[closer], distance[closer] = there[closer], away
    return nearest, boundary_share(distance, width)
