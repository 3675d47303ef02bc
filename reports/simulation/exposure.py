"""Members trained with strangers beside the shipped ones: known crystals, another simulator, strangers, real patterns.

    python -m reports.simulation.exposure WORK MASTERS REAL

WORK holds what `reports.simulation.library` and `reports.simulation.members` wrote, MASTERS the public master patterns
(.sht, EMsoft), REAL the real scans as for `reports.simulation.spectra`. Everything simulated is recorded as real scans
are (`real_detector`, `real_microscope`). EMsoft's masters are the simulator that the new members were not trained on;
the shipped ones saw its m-3m phases. Writes ``exposure.json``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from ensemble.diversity import disagreement
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.members import load_member, predict
from kikuchi.scans import prepare
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch, real_detector, real_microscope
from kikuchi.training.stream import MasterStream
from reports._provenance import provenance
from reports.simulation.camera_distance import TRUTH
from reports.simulation.members import PREPARATION, masters_of, strangers_of
from reports.simulation.spectra import real_patterns
from reports.simulation.trunk import CLASSES

SEED = 37
EACH = 40  # patterns of every crystal


def recorded(masters: list[MasterPattern], number: int) -> np.ndarray:
    """Record patterns of every master, prepared, (n, 64, 64)."""
    detector, microscope = real_detector(), real_microscope()
    raw = [
        labelled_batch([m], np.zeros(1, int), EACH, detector, microscope, [SEED, number, i])[0]
        for i, m in enumerate(masters)
    ]
    return prepare(np.concatenate(raw), PREPARATION)


def scores(logits: np.ndarray, truth: np.ndarray) -> dict[str, Any]:
    """Score members (M, N, K) and their mean against class indices (N,)."""
    p = softmax(logits)
    pool = p.mean(axis=0)

    def macro(q: np.ndarray) -> float:
        right = q.argmax(axis=1) == truth
        return float(np.mean([right[truth == k].mean() for k in np.unique(truth)]))

    def loss(q: np.ndarray) -> float:
        return float(-np.log(np.clip(q[np.arange(len(truth)), truth], 1e-12, 1)).mean())

    return {
        "accuracy_of_members": [macro(q) for q in p],
        "accuracy_of_pool": macro(pool),
        "log_loss_of_members": [loss(q) for q in p],
        "log_loss_of_pool": loss(pool),
        "disagreement": float(np.mean(disagreement(p.argmax(axis=2))[~np.eye(len(p), dtype=bool)])),
    }


def unfamiliarity(known: np.ndarray, foreign: np.ndarray) -> dict[str, float]:
    """AUROC of 1 - top probability of the pool, and the share of strangers flagged at 5 % false alarms."""
    of_known = 1 - softmax(known).mean(axis=0).max(axis=1)
    of_foreign = 1 - softmax(foreign).mean(axis=0).max(axis=1)
    truth = np.repeat([0, 1], [len(of_known), len(of_foreign)])
    return {
        "auroc": float(roc_auc_score(truth, np.concatenate([of_known, of_foreign]))),
        "flagged_at_5_percent": float((of_foreign > np.quantile(of_known, 0.95)).mean()),
    }


def main() -> None:
    """Run both ensembles on everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("real", type=Path)
    given = parser.parse_args()
    public = [load_master(p, half_size=100) for p in sorted(given.masters.glob("*_20kV.sht"))]
    known = [m for m in public if m.space_group in CLASSES]
    foreign = [m for m in public if m.space_group not in CLASSES]
    crystals = masters_of(given.work, True)
    others = strangers_of(given.work, True)
    stream = MasterStream(
        known, seed=SEED, strangers=foreign, detector=real_detector(), microscope=real_microscope()
    )
    sets = {
        "held-out crystals": recorded(crystals, 0),
        "EMsoft": recorded(known, 1),
        "EMsoft's strangers": recorded(foreign, 2),
        "held-out strangers": recorded(others, 3),
        "overlaps of EMsoft's": prepare(stream.foreign(0, 1200)[600:], PREPARATION),
    }
    real = {name: prepare(p, PREPARATION, b) for name, (p, b) in real_patterns(given.real).items()}
    result: dict[str, Any] = {"provenance": provenance(seed=SEED)}
    for title, folder in (("shipped", SHIPPED_FOLDER), ("with strangers", given.work)):
        models = [load_member(f)[0] for f in sorted((folder / "members").glob("transfer-*"))]
        logits = {n: np.stack([predict(m, x)[0] for m in models]) for n, x in (sets | real).items()}

        def truth_of(masters: list[MasterPattern]) -> np.ndarray:
            return np.repeat([CLASSES.index(m.space_group) for m in masters], EACH)

        found: dict[str, Any] = {
            "held-out crystals": scores(logits["held-out crystals"], truth_of(crystals)),
            "EMsoft": scores(logits["EMsoft"], truth_of(known)),
        }
        for name in ("EMsoft's strangers", "overlaps of EMsoft's"):
            found[name] = unfamiliarity(logits["EMsoft"], logits[name])
        found["held-out strangers"] = unfamiliarity(logits["held-out crystals"], logits["held-out strangers"])
        for name in real:
            group = next((g for word, g in TRUTH.items() if name.startswith(word)), None)
            q = softmax(logits[name]).mean(axis=0)
            right = None if group is None else int((q.argmax(axis=1) == CLASSES.index(group)).sum())
            found[name] = {"patterns": len(q), "right": right, "top_probability": float(q.max(axis=1).mean())}
        result[title] = found
        print(title, json.dumps(found, indent=1), flush=True)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
