"""Do networks beside the matcher help? One fine-tuned member, trained by our simulators, judged on patterns of others.

    python -m reports.adapt.networks --shared ../shared --work /tmp/adapt [--only steel]

The two small maps (patterns by EMsoft) and nine real nickel patterns: what the matcher says, what the network says as
it is and with the batch statistics of the scan, and what both say together. Writes ``networks.json``, a scan at a time.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kikuchi
from ensemble.metrics import expected_calibration_error, log_loss
from kikuchi.members import predict
from kikuchi.scans import Scan, background_for, open_scan, prepare
from reports._provenance import provenance
from reports.adapt.baselines import share, truth_of
from reports.adapt.real_scans import real_scan
from reports.adapt.recorded_maps import KV
from reports.adapt.small import SCENES, recorded

SEED = 5
MEMBERS = 1
OUT = Path(__file__).with_suffix(".json")

#: Patterns that batch statistics are taken from, spread over the scan.
SAMPLE = 512


def scored(probabilities: np.ndarray, true: np.ndarray, groups: np.ndarray) -> dict[str, Any]:
    """Return error, expected calibration error and log-loss of probabilities (n, K) for classes (n,)."""
    return {
        "error": share(probabilities.argmax(axis=1) != true, groups),
        "ece": float(expected_calibration_error(probabilities, true)),
        "log_loss": float(log_loss(probabilities, true)),
    }


def prepared_scan(scan: Scan, bundle: kikuchi.Predictor, name: str) -> np.ndarray:
    """Return what a network of the bundle sees of every pattern."""
    spec = next(m for m in bundle.members if m.name == name)
    preparation = bundle.preparation(spec)
    return prepare(scan.read(slice(None)), preparation, background_for(scan, preparation))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities (n, K)."""
    from scipy.special import softmax as of

    return np.asarray(of(np.asarray(logits, float), axis=1))


def with_statistics_of(scan: Scan, bundle: kikuchi.Predictor, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return a network's probabilities with the statistics that it learned, and with those of the scan."""
    import keras

    model = bundle.model(name)
    seen = prepared_scan(scan, bundle, name).astype(np.float32)
    before = softmax(predict(model, seen)[0])
    layers = [
        layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)
    ]
    for layer in layers:
        layer.momentum = 0.0
    some = np.unique(np.linspace(0, len(seen) - 1, SAMPLE).astype(int))
    model(seen[some][..., None] if seen.ndim == 3 else seen[some], training=True)
    return before, softmax(predict(model, seen)[0])


def judged(
    scan: Path | Scan, names: list[str], true: np.ndarray, pure: np.ndarray, grain: np.ndarray, run: Path
) -> dict[str, Any]:
    """Adapt with a network, map, and score every voice at the pure points."""
    cpu = time.process_time()
    bundle = kikuchi.adapt(scan, names, run, members=MEMBERS, voltage_kv=KV, seed=SEED)
    adapted = time.process_time() - cpu
    phase_map = kikuchi.map_scan(scan, bundle, run.with_suffix(".maps"))
    mapped = time.process_time() - cpu - adapted
    network = bundle.members[1].name
    plain, of_scan = with_statistics_of(open_scan(scan), bundle, network)
    voices = {
        "matcher": phase_map.member_probabilities[0],
        "network": plain,
        "network, batch statistics of the scan": of_scan,
        "both": phase_map.decision.probabilities,
    }
    answered = phase_map.decision.status == 0
    wrong = phase_map.decision.winner != true
    return {
        "rule": bundle.rule,
        "points": int(pure.sum()),
        "away_from_boundaries": {who: scored(p[pure], true[pure], grain[pure]) for who, p in voices.items()},
        "answered": int(answered.sum()),
        "wrong_among_answered": int((answered & wrong).sum()),
        "last_training": pd.read_csv(run / "members" / network / "history.csv").iloc[-1].to_dict(),
        "cpu_seconds": {"adapt": adapted, "map": mapped},
    }


def main() -> None:
    """Judge scan by scan."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {}
    for name in ("super", "steel", "nickel, nine patterns"):
        if name in results or options.only not in name:
            continue
        run = options.work / f"networks_{name.split(',')[0]}.run"
        if name in SCENES:
            scan: Path | Scan = recorded(name, options.shared, options.work)
            names = list(SCENES[name])
            truth = truth_of(Path(scan))  # type: ignore[arg-type]
            true = truth["phase"].map({m: i for i, m in enumerate(SCENES[name].values())}).to_numpy()
            pure = (truth["status_truth"] == "known").to_numpy()
            grain = truth["grain"].to_numpy()
        else:
            scan, names = real_scan("nickel", options.shared, options.work), ["Ni", "Si", "Fe"]
            true, pure, grain = np.zeros(9, int), np.ones(9, bool), np.arange(9)
        results[name] = {"made_by": provenance(seed=SEED)} | judged(scan, names, true, pure, grain, run)
        OUT.write_text(json.dumps(results, indent=1, default=float) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
