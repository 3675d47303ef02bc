"""Expected error between two phases at a scan's own noise, from simulations, before anything is promised."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

#: Points that see one small grain together.
GRAIN = 9

#: Error rates of two simulators that differ by more than this leave open which of them the crystal follows.
_DISAGREE = 0.1

#: A guess among two is wrong in half of all cases: worse than this is hardly better.
_HOPELESS = 0.25


@dataclass(frozen=True)
class Separability:
    """Expected confusion of each phase with the others.

    Attributes
    ----------
    names
        Of the K phases.
    simulators
        What the patterns were simulated by.
    errors
        Share of patterns of each phase that another phase fits better, by simulator, shape (S, K).
    grain_errors
        The same for `GRAIN` points that answer together, shape (S, K).
    confusion
        Share of the patterns of each phase (row) that each phase (column) fits best, over all simulators, shape (K, K).
    """

    names: tuple[str, ...]
    simulators: tuple[str, ...]
    errors: np.ndarray
    grain_errors: np.ndarray
    confusion: np.ndarray

    @property
    def doubts(self) -> list[str]:
        """Reasons against a promise, a line each; empty where there are none."""
        found = []
        for k, name in enumerate(self.names):
            worst = float(self.errors[:, k].max())
            spread = worst - float(self.errors[:, k].min())
            others = np.where(np.arange(len(self.names)) == k, -1, self.confusion[k])
            other = self.names[int(others.argmax())]
            if spread > _DISAGREE:
                found.append(
                    f"simulators disagree about {name} and {other} ({self.errors[:, k].min():.0%} against "
                    f"{worst:.0%} of patterns confused): no promise holds for them"
                )
            elif worst > _HOPELESS:
                found.append(
                    f"{worst:.0%} of the patterns of {name} look more like {other} in this scan's noise"
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain JSON."""
        return {
            "phases": list(self.names),
            "simulators": list(self.simulators),
            "error_per_pattern": self.errors.tolist(),
            "error_per_grain": self.grain_errors.tolist(),
            "points_of_a_grain": GRAIN,
            "confusion": self.confusion.tolist(),
            "doubts": self.doubts,
        }

    def lines(self) -> list[str]:
        """Return a table for people: one line a phase."""
        lines = [f"expected errors at this scan's noise, per pattern and per grain of {GRAIN} points:"]
        for k, name in enumerate(self.names):
            cells = [
                f"{simulator} {self.errors[s, k]:.1%}, {self.grain_errors[s, k]:.1%}"
                for s, simulator in enumerate(self.simulators)
            ]
            lines.append(f"  {name}: {'; '.join(cells)}")
        return lines + [f"  {doubt}" for doubt in self.doubts]


def separability(
    logits: np.ndarray,
    labels: np.ndarray,
    simulator: np.ndarray,
    names: Sequence[str],
    simulators: Sequence[str],
    seed: int = 0,
) -> Separability:
    """Count confusions of held-out simulations.

    Parameters
    ----------
    logits
        Their logits, shape (n, K).
    labels, simulator
        Phase and simulator of each, shape (n,).
    names, simulators
        Of phases and simulators.
    seed
        Of which patterns answer together as a grain.
    """
    rng = np.random.default_rng(seed)
    k, s = len(names), len(simulators)
    errors, grains = np.zeros((s, k)), np.zeros((s, k))
    confusion = np.zeros((k, k))
    np.add.at(confusion, (labels, logits.argmax(axis=1)), 1)
    for i in range(s):
        for j in range(k):
            own = logits[(simulator == i) & (labels == j)]
            if not len(own):
                continue
            errors[i, j] = (own.argmax(axis=1) != j).mean()
            together = own[rng.integers(0, len(own), (400, GRAIN))].sum(axis=1)
            grains[i, j] = (together.argmax(axis=1) != j).mean()
    confusion /= np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    return Separability(tuple(names), tuple(simulators), errors, grains, confusion)
