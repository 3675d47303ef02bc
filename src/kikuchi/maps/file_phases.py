"""The phases a map file lists, and the orientations it carries: the same in every format."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import Status
from kikuchi.crystallography.named_phase import Cell
from kikuchi.crystallography.vendor_codes import phase_name, unit_cell
from kikuchi.maps.headline import headline
from kikuchi.maps.map_data import MapData


@dataclass(frozen=True)
class FilePhases:
    """The space groups found in a map, numbered from 1.

    Attributes
    ----------
    space_groups
        Numbers in ascending order; phase i is ``space_groups[i - 1]``.
    ids
        Phase of each pattern, shape (N,); 0 where there is no solution.
    names
        What each is called, without what a header could not hold: the user's name, else one from the space group.
    cells
        (a, b, c) in angstrom and (alpha, beta, gamma) in degrees; edges of 1 where no lattice is known.
    """

    space_groups: tuple[int, ...]
    ids: NDArray[np.int16]
    names: tuple[str, ...]
    cells: tuple[Cell, ...]


def file_phases(phase_map: MapData) -> FilePhases:
    """Return the space groups that were found, numbered from 1.

    Classes that were not found are left out: MTEX looks for the phases in the first 100 lines of a .ctf file,
    and an ensemble of 230 classes would not fit. Readers choke on an empty list, so that a map without any
    solution lists its first class.
    """
    d = phase_map.decision
    found = np.where(d.status == Status.SOLVED, d.winner, -1)
    chosen = np.unique(found[found >= 0])
    if not len(chosen):
        chosen = np.zeros(1, dtype=int)
    ids = np.where(found >= 0, np.searchsorted(chosen, found) + 1, 0).astype(np.int16)
    groups = tuple(int(phase_map.classes[k]) for k in chosen)
    if not phase_map.phases:
        return FilePhases(groups, ids, tuple(map(phase_name, groups)), tuple(map(unit_cell, groups)))
    phases = [phase_map.phases[k] for k in chosen]
    names = tuple(headline(phase.name).replace(";", "_") for phase in phases)
    cells = tuple(phase.cell or unit_cell(phase.space_group) for phase in phases)
    return FilePhases(groups, ids, names, cells)


def euler_angles(phase_map: MapData) -> NDArray[np.float64]:
    """Return Bunge's phi1, Phi, phi2 of each pattern, shape (N, 3), radians; zeros where none are known."""
    if phase_map.orientations is None:
        return np.zeros((phase_map.n, 3))
    from orix.quaternion import Rotation

    return np.nan_to_num(Rotation(phase_map.orientations).to_euler())
