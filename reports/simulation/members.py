"""Train members on all simulators at once, recorded as real scans are, with strangers and overlaps as background.

    python -m reports.simulation.members WORK --seed 1 [--epochs 20] [--shrink 1.0]

Each call trains one member from the shipped trunk (`weights = "kikuchi"`), with a data order and a head of its own.
``--shrink 0.8`` first draws the trunk's weights towards fresh random ones of that seed (Ash & Adams, NeurIPS 2020), so
that members differ more. Public masters take no part: they are the simulator that nothing here was trained on.
Resumable after every epoch.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kikuchi._support.progress import Lines
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    build_member,
    load_backbone_weights,
    save_member,
    train_member,
)
from kikuchi.members.history import write_history
from kikuchi.scans import Preparation
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import real_detector, real_microscope
from kikuchi.training.stream import MasterStream
from reports.simulation.trunk import CHANCES, CLASSES

PREPARATION = Preparation(size=64)
#: Folders of the library, and how many crystals of eight are held out of each.
FOLDERS = {"structures": 0, "isotypes": 1, "iso2": 1, "crystals": 1}


def masters_of(work: Path, held_out: bool) -> list[MasterPattern]:
    """Load the masters that train, or those of crystals that no member sees: every eighth of its folder."""
    found = []
    for folder, of_eight in FOLDERS.items():
        for path in sorted((work / folder).glob("*_*.npz")):
            number = path.stem.split("_")[1]
            apart = of_eight > 0 and int(number) % 8 == 7
            if apart == held_out:
                found.append(load_master(path))
    return found


def strangers_of(work: Path, held_out: bool) -> list[MasterPattern]:
    """Load masters of other space groups: every third of its group is held out."""
    paths = sorted((work / "strangers").glob("*_*.npz"))
    return [load_master(p) for p in paths if (int(p.stem.split("_")[1]) % 3 == 2) == held_out]


def begun(seed: int, shrink: float) -> tuple[MemberSpec, object]:
    """Build a member from the trunk, its weights drawn towards random ones by `shrink` below 1."""
    spec = MemberSpec(f"transfer-{seed}", "transfer", "small", 64, len(CLASSES), dropout=0.3, seed=seed)
    model = build_member(spec)
    fresh = [np.array(w) for w in model.get_layer("backbone").get_weights()]
    load_backbone_weights(model, "kikuchi")
    if shrink < 1:
        known = model.get_layer("backbone").get_weights()
        mixed = [
            shrink * k + (1 - shrink) * f if k.ndim > 1 else k for k, f in zip(known, fresh, strict=True)
        ]
        model.get_layer("backbone").set_weights(mixed)
    return spec, model


def main() -> None:
    """Train one member."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--shrink", type=float, default=1.0)
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    place = given.work / "members" / f"transfer-{given.seed}"
    spec, model = begun(given.seed, given.shrink)
    recording: dict[str, Any] = {"detector": real_detector(), "microscope": real_microscope()}
    stream = MasterStream(
        masters_of(given.work, False),
        classes=CLASSES,
        chances=CHANCES,
        seed=given.seed,
        strangers=strangers_of(given.work, False),
        **recording,
    )
    held_out = MasterStream(masters_of(given.work, True), seed=991, **recording)
    patterns, labels = held_out.prepared(0, PREPARATION, 1500)
    truth = np.array([CLASSES.index(held_out.classes[k]) for k in labels])
    progress = Lines()

    def told(epoch: Epoch) -> None:
        progress.say(
            f"{spec.name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, on other crystals {epoch.validation_loss:.3f}, "
            f"{epoch.validation_accuracy:.1%}, {epoch.seconds:.0f} s"
        )

    training = Training(
        epochs=given.epochs,
        batch=64,
        learning_rate=0.001,
        patience=given.epochs,
        flip_augmentation=True,
        cosine_decay=True,
        engine="torch",
    )
    history = train_member(
        model,
        lambda epoch: stream.prepared(epoch, PREPARATION),
        (patterns, np.eye(len(CLASSES), dtype=np.float32)[truth]),
        training,
        seed=given.seed,
        work=place,
        on_epoch=told,
    )
    write_history(place, history)
    save_member(model, spec, place)


if __name__ == "__main__":
    main()
