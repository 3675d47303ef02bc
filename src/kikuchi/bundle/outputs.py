"""Outputs of the members before pooling; and those for held-out patterns, with the truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws
from kikuchi._support import atomic
from kikuchi._support.archive import read_archive
from kikuchi.scans.looks import LOOKS

_REMEDY = "copy the bundle again or refit it"


@dataclass(frozen=True)
class MemberOutputs:
    """Outputs of all members for some patterns, before pooling.

    Attributes
    ----------
    logits
        (M, N, K) float32.
    draws
        Sufficient statistics of each member's dropout draws.
    unfamiliarity
        (N,), about 1 for familiar patterns; higher = stranger.
    quality
        (N,), signal against noise of the patterns themselves.
    poses
        (N, K, 4) unit quaternions, sample to crystal, for each class, where a matcher is among the members.
    mixed
        Whether two classes overlap in a pattern, (N,) bool, where a bundle's gate tells that; such patterns have no
        unfamiliarity.
    """

    logits: np.ndarray
    draws: DropoutDraws
    unfamiliarity: np.ndarray
    quality: np.ndarray
    poses: np.ndarray | None = None
    mixed: np.ndarray | None = None

    def select(self, chosen: np.ndarray) -> "MemberOutputs":
        """Return the outputs for the chosen patterns: a mask (N,), or indices."""
        return MemberOutputs(
            self.logits[:, chosen],
            self.draws.select(chosen),
            self.unfamiliarity[chosen],
            self.quality[chosen],
            None if self.poses is None else self.poses[chosen],
            None if self.mixed is None else self.mixed[chosen],
        )

    @classmethod
    def join(cls, parts: Sequence["MemberOutputs"]) -> "MemberOutputs":
        """Return the outputs of several batches one after another."""
        poses = [p.poses for p in parts if p.poses is not None]
        mixed = [p.mixed for p in parts if p.mixed is not None]
        return cls(
            logits=np.concatenate([p.logits for p in parts], axis=1),
            draws=DropoutDraws(
                np.concatenate([p.draws.mean for p in parts], axis=1),
                np.concatenate([p.draws.entropy for p in parts], axis=1),
                np.concatenate([p.draws.votes for p in parts], axis=1),
            ),
            unfamiliarity=np.concatenate([p.unfamiliarity for p in parts]),
            quality=np.concatenate([p.quality for p in parts]),
            poses=np.concatenate(poses) if len(poses) == len(parts) else None,
            mixed=np.concatenate(mixed) if len(mixed) == len(parts) else None,
        )

    @classmethod
    def empty(cls, members: int, classes: int) -> "MemberOutputs":
        """Return the outputs of M members for no pattern at all."""
        m, k = members, classes
        draws = DropoutDraws(
            np.empty((m, 0, k), np.float32), np.empty((m, 0), np.float32), np.empty((m, 0, k), np.uint16)
        )
        return cls(np.empty((m, 0, k), np.float32), draws, np.empty(0), np.empty(0))


class Part(IntEnum):
    """Use of a held-out pattern."""

    CALIBRATION = 0
    CERTIFICATION = 1
    TEST = 2


@dataclass(frozen=True)
class HeldOut:
    """The members' outputs for labelled patterns that none of them was trained on.

    Attributes
    ----------
    outputs
        Of all held-out patterns.
    labels
        True class indices, (N,).
    material
        Index of the material of each pattern, (N,).
    part
        What each is used for, a `Part`, (N,).
    group
        Patterns of one group (a grain, a block of neighbours) are not independent, (N,).
    looks
        How the patterns look, (N, L), see `kikuchi.scans.looks`; None in bundles that were written without.
    """

    outputs: MemberOutputs
    labels: np.ndarray
    material: np.ndarray
    part: np.ndarray
    group: np.ndarray
    looks: np.ndarray | None = None

    @property
    def calibration(self) -> "HeldOut":
        """The patterns that choose the pooling and calibrate it."""
        return self.select(self.part == Part.CALIBRATION)

    @property
    def certification(self) -> "HeldOut":
        """The patterns that set the thresholds and certify the risk."""
        return self.select(self.part == Part.CERTIFICATION)

    @property
    def test(self) -> "HeldOut":
        """The patterns that nothing is fitted to."""
        return self.select(self.part == Part.TEST)

    def select(self, chosen: np.ndarray) -> "HeldOut":
        """Return the chosen patterns: a mask (N,), or indices."""
        return HeldOut(
            self.outputs.select(chosen),
            self.labels[chosen],
            self.material[chosen],
            self.part[chosen],
            self.group[chosen],
            None if self.looks is None else self.looks[chosen],
        )


def one_of_each_group(held_out: HeldOut, rng: np.random.Generator) -> HeldOut:
    """Return one pattern of each group, drawn: these are independent."""
    order = rng.permutation(len(held_out.group))
    chosen = np.zeros(len(order), dtype=bool)
    chosen[order[np.unique(held_out.group[order], return_index=True)[1]]] = True
    return held_out.select(chosen)


def write_held_out(path: Path, held_out: HeldOut) -> None:
    """Write held-out outputs as one compressed npz."""
    o = held_out.outputs
    with atomic.replaced(path) as partial:
        np.savez_compressed(
            partial,
            allow_pickle=False,
            logits=o.logits,
            draw_mean=o.draws.mean,
            draw_entropy=o.draws.entropy,
            draw_votes=o.draws.votes,
            unfamiliarity=o.unfamiliarity,
            quality=o.quality,
            labels=held_out.labels,
            material=held_out.material,
            part=held_out.part,
            group=held_out.group,
            **({} if held_out.looks is None else {"looks": held_out.looks}),
        )


def read_held_out(path: Path) -> HeldOut:
    """Read what `write_held_out` wrote.

    Raises
    ------
    InputError
        The file is missing or broken.
    """
    try:
        a = read_archive(path, remedy=_REMEDY)
        draws = DropoutDraws(a["draw_mean"], a["draw_entropy"], a["draw_votes"])
        outputs = MemberOutputs(a["logits"], draws, a["unfamiliarity"], a["quality"])
        held_out = HeldOut(outputs, a["labels"], a["material"], a["part"], a["group"], a.get("looks"))
    except KeyError as error:
        raise InputError(f"holds no {error}", path=path, remedy=_REMEDY) from None
    m, n, k = a["logits"].shape if a["logits"].ndim == 3 else (0, 0, 0)
    wanted = {"logits": (m, n, k), "draw_mean": (m, n, k), "draw_votes": (m, n, k), "draw_entropy": (m, n)}
    if held_out.looks is not None:
        wanted["looks"] = (n, len(LOOKS))
    numbers = all(array.dtype.kind in "fiu" for array in a.values())
    if not numbers or any(array.shape != wanted.get(name, (n,)) for name, array in a.items()):
        raise InputError("its arrays do not belong together", path=path, remedy=_REMEDY)
    classes = [held_out.labels, held_out.material, held_out.part, held_out.group]
    if any(c.dtype.kind == "f" for c in classes) or np.any(held_out.labels >= k) or not n:
        raise InputError("labels that are no classes", path=path, remedy=_REMEDY)
    return held_out
