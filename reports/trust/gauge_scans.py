"""Scans of one phase each under one recording, and what the shipped members say of them: kept, run once.

    python -m reports.trust.gauge_scans WORK MASTERS [--seed 2026]

Only fills WORK, for `gauge_conditions.py` and whoever tries another check: one file for each condition, whole or not
there, so that an interrupted run goes on.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.pooling import DropoutDraws
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.inference.predictor import Predictor
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch
from reports.simulation.trunk import CLASSES, DETECTOR, MICROSCOPE

POINTS = 100
AS_TRAINED = "as trained"
#: What is changed, and how many scans of each phase. The place in the list seeds the draws: new ones come last.
CONDITIONS: dict[str, tuple[dict[str, float], int]] = {
    AS_TRAINED: ({}, 4),
    "camera at 0.9": ({"camera": 0.9}, 1),
    "camera at 1.1": ({"camera": 1.1}, 1),
    "500 electrons": ({"dose": 500.0}, 1),
    "150 electrons": ({"dose": 150.0}, 1),
    "contrast of 1.5 %": ({"contrast": 0.015}, 1),
    "as trained, others": ({}, 8),
}


@dataclass(frozen=True)
class Scans:
    """Outputs for S scans of P points each: S * P patterns in a row, and the number of each scan's phase, (S,)."""

    outputs: MemberOutputs
    phase: np.ndarray

    def __len__(self) -> int:
        return len(self.phase)

    def scan(self, number: int) -> MemberOutputs:
        """Return the outputs for the points of one scan."""
        return self.outputs.select(np.arange(number * POINTS, (number + 1) * POINTS))


def recorded(
    masters: Sequence[MasterPattern],
    n: int,
    of: tuple[Detector, Microscope],
    seed: list[int],
    shares: tuple[float, ...],
) -> np.ndarray:
    """Record n patterns of some masters in some mixture, every one of another orientation."""
    return labelled_batch(masters, np.arange(len(masters)), n, *of, seed, class_sampling=shares)[0]


def drawn(changes: dict[str, float], seed: int, *number: int) -> tuple[Detector, Microscope]:
    """Draw one recording from what the shipped members were trained on, with something changed."""
    rng = np.random.default_rng([seed, *number])

    def fixed(table: Any, **wanted: float) -> Any:
        values = {
            field: constant(float(value.draw(1, rng)[0]))
            for field in type(table).model_fields
            if hasattr(value := getattr(table, field), "draw")
        }
        return table.model_copy(update=values | {k: constant(v) for k, v in wanted.items()})

    camera = {"pcz": changes["camera"]} if "camera" in changes else {}
    light = {k: v for k, v in changes.items() if k != "camera"}
    return fixed(DETECTOR, **camera), fixed(MICROSCOPE, **light)


def known_phases(masters: Path) -> list[MasterPattern]:
    """Load EMsoft's phases of the groups that the members know, at 20 kV."""
    found = [load_master(p, half_size=50) for p in sorted(masters.glob("*_20kV.sht"))]
    return [m for m in found if m.space_group in CLASSES]


def scans_of(work: Path, masters: Path, name: str, seed: int) -> Scans:
    """Return the scans of one condition, recorded and run first where they are not kept."""
    number = list(CONDITIONS).index(name)
    changes, each = CONDITIONS[name]
    file = work / f"scans-{number}.npz"
    if not file.is_file():
        bundle, known = Predictor.load("shipped"), known_phases(masters)
        # The further recordings of unchanged scans are not those of the first.
        skipped = CONDITIONS[AS_TRAINED][1] if number > 0 and not changes else 0
        parts = []
        for i, m in enumerate(known):
            for r in range(skipped, skipped + each):
                patterns = recorded(
                    [m], POINTS, drawn(changes, seed, i, r), [seed, 200 + number, i, r], (1.0,)
                )
                parts.append(bundle.member_outputs(patterns, None))
        write(file, MemberOutputs.join(parts), np.repeat(np.arange(len(known)), each))
    with np.load(file) as a:
        draws = DropoutDraws(a["mean"], a["entropy"], a["votes"])
        return Scans(MemberOutputs(a["logits"], draws, a["unfamiliarity"], a["quality"]), a["phase"])


def write(file: Path, outputs: MemberOutputs, phase: np.ndarray) -> None:
    """Keep the outputs of one condition."""
    partial = file.with_suffix(".partial.npz")
    np.savez_compressed(
        partial,
        logits=outputs.logits,
        mean=outputs.draws.mean,
        entropy=outputs.draws.entropy,
        votes=outputs.draws.votes,
        unfamiliarity=outputs.unfamiliarity,
        quality=outputs.quality,
        phase=phase,
    )
    partial.replace(file)


def main() -> None:
    """Fill the folder."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    for name in CONDITIONS:
        print(name, len(scans_of(args.work, args.masters, name, args.seed)), flush=True)


if __name__ == "__main__":
    main()
