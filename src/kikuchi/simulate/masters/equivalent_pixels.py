"""Pixels of a Lambert square that a crystal's symmetry makes equal."""

import numpy as np

from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric, point_group_operations


def equivalent_pixels(structure: Structure, size: int, *, friedel: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return one pixel of every set of equivalent ones of the upper hemisphere, and for each pixel its set.

    Only operations that map the square's pixels onto pixels are used: those that carry x and y onto themselves or
    each other. That is an eighth of the square for 4/mmm and m-3m.

    Parameters
    ----------
    structure
        The crystal.
    size
        Pixels along one side, odd.
    friedel
        Whether opposite directions are equal, as in kinematical patterns and with an inversion centre.

    Returns
    -------
    representatives
        Flat indices of one pixel per set, ascending, shape (n,).
    sets
        For every pixel, the index of its set, shape (size * size,).

    Examples
    --------
    >>> from kikuchi.simulate.crystals.structure_files import load_structure
    >>> representatives, sets = equivalent_pixels(load_structure("Ni"), 5, friedel=True)
    >>> sets.reshape(5, 5)
    array([[0, 1, 2, 1, 0],
           [1, 3, 4, 3, 1],
           [2, 4, 5, 4, 2],
           [1, 3, 4, 3, 1],
           [0, 1, 2, 1, 0]])
    """
    basis = structure.direct_matrix.T
    cartesian = basis @ point_group_operations(structure.space_group) @ np.linalg.inv(basis)
    rounded = np.round(cartesian)
    usable = np.abs(cartesian - rounded).max(axis=(1, 2)) < 1e-6
    usable &= np.isin(
        rounded[:, 2, 2], (-1, 1) if friedel or is_centrosymmetric(structure.space_group) else (1,)
    )
    pixels = np.arange(size * size).reshape(size, size)
    lowest = pixels.copy()
    for operation in rounded[usable].astype(int):
        # An operation that turns the hemisphere over is followed by the inversion.
        plane = operation[:2, :2] * operation[2, 2]
        image = pixels.T if plane[0, 0] == 0 else pixels
        x_sign, y_sign = plane.sum(axis=1)
        lowest = np.minimum(lowest, image[:: int(y_sign), :: int(x_sign)])
    representatives, sets = np.unique(lowest, return_inverse=True)
    return representatives, sets.ravel()
