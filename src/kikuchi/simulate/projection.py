"""Patterns on a detector from a master pattern."""

import numpy as np

from kikuchi.simulate.geometry import Geometry
from kikuchi.simulate.master import MasterPattern
from kikuchi.simulate.orientations import rotation_matrices


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
    from kikuchi.simulate.projection_kernel import project_lambert

    rotations = np.atleast_2d(np.asarray(rotations, dtype=float))
    # v_crystal = R v_sample; the basis holds row vectors.
    basis = geometry.pixel_basis() @ np.swapaxes(rotation_matrices(rotations), -1, -2)
    patterns = np.empty((len(rotations), *geometry.shape), dtype=np.float32)
    hemispheres = np.stack([master.north, master.south]).astype(np.float32, copy=False)
    project_lambert(hemispheres, basis.astype(np.float32), geometry.shape, patterns)
    return patterns
