"""The patterns that an attribution compares with: what a member expects before it has seen anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.archive import read_archive
from kikuchi._support.atomic import replaced

#: Patterns per class, as the paper stores them.
PER_CLASS = 100

#: Where a bundle keeps them.
BACKGROUND = "background.npz"

_KEY = "patterns_"
_REMEDY = "copy the bundle again or refit it"


@dataclass(frozen=True)
class Background:
    """Prepared patterns of every class.

    Attributes
    ----------
    patterns
        By input size s of the members: the same n patterns, (n, s, s) uint8; 0..255 stands for -1..1.
    labels
        Class index of each, (n,).
    """

    patterns: dict[int, np.ndarray]
    labels: np.ndarray

    def prepared(self, size: int) -> np.ndarray:
        """Return the patterns as members of input size `size` take them, (n, size, size) float32 in [-1, 1]."""
        if size not in self.patterns:
            raise InputError(f"no background patterns of {size} x {size}", remedy="choose them for that size")
        return self.patterns[size].astype(np.float32) / np.float32(127.5) - 1

    def thinned(self, per_class: int) -> "Background":
        """Return the first `per_class` patterns of each class; they were chosen in random order."""
        kept = np.sort(
            np.concatenate([np.flatnonzero(self.labels == c)[:per_class] for c in np.unique(self.labels)])
        )
        return Background({s: p[kept] for s, p in self.patterns.items()}, self.labels[kept])


def choose_background(
    prepared: Mapping[int, np.ndarray], labels: np.ndarray, per_class: int = PER_CLASS, seed: int = 0
) -> Background:
    """Choose equally many patterns of each class at random, as many as there are where there are fewer.

    Parameters
    ----------
    prepared
        By input size s: the same N patterns, (N, s, s), range [-1, 1].
    labels
        Class index of each, (N,); negative for a pattern that must not be chosen.
    per_class
        At most so many of each class.
    seed
        Of the choice.

    Raises
    ------
    InputError
        No pattern has a class.

    Examples
    --------
    >>> chosen = choose_background({2: np.zeros((5, 2, 2))}, np.array([0, 0, 0, 1, -1]), per_class=2)
    >>> chosen.labels.tolist(), chosen.patterns[2].shape
    ([0, 0, 1], (3, 2, 2))
    """
    labels = np.asarray(labels)
    rng = np.random.default_rng(seed)
    known = np.unique(labels[labels >= 0])
    if not known.size:
        raise InputError("no pattern to compare with: none has a class", remedy="give labelled patterns")
    kept = np.concatenate([rng.permutation(np.flatnonzero(labels == c))[:per_class] for c in known])
    patterns = {
        size: np.round((np.clip(np.asarray(p[kept], np.float32), -1, 1) + 1) * 127.5).astype(np.uint8)
        for size, p in prepared.items()
    }
    return Background(patterns, labels[kept].astype(np.int16))


def write_background(path: Path, background: Background) -> None:
    """Write a background as one compressed npz: ``labels`` and ``patterns_<size>``."""
    with replaced(path) as partial:
        np.savez_compressed(
            partial,
            allow_pickle=False,
            labels=background.labels,
            **{f"{_KEY}{size}": p for size, p in background.patterns.items()},
        )


def read_background(path: Path) -> Background:
    """Read what `write_background` wrote.

    Raises
    ------
    InputError
        The file is missing, broken or holds something else.
    """
    try:
        arrays = read_archive(path, remedy=_REMEDY)
        labels = arrays["labels"]
        patterns = {int(k.removeprefix(_KEY)): p for k, p in arrays.items() if k.startswith(_KEY)}
    except (KeyError, ValueError) as error:
        raise InputError("not background patterns", path=path, remedy=_REMEDY) from error
    wanted = {size: (len(labels), size, size) for size in patterns}
    if not patterns or any(p.dtype != np.uint8 or p.shape != wanted[s] for s, p in patterns.items()):
        raise InputError("not background patterns", path=path, remedy=_REMEDY)
    return Background(patterns, labels)
