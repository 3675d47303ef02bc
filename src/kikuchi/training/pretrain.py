"""Pre-train a member on crystals without end: what `weights = "kikuchi"` starts from.

A network shown three materials of a space group learns three materials. Shown a new random crystal at every turn, it
has nothing to remember but the symmetry.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.progress import SILENT, Progress
from kikuchi.members import Epoch, History, MemberSpec, Training, build_member, save_member, train_member
from kikuchi.members.history import write_history
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate.crystals.random_crystals import random_crystal
from kikuchi.simulate.detector.distribution import log_between
from kikuchi.simulate.detector.microscope import Microscope
from kikuchi.simulate.masters.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch, varied_detector

#: The paper's six space groups of point group m-3m; no two share their systematic absences.
CUBIC = (221, 223, 225, 227, 229, 230)


#: How the patterns of a stream are recorded: clearer than most real ones. With contrasts down to those of real patterns
#: (2 %) a compact member had learned next to nothing after 84 000 patterns (42 % of six classes right, 30 % on crystals
#: it had not seen).
CLEAR = Microscope(contrast=log_between(0.1, 0.4), dose=log_between(400, 5000))


@dataclass
class CrystalStream:
    """Fresh patterns for every epoch, of crystals that come and go.

    Parameters
    ----------
    classes
        Space groups; labels are their indices.
    size
        Side of the patterns in pixels.
    patterns
        Patterns an epoch.
    crystals
        Random crystals of each class in use at a time.
    renewed
        How many of them are replaced by new ones every epoch.
    masters
        Further master patterns that stay, dynamical ones above all.
    share
        Share of the patterns that come from `masters`, where there are any.
    seed
        The same seed gives the same epochs in the same order.
    """

    classes: tuple[int, ...] = CUBIC
    size: int = 64
    patterns: int = 6400
    crystals: int = 40
    renewed: int = 8
    masters: Sequence[MasterPattern] = ()
    share: float = 0.5
    seed: int = 0
    preparation: Preparation | None = None
    _pool: list[list[MasterPattern]] = field(default_factory=list, repr=False)
    _drawn: int = field(default=0, repr=False)

    def __post_init__(self) -> None:
        unknown = sorted({m.space_group for m in self.masters} - set(self.classes))
        if unknown:
            raise InputError(f"master patterns of space group {unknown[0]}, which is not among the classes")

    def __call__(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return prepared patterns (n, size, size) float16 and class indices (n,) of one epoch, from 1 on."""
        self._renew(epoch)
        fixed = round(self.share * self.patterns) if self.masters else 0
        parts = [self._batch([m for own in self._pool for m in own], self.patterns - fixed, epoch, 0)]
        if fixed:
            parts.append(self._batch(list(self.masters), fixed, epoch, 1))
        return np.concatenate([p for p, _ in parts]), np.concatenate([y for _, y in parts])

    def _renew(self, epoch: int) -> None:
        """Bring the crystals to those of an epoch; one that was resumed draws again what went before it."""
        if not self._pool:
            self._pool = [[] for _ in self.classes]
            first = max(0, epoch - 1 - self.crystals // max(self.renewed, 1))
            self._drawn = first
        while self._drawn < epoch:
            self._drawn += 1
            count = self.renewed if any(self._pool) else self.crystals
            for k, group in enumerate(self.classes):
                rng = np.random.default_rng([self.seed, self._drawn, k])
                new = [random_master(group, rng) for _ in range(count)]
                self._pool[k] = (self._pool[k] + new)[-self.crystals :]

    def _batch(
        self, masters: list[MasterPattern], count: int, epoch: int, part: int
    ) -> tuple[np.ndarray, np.ndarray]:
        raw, labels = labelled_batch(
            masters,
            np.array([self.classes.index(m.space_group) for m in masters]),
            count,
            varied_detector((self.size, self.size)),
            CLEAR,
            [self.seed, epoch, part],
        )
        preparation = self.preparation or Preparation(size=self.size)
        return prepare(raw, preparation).astype(np.float16), labels


@dataclass(frozen=True)
class Pretrained:
    """A member that learned on random crystals.

    Attributes
    ----------
    folder
        Where it lies; ``backbone.weights.h5`` in it is what a recipe's `weights` takes.
    history
        The losses of every epoch.
    """

    folder: Path
    history: History

    @property
    def epochs(self) -> list[Epoch]:
        """Results of every epoch."""
        return self.history.epochs

    @property
    def best_epoch(self) -> int:
        """Number (from 1) of the epoch whose weights were kept."""
        return self.history.best_epoch

    def to_dict(self) -> dict[str, Any]:
        """Return folder, best epoch and the losses of every epoch as plain data."""
        epochs = [asdict(epoch) for epoch in self.epochs]
        return {"folder": str(self.folder), "best_epoch": self.best_epoch, "epochs": epochs}

    def summary(self) -> str:
        """Return the best epoch and its accuracy on other crystals, and what to put into a recipe."""
        best = self.epochs[self.best_epoch - 1]
        return (
            f"{len(self.epochs)} epochs, the best is {best.epoch}: loss {best.validation_loss:.3f}, accuracy "
            f"{best.validation_accuracy:.1%} on other crystals\n"
            f"in a recipe: weights = {str(self.folder / 'backbone.weights.h5')!r}"
        )


def random_master(space_group: int, rng: np.random.Generator) -> MasterPattern:
    """Draw a random crystal and a band profile, and return its kinematical master pattern.

    Profiles, intensities and voltage are drawn so widely that no network can recognise crystals by them.
    """
    profile = BandProfile(
        intensity_exponent=rng.uniform(0.8, 1.4),
        dynamical=rng.uniform(0.2, 0.8),
        edge_width=np.exp(rng.uniform(np.log(0.7), np.log(2.0))),
    )
    structure = random_crystal(space_group, rng)
    return kinematical_master(
        structure, rng.uniform(10, 30), half_size=80, min_dspacing=0.8, min_relative=0.06, profile=profile
    )


def pretrain(
    out: str | Path,
    stream: CrystalStream,
    *,
    epochs: int = 100,
    seed: int = 0,
    dropout: float = 0.3,
    learning_rate: float = 0.002,
    progress: Progress = SILENT,
) -> Pretrained:
    """Train a compact member on a stream of crystals; it goes on from its checkpoint when it was interrupted.

    Parameters
    ----------
    out
        Folder of the member; ``backbone.weights.h5`` in it is what a recipe's `weights` takes.
    stream
        Where the patterns come from.
    epochs
        How many draws of `stream.patterns` patterns.
    seed
        Of the weights and the order.
    dropout, learning_rate
        Of the member and of Adam.
    progress
        Listener of the work.

    Returns
    -------
    Pretrained
        Folder and losses.
    """
    folder = Path(out)
    spec = MemberSpec(
        name=folder.name,
        kind="scratch",
        architecture="compact",
        size=stream.size,
        classes=len(stream.classes),
        dropout=dropout,
        seed=seed,
    )
    model = build_member(spec)
    held_out = CrystalStream(
        classes=stream.classes,
        size=stream.size,
        patterns=2000,
        seed=stream.seed + 10_000,
        preparation=stream.preparation,
    )
    schedule = Training(
        epochs=epochs,
        batch=64,
        learning_rate=learning_rate,
        patience=epochs,
        cosine_decay=True,
        flip_augmentation=True,
    )

    def on_epoch(epoch: Epoch) -> None:
        progress.say(
            f"{spec.name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.1%}, on other "
            f"crystals {epoch.validation_loss:.3f}, {epoch.validation_accuracy:.1%}, {epoch.seconds:.1f} s"
        )

    history = train_member(model, stream, held_out(1), schedule, seed=seed, work=folder, on_epoch=on_epoch)
    write_history(folder, history)
    save_member(model, spec, folder)
    with atomic.replaced(folder / "backbone.weights.h5") as partial:
        model.get_layer("backbone").save_weights(partial)
    return Pretrained(folder, history)
