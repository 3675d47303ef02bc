"""Split a dataset as the paper does, and by whole materials."""

import hashlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.scans.dataset import Dataset


class TooFewGroups(InputError):
    """A material has too few grains or blocks for every part to get some of its own."""


def pattern_hash(pattern: np.ndarray) -> str:
    """Hash of one raw pattern's size, data type and bytes, 32 hexadecimal digits.

    Returns
    -------
    str
        32 hexadecimal digits.

    Examples
    --------
    >>> a = np.arange(16, dtype=np.uint8).reshape(4, 4)
    >>> pattern_hash(a) == pattern_hash(a.copy()), pattern_hash(a) == pattern_hash(a.T)
    (True, False)
    """
    digest = hashlib.blake2b(f"{pattern.shape}{pattern.dtype.str}".encode(), digest_size=16)
    digest.update(np.ascontiguousarray(pattern).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Split:
    """Split of a dataset into training, validation, calibration and test.

    Parameters
    ----------
    train, validation, calibration, test
        Positions in the dataset, ascending; no pattern's content is in two of them.
    left_out
        Positions that are in none: repeats of another pattern, constant ones and ones that cannot be read.
    hashes
        ``pattern_hash`` of every pattern of the dataset, (N,).
    classes
        Space groups that are trained, ascending.
    seed
        What the split was drawn with.
    """

    train: np.ndarray
    validation: np.ndarray
    calibration: np.ndarray
    test: np.ndarray
    left_out: np.ndarray
    hashes: np.ndarray
    classes: tuple[int, ...]
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON record: the hashes of what was fitted on, and a hash of the test patterns' hashes."""
        fitted = {part: sorted(self.hashes[getattr(self, part)].tolist()) for part in _FITTED}
        digest = hashlib.blake2b("".join(sorted(self.hashes[self.test])).encode(), digest_size=16)
        return {
            "seed": self.seed,
            "classes": list(self.classes),
            **fitted,
            "test": {"n": len(self.test), "hash": digest.hexdigest()},
        }


_FITTED = ("train", "validation", "calibration")


def split_dataset(
    dataset: Dataset,
    *,
    train_per_class: int = 400,
    validation_per_class: int = 100,
    calibration_fraction: float = 0.5,
    seed: int = 0,
    groups: np.ndarray | None = None,
) -> Split:
    """Split every space group as Kaufmann et al. (Sci. Rep. 11, 8172, 2021) do, with a calibration part of our own.

    Training and validation patterns of a space group come in equal numbers from its materials (a remainder goes
    one each to the first materials); a part of the rest calibrates, everything else tests. Every material is
    drawn with a generator of its own, so that adding a material leaves the order of the others as it was.

    Parameters
    ----------
    dataset
        What to split. All its patterns are read once, for their hashes.
    train_per_class, validation_per_class
        Patterns per space group.
    calibration_fraction
        Share of the rest of every material that calibrates, 0 to 1.
    seed
        Not negative; the same seed gives the same split.
    groups
        Grain or block of each pattern, (N,): whole groups then go to one part, and what a group has beyond the
        patterns wanted for training or validation is left out. Where None, single patterns are drawn, and neighbours
        of one grain may both train and test.

    Returns
    -------
    Split
        Which patterns train, validate, calibrate and test.

    Raises
    ------
    InputError
        If a material has too few patterns, or one pattern has two space groups.
    """
    return _split(dataset, train_per_class, validation_per_class, calibration_fraction, seed, groups)


def _split(
    dataset: Dataset,
    train: int,
    validation: int,
    calibration_fraction: float,
    seed: int,
    groups: np.ndarray | None = None,
) -> Split:
    if train < 0 or validation < 0 or not 0 <= calibration_fraction <= 1 or seed < 0:
        raise InputError(
            f"cannot split into {train} training and {validation} validation patterns per class, "
            f"calibration fraction {calibration_fraction}, seed {seed}",
            remedy="counts and seed are not negative, the fraction is 0 to 1",
        )
    hashes, usable = hash_patterns(dataset)
    parts: dict[str, list[np.ndarray]] = {"train": [], "validation": [], "calibration": [], "test": []}
    classes = tuple(sorted({material.space_group for material in dataset.materials}))
    for number, material in enumerate(dataset.materials):
        positions = np.flatnonzero((dataset.material == number) & usable)
        peers = [m.name for m in dataset.materials if m.space_group == material.space_group]
        n_train = _share(train, peers, material.name)
        n_validation = _share(validation, peers, material.name)
        if len(positions) < n_train + n_validation:
            raise InputError(
                f"space group {material.space_group}, material {material.name!r}: {len(positions)} usable patterns, "
                f"{n_train + n_validation} needed ({n_train} to train, {n_validation} to validate)",
                path=dataset.path or material.scan.path,
                remedy="add patterns or materials of this space group, or ask for fewer per class",
            )
        if groups is not None:
            own = _whole_groups(
                positions,
                groups,
                n_train,
                n_validation,
                calibration_fraction,
                _generator(seed, material.name),
            )
            if own is None:
                raise TooFewGroups(
                    f"space group {material.space_group}, material {material.name!r}: "
                    f"{len(np.unique(groups[positions]))} independent grains or blocks cannot fill training, "
                    "validation, calibration, certificate and test, each with grains of its own",
                    path=dataset.path or material.scan.path,
                    remedy="add scans or grains, ask for fewer patterns per class, or split by pattern, whose promise "
                    "is then about these grains only",
                )
            for part, chosen in zip(parts.values(), own, strict=True):
                part.append(chosen)
            continue
        drawn = _generator(seed, material.name).permutation(positions)
        rest = len(positions) - n_train - n_validation
        cuts = np.cumsum([n_train, n_validation, round(calibration_fraction * rest)])
        for part, chosen in zip(parts.values(), np.split(drawn, cuts), strict=True):
            part.append(chosen)
    ordered = {
        part: np.sort(np.concatenate(chosen)) if chosen else np.empty(0, int)
        for part, chosen in parts.items()
    }
    left_out = ~usable
    if groups is not None:
        left_out = np.isin(np.arange(dataset.n), np.concatenate(list(ordered.values())), invert=True)
    return Split(**ordered, left_out=np.flatnonzero(left_out), hashes=hashes, classes=classes, seed=seed)


def _whole_groups(
    positions: np.ndarray,
    groups: np.ndarray,
    n_train: int,
    n_validation: int,
    calibration_fraction: float,
    rng: np.random.Generator,
) -> list[np.ndarray] | None:
    """Positions of each part, no group in two of them; None where too few are left to calibrate, certify and test."""
    own = groups[positions]
    order = rng.permutation(np.unique(own))
    sizes = np.array([int((own == g).sum()) for g in order])
    parts, start = [], 0
    for wanted in (n_train, n_validation):
        stop = start
        while stop < len(order) and sizes[start:stop].sum() < wanted:
            stop += 1
        if sizes[start:stop].sum() < wanted:
            return None
        parts.append(rng.permutation(positions[np.isin(own, order[start:stop])])[:wanted])
        start = stop
    rest = order[start:]
    calibrates = round(calibration_fraction * len(rest))
    if 0 < calibration_fraction < 1:
        # Calibration and certificate take a group each at least, and the test one.
        calibrates = min(max(calibrates, 2), len(rest) - 1)
        if calibrates < 2:
            return None
    parts += [positions[np.isin(own, rest[:calibrates])], positions[np.isin(own, rest[calibrates:])]]
    return parts


def _share(total: int, peers: list[str], name: str) -> int:
    """Part of ``total`` that falls to one of its peers; the first ones take the remainder."""
    each, remainder = divmod(total, len(peers))
    return each + (peers.index(name) < remainder)


def _generator(seed: int, name: str) -> np.random.Generator:
    word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    return np.random.default_rng([seed, word])


def hash_patterns(dataset: Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Hash of every pattern, and which are the first of their content, neither constant nor unreadable.

    Returns
    -------
    tuple[numpy.ndarray, numpy.ndarray]
        Hashes (n,), and whether each pattern is usable, (n,).
    """
    hashes = np.empty(dataset.n, dtype="U32")
    usable = np.zeros(dataset.n, dtype=bool)
    owner: dict[str, int] = {}
    for positions, number, patterns in dataset.iter_patterns():
        material = dataset.materials[number]
        for position, pattern in zip(positions, patterns, strict=True):
            found = hashes[position] = pattern_hash(pattern)
            if int(dataset.index[position]) in material.scan.problems or not np.ptp(pattern) > 0:
                continue
            other = dataset.materials[owner.setdefault(found, number)]
            if other.space_group != material.space_group:
                raise InputError(
                    f"the same pattern is in material {other.name!r} ({other.space_group}) "
                    f"and in {material.name!r} ({material.space_group}, index {dataset.index[position]})",
                    path=dataset.path or material.scan.path,
                    remedy="remove it from one of them",
                )
            usable[position] = True
    _, first = np.unique(np.where(usable, hashes, ""), return_index=True)
    is_first = np.zeros(dataset.n, dtype=bool)
    is_first[first] = True
    return hashes, usable & is_first
