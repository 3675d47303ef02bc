"""Special positions of a space group, found from its operations alone."""

from functools import lru_cache

import numpy as np

from kikuchi.simulate.crystals.symmetry import space_group_operations


def snap_to_special(
    position: np.ndarray, space_group: int, direct_matrix: np.ndarray, reach: float
) -> np.ndarray:
    """Move a point to a special position nearby, if there is one.

    A point is special where an operation other than the identity maps it onto itself. Operations are taken in one
    by one, the one with the nearest image first, and the point is moved as little as possible onto the points that
    all of them leave where they are; screw axes and glide planes leave no such point and are passed over.

    Parameters
    ----------
    position
        Fractional coordinates, shape (3,).
    space_group
        Number of the space group, 1 to 230.
    direct_matrix
        Rows a, b, c in Cartesian coordinates, shape (3, 3); any unit of length.
    reach
        Images up to this far from the point pull it onto themselves, in the unit of `direct_matrix`; 0 leaves the
        point in general position.

    Returns
    -------
    position
        Fractional coordinates in [0, 1), shape (3,).

    Examples
    --------
    >>> snap_to_special(np.array([0.04, 0.03, 0.02]), 225, 4.0 * np.eye(3), reach=2.0)
    array([0., 0., 0.])
    >>> snap_to_special(np.array([0.11, 0.10, 0.30]), 225, 4.0 * np.eye(3), reach=0.1)
    array([0.105, 0.105, 0.3  ])
    """
    rotations, translations = space_group_operations(space_group)
    sums = _sums_of_powers(space_group)
    point = np.asarray(position, dtype=float)
    matrices = np.zeros((0, 3))
    shifts = np.zeros(0)
    refused = (rotations == np.eye(3)).all(axis=(1, 2))
    for _ in range(len(rotations)):
        images = rotations @ point + translations
        cell = np.round(images - point)
        moved = np.linalg.norm((images - cell - point) @ direct_matrix, axis=1)
        # A screw or glide part is what is left of the translation after all powers of the operation.
        along = np.abs(np.einsum("gij,gj->gi", sums, translations - cell)).max(axis=1)
        moved[refused | (moved < 1e-9) | (along > 1e-6)] = np.inf
        nearest = int(moved.argmin())
        if moved[nearest] > reach:
            break
        # Fixed points solve (R - 1) x = n - t, for this operation and all before it.
        new_matrices = np.concatenate([matrices, rotations[nearest] - np.eye(3)])
        new_shifts = np.concatenate([shifts, cell[nearest] - translations[nearest]])
        step, _, rank, _ = np.linalg.lstsq(new_matrices, new_shifts - new_matrices @ point, rcond=1e-9)
        if np.abs(new_matrices @ (point + step) - new_shifts).max() > 1e-9:
            refused[nearest] = True
            continue
        point, matrices, shifts = point + step, new_matrices, new_shifts
        if rank == 3:  # no freedom is left
            break
    # Special positions are simple fractions: rounding errors of the solver would hide that from other programs.
    simple = np.round(point * 24) / 24
    return np.where(np.abs(point - simple) < 1e-9, simple, point) % 1.0


@lru_cache(maxsize=256)
def _sums_of_powers(space_group: int) -> np.ndarray:
    """Return R + R^2 + ... + R^12 of every operation: twelve is a multiple of every crystallographic order."""
    rotations = space_group_operations(space_group)[0]
    total, power = np.zeros_like(rotations), rotations
    for _ in range(12):
        total = total + power
        power = power @ rotations
    return total
