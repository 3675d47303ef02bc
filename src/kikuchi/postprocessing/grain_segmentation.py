"""Grains of a scan: connected points that see the same crystal in the same orientation.

Two ways, neither of which asks which phase it is: the user's own orientations of the same scan, or how alike the
patterns of neighbours are.
"""

from collections.abc import Callable
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ensemble.errors import InputError
from kikuchi._support.choices import GrainsBy
from kikuchi._support.progress import SILENT, Progress
from kikuchi.scans import Preparation, Scan, background_for, prepare

HOW = get_args(GrainsBy)
"""Where grains come from."""

MISORIENTATION = 5.0
"""Neighbours turned against each other by more than so many degrees belong to different grains."""

_SIDE = 32
"""Patterns are compared at so many pixels: averaging over pixels takes most of the noise away."""

_STRANGERS = 4.0
"""Neighbours may be of one grain where their correlation lies so many robust deviations above that of strangers."""

_SHARE = 0.8
"""And so much of what is usual among such neighbours: half of one crystal and half of another show 0.71 of it."""

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
        ``"orientations"``: those that came with the scan, neighbours within `MISORIENTATION`; ``"patterns"``: points
        that are like all of their neighbours, joined with those, and around them each with its likest one. On a
        boundary two crystals are seen at once, and likeness alone would lead from the one to the other.
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
        return _number(scan.n, *_by_cores(scan.n, *_same_pattern(scan, look, progress)))
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


def carries_orientations(scan: Scan) -> bool:
    """Say whether orientations came with a scan's patterns: any, and not the same everywhere by default."""
    return scan.xmap is not None and not np.allclose(scan.xmap.rotations.angle, 0)


def without_fragments(
    grains: NDArray[np.integer], row: NDArray[np.integer], col: NDArray[np.integer], least: int = 3
) -> NDArray[np.intp]:
    """Give fragments of a map to a grain beside them: what looks like neither side of a boundary is no grain.

    Parameters
    ----------
    grains
        Of each point, shape (N,).
    row, col
        Place of each point on the grid, shape (N,).
    least
        Points that make a grain. A smaller one joins the largest grain that it touches, if that has so many.

    Returns
    -------
    Grains, numbered from 0 on in the order of their first points, shape (N,).

    Examples
    --------
    >>> without_fragments(np.array([0, 0, 0, 1, 2, 2, 2]), np.zeros(7, int), np.arange(7)).tolist()
    [0, 0, 0, 0, 1, 1, 1]
    """
    found = np.unique(np.asarray(grains), return_inverse=True)[1]
    a, b = neighbours(np.asarray(row), np.asarray(col))
    while True:
        size = np.bincount(found)
        first, second = np.r_[found[a], found[b]], np.r_[found[b], found[a]]
        small = (size[first] < least) & (size[second] >= least) & (first != second)
        if not small.any():
            break
        order = np.lexsort((-second[small], size[second[small]], first[small]))
        joins, to = first[small][order], second[small][order]
        last = np.r_[joins[1:] != joins[:-1], True]
        target = np.arange(len(size))
        target[joins[last]] = to[last]
        found = np.unique(target[found], return_inverse=True)[1]
    return _in_order(found)


def _same_orientation(scan: Scan) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    if scan.xmap is None or not carries_orientations(scan):
        why = "came without orientations to find grains by"
        if scan.simulated:
            why = (
                "a simulated scan carries no orientations, as none that a microscope records does: they are in the "
                "truth beside it, to check with"
            )
        raise InputError(why, path=scan.path, remedy="use --grains patterns")
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
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float64], float]:
    """Compare every pattern with the one on its right and the one below, a row of the map at a time.

    Returns the pairs, their correlations, and the one above which neighbours are alike.
    """
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
    least = _threshold(scan, vectors)
    usual = float(np.median(alike[alike > least])) if (alike > least).any() else 1.0
    return a, b, alike, max(least, _SHARE * usual)


def _by_cores(
    n: int, a: NDArray[np.intp], b: NDArray[np.intp], alike: NDArray[np.float64], least: float
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.bool_]]:
    """Return the pairs that are joined: cores with each other, and every other point with one that is joined already.

    A core is like all of its neighbours, so that no point of a boundary is one, as DBSCAN's are of a density (Ester et
    al., KDD 1996). From the cores outward each point joins its likest neighbour: no two grains are ever joined by it.
    """
    same = alike > least
    core = np.ones(n, bool)
    core[a[~same]] = core[b[~same]] = False
    between = same & core[a] & core[b]
    pairs = [(a[between], b[between])]
    outer, inner, how = np.r_[a[same], b[same]], np.r_[b[same], a[same]], np.r_[alike[same], alike[same]]
    joined = core.copy()
    while len(leads := np.flatnonzero(~joined[outer] & joined[inner])):
        leads = leads[np.lexsort((how[leads], outer[leads]))]  # the likest neighbour of each point last
        leads = leads[np.r_[outer[leads][1:] != outer[leads][:-1], True]]
        pairs.append((outer[leads], inner[leads]))
        joined[outer[leads]] = True
    first, second = (np.concatenate(side) for side in zip(*pairs, strict=True))
    return first, second, np.ones(len(first), bool)


def _threshold(scan: Scan, vectors: Callable[[NDArray[np.intp]], NDArray[np.float32]]) -> float:
    """Correlation above which two patterns are no strangers: far outside what they show with turned ones.

    A pattern turned by 90 degrees is like that of a crystal turned as far, also where the scan is of a single grain
    and holds no strangers to compare with.
    """
    rng = np.random.default_rng(0)
    left, right = (np.sort(rng.integers(0, scan.n, _PAIRS)) for _ in range(2))
    turned = np.rot90(vectors(right).reshape(-1, _SIDE, _SIDE), axes=(1, 2)).reshape(_PAIRS, -1)
    by_chance = (vectors(left) * turned[rng.permutation(_PAIRS)]).sum(axis=1)
    middle = np.median(by_chance)
    return float(middle + _STRANGERS * 1.4826 * np.median(np.abs(by_chance - middle)))


def _number(n: int, a: NDArray[np.intp], b: NDArray[np.intp], joined: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return numbers of connected points, in the order of their first ones."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(joined.sum(), bool), (a[joined], b[joined])), shape=(n, n))
    return _in_order(connected_components(graph, directed=False)[1])


def _in_order(labels: NDArray[np.integer]) -> NDArray[np.intp]:
    """Return other numbers for the same groups, in the order of their first points."""
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[number]
