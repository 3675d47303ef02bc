"""Training schedule of a member, and the results of its epochs."""

from dataclasses import dataclass, field

import numpy as np

from ensemble.errors import InputError

#: What does the arithmetic of training.
ENGINES = ("auto", "keras", "torch")


@dataclass(frozen=True)
class Training:
    """Training schedule of a member; the defaults are the paper's (Kaufmann et al., Sci. Rep. 11, 8172, 2021).

    Parameters
    ----------
    epochs
        At most so many passes over the training patterns.
    batch
        Patterns per step.
    learning_rate, weight_decay
        Of Adam.
    min_delta, patience
        Stop after `patience` epochs in which the validation loss did not fall by more than `min_delta`.
    flip_augmentation
        Show every pattern as it is or mirrored, at random. A mirrored pattern is that of the mirrored
        crystal, which has the same Laue class and the same systematic absences. Not in the paper.
    cosine_decay
        Lower the learning rate along a half cosine to zero over `epochs`. Not in the paper.
    auxiliary_weight
        Weight of the loss of what the parts of the screen look at (`kikuchi.members.auxiliary_task`), where the
        training data give it; 0 is none. Not in the paper.
    engine
        What does the arithmetic: ``"keras"``, ``"torch"``, or ``"auto"``, which takes whichever is faster on this
        machine (`kikuchi.members.steps_of`).
    """

    epochs: int = 200
    batch: int = 32
    learning_rate: float = 0.001
    weight_decay: float = 1e-5
    min_delta: float = 0.001
    patience: int = 15
    flip_augmentation: bool = False
    cosine_decay: bool = False
    auxiliary_weight: float = 0.0
    engine: str = "auto"

    def __post_init__(self) -> None:
        if self.engine not in ENGINES:
            raise InputError(f"unknown engine {self.engine!r}", remedy=f"one of {', '.join(ENGINES)}")


@dataclass(frozen=True)
class Epoch:
    """Results of one epoch: losses are mean cross-entropies in nats, accuracies shares, time in seconds."""

    epoch: int
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float
    seconds: float


@dataclass
class History:
    """All epochs of one member, and the one whose weights it kept."""

    epochs: list[Epoch] = field(default_factory=list)

    @property
    def best_epoch(self) -> int:
        """Number (from 1) of the epoch with the lowest validation loss; 0 before the first."""
        if not self.epochs:
            return 0
        return min(self.epochs, key=lambda e: (np.nan_to_num(e.validation_loss, nan=np.inf), e.epoch)).epoch

    def converged_at(self, min_delta: float) -> int:
        """Return the epoch after which the validation loss never fell by more than `min_delta` again."""
        best, at = np.inf, 0
        for e in self.epochs:
            if e.validation_loss < best - min_delta:
                best, at = e.validation_loss, e.epoch
        return at

    def waited(self, min_delta: float) -> int:
        """Epochs since then: what early stopping compares with its patience."""
        return len(self.epochs) - self.converged_at(min_delta)
