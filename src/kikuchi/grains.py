"""Grains of a scan: connected points that see the same crystal in the same orientation.

Two ways, neither of which asks which phase it is: the user's own orientations of the same scan, or how alike the
patterns of neighbours are.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import InputError
from kikuchi.progress import SILENT, Progress
from kikuchi.scans import Preparation, Scan, background_for, prepare

HOW = ("orientations", "patterns")
"""Where grains come from."""

MISORIENTATION = 5.0
"""Neighbours turned against each other by more than so many degrees belong to different grains."""

_SIDE = 32
"""Patterns are compared at so many pixels: averaging over pixels takes most of the noise away."""

_STRANGERS = 4.0
"""Neighbours are of one grain where their correlation lies so many robust deviations above that of random pairs."""

_PAIRS = 400


def find_grains(
    scan: Scan, how: str, *, preparation: Preparation | None = None, progress: Progress = SILENT
) -> NDArray[np.intp]:
    """Return the grain of every point, shape (N,): numbers from 0 on in the order of their first points.

    Parameters
    ----------
    scan
        The scan.
    how
        ``"orientations"``: those that came with the scan, neighbours within `MISORIENTATION`; ``"patterns"``:
        neighbours whose patterns are more alike than random pairs of the scan.
    preparation
        How patterns are prepared before they are compared, at a smaller size; that of Kikuchi patterns where None.
    progress
        Listener of the work.

    Raises
    ------
    InputError
        If the way is unknown, or the scan came without orientations.
    """
    if how == "orientations":
        return _number(scan.n, *_same_orientation(scan))
    if how == "patterns":
        look = (preparation or Preparation()).model_copy(update={"size": _SIDE})
        return _number(scan.n, *_same_pattern(scan, look, progress))
    raise InputError(f"unknown way {how!r} to find grains", remedy=f"one of {', '.join(HOW)}")


def grains_from_orientations(
    orientations: NDArray[np.floating],
    row: NDArray[np.integer],
    col: NDArray[np.integer],
    symmetry: NDArray[np.floating],
    *,
    largest: float = MISORIENTATION,
) -> NDArray[np.intp]:
    """Return the grain of every point of a map of orientations, shape (N,).

    Parameters
    ----------
    orientations
        Unit quaternions, lab to crystal, scalar first, shape (N, 4).
    row, col
        Place of each point on the grid, shape (N,).
    symmetry
        Rotations of the crystal that change nothing, unit quaternions, shape (S, 4).
    largest
        Misorientation of neighbours in one grain, degrees.
    """
    a, b = neighbours(row, col)
    return _number(len(row), a, b, _misorientation(orientations[a], orientations[b], symmetry) <= largest)


def neighbours(
    row: NDArray[np.integer], col: NDArray[np.integer]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of points that touch along a side on the grid, each pair once.

    In a hexagonal map, whose odd rows are shifted, two of a point's six neighbours are left out.

    Examples
    --------
    >>> a, b = neighbours(np.array([0, 0, 1]), np.array([0, 1, 0]))
    >>> a.tolist(), b.tolist()
    ([0, 0], [1, 2])
    """
    place = np.full((int(row.max()) + 1, int(col.max()) + 1), -1, dtype=np.intp)
    place[row, col] = np.arange(len(row))
    across = np.stack([place[:, :-1].ravel(), place[:, 1:].ravel()])
    down = np.stack([place[:-1].ravel(), place[1:].ravel()])
    pairs = np.concatenate([across, down], axis=1)
    a, b = pairs[:, (pairs >= 0).all(axis=0)]
    return a, b


def _misorientation(
    first: NDArray[np.floating], second: NDArray[np.floating], symmetry: NDArray[np.floating]
) -> NDArray[np.float64]:
    """Smallest angle between orientations and their equivalents, degrees, shape (n,)."""
    best = np.zeros(len(first))
    for turn in np.asarray(symmetry, dtype=float):
        best = np.maximum(best, np.abs((_product(turn, second) * first).sum(axis=1)))
    return np.degrees(2 * np.arccos(np.minimum(best, 1.0)))


def _product(turn: NDArray[np.floating], q: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the quaternion product ``turn q`` for many q, shape (n, 4)."""
    w, x, y, z = turn
    matrix = np.array([[w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w]])
    return q @ matrix.T


def _same_orientation(scan: Scan) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    if scan.xmap is None or np.allclose(scan.xmap.rotations.angle, 0):
        raise InputError(
            "came without orientations to find grains by", path=scan.path, remedy="use --grains patterns"
        )
    orientations = np.asarray(scan.xmap.rotations.data, float).reshape(scan.n, -1, 4)[:, 0]
    a, b = neighbours(scan.row, scan.col)
    angle = _misorientation(orientations[a], orientations[b], _symmetry(scan.xmap))
    indexed = np.asarray(scan.xmap.phase_id) >= 0
    return a, b, (angle <= MISORIENTATION) & indexed[a] & indexed[b]


def _symmetry(crystal_map: Any) -> NDArray[np.floating]:
    """Rotations of the most symmetric point group in a map: phases it confuses must not part a grain."""
    from orix.quaternion.symmetry import Oh

    groups = [phase.point_group for number, phase in crystal_map.phases if number >= 0]
    known = [group.laue_proper_subgroup for group in groups if group is not None]
    best = max(known, key=lambda group: group.size) if known else Oh.laue_proper_subgroup
    return np.asarray(best.data, dtype=float)


def _same_pattern(
    scan: Scan, look: Preparation, progress: Progress
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Compare every pattern with the one on its right and the one below, a row of the map at a time."""
    background = background_for(scan, look)

    def vectors(indices: NDArray[np.intp]) -> NDArray[np.float32]:
        flat = prepare(scan.read(indices), look, background).reshape(len(indices), -1).astype(np.float32)
        flat -= flat.mean(axis=1, keepdims=True)
        return flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), np.finfo(np.float32).tiny)

    a, b = neighbours(scan.row, scan.col)
    alike = np.zeros(len(a))
    rows = np.arange(scan.shape[0] + 1)
    points_in_order = np.argsort(scan.row, kind="stable")
    pairs_in_order = np.argsort(scan.row[b], kind="stable")
    points_end = np.searchsorted(scan.row[points_in_order], rows)
    pairs_end = np.searchsorted(scan.row[b][pairs_in_order], rows)
    place = np.empty(scan.n, dtype=np.intp)
    above = here = np.empty((0, _SIDE * _SIDE), np.float32)
    with progress.bar(f"finding grains of {scan.name}", scan.n) as step:
        for r in rows[:-1]:
            points = points_in_order[points_end[r] : points_end[r + 1]]
            pairs = pairs_in_order[pairs_end[r] : pairs_end[r + 1]]
            place[points] = np.arange(len(points))
            above, here = here, vectors(points) if len(points) else here[:0]
            for other, chosen in ((here, scan.row[a[pairs]] == r), (above, scan.row[a[pairs]] < r)):
                those = pairs[chosen]
                alike[those] = (other[place[a[those]]] * here[place[b[those]]]).sum(axis=1)
            step(len(points))
    return a, b, alike > _threshold(scan, vectors)


def _threshold(scan: Scan, vectors: Callable[[NDArray[np.intp]], NDArray[np.float32]]) -> float:
    """Correlation above which two patterns are no strangers: far outside what random pairs show."""
    rng = np.random.default_rng(0)
    left, right = (np.sort(rng.integers(0, scan.n, _PAIRS)) for _ in range(2))
    right = rng.permutation(right)
    by_chance = (vectors(left) * vectors(right)).sum(axis=1)[left != right]
    if len(by_chance) == 0:
        return 1.0
    middle = np.median(by_chance)
    return float(middle + _STRANGERS * 1.4826 * np.median(np.abs(by_chance - middle)))


def _number(n: int, a: NDArray[np.intp], b: NDArray[np.intp], joined: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return numbers of connected points, in the order of their first ones."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(joined.sum(), bool), (a[joined], b[joined])), shape=(n, n))
    labels = connected_components(graph, directed=False)[1]
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]
