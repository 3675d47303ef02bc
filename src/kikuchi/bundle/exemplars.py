"""Features of some patterns that a bundle was fitted on and judged by: what an extension rehearses.

A feature vector of a compact member takes 512 bytes where the pattern takes thousands, and the backbone that made it is
in the bundle.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.archive import read_archive
from kikuchi._support.atomic import replaced

#: Where a bundle keeps them.
EXEMPLARS = "exemplars.npz"

_REMEDY = "copy the bundle again or refit it"


@dataclass(frozen=True)
class Exemplars:
    """Features under every member of two sets of patterns.

    Attributes
    ----------
    labels
        Class index of each of n training patterns, (n,).
    features
        Theirs under each of M members, (n, F_m).
    crossed
        Row among the bundle's held-out patterns where a training pattern is judged too, by heads that were fitted
        without it; -1 elsewhere. (n,).
    rows
        Held-out rows of h patterns that no head was fitted to, (h,).
    held_out_features
        Theirs under each member, (h, F_m).
    """

    labels: np.ndarray
    features: tuple[np.ndarray, ...]
    crossed: np.ndarray
    rows: np.ndarray
    held_out_features: tuple[np.ndarray, ...]


def spread(labels: np.ndarray, each: int, rng: np.random.Generator) -> np.ndarray:
    """Choose up to `each` of every label at random: their indices, ascending.

    Examples
    --------
    >>> spread(np.array([4, 4, 4, 7]), 3, np.random.default_rng(0)).tolist()
    [0, 1, 2, 3]
    >>> len(spread(np.array([4, 4, 4, 7]), 1, np.random.default_rng(0)))
    2
    """
    chosen = [rng.permutation(np.flatnonzero(labels == label))[:each] for label in np.unique(labels)]
    return np.sort(np.concatenate(chosen)) if chosen else np.empty(0, int)


def write_exemplars(path: Path, exemplars: Exemplars) -> None:
    """Write exemplars as one compressed npz, features in half precision."""
    arrays: dict[str, Any] = {
        "labels": exemplars.labels.astype(np.int16),
        "crossed": exemplars.crossed.astype(np.int32),
        "rows": exemplars.rows.astype(np.int32),
    }
    for name, per_member in (("train", exemplars.features), ("held_out", exemplars.held_out_features)):
        arrays |= {f"{name}_{m}": f.astype(np.float16) for m, f in enumerate(per_member)}
    with replaced(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **arrays)


def read_exemplars(folder: Path, members: int) -> Exemplars:
    """Read the exemplars of a bundle.

    Raises
    ------
    InputError
        The bundle has none, being older than they are, or they are broken.
    """
    path = folder / EXEMPLARS
    if not path.is_file():
        raise InputError(
            "this bundle keeps no exemplars to rehearse",
            path=folder,
            remedy="refit it with this version, or fit all classes together",
        )
    arrays = read_archive(path, remedy=_REMEDY)
    try:
        labels, crossed, rows = (arrays[name].astype(int) for name in ("labels", "crossed", "rows"))
        train, held_out = (
            tuple(arrays[f"{name}_{m}"].astype(np.float32) for m in range(members))
            for name in ("train", "held_out")
        )
    except KeyError as error:
        raise InputError("not the exemplars of these members", path=path, remedy=_REMEDY) from error
    lengths = {len(crossed), *map(len, train)}
    if lengths != {len(labels)} or {len(f) for f in held_out} != {len(rows)}:
        raise InputError("not the exemplars of these members", path=path, remedy=_REMEDY)
    return Exemplars(labels, train, crossed, rows, held_out)
