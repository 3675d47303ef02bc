"""Train the member of the hierarchy's study and keep what it says of crystals it never saw.

    python -m reports.future_work.hierarchy_train MASTERS OUT [--epochs 60] [--architecture small] [--seed 9]

goes on from its checkpoint when it was interrupted. ``OUT/held_out.npz`` holds logits, labels (indices of
`hierarchy_data.GROUPS`), crystals and parts (0 calibration, 1 test): all that `hierarchy.py` needs.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from kikuchi.members import Epoch, MemberSpec, Training, build_member, checkpoint, predict, train_member
from kikuchi.members.backend import steps_of
from kikuchi.members.history import write_history
from kikuchi.members.weights import load_backbone_weights
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate.detector.acquisition import acquire, draw_parameters, random_crystals
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch
from reports.future_work.hierarchy_data import DETECTOR, GROUPS, MICROSCOPE, file_of, indices, read_masters

PATTERNS = 6000  # an epoch
PER_CRYSTAL = 10  # held-out patterns
PREPARATION = Preparation(size=64)


def labels_of(masters: list[MasterPattern]) -> np.ndarray:
    """Return the index in `GROUPS` of every master pattern."""
    return np.array([GROUPS.index(master.space_group) for master in masters])


def held_out(masters: list[MasterPattern], seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return prepared patterns (n, 64, 64) of all given crystals and the index of the crystal of each."""
    crystal = np.repeat(np.arange(len(masters)), PER_CRYSTAL)
    drawn = draw_parameters(DETECTOR, MICROSCOPE, len(crystal), seed)
    shown = random_crystals(crystal, drawn["overlap"], seed)
    blocks = acquire(masters, shown, drawn, DETECTOR, MICROSCOPE, seed, 1)
    patterns = np.concatenate([prepare(block, PREPARATION).astype(np.float16) for _, block in blocks])
    return patterns, crystal


def main() -> None:
    """Train, then predict the held-out crystals."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("masters", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--architecture", default="small", choices=("compact", "small"))
    parser.add_argument("--last", action="store_true", help="keep the last epoch, not that of lowest loss")
    parser.add_argument("--seed", type=int, default=9)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    train: list[MasterPattern] = []

    def source(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        # Read when the first epoch asks: a training that is done already needs none of them.
        if not train:
            train.extend(read_masters(given.masters, "train"))
        raw, drawn = labelled_batch(
            train, labels_of(train), PATTERNS, DETECTOR, MICROSCOPE, [given.seed, epoch], workers=1
        )
        return prepare(raw, PREPARATION).astype(np.float16), drawn

    spec = MemberSpec(
        name="hierarchy",
        kind="scratch",
        architecture=given.architecture,
        size=64,
        classes=len(GROUPS),
        dropout=0.2,
        seed=given.seed,
    )
    model = build_member(spec)
    load_backbone_weights(model, "kikuchi")
    calibration = read_masters(given.masters, "calibration")
    patterns, crystal = held_out(calibration, given.seed + 1)
    truth = labels_of(calibration)[crystal]
    watched = np.random.default_rng(given.seed).permutation(len(truth))[:1500]
    schedule = Training(
        epochs=given.epochs,
        batch=64,
        learning_rate=0.002,
        patience=given.epochs,
        cosine_decay=True,
        flip_augmentation=True,
    )

    def on_epoch(e: Epoch) -> None:
        print(
            f"{time.strftime('%H:%M:%S')} epoch {e.epoch}: loss {e.loss:.3f}, accuracy {e.accuracy:.1%}, "
            f"on other crystals {e.validation_loss:.3f}, {e.validation_accuracy:.1%}, {e.seconds:.1f} s",
            flush=True,
        )

    history = train_member(
        model,
        source,
        (patterns[watched], truth[watched]),
        schedule,
        seed=given.seed,
        work=given.out,
        on_epoch=on_epoch,
    )
    write_history(given.out, history)
    if given.last:
        checkpoint.load(given.out, model, steps_of(model, schedule))
    test = read_masters(given.masters, "test")
    test_patterns, test_crystal = held_out(test, given.seed + 2)
    logits = np.concatenate([predict(model, patterns)[0], predict(model, test_patterns)[0]])
    np.savez_compressed(
        given.out / "held_out.npz",
        logits=logits,
        label=np.concatenate([truth, labels_of(test)[test_crystal]]),
        crystal=np.concatenate([crystal, len(calibration) + test_crystal]),
        part=np.repeat([0, 1], [len(patterns), len(test_patterns)]),
        architecture=spec.architecture,
        train_crystals=sum(file_of(given.masters, g, i).exists() for g in GROUPS for i in indices("train")),
    )


if __name__ == "__main__":
    main()
