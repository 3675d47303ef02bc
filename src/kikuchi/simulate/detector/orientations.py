"""Orientations as unit quaternions (orix's convention: from the sample's frame to the crystal's)."""

import numpy as np


def random_orientations(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw orientations uniformly on SO(3).

    Four independent normal numbers, normalised, are uniform on the unit sphere in four dimensions (Muller,
    Comm. ACM 2, 19, 1959), and its antipodal pairs are the rotations.

    Parameters
    ----------
    n
        How many.
    rng
        Where randomness comes from.

    Returns
    -------
    numpy.ndarray
        Unit quaternions, scalar first and not negative, shape (n, 4), float64.

    Examples
    --------
    >>> rotations = random_orientations(3, np.random.default_rng(1))
    >>> np.allclose(np.linalg.norm(rotations, axis=1), 1)
    True
    """
    quaternions = rng.standard_normal((n, 4))
    quaternions /= np.linalg.norm(quaternions, axis=1, keepdims=True)
    return np.where(quaternions[:, :1] < 0, -quaternions, quaternions)


def rotation_matrices(rotations: np.ndarray) -> np.ndarray:
    """Give the matrices that take column vectors from the sample's frame to the crystal's.

    Parameters
    ----------
    rotations
        Unit quaternions, scalar first, shape (n, 4).

    Returns
    -------
    numpy.ndarray
        Shape (n, 3, 3), float64.

    Examples
    --------
    >>> quarter_turn = np.array([[np.sqrt(0.5), 0, 0, np.sqrt(0.5)]])
    >>> (rotation_matrices(quarter_turn)[0] @ [1, 0, 0]).round(12) + 0.0
    array([0., 1., 0.])
    """
    a, b, c, d = np.asarray(rotations, dtype=float).T
    matrix = [
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d],
    ]
    return np.moveaxis(np.array(matrix), -1, 0)


def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Multiply quaternions: turn by `right`, then by `left`.

    Parameters
    ----------
    left, right
        Unit quaternions, scalar first, shapes (..., 4) that broadcast.

    Returns
    -------
    numpy.ndarray
        Unit quaternions, shape (..., 4).

    Examples
    --------
    >>> i, j = np.eye(4)[1], np.eye(4)[2]
    >>> product(i, j)
    array([0., 0., 0., 1.])
    """
    a, b = np.asarray(left, dtype=float), np.asarray(right, dtype=float)
    scalar = a[..., 0] * b[..., 0] - np.sum(a[..., 1:] * b[..., 1:], axis=-1)
    vector = a[..., :1] * b[..., 1:] + b[..., :1] * a[..., 1:] + np.cross(a[..., 1:], b[..., 1:])
    return np.concatenate([scalar[..., None], vector], axis=-1)


def small_turns(angles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw turns by the given angles about random axes.

    Parameters
    ----------
    angles
        Degrees, shape (n,).
    rng
        Where randomness comes from.

    Returns
    -------
    numpy.ndarray
        Unit quaternions, scalar first, shape (n, 4).
    """
    axes = rng.standard_normal((len(angles), 3))
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    half = np.deg2rad(angles)[:, None] / 2
    return np.concatenate([np.cos(half), np.sin(half) * axes], axis=1)


def euler_angles(rotations: np.ndarray) -> np.ndarray:
    """Give Bunge's Euler angles (phi1, Phi, phi2).

    Rowenhorst et al., Model. Simul. Mater. Sci. Eng. 23, 083501 (2015), appendix A, as orix has it.

    Parameters
    ----------
    rotations
        Unit quaternions, scalar first, shape (n, 4).

    Returns
    -------
    numpy.ndarray
        Degrees, shape (n, 3); phi1 and phi2 in [0, 360), Phi in [0, 180].

    Examples
    --------
    >>> euler_angles(np.array([[np.sqrt(0.5), 0, 0, -np.sqrt(0.5)]])).round(6)
    array([[90.,  0.,  0.]])
    """
    from orix.quaternion import Rotation

    angles = np.rad2deg(Rotation(rotations).to_euler())
    # orix leaves rounding noise just below a full turn; a reader that wants [0, 360) would refuse 360.
    angles[:, [0, 2]] = np.where(angles[:, [0, 2]] > 360 - 1e-6, 0, angles[:, [0, 2]] % 360)
    return angles
