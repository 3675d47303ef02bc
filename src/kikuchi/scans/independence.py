"""Independent patterns of a dataset: neighbours in one grain see the same crystal.

A promise tested on patterns that pose as independent is broken far more often than it says (`reports/trust`: a fifth
of the draws for grains of ten points).
"""

from collections.abc import Callable

import numpy as np

from kikuchi.scans import Dataset, Preparation, Scan

#: Side of a block in points, where the grains are not known: larger than most grains are in steps.
BLOCK = 8

#: Neighbours count as dependent where they are so much more alike than random pairs of their scan (correlation).
ALIKE = 0.1

#: Said where single patterns were drawn from scans whose neighbours are alike.
SHARES_GRAINS = (
    "training and held-out patterns share grains, so that what is promised holds for further points of these grains, "
    'not for new grains (unit = "auto" in [split] of the recipe, the default, keeps them apart where there are enough)'
)

#: Pairs of patterns looked at per scan.
PAIRS = 64


def pattern_groups(
    data: Dataset,
    how: str,
    preparation: Preparation,
    find_grains: Callable[[Scan], np.ndarray] | None = None,
) -> tuple[np.ndarray, str]:
    """Group the patterns of a dataset into units that may count as independent.

    Parameters
    ----------
    data
        The dataset.
    how
        ``"pattern"``: each on its own; ``"block"``: square blocks of `BLOCK` points of a scan; ``"scan"``: all of one
        material; ``"grain"``: what `find_grains` gives; ``"auto"``: blocks for all materials where the neighbours of
        any scan are more alike than random pairs, else patterns; ``"grains where alike"``: the same with grains, or
        with blocks where the grains found are mostly single points. One unit for all: a certificate that counts one
        material by patterns and another by blocks weighs them otherwise than they are mixed.
    preparation
        How patterns are prepared before they are compared.
    find_grains
        Gives the grain of every point of a scan, for ``"grain"``.

    Returns
    -------
    groups, how
        Number of the group of each pattern, (N,), and a word for people on what was done.
    """
    group = np.empty(data.n, np.int64)
    if how in ("auto", "grains where alike"):
        how = _where_alike(data, preparation, None if how == "auto" else find_grains)
    for number, material in enumerate(data.materials):
        here = np.flatnonzero(data.material == number)
        scan = material.scan
        row, col = scan.row[data.index[here]], scan.col[data.index[here]]
        if how == "pattern":
            own = np.arange(len(here))
        elif how == "scan":
            own = np.zeros(len(here), int)
        elif how == "grain" and find_grains is not None:
            own = np.asarray(find_grains(scan))[data.index[here]]
        else:
            own = (row // BLOCK) * (int(col.max()) // BLOCK + 1) + col // BLOCK
        group[here] = own + (group[: here[0]].max() + 1 if len(here) and here[0] else 0)
    words = {"block": f"block of {BLOCK} x {BLOCK} points"}
    return np.unique(group, return_inverse=True)[1], words.get(how, how)


def _where_alike(
    data: Dataset, preparation: Preparation, find_grains: Callable[[Scan], np.ndarray] | None
) -> str:
    """Return the unit of a dataset: where neighbours are alike blocks, or grains where something finds them."""
    numbers = range(len(data.materials))
    alike = [n for n in numbers if _alike(data, n, preparation)]
    if find_grains is None:
        return "block" if alike else "pattern"
    # The orientations that came with a scan give its grains also where the patterns are too noisy to be alike.
    given = [
        n
        for n in numbers
        if (xmap := data.materials[n].scan.xmap) is not None and not np.allclose(xmap.rotations.angle, 0)
    ]
    if alike and not all(_grained(data, n, find_grains) for n in alike):
        return "block"
    return "grain" if any(_grained(data, n, find_grains) for n in {*alike, *given}) else "pattern"


def _grained(data: Dataset, number: int, find_grains: Callable[[Scan], np.ndarray]) -> bool:
    """Whether grains were found in a scan whose neighbours are alike: at least half its points share one."""
    here = data.index[data.material == number]
    grain = np.asarray(find_grains(data.materials[number].scan))[here]
    return bool((np.bincount(grain)[grain] > 1).mean() >= 0.5) if len(grain) else False


def _alike(data: Dataset, number: int, preparation: Preparation) -> bool:
    here = np.flatnonzero(data.material == number)
    scan = data.materials[number].scan
    return _neighbours_alike(data, here, scan.row[data.index[here]], scan.col[data.index[here]], preparation)


def _neighbours_alike(
    data: Dataset, here: np.ndarray, row: np.ndarray, col: np.ndarray, preparation: Preparation
) -> bool:
    """Compare the correlation of patterns side by side with that of random pairs of the same scan."""
    place = {(int(r), int(c)): i for i, (r, c) in enumerate(zip(row, col, strict=True))}
    left = np.array([i for (r, c), i in place.items() if (r, c + 1) in place], int)
    if len(left) < 2:
        return False
    rng = np.random.default_rng(0)
    left = rng.permutation(left)[:PAIRS]
    right = np.array([place[int(row[i]), int(col[i]) + 1] for i in left])
    other = rng.permutation(len(here))[: len(left)]
    small = preparation.model_copy(update={"size": 32})
    a, b, c = (data.prepared(here[chosen], small).reshape(len(chosen), -1) for chosen in (left, right, other))
    return bool(_correlation(a, b).mean() > _correlation(a[: len(c)], c).mean() + ALIKE)


def _correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    a, b = (x - x.mean(axis=1, keepdims=True) for x in (a, b))
    scale = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(axis=1) / np.maximum(scale, np.finfo(np.float32).tiny)
