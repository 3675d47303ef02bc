"""Accuracy against patterns per class: the runs of one way of training, its law, and both as data and in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np

from ensemble.learning_curves import PowerLaw


@dataclass(frozen=True)
class Run:
    """One member trained on so many patterns a class, calibrated by one temperature and judged on the test part."""

    way: str
    count: int
    repeat: int
    accuracy: float
    log_loss: float
    ece: float
    temperature: float
    seconds: float


@dataclass(frozen=True)
class Curve:
    """One way of training.

    Attributes
    ----------
    way
        ``"scratch"``, ``"transfer"`` (all weights go on from given ones) or ``"frozen"`` (only the head is fitted).
    runs
        In order of count and repeat.
    stopped
        Why no more patterns were tried: ``"target"``, ``"flat"`` or ``"all"``.
    law
        Fitted to the errors; None with fewer than three counts.
    """

    way: str
    runs: tuple[Run, ...]
    stopped: str
    law: PowerLaw | None

    def mean(self, count: int) -> float:
        """Return the mean accuracy at a count."""
        return float(np.mean([r.accuracy for r in self.runs if r.count == count]))

    def to_dict(self, target: float) -> dict[str, Any]:
        """Return the curve as plain data, with the number of patterns that its law says the target takes."""
        law: dict[str, Any] | None = None
        if self.law is not None:
            needed = [None if n == float("inf") else n for n in self.law.needed(1 - target)]
            law = {
                "floor": self.law.floor,
                "scale": self.law.scale,
                "exponent": self.law.exponent,
                "target": target,
                "needed": needed[0],
                "needed_low": needed[1],
                "needed_high": needed[2],
            }
        points = []
        for count in sorted({r.count for r in self.runs}):
            own = [r for r in self.runs if r.count == count]
            point: dict[str, Any] = {"count": count, "runs": len(own)}
            for name in ("accuracy", "log_loss", "ece", "seconds"):
                values = [getattr(r, name) for r in own]
                point[f"{name}_mean"] = float(np.mean(values))
                point[f"{name}_std"] = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
            points.append(point)
        return {"way": self.way, "stopped": self.stopped, "points": points, "law": law}

    def summary(self, target: float) -> str:
        """Return in a line where the curve ended and what its law predicts."""
        last = max(r.count for r in self.runs)
        measured = f"{self.way}: {self.mean(last):.1%} right with {last} patterns a class"
        if self.law is None:
            return measured
        value, low, high = self.law.needed(1 - target)
        if value == float("inf"):
            return f"{measured}; {target:.0%} is out of reach (its law ends at {1 - self.law.floor:.1%})"
        upper = "no end" if high == float("inf") else f"{high:.0f}"
        return f"{measured}; {target:.0%} takes about {value:.0f} ({low:.0f} to {upper})"


@dataclass(frozen=True)
class LearningCurves(Sequence[Curve]):
    """The curves of all ways of training, in the order asked for.

    Attributes
    ----------
    curves
        One a way.
    target
        Accuracy that their laws are asked about.
    folder
        Where table and picture lie.
    """

    curves: tuple[Curve, ...]
    target: float
    folder: Path

    @overload
    def __getitem__(self, index: int) -> Curve: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Curve, ...]: ...

    def __getitem__(self, index: int | slice) -> Curve | tuple[Curve, ...]:
        return self.curves[index]

    def __len__(self) -> int:
        return len(self.curves)

    def to_dict(self) -> dict[str, Any]:
        """Return all curves as plain data."""
        return {"curves": [curve.to_dict(self.target) for curve in self.curves]}

    def summary(self) -> str:
        """Return a line for each curve, and where to look."""
        lines = [curve.summary(self.target) for curve in self.curves]
        return "\n".join([*lines, f"look at {self.folder / 'learn_curve.png'}"])
