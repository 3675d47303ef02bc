"""Train one member on crystals without end: the trunk that the shipped members, and `weights = "kikuchi"`, start from.

    python -m reports.simulation.trunk WORK [--architecture small] [--epochs 40 220] [--crystals 1200 --isotypes 4800]

On random crystals and isotypes, first at one learning rate, then with wider recording conditions while the rate falls
to zero. Every isotype comes twice, once with its intensities bent by a random exponent: how bright zone axes are is
what two programs agree on least (the skewness of our Bloch waves is up to twice EMsoft's). While it trains, the network
is also asked what every part of the screen looks at (`kikuchi.members.auxiliary_task`).
6400 patterns an epoch, never the same
twice. Resumable after every epoch; fills the library of master patterns first. The crystals that `held_out` names take
no part: they validate here, and calibrate and test what is made of the trunk.
"""

import argparse
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kikuchi._support.progress import Lines, Progress
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    auxiliary_cells,
    build_member,
    save_member,
    train_member,
)
from kikuchi.members.history import write_history
from kikuchi.scans import Preparation
from kikuchi.simulate.detector.distribution import Distribution, between, log_between
from kikuchi.simulate.detector.microscope import Detector
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.training.stream import WIDE, MasterStream
from reports.simulation import library

CLASSES = tuple(range(221, 231))
#: 222, 224, 226 and 228 are rare: as often as the others, they would draw many answers that are theirs by no crystal.
CHANCES = (6.0, 1.0, 6.0, 1.0, 6.0, 1.0, 6.0, 1.0, 6.0, 6.0)
NARROW_DETECTOR = Detector(
    shape=(64, 64),
    pcx=between(0.42, 0.58),
    pcy=between(0.15, 0.45),
    pcz=between(0.45, 0.75),
    sample_tilt=Distribution(kind="normal", values=(70, 1)),
    tilt=between(-5, 10),
    azimuthal=between(-3, 3),
)
#: Wide enough for the real scans at hand: kikuchipy's nickel has its pattern centre at (0.42, 0.21, 0.50).
DETECTOR = NARROW_DETECTOR.model_copy(update={"pcx": between(0.4, 0.6), "pcy": between(0.12, 0.48)})
NARROW_MICROSCOPE = WIDE.model_copy(
    update={"contrast": log_between(0.05, 0.4), "dose": log_between(1000, 20_000)}
)
MICROSCOPE = WIDE.model_copy(update={"contrast": log_between(0.03, 0.4), "dose": log_between(1000, 40_000)})
PREPARATION = Preparation(size=64)


def index(path: Path) -> int:
    """Return the number of a crystal in its group."""
    return int(path.stem.split("_")[1])


def held_out(path: Path) -> bool:
    """Whether a crystal calibrates and tests: every eighth isotype, every sixteenth of the rest."""
    return index(path) % 8 == 7 if path.parent.name.startswith("isotypes") else index(path) % 16 == 15


def masters_of(work: Path, of_held_out: bool) -> tuple[list[MasterPattern], list[MasterPattern]]:
    """Load crystals of the library, and isotypes; of large cells some are there with few reflectors and with many."""
    found = []
    for folders in (("crystals",), ("isotypes", "isotypes_finer")):
        paths = [p for folder in folders for p in sorted((work / folder).glob("*_*.npz"))]
        found.append([load_master(p) for p in paths if held_out(p) == of_held_out])
    return found[0], found[1]


def bent(
    master: MasterPattern, rng: np.random.Generator, least: float = 0.4, most: float = 1.25
) -> MasterPattern:
    """Return a master pattern whose intensities, from least to most, are raised to a random power."""
    exponent = np.exp(rng.uniform(np.log(least), np.log(most)))
    low = min(master.north.min(), master.south.min())
    high = max(master.north.max(), master.south.max())

    def raised(half: np.ndarray) -> np.ndarray:
        return (((half - low) / (high - low)) ** exponent).astype(np.float32)

    north = raised(master.north)
    return replace(master, north=north, south=north if master.south is master.north else raised(master.south))


def train_trunk(
    work: Path, architecture: str, epochs: tuple[int, int], seed: int, progress: Progress
) -> Path:
    """Train the trunk, unless it is there, and return the weights file of its backbone."""
    trunk = work / f"trunk-{architecture}-{seed}"
    weights = trunk / "backbone.weights.h5"
    if weights.is_file():
        return weights
    crystals, isotypes = masters_of(work, False)
    others, other_isotypes = masters_of(work, True)
    rng = np.random.default_rng(seed)
    taught = crystals + isotypes + [bent(master, rng) for master in isotypes]
    spec = MemberSpec("trunk", "scratch", architecture, 64, len(CLASSES), dropout=0.3, seed=seed)
    model = build_member(spec)
    common: dict[str, Any] = {"classes": CLASSES, "class_sampling": CHANCES, "seed": seed}
    narrow = common | {"detector": NARROW_DETECTOR, "microscope": NARROW_MICROSCOPE}
    wide = common | {"detector": DETECTOR, "microscope": MICROSCOPE}

    def told(epoch: Epoch) -> None:
        progress.say(
            f"{trunk.name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, accuracy {epoch.accuracy:.1%}, on other "
            f"crystals {epoch.validation_loss:.3f}, {epoch.validation_accuracy:.1%}, {epoch.seconds:.0f} s"
        )

    cells = auxiliary_cells(model.get_layer("backbone"), spec.size)
    schedules: tuple[dict[str, Any], ...] = (
        {"learning_rate": 0.002},
        {"learning_rate": 0.002, "cosine_decay": True},
    )
    for number, (length, schedule) in enumerate(zip(epochs, schedules, strict=True)):
        place = trunk / f"stage-{number}"
        recording = (narrow, wide)[number]
        stream = MasterStream(taught, **recording)
        validation = MasterStream(others + 2 * other_isotypes, **recording | {"seed": 991})
        history = train_member(
            model,
            partial(_guided, stream, 1000 * number, cells),
            validation.prepared(0, PREPARATION, 2000),
            Training(
                epochs=length,
                batch=64,
                patience=length,
                flip_augmentation=True,
                auxiliary_weight=1.0,
                **schedule,
            ),
            seed=seed,
            work=place,
            on_epoch=told,
        )
        write_history(place, history)
    save_member(model, spec, trunk)
    model.get_layer("backbone").save_weights(weights)
    return weights


def main() -> None:
    """Fill the library and train."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--architecture", default="small", choices=("compact", "small", "xception"))
    parser.add_argument("--epochs", type=int, nargs=2, default=(40, 220), help="of the two stages")
    parser.add_argument("--crystals", type=int, default=1200)
    parser.add_argument("--isotypes", type=int, default=4800)
    parser.add_argument("--threads", type=int, help="of PyTorch")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    library.fill(given.work / "isotypes", given.isotypes, others=8, isotypes=True, seed=7)
    library.fill(given.work / "crystals", given.crystals)
    if given.isotypes:
        library.refine(given.work / "isotypes_finer", given.work / "isotypes", isotypes=True, seed=7)
    train_trunk(given.work, given.architecture, tuple(given.epochs), given.seed, Lines())


def _guided(stream: MasterStream, first: int, cells: int, epoch: int) -> Any:
    return stream.with_targets(first + epoch, PREPARATION, cells)


if __name__ == "__main__":
    main()
