"""Accuracy against camera distance, and on real patterns, before and after a short retraining of one shipped member.

    python -m reports.simulation.camera_distance WORK REAL [--epochs 8] [--isotypes 330]

The first shipped member goes on from its own weights, on isotypes that it may have seen, recorded in three ways: as it
was trained (a control: the same training, nothing else new), as real scans are, and as real scans are with their
radial spectrum pulled by three quarters (``spectrum = 0.75`` of the preparation). Every arm sees the same crystals and
as many patterns. Held-out crystals, which no arm
saw and the shipped member did not either, say how right each is at every camera distance. REAL is a folder of real
scans, as for `reports.simulation.spectra`. Resumable after every epoch, and arms that WORK has the result of are not
run again; writes ``camera_distance.json`` and ``camera_distance.png``.
"""

import argparse
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.members import Training, load_member, predict, train_member
from kikuchi.scans import Preparation, prepare
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch, real_detector, real_microscope
from kikuchi.training.stream import MasterStream
from reports._provenance import provenance
from reports.simulation import library
from reports.simulation.spectra import DETECTOR_BEFORE, MICROSCOPE_BEFORE, real_patterns
from reports.simulation.trunk import CHANCES, CLASSES, held_out

DISTANCES = (0.45, 0.55, 0.65, 0.75, 0.85, 0.95, 1.05)
PATTERNS = 24  # of every held-out crystal at every distance
SEED = 23
PLAIN, PULLED = Preparation(size=64), Preparation(size=64, spectrum=0.75)
ARMS: dict[str, dict[str, Any]] = {
    "recorded as real scans are": {"detector": real_detector(), "microscope": real_microscope()},
    "the same, spectrum pulled": {"detector": real_detector(), "microscope": real_microscope()},
    "recorded as before (control)": {"detector": DETECTOR_BEFORE, "microscope": MICROSCOPE_BEFORE},
}
TRUTH = {"nickel": 225, "silicon": 227, "Inconel": 225}


def preparation_of(arm: str) -> Preparation:
    """Return how an arm's patterns are prepared."""
    return PULLED if "spectrum pulled" in arm else PLAIN


def trained(
    arm: str, masters: list[MasterPattern], others: list[MasterPattern], work: Path, epochs: int
) -> Any:
    """Train the shipped member further, and return it with what it cost in seconds."""
    model = load_member(SHIPPED_FOLDER / "members" / "transfer-1")[0]
    stream = MasterStream(masters, classes=CLASSES, class_sampling=CHANCES, seed=SEED, **ARMS[arm])
    rest = {**ARMS[arm], "seed": SEED + 1}
    chosen = tuple(sorted({m.space_group for m in others}))
    validation, groups = MasterStream(others, classes=chosen, **rest).prepared(0, preparation_of(arm), 1000)
    labels = np.array([CLASSES.index(group) for group in chosen])[groups]
    history = train_member(
        model,
        partial(_epoch, stream, preparation_of(arm)),
        (validation, labels),
        Training(
            epochs=epochs,
            batch=64,
            learning_rate=5e-4,
            patience=epochs,
            flip_augmentation=True,
            cosine_decay=True,
        ),
        seed=SEED,
        work=work,
        on_epoch=lambda e: print(
            f"{arm}: epoch {e.epoch}, loss {e.loss:.3f}, others {e.validation_loss:.3f} "
            f"{e.validation_accuracy:.1%}, {e.seconds:.0f} s",
            flush=True,
        ),
    )
    return model, round(sum(e.seconds for e in history.epochs))


def _epoch(stream: MasterStream, preparation: Preparation, epoch: int) -> Any:
    return stream.prepared(epoch, preparation)


def by_distance(model: Any, preparation: Preparation, others: list[MasterPattern]) -> list[float]:
    """Macro accuracy over the groups at each of `DISTANCES`; all else is drawn as the shipped members were trained."""
    truth = np.repeat([m.space_group for m in others], PATTERNS)
    found = []
    for distance in DISTANCES:
        detector = DETECTOR_BEFORE.model_copy(update={"pcz": constant(distance)})
        raw = [
            labelled_batch(
                [m], np.zeros(1, int), PATTERNS, detector, MICROSCOPE_BEFORE, [SEED, i, round(100 * distance)]
            )[0]
            for i, m in enumerate(others)
        ]
        right = answers(model, prepare(np.concatenate(raw), preparation)) == truth
        found.append(float(np.mean([right[truth == group].mean() for group in np.unique(truth)])))
    return found


def on_real(model: Any, preparation: Preparation, real: Path) -> dict[str, Any]:
    """How many patterns of each real scan of known phase are called rightly."""
    found = {}
    for name, (patterns, background) in real_patterns(real).items():
        group = next((g for start, g in TRUTH.items() if name.startswith(start)), None)
        if group is not None:
            right = answers(model, prepare(patterns, preparation, background)) == group
            found[name] = {"right": int(right.sum()), "patterns": len(right)}
    return found


def judged(model: Any, preparation: Preparation, others: list[MasterPattern], real: Path) -> dict[str, Any]:
    """Ask a member about every distance and every real scan."""
    return {
        "accuracy by distance": by_distance(model, preparation, others),
        "real": on_real(model, preparation, real),
    }


def known(file: Path, made: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Return what a file holds, made and written first where it is not there."""
    if not file.is_file():
        file.write_text(json.dumps(made()), encoding="utf-8")
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def answers(model: Any, prepared: np.ndarray) -> np.ndarray:
    """Space groups that a member finds likeliest."""
    return np.array(CLASSES)[predict(model, prepared)[0].argmax(axis=1)]


def draw(arms: dict[str, Any], file: Path) -> None:
    """Draw the accuracies over the camera distance."""
    figure = Figure(figsize=(6.5, 4), layout="constrained")
    FigureCanvasAgg(figure)
    ax = figure.subplots()
    for name, found in arms.items():
        ax.plot(DISTANCES, 100 * np.array(found["accuracy by distance"]), marker="o", ms=4, label=name)
    ax.axvspan(0.45, 0.75, color="0.93", zorder=0)
    ax.set(xlabel="camera distance, pattern heights", ylabel="right, % (macro over groups)", ylim=(0, 100))
    ax.legend(frameon=False, fontsize=8, loc="lower left")
    ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("real", type=Path)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--isotypes", type=int, default=330)
    parser.add_argument("--arms", type=int, default=len(ARMS), help="only the first so many")
    options = parser.parse_args()
    library.fill(options.work / "isotypes", options.isotypes, others=3, isotypes=True, seed=7)
    paths = sorted((options.work / "isotypes").glob("*_*.npz"))
    masters = [load_master(p) for p in paths if not held_out(p)]
    others = [load_master(p) for p in paths if held_out(p)]
    result = provenance(seed=SEED) | {
        "crystals": {"trained on": len(masters), "held out": len(others)},
        "distances": DISTANCES,
        "arms": {},
    }
    arms = result["arms"]
    for name, look in (("the shipped member", PLAIN), ("the shipped member, spectrum pulled", PULLED)):
        shipped = load_member(SHIPPED_FOLDER / "members" / "transfer-1")[0]
        arms[name] = known(
            options.work / f"{name}.json", partial(judged, shipped, look, others, options.real)
        )
    for number, arm in enumerate(list(ARMS)[: options.arms]):
        work = options.work / f"arm-{number}"

        def run(arm: str = arm, work: Path = work) -> dict[str, Any]:
            model, seconds = trained(arm, masters, others, work, options.epochs)
            cost = {"seconds by the clock": seconds, "patterns": 6400 * options.epochs}
            return cost | judged(model, preparation_of(arm), others, options.real)

        arms[arm] = known(options.work / f"{arm}.json", run)
        Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        draw(arms, Path(__file__).with_suffix(".png"))
    for name, found in arms.items():
        print(name, np.round(found["accuracy by distance"], 3).tolist(), found["real"])


if __name__ == "__main__":
    main()
