"""Patterns on a detector from a master pattern."""

import numpy as np

from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import rotation_matrices
from kikuchi.simulate.masters.master import MasterPattern


def project(master: MasterPattern, rotations: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Project a master pattern onto the detector, one pattern per orientation.

    Bilinear interpolation in the square Lambert projection of the hemisphere that a pixel looks at, as in
    Callahan & De Graef, Microsc. Microanal. 19, 1255 (2013), and kikuchipy's ``get_patterns``. The loop holds
    no lock, so that threads may call it side by side.

    Parameters
    ----------
    master
        The intensity of every direction.
    rotations
        Unit quaternions, scalar first, from the sample's frame to the crystal's, shape (n, 4).
    geometry
        For one pattern (used for all) or for n.

    Returns
    -------
    numpy.ndarray
        Patterns in the master's intensities, shape (n, rows, columns), float32.

    Examples
    --------
    >>> flat = np.full((11, 11), 3, dtype=np.float32)
    >>> master = MasterPattern("flat", 225, 20.0, flat, flat, "kinematical")
    >>> geometry = Geometry((4, 5), np.array([0.5, 0.5, 0.5]))
    >>> float(project(master, np.array([[1.0, 0, 0, 0]]), geometry).mean())
    3.0
    """
    rotations = np.atleast_2d(np.asarray(rotations, dtype=float))
    return project_basis(master, crystal_basis(rotations, geometry), geometry.shape)


def crystal_basis(rotations: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Give the vectors that span the detector, in the frame of every crystal.

    Parameters
    ----------
    rotations
        Unit quaternions, scalar first, shape (n, 4).
    geometry
        For one pattern (used for all) or for n.

    Returns
    -------
    numpy.ndarray
        First pixel, column step and row step, shape (n, 3, 3), float32.
    """
    # v_crystal = R v_sample; the basis holds row vectors.
    basis = geometry.pixel_basis() @ np.swapaxes(rotation_matrices(rotations), -1, -2)
    return basis.astype(np.float32)


def project_basis(master: MasterPattern, basis: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Project a master pattern onto detectors given by `crystal_basis`.

    Parameters
    ----------
    master
        The intensity of every direction.
    basis
        Shape (n, 3, 3).
    shape
        Rows and columns.

    Returns
    -------
    numpy.ndarray
        Shape (n, rows, columns), float32.

    Raises
    ------
    ValueError
        The hemispheres are not squares of one size, or the basis is not finite.
    """
    from kikuchi.simulate.detector.projection_kernel import project_lambert

    north = np.ascontiguousarray(master.north, dtype=np.float32)
    south = np.ascontiguousarray(master.south, dtype=np.float32)
    # The compiled loop checks no index: what it is given must keep it within the squares.
    if north.ndim != 2 or north.shape != south.shape or north.shape[0] != north.shape[1] or len(north) < 2:
        raise ValueError(f"hemispheres of shapes {north.shape} and {south.shape} are not equal squares")
    if not np.isfinite(basis).all():
        raise ValueError("orientations and pattern centres must be finite")
    patterns = np.empty((len(basis), *shape), dtype=np.float32)
    project_lambert(north, south, np.ascontiguousarray(basis), shape, patterns)
    return patterns
