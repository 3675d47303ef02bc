"""Engines that run one member: patterns in, logits and features out."""

from typing import Protocol, get_args

import numpy as np

from kikuchi._support.choices import EngineName

#: What `map --engine` takes.
CHOICES: tuple[str, ...] = get_args(EngineName)

#: Engines that do not say what Keras says: measured, calibrated and certified on their own by `ensemble accelerate`.
MEASURED = ("int8", "bf16", "student", "student-bf16")

#: Those that are one network for all members, by the precision it runs in.
STUDENTS = ("student", "student-bf16")


class Engine(Protocol):
    """One network, ready to run; `predict` may be called from several threads at once.

    Attributes
    ----------
    name
        One of `CHOICES` but ``"auto"``.
    head
        ``kernel`` (F, K) and ``bias`` (K,) of the last layer, which the dropout draws need; where it has a posterior,
        ``kernels`` (T, F, K) and ``biases`` (T, K) too.
    """

    name: str
    head: dict[str, np.ndarray]

    def predict(self, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 logits (n, K) and features (n, F) of prepared patterns (n, size, size) in [-1, 1]."""
