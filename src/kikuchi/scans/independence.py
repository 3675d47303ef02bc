"""Which patterns of a dataset are independent: neighbours in one grain see the same crystal.

A promise tested on patterns that pose as independent is broken far more often than it says (`reports/trust`: a fifth
of the draws for grains of ten points).
"""

import numpy as np

from kikuchi.scans import Dataset, Preparation

#: Side of a block in points, where the grains are not known: larger than most grains are in steps.
BLOCK = 8

#: Neighbours count as dependent where they are so much more alike than random pairs of their scan (correlation).
ALIKE = 0.1

#: Pairs of patterns looked at per scan.
PAIRS = 64


def pattern_groups(data: Dataset, how: str, preparation: Preparation) -> tuple[np.ndarray, str]:
    """Group the patterns of a dataset into units that may count as independent.

    Parameters
    ----------
    data
        The dataset.
    how
        ``"pattern"``: each on its own; ``"block"``: square blocks of `BLOCK` points of a scan; ``"scan"``: all of one
        material; ``"auto"``: blocks in scans whose neighbours are more alike than random pairs, else patterns.
    preparation
        How patterns are prepared before they are compared.

    Returns
    -------
    groups, how
        Number of the group of each pattern, (N,), and a word for people on what was done.
    """
    group = np.empty(data.n, np.int64)
    used = set()
    for number, material in enumerate(data.materials):
        here = np.flatnonzero(data.material == number)
        scan = material.scan
        row, col = scan.row[data.index[here]], scan.col[data.index[here]]
        chosen = how
        if how == "auto":
            chosen = "block" if _neighbours_alike(data, here, row, col, preparation) else "pattern"
        used.add(chosen)
        if chosen == "pattern":
            own = np.arange(len(here))
        elif chosen == "scan":
            own = np.zeros(len(here), int)
        else:
            own = (row // BLOCK) * (int(col.max()) // BLOCK + 1) + col // BLOCK
        group[here] = own + (group[: here[0]].max() + 1 if len(here) and here[0] else 0)
    words = {"pattern": "pattern", "block": f"block of {BLOCK} x {BLOCK} points", "scan": "scan"}
    return np.unique(group, return_inverse=True)[1], " or ".join(words[w] for w in sorted(used))


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
