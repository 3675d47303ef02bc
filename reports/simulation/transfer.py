"""Transfer from simulated crystals against random weights: accuracy, epochs and seconds, by patterns per class.

    python -m reports.simulation.transfer MASTERS WORK WEIGHTS [--seeds 1] [--architecture small]

One public dynamical master (``.sht``, 20 kV) per space group of the paper; members are trained until the validation
loss has not fallen for eight epochs, and tested on 300 further patterns of each phase. Resumable: WORK keeps one line
per run; ``transfer.json`` beside this file is the result. The weights must be of a member that never saw these phases,
such as the trunk that `trunk.py` leaves.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.members import MemberSpec, Training, build_member, load_backbone_weights, predict, train_member
from kikuchi.simulate.masters.load import load_master
from kikuchi.training.stream import MasterStream
from reports._provenance import provenance
from reports.simulation.phase_disjoint import MODERATE, PREPARATION
from reports.simulation.trunk import DETECTOR

PHASES = (
    "Ni3Al_gamma_prime_sg221",
    "Cr3Si_chromium_silicide_sg223",
    "Ni_nickel_sg225",
    "Si_silicon_sg227",
    "Fe_alpha_iron_sg229",
    "Ca3Fe2Si3O12_andradite_garnet_sg230",
)
COUNTS = (5, 10, 25, 50, 100, 200, 400)
TESTED = 300  # of each class
MIN_DELTA = 0.001
PATIENCE = 8


def first(patterns: np.ndarray, labels: np.ndarray, each: int) -> tuple[np.ndarray, np.ndarray]:
    """Take so many of each class."""
    chosen = np.concatenate([np.flatnonzero(labels == k)[:each] for k in range(len(PHASES))])
    return patterns[chosen], labels[chosen]


def run(
    stream: MasterStream, count: int, weights: str | None, seed: int, architecture: str
) -> dict[str, Any]:
    """Train one member and test it."""
    train = first(*stream.prepared(10 * seed + 1, PREPARATION, 3 * COUNTS[-1] * len(PHASES) // 2), count)
    validation = first(*stream.prepared(10 * seed + 2, PREPARATION, 1200), max(5, count // 4))
    test = stream.prepared(10 * seed + 3, PREPARATION, TESTED * len(PHASES))
    spec = MemberSpec(
        name="member",
        kind="transfer" if weights else "scratch",
        architecture=architecture,
        size=64,
        classes=len(PHASES),
        dropout=0.3,
        seed=seed,
    )
    model = build_member(spec)
    if weights:
        load_backbone_weights(model, weights)
    started = time.process_time()
    with tempfile.TemporaryDirectory() as work:
        history = train_member(
            model,
            train,
            validation,
            Training(epochs=60, batch=32, patience=PATIENCE, min_delta=MIN_DELTA, flip_augmentation=True),
            seed=seed,
            work=Path(work),
        )
    return {
        "patterns_per_class": count,
        "weights": "simulated crystals" if weights else "random",
        "seed": seed,
        "accuracy": float((predict(model, test[0])[0].argmax(1) == test[1]).mean()),
        "epochs_to_converge": history.converged_at(MIN_DELTA),
        "cpu_seconds": round(time.process_time() - started, 1),
    }


def main() -> None:
    """Run what is missing, smallest first, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("weights", help="folder of a member, or a weights file")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--architecture", default="small", help="of the member that the weights are of")
    options = parser.parse_args()
    weights = options.weights
    masters = [load_master(options.masters / f"{name}_20kV.sht", half_size=80) for name in PHASES]
    stream = MasterStream(masters, detector=DETECTOR, microscope=MODERATE, seed=17)
    options.work.mkdir(parents=True, exist_ok=True)
    lines = options.work / "runs.jsonl"
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    done = {(r["patterns_per_class"], r["weights"], r["seed"]) for r in rows}
    for seed in range(options.seeds):
        for count in COUNTS:
            for chosen, name in ((None, "random"), (weights, "simulated crystals")):
                if (count, name, seed) not in done:
                    rows.append(run(stream, count, chosen, seed, options.architecture))
                    with lines.open("a") as file:
                        file.write(json.dumps(rows[-1]) + "\n")
                    print(rows[-1], flush=True)
    result = {
        **provenance(),
        "runs": rows,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
