"""Train members on all simulators at once, recorded as real scans are, with strangers and overlaps as background.

    python -m reports.simulation.members WORK [--members 1 2 3] [--epochs 24] [--stages 8 16]

Members start from the shipped trunk (`weights = "kikuchi"`), each drawn towards random weights of its own by
a share of its own (Ash & Adams, NeurIPS 2020), with a head, a data order and a choice of crystals of its own:
each leaves out another third of the library, but for the package's structures. Every master comes twice, once
with its intensities bent by a random exponent: how bright zone axes are is what programs agree on least. Of
an epoch's patterns half are recorded as real scans are, three tenths as well with their spectrum pulled
towards the mean one, and a fifth as scans are whose background nobody took off: faint, on screens with stains
stronger than the bands. Public masters take no part: they are the simulator that nothing here was trained on.
Members take turns, stage by stage, so that all of them exist at any time; resumable after every epoch.
"""

import argparse
from functools import partial
from pathlib import Path

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
from kikuchi.simulate.detector.distribution import Distribution, log_between
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import real_detector, real_microscope
from kikuchi.training.stream import MasterStream
from reports.simulation.trunk import CHANCES, CLASSES, bent

PREPARATION = Preparation(size=64)
PULLED = Preparation(size=64, spectrum=0.75)
#: Folders of the library, and how many crystals of eight are held out of each.
FOLDERS = {"structures": 0, "isotypes": 1, "iso2": 1, "iso3": 1, "crystals": 1}
#: How much of the trunk's weights the members keep.
SHRINK = (1.0, 0.8, 0.65, 0.9)
#: Patterns of every epoch: recorded as real scans are, the same with the spectrum pulled, and with nothing subtracted.
PATTERNS = (3200, 1920, 1280)
#: What no static background was taken off of: the signal of real patterns, below the stains of a real screen.
RAW = real_microscope().model_copy(
    update={
        "contrast": log_between(0.012, 0.08),
        "stains": log_between(0.008, 0.05),
        "screen": Distribution(kind="choice", values=(-1, 0, 1, 2, 3, 4), weights=(5, 1, 1, 1, 1, 1)),
    }
)


def masters_of(work: Path, held_out: bool, without: int | None = None) -> list[MasterPattern]:
    """Load the masters that train, or those of crystals that no member sees: every eighth of its folder.

    Of the first, every third crystal of the library is left out for the member numbered `without`; which they are
    follows from their own numbers, so that a library may grow while members train.
    """
    found = []
    for folder, of_eight in FOLDERS.items():
        for path in sorted((work / folder).glob("*_*.npz")):
            group, number = path.stem.split("_")
            if (of_eight > 0 and int(number) % 8 == 7) != held_out:
                continue
            if without is None or of_eight == 0 or (int(number) + int(group)) % 3 != without % 3:
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


def streams(work: Path, number: int) -> list[tuple[MasterStream, Preparation]]:
    """Return what one member is taught from: streams, and how each is prepared."""
    masters, strangers = masters_of(work, False, number), strangers_of(work, False)
    rng = np.random.default_rng(number)
    masters += [bent(master, rng, 0.65, 1.5) for master in masters]
    found = []
    for kind, (microscope, preparation) in enumerate(
        ((real_microscope(), PREPARATION), (real_microscope(), PULLED), (RAW, PREPARATION))
    ):
        stream = MasterStream(
            masters,
            patterns=PATTERNS[kind],
            classes=CLASSES,
            class_sampling=CHANCES,
            seed=100 * number + kind,
            strangers=strangers,
            detector=real_detector(),
            microscope=microscope,
        )
        found.append((stream, preparation))
    return found


def taught(from_: list[tuple[MasterStream, Preparation]], epoch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the patterns of an epoch, (n, 64, 64), and their labels as probabilities, (n, 10)."""
    parts = [stream.prepared(epoch, preparation) for stream, preparation in from_]
    return np.concatenate([p for p, _ in parts]), np.concatenate([labels for _, labels in parts])


def validation(work: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return patterns of crystals that no member sees, and their labels as probabilities."""
    # The first of each group: the library may grow, and epochs are compared by what does not.
    masters = [load_master(path) for path in sorted((work / "iso3").glob("*_0007.npz"))]
    held_out = MasterStream(masters, seed=991, detector=real_detector(), microscope=real_microscope())
    patterns, labels = held_out.prepared(0, PREPARATION, 1000)
    truth = np.array([CLASSES.index(held_out.classes[k]) for k in labels])
    return patterns, np.eye(len(CLASSES), dtype=np.float32)[truth]


def train(work: Path, number: int, until: int, epochs: int) -> None:
    """Train one member up to an epoch of its schedule; with the last one it is written."""
    place = work / "members" / f"transfer-{number}"
    spec, model = begun(number, SHRINK[(number - 1) % len(SHRINK)])
    progress = Lines()

    def told(epoch: Epoch) -> None:
        progress.say(
            f"{spec.name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, on other crystals {epoch.validation_loss:.3f}, "
            f"{epoch.validation_accuracy:.1%}, {epoch.seconds:.0f} s"
        )
        if epoch.epoch == until < epochs:
            raise StageOver

    training = Training(
        epochs=epochs,
        batch=64,
        learning_rate=0.0015,
        patience=epochs,
        flip_augmentation=True,
        cosine_decay=True,
        engine="torch",
    )
    try:
        history = train_member(
            model,
            partial(taught, streams(work, number)),
            validation(work),
            training,
            seed=number,
            work=place,
            on_epoch=told,
        )
    except StageOver:
        return
    write_history(place, history)
    save_member(model, spec, place)


class StageOver(Exception):
    """The next member's turn; what was learned is in the checkpoint."""


def main() -> None:
    """Train all members, in turns."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--members", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--stages", type=int, nargs="*", default=[], help="epochs after which turns change")
    parser.add_argument("--threads", type=int, default=1, help="of PyTorch")
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    for until in [*given.stages, given.epochs]:
        for number in given.members:
            if not (given.work / "members" / f"transfer-{number}" / "member.json").is_file():
                train(given.work, number, until, given.epochs)


if __name__ == "__main__":
    main()
