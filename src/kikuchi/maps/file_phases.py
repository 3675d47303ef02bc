"""The phases a map file lists, and the orientations it carries: the same in every format."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kikuchi.maps.phase_map import PhaseMap, solved_space_groups


@dataclass(frozen=True)
class FilePhases:
    """The space groups found in a map, numbered from 1.

    Attributes
    ----------
    space_groups
        Numbers in ascending order; phase i is ``space_groups[i - 1]``.
    ids
        Phase of each pattern, shape (N,); 0 where there is no solution.
    """

    space_groups: tuple[int, ...]
    ids: NDArray[np.int16]


def file_phases(phase_map: PhaseMap) -> FilePhases:
    """Return the space groups that were found, numbered from 1.

    Classes that were not found are left out: MTEX looks for the phases in the first 100 lines of a .ctf file,
    and an ensemble of 230 classes would not fit. Readers choke on an empty list, so that a map without any
    solution lists its first class.
    """
    found = solved_space_groups(phase_map)
    space_groups = tuple(int(g) for g in np.unique(found[found > 0])) or phase_map.classes[:1]
    ids = np.where(found > 0, np.searchsorted(space_groups, found) + 1, 0).astype(np.int16)
    return FilePhases(space_groups, ids)


def euler_angles(phase_map: PhaseMap) -> NDArray[np.float64]:
    """Return Bunge's phi1, Phi, phi2 of each pattern, shape (N, 3), radians; zeros where none are known."""
    if phase_map.orientations is None:
        return np.zeros((phase_map.n, 3))
    from orix.quaternion import Rotation

    return np.nan_to_num(Rotation(phase_map.orientations).to_euler())
