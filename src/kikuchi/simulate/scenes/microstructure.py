"""Microstructure of a simulated scan: grains, precipitates, foreign and unreadable regions, mixing at boundaries."""

import math
from dataclasses import dataclass, replace

import numpy as np

from kikuchi.simulate.detector.acquisition import Crystals
from kikuchi.simulate.detector.orientations import random_orientations

#: Share of a second phase from which a point counts as an overlap of two.
OVERLAP_FROM = 0.25

#: Phase index of points without bands.
NO_PHASE = -1


@dataclass(frozen=True)
class Microstructure:
    """A square grid of points, row by row.

    Parameters
    ----------
    shape
        Rows and columns of the grid.
    phase
        Index of the phase, shape (n,); `NO_PHASE` where no pattern can be read.
    rotations
        Unit quaternions from the sample's frame to the crystal's, shape (n, 4).
    grain
        Number of the grain, shape (n,); -1 where no pattern can be read.
    second_phase, second_rotations
        The crystal on the other side of the nearest boundary.
    mix
        Share of that second crystal in the pattern, shape (n,), 0 to 0.5.
    foreign
        Whether the point lies in a region of foreign phase, shape (n,), bool.
    """

    shape: tuple[int, int]
    phase: np.ndarray
    rotations: np.ndarray
    grain: np.ndarray
    second_phase: np.ndarray
    second_rotations: np.ndarray
    mix: np.ndarray
    foreign: np.ndarray

    @property
    def crystals(self) -> Crystals:
        """Crystals under the beam at every point."""
        return Crystals(self.phase, self.rotations, self.second_phase, self.second_rotations, self.mix)

    def status(self) -> np.ndarray:
        """Tell what a perfect answer would be at every point.

        Returns
        -------
        numpy.ndarray
            ``"known"``, ``"foreign"``, ``"unreadable"`` or ``"overlap"`` (of two phases), shape (n,).
        """
        names = np.full(len(self.phase), "known", dtype="<U10")
        names[(self.mix >= OVERLAP_FROM) & (self.second_phase != self.phase)] = "overlap"
        names[self.foreign] = "foreign"
        names[self.phase == NO_PHASE] = "unreadable"
        return names

    def points(self) -> np.ndarray:
        """Give column and row of every point, shape (n, 2)."""
        row, column = np.indices(self.shape)
        return np.stack([column.ravel(), row.ravel()], axis=1).astype(float)


def voronoi_grains(
    shape: tuple[int, int],
    fractions: np.ndarray,
    grain_size: float,
    boundary_width: float,
    rng: np.random.Generator,
) -> Microstructure:
    """Fill the grid with grains: the Voronoi cells of random points, each with a random orientation.

    Parameters
    ----------
    shape
        Rows and columns.
    fractions
        Area fraction of every phase, shape (k,); met as closely as whole grains allow.
    grain_size
        Mean diameter of a grain, in grid steps.
    boundary_width
        How far from a boundary the pattern of the other side is still mixed in, in grid steps.
    rng
        Where randomness comes from.

    Returns
    -------
    Microstructure
        Without foreign or unreadable regions.

    Examples
    --------
    >>> grains = voronoi_grains((20, 30), np.array([0.5, 0.5]), 6, 1, np.random.default_rng(1))
    >>> grains.phase.shape, bool(abs(np.mean(grains.phase == 0) - 0.5) < 0.1)
    ((600,), True)
    """
    from scipy.spatial import cKDTree

    n = shape[0] * shape[1]
    n_grains = max(2, round(n / (np.pi / 4 * grain_size**2)))
    seeds = rng.uniform(-0.5, np.array([shape[1], shape[0]]) - 0.5, size=(n_grains, 2))
    row, column = np.indices(shape)
    points = np.stack([column.ravel(), row.ravel()], axis=1).astype(float)
    distances, nearest = cKDTree(seeds).query(points, k=2)
    grain, neighbour = nearest.T
    apart = np.linalg.norm(seeds[grain] - seeds[neighbour], axis=1)
    to_boundary = (distances[:, 1] ** 2 - distances[:, 0] ** 2) / (2 * apart)
    grain_phase = _share_out(np.bincount(grain, minlength=n_grains), np.asarray(fractions, dtype=float), rng)
    orientations = random_orientations(n_grains, rng)
    return Microstructure(
        shape,
        grain_phase[grain],
        orientations[grain],
        grain,
        grain_phase[neighbour],
        orientations[neighbour],
        boundary_share(to_boundary, boundary_width),
        np.zeros(n, dtype=bool),
    )


def add_precipitates(
    structure: Microstructure,
    phase: int,
    matrix: int,
    fraction: float,
    radius: float,
    boundary_width: float,
    rng: np.random.Generator,
    *,
    aligned: bool = True,
) -> Microstructure:
    """Put round precipitates inside the grains of a phase.

    They touch neither each other nor other phases; a grain boundary cuts them off. Discs that must not touch fill
    little more than 0.4 of the plane at most when they are placed at random.

    Parameters
    ----------
    structure
        What is there before.
    phase, matrix
        Index of the precipitates' phase, and of the phase they lie in.
    fraction
        Area fraction of the matrix that they take, 0 to 0.35.
    radius
        Mean radius, in grid steps; single ones differ by up to a half.
    boundary_width
        As for grains.
    rng
        Where randomness comes from.
    aligned
        Whether they share the orientation of the grain around them (cube on cube), or have their own.
    """
    points = structure.points()
    host = structure.phase == matrix
    wanted = fraction * host.sum()
    hosts = np.flatnonzero(host)
    now = replace(
        structure,
        **{
            name: getattr(structure, name).copy()
            for name in ("phase", "rotations", "grain", "second_phase", "second_rotations", "mix")
        },
    )
    next_grain = int(structure.grain.max()) + 1
    taken = 0
    # Where a disc falls is left to chance, so that the number of attempts is not known beforehand.
    for _ in range(200 * math.ceil(wanted / radius**2)):
        if taken >= wanted:
            break
        centre = rng.choice(hosts)
        size = radius * rng.uniform(0.5, 1.5)
        around = _window(structure.shape, centre, size + boundary_width)
        depth = size - np.linalg.norm(points[around] - points[centre], axis=1)
        if np.any(now.phase[around[depth > -boundary_width]] != matrix):
            continue
        same_grain = structure.grain[around] == structure.grain[centre]
        around, depth = around[same_grain], depth[same_grain]
        own = structure.rotations[centre] if aligned else random_orientations(1, rng)[0]
        inside = around[depth > 0]
        now.second_phase[inside] = matrix
        now.second_rotations[inside] = structure.rotations[inside]
        now.phase[inside] = phase
        now.rotations[inside] = own
        now.grain[inside] = next_grain
        now.mix[inside] = boundary_share(depth[depth > 0], boundary_width)
        share = boundary_share(np.maximum(-depth, 0), boundary_width)
        closer = (depth <= 0) & (share > now.mix[around])
        outside = around[closer]
        now.second_phase[outside] = phase
        now.second_rotations[outside] = own
        now.mix[outside] = share[closer]
        next_grain += 1
        taken += len(inside)
    return now


def _window(shape: tuple[int, int], centre: int, reach: float) -> np.ndarray:
    """Give the points in the square around a point, as far as it lies on the grid."""
    row, column = divmod(int(centre), shape[1])
    far = math.ceil(reach)
    rows = np.arange(max(row - far, 0), min(row + far + 1, shape[0]))
    columns = np.arange(max(column - far, 0), min(column + far + 1, shape[1]))
    return (rows[:, None] * shape[1] + columns).ravel()


def disc(shape: tuple[int, int], centre: tuple[float, float], radius: float) -> np.ndarray:
    """Tell which points lie in a disc.

    Parameters
    ----------
    shape
        Rows and columns.
    centre
        From the left and from the top, fractions of width and height.
    radius
        Fraction of the shorter side.

    Returns
    -------
    numpy.ndarray
        Shape (rows * columns,), bool.
    """
    row, column = np.indices(shape)
    across = column - (centre[0] * shape[1] - 0.5)
    down = row - (centre[1] * shape[0] - 0.5)
    return (across**2 + down**2 <= (radius * min(shape)) ** 2).ravel()


def add_foreign(
    structure: Microstructure, where: np.ndarray, phase: int, rng: np.random.Generator
) -> Microstructure:
    """Let a region be of another phase, with new orientations in the grains that it cuts.

    Parameters
    ----------
    structure
        What is there before.
    where
        The region, shape (n,), bool.
    phase
        Index of the foreign phase.
    rng
        Where randomness comes from.
    """
    before, new = np.unique(structure.grain[where], return_inverse=True)
    orientations = random_orientations(len(before), rng)
    rotations, phases, grain = structure.rotations.copy(), structure.phase.copy(), structure.grain.copy()
    rotations[where], phases[where] = orientations[new], phase
    grain[where] = int(structure.grain.max()) + 1 + new
    return replace(
        structure,
        phase=phases,
        rotations=rotations,
        grain=grain,
        mix=np.where(where, 0.0, structure.mix),
        foreign=structure.foreign | where,
    )


def make_unreadable(structure: Microstructure, where: np.ndarray) -> Microstructure:
    """Let a region give no bands: contamination, a crack, a scratch.

    Parameters
    ----------
    structure
        What is there before.
    where
        The region, shape (n,), bool.
    """
    return replace(
        structure,
        phase=np.where(where, NO_PHASE, structure.phase),
        grain=np.where(where, -1, structure.grain),
        mix=np.where(where, 0.0, structure.mix),
        foreign=structure.foreign & ~where,
    )


def boundary_share(to_boundary: np.ndarray, width: float) -> np.ndarray:
    """Give the share of the crystal beyond: one half at the boundary, none from `width` on.

    Examples
    --------
    >>> boundary_share(np.array([0.0, 0.5, 2.0]), 1.0)
    array([0.5 , 0.25, 0.  ])
    """
    if width <= 0:
        return np.zeros_like(to_boundary)
    return 0.5 * np.clip(1 - to_boundary / width, 0, 1)


def _share_out(areas: np.ndarray, fractions: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give every grain to the phase that is furthest from its fraction, in random order."""
    wanted = fractions / fractions.sum() * areas.sum()
    phase = np.empty(len(areas), dtype=int)
    for grain in rng.permutation(len(areas)):
        phase[grain] = int(np.argmax(wanted))
        wanted[phase[grain]] -= areas[grain]
    return phase
