"""What pooling over grains gains on simulated maps with known truth, and what it costs where it must not be done.

    python -m reports.future_work.spatial --work FOLDER [--seed 4]

writes ``spatial.json`` and ``spatial.png`` beside this script. Labelled maps of single phases are simulated and an
ensemble is fitted on them; then maps of three phases, and maps whose precipitates share their matrix's orientation.
What is in FOLDER is not made again.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import pandas as pd

import kikuchi
from ensemble.abstention import Status
from ensemble.grain_pooling import GrainPooling
from ensemble.metrics.bootstrap import bootstrap_interval
from ensemble.metrics.calibration_error import expected_calibration_error
from ensemble.metrics.proper import log_loss
from ensemble.softmax import softmax
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.maps import PhaseMap
from kikuchi.postprocessing.grain_pooling import (
    GrainRule,
    fit_grain_rule,
    pooled_phase_map,
    with_grains,
    write_pooled,
)
from kikuchi.postprocessing.grain_segmentation import find_grains, grains_from_orientations
from kikuchi.simulate.detector.orientations import product, small_turns
from kikuchi.simulate.scenes.simulation import simulate
from kikuchi.simulate.scenes.spec import spec_from_dict
from reports._provenance import provenance

HERE = Path(__file__).parent
PHASES = {"Ni3Al": 221, "Ni": 225, "Fe": 229}
NOISY = {"contrast": {"uniform": [0.12, 0.2]}, "dose": {"loguniform": [300, 1500]}}
RECIPE = """
[[member]]
kind = "transfer"
count = 2
architecture = "compact"
size = 64
dropout = 0.3
weights = "kikuchi"
[train]
epochs = 8
batch = 32
mirror = true
warm_down = true
[split]
train_per_class = 500
validation_per_class = 60
[abstain]
risk = 0.02
groups = "block"
"""
HOUGH_NOISE = 0.5  # degrees: how well indexing finds an orientation
MAPS = 3


def spec(seed: int, table: dict) -> dict:
    """Return a specification of one map of these phases."""
    return {
        "seed": seed,
        "half_size": 120,
        "diffraction": "kinematical",
        "material": [{"name": name} for name in PHASES],
        "detector": {"shape": [60, 60]},
        "microscope": NOISY,
        "map": {"boundary_width": 0.4, "vary": "pattern", "grain_size": 8.0} | table,
    }


def make_scans(work: Path, seed: int) -> dict[str, list[Path]]:
    """Simulate the labelled maps and those to be mapped, unless they are there."""
    tables: dict[str, list[dict[str, object]]] = {
        f"labelled_{name}": [{"shape": [40, 50], "phase": [{"material": name}]}] for name in PHASES
    }
    # Training sees every condition; a map is one scan, recorded under one.
    scanned: dict[str, object] = {"shape": [48, 64], "vary": "scan"}
    tables["grains"] = [scanned | {"phase": [{"material": name} for name in PHASES]}] * MAPS
    coherent = [{"material": "Ni3Al", "matrix": "Ni", "fraction": 0.3, "radius": 1.5}]
    tables["coherent"] = [scanned | {"phase": [{"material": "Ni"}], "precipitate": coherent}] * MAPS
    scans: dict[str, list[Path]] = {}
    for kind, (name, wanted) in enumerate(tables.items()):
        for number, table in enumerate(wanted):
            path = work / f"{name}_{number}.h5"
            scans.setdefault(name, []).append(path)
            if not path.is_file():
                simulate(spec_from_dict(spec(1000 * seed + 10 * kind + number, table)), path)
    return scans


def fitted(work: Path, seed: int) -> kikuchi.Predictor:
    """Fit the ensemble on the labelled maps, unless it is there."""
    entries = [
        f'[[material]]\nname = "{name}"\nspace_group = {number}\nscan = "labelled_{name}_0.h5"\n'
        for name, number in PHASES.items()
    ]
    (work / "dataset.toml").write_text("\n".join(entries), encoding="utf-8")
    (work / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    return kikuchi.fit(work / "dataset.toml", work / "recipe.toml", work / "run", seed=seed)


def segmented(scan_file: Path, truth: pd.DataFrame, seed: int) -> dict[str, np.ndarray]:
    """Return the grains of a scan by each way: the truth's, by orientations, by likeness of the patterns."""
    scan = kikuchi.open_scan(scan_file)
    rng = np.random.default_rng(seed)
    from scipy.spatial.transform import Rotation

    euler = truth[["phi1", "Phi", "phi2"]].to_numpy()
    # Bunge's angles are those of the sample-to-crystal rotation's passive form; only differences matter here.
    exact = Rotation.from_euler("ZXZ", euler, degrees=True).inv().as_quat(scalar_first=True)
    angles = HOUGH_NOISE * np.sqrt(rng.chisquare(3, scan.n) / 3)
    indexed = product(small_turns(angles, rng), exact)
    cubic = Rotation.create_group("O").as_quat(scalar_first=True)
    return {
        "truth": truth["grain"].to_numpy(),
        "orientations": grains_from_orientations(indexed, scan.row, scan.col, cubic),
        "patterns": find_grains(scan, "patterns"),
    }


def mapped(scan_file: Path, bundle: kikuchi.Predictor) -> PhaseMap:
    """Return the decisions of a scan as `ensemble map` makes them, without its files."""
    scan = kikuchi.open_scan(scan_file)
    outputs = MemberOutputs.join([bundle.member_outputs(patterns) for _, patterns in scan.iter_chunks(1024)])
    return PhaseMap(
        name=scan.name,
        classes=bundle.classes,
        members=tuple(m.name for m in bundle.members),
        member_kinds=tuple(m.kind for m in bundle.members),
        shape=scan.shape,
        row=scan.row,
        col=scan.col,
        x=scan.x,
        y=scan.y,
        step=scan.step,
        decision=bundle.decide(outputs),
        member_probabilities=softmax(outputs.logits).astype(np.float32),
    )


def columns(phase_map: PhaseMap, truth: pd.DataFrame, grains: np.ndarray | None, rule: GrainRule) -> dict:
    """Return probabilities, truth, whether answered and the true grain of the known points of one map."""
    d = phase_map.decision
    known = (truth["status_truth"] == "known").to_numpy() & ~np.isnan(d.confidence)
    labels = np.searchsorted(phase_map.classes, truth["space_group"].fillna(0).astype(int).to_numpy())
    p, answered = d.probabilities, d.status == Status.SOLVED
    if grains is not None:
        strange = np.isin(d.status, (Status.UNFAMILIAR, Status.UNREADABLE))
        pooled = rule.pooling.apply(np.where(strange[:, None], np.nan, p), grains)
        p = np.where(np.isnan(pooled), p, pooled)
        answered = rule.columns(d, grains, phase_map.classes)["pooled_space_group"] != ""
    return {
        "p": p[known],
        "y": labels[known],
        "answered": answered[known],
        "grain": truth["grain"].to_numpy()[known],
    }


def scores(parts: list[dict]) -> dict:
    """Score the known points of some maps together; intervals are drawn over whole true grains."""
    p, y, answered = (np.concatenate([part[key] for part in parts]) for key in ("p", "y", "answered"))
    grain = np.concatenate([part["grain"] + 10_000 * number for number, part in enumerate(parts)])
    right = p.argmax(axis=1) == y

    def interval(metric, *arrays):
        return [
            round(float(v), 4) for v in bootstrap_interval(metric, *arrays, groups=grain, n_resamples=200)
        ]

    return {
        "points": len(y),
        "accuracy": interval(np.mean, right),
        "log_loss": interval(log_loss, p, y),
        "ece": interval(expected_calibration_error, p, y),
        "answered": interval(np.mean, answered),
        "wrong_of_answered": interval(
            lambda a, r: float((~r)[a].mean()) if a.any() else np.nan, answered, right
        ),
    }


def main() -> None:
    """Simulate, fit, map, segment, pool and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=4)
    given = parser.parse_args()
    begin = time.perf_counter()
    given.work.mkdir(parents=True, exist_ok=True)
    scans = make_scans(given.work, given.seed)
    bundle = fitted(given.work, given.seed)
    abstention = bundle.abstentions[bundle.rule]
    rules = {
        "fitted": fit_grain_rule(bundle, bundle.rule, abstention),
        "geometric mean": GrainRule(GrainPooling(), abstention.threshold, None),
    }
    results: dict[str, dict] = {}
    found: dict[str, dict] = {}
    for kind in ("grains", "coherent"):
        parts: dict[str, list[dict]] = {}
        for number, file in enumerate(scans[kind]):
            truth = pd.read_csv(file.with_suffix(".truth.csv"))
            phase_map = mapped(file, bundle)
            parts.setdefault("each point by itself", []).append(
                columns(phase_map, truth, None, rules["fitted"])
            )
            ways = segmented(file, truth, given.seed)
            found[f"{kind}_{number}"] = {way: len(np.unique(g)) for way, g in ways.items()}
            for way, grains in ways.items():
                for name, rule in rules.items():
                    parts.setdefault(f"{way}, {name}", []).append(columns(phase_map, truth, grains, rule))
            if number == 0:
                pooled = with_grains(phase_map, bundle, bundle.rule, abstention, ways["patterns"])
                (given.work / kind).mkdir(exist_ok=True)
                write_pooled(pooled, given.work / kind)
                changed = pooled_phase_map(pooled).decision.winner != phase_map.decision.winner
                found[f"{kind}_{number}"]["points_pooled_otherwise"] = int(changed.sum())
        results[kind] = {name: scores(part) for name, part in parts.items()}
    (HERE / "spatial.png").write_bytes((given.work / "grains" / "pooled.png").read_bytes())
    report = {
        **provenance(seed=given.seed),
        "seconds": round(time.perf_counter() - begin),
        "held_out_groups": len(np.unique(bundle.held_out.group)),
        "pooling": rules["fitted"].pooling.to_dict(),
        "pooled_threshold": rules["fitted"].threshold,
        "promise_alone": abstention.certificate.message,
        "promise_by_grain": None
        if rules["fitted"].certificate is None
        else rules["fitted"].certificate.message,
        "grains_found": found,
        "results": results,
    }
    (HERE / "spatial.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for kind, rows in results.items():
        for name, row in rows.items():
            print(f"{kind:9} {name:32}", *(f"{key} {row[key][0]:.4f}" for key in list(row)[1:]))


if __name__ == "__main__":
    main()
