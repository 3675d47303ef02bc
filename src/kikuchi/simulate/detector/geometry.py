"""Where the pixels of a detector look, in the frame of the sample."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Geometry:
    """Sample, screen and pattern centre, common to all patterns or one per pattern.

    The conventions are those of `kikuchipy.detectors.EBSDDetector`: Bruker's pattern centre, and the sample
    frame X = rolling, Y = transverse, Z = normal direction.

    Parameters
    ----------
    shape
        Rows and columns of a pattern, pixels.
    pattern_centre
        (PCx, PCy, PCz), shape (3,) or (n, 3): from the left as a fraction of the width, from the top as a
        fraction of the height, and the distance from sample to screen as a fraction of the height.
    sample_tilt
        Tilt of the sample about the detector's x axis, degrees; a number or shape (n,).
    tilt
        Tilt of the detector, from vertical, degrees; a number or shape (n,).
    azimuthal
        Rotation of the detector about its (vertical) y axis, degrees; a number or shape (n,).
    twist
        Rotation of the detector about its normal, degrees; a number or shape (n,).

    Examples
    --------
    >>> geometry = Geometry((60, 80), np.array([0.5, 0.5, 0.5]))
    >>> geometry.n, geometry.directions().shape
    (1, (1, 60, 80, 3))
    """

    shape: tuple[int, int]
    pattern_centre: np.ndarray
    sample_tilt: float | np.ndarray = 70.0
    tilt: float | np.ndarray = 0.0
    azimuthal: float | np.ndarray = 0.0
    twist: float | np.ndarray = 0.0

    @property
    def n(self) -> int:
        """Number of patterns that the geometry is for; 1 where it is common to all."""
        sizes = [np.atleast_2d(self.pattern_centre).shape[0]]
        sizes += [np.size(angle) for angle in (self.sample_tilt, self.tilt, self.azimuthal, self.twist)]
        return max(sizes)

    def detector_to_sample(self) -> np.ndarray:
        """Give the matrices that take column vectors from the detector's frame to the sample's.

        Returns
        -------
        numpy.ndarray
            Rotation matrices, shape (n, 3, 3), float64.
        """
        # Rows: the detector's x, y, z axes in the sample frame at zero tilts.
        upright = np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
        about_x = _turn(np.asarray(self.tilt) - np.asarray(self.sample_tilt), 0)
        about_y = _turn(-np.asarray(self.azimuthal), 1)
        about_z = _turn(-np.asarray(self.twist), 2)
        sample_to_detector = about_z @ about_y @ about_x @ upright
        return np.broadcast_to(np.swapaxes(sample_to_detector, -1, -2), (self.n, 3, 3))

    def pixel_basis(self) -> np.ndarray:
        """Give the three vectors that span the detector: first pixel's centre, one column on, one row on.

        Pixel (row, column) looks along ``basis[0] + column * basis[1] + row * basis[2]``, in units of the
        detector's height and not normalised.

        Returns
        -------
        numpy.ndarray
            Vectors in the sample frame, shape (n, 3, 3): (pattern, which, xyz), float64.
        """
        n_rows, n_columns = self.shape
        aspect = n_columns / n_rows
        centre = np.broadcast_to(np.atleast_2d(np.asarray(self.pattern_centre, dtype=float)), (self.n, 3))
        basis = np.zeros((self.n, 3, 3))
        basis[:, 0, 0] = aspect * (0.5 / n_columns - centre[:, 0])
        basis[:, 0, 1] = centre[:, 1] - 0.5 / n_rows
        basis[:, 0, 2] = centre[:, 2]
        basis[:, 1, 0] = aspect / n_columns
        basis[:, 2, 1] = -1 / n_rows
        return basis @ np.swapaxes(self.detector_to_sample(), -1, -2)

    def directions(self) -> np.ndarray:
        """Give the unit vector from the sample towards every pixel.

        Returns
        -------
        numpy.ndarray
            Shape (n, rows, columns, 3), in the sample frame, float64.
        """
        basis = self.pixel_basis()[:, None, None]
        row = np.arange(self.shape[0])[:, None, None]
        column = np.arange(self.shape[1])[None, :, None]
        vectors = basis[..., 0, :] + column * basis[..., 1, :] + row * basis[..., 2, :]
        return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)

    def scaled(self, factor: int) -> "Geometry":
        """Give the same screen with `factor` times as many pixels along each side."""
        shape = (self.shape[0] * factor, self.shape[1] * factor)
        return Geometry(shape, self.pattern_centre, self.sample_tilt, self.tilt, self.azimuthal, self.twist)

    def take(self, which: np.ndarray) -> "Geometry":
        """Give the geometry of some of the patterns, in the order asked for."""

        def pick(value: float | np.ndarray) -> float | np.ndarray:
            return value if np.ndim(value) == 0 else np.asarray(value)[which]

        centre = np.asarray(self.pattern_centre)
        return Geometry(
            self.shape,
            centre if centre.ndim == 1 else centre[which],
            pick(self.sample_tilt),
            pick(self.tilt),
            pick(self.azimuthal),
            pick(self.twist),
        )


def _turn(angle: np.ndarray, axis: int) -> np.ndarray:
    """Matrices (n | 1, 3, 3) that turn a frame, given as rows, about its own `axis` by `angle` degrees."""
    radians = np.atleast_1d(np.deg2rad(angle))
    cosine, sine = np.cos(radians), np.sin(radians)
    second, third = (axis + 1) % 3, (axis + 2) % 3
    matrices = np.zeros((radians.size, 3, 3))
    matrices[:, axis, axis] = 1
    matrices[:, second, second] = matrices[:, third, third] = cosine
    matrices[:, second, third] = sine
    matrices[:, third, second] = -sine
    return matrices
