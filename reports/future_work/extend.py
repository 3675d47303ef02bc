"""From six groups of m-3m to ten with 25 patterns a class: what is learned, and what the old classes lose.

    python -m reports.future_work.extend --work WORK

fits a bundle on the paper's six groups (a head on the shipped backbone, 400 patterns a group), extends it with 25
patterns each of 222, 224, 226 and 228, and judges old and new classes on patterns that nothing was fitted to. Then, on
the same features, further draws of the 25 patterns, without the prior at the old head, and with more or less of what
rare classes are raised by. ``extend.json`` beside this file is the result.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from ensemble.bayesian import fit_heads
from kikuchi._support.progress import SILENT, Lines
from kikuchi.evaluation.test_sets import dataset_patterns
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from reports._provenance import provenance
from reports.future_work import populations
from reports.future_work.features import shipped_features

HERE = Path(__file__).parent
SIX, NEW = (221, 223, 225, 227, 229, 230), (222, 224, 226, 228)
TEN = tuple(sorted(SIX + NEW))
SHOTS, TRAIN, KEPT = 25, 400, 200

RECIPE = """
[[member]]
kind = "transfer"
architecture = "compact"
size = 64
dropout = 0.3
weights = "kikuchi"
frozen = true
[split]
train_per_class = 400
validation_per_class = 20
[combine]
rule = "average"
draws = 30
[abstain]
groups = "pattern"
"""


def part(data: Dataset, take: slice, word: str, seed: int) -> Dataset:
    """Return some patterns of every material in a random order, as scans in memory."""
    materials: list[Material] = []
    for material in data.materials:
        order = np.random.default_rng([seed, len(materials)]).permutation(material.scan.n)
        chosen = material.scan.read(np.sort(order[take]))
        if len(chosen):
            name = f"{material.name} {word}"
            materials.append(Material(name, material.space_group, scan_from_array(chosen[None], name)))
    return Dataset(materials)


def shots(data: Dataset, seed: int) -> Dataset:
    """Return `SHOTS` patterns of every group, divided over its crystals."""
    materials: list[Material] = []
    for group in data.classes:
        own = [m for m in data.materials if m.space_group == group]
        for number, material in enumerate(own):
            count = SHOTS // len(own) + (number < SHOTS % len(own))
            order = np.random.default_rng([seed, number]).permutation(material.scan.n)
            chosen = material.scan.read(np.sort(order[:count]))
            materials.append(Material(material.name, group, scan_from_array(chosen[None], material.name)))
    return Dataset(materials)


def journey(work: Path, seed: int) -> dict:
    """Fit, extend and judge with the journeys themselves."""
    everything = populations.all_of(work, seed)
    first, test_six = (
        part(everything["six"], s, w, seed) for s, w in ((slice(0, -50), "known"), (slice(-50, None), "test"))
    )
    test_new = part(everything["new"], slice(-50, None), "test", seed)
    bundle = kikuchi.fit(first, parse_recipe(RECIPE, "base"), work / "six", seed=seed, progress=Lines())
    few = shots(part(everything["new"], slice(0, -50), "shots", seed), seed)
    begin = time.process_time()
    extended = kikuchi.extend(bundle, few, work / f"ten-{time.time():.0f}", seed=seed, progress=Lines())
    seconds = time.process_time() - begin
    found: dict[str, Any] = {"shots": few.n, "extend_cpu_seconds": seconds}
    for name, judged in (("before", bundle), ("after", extended.bundle)):
        for what, data in (("old", test_six), ("new", test_new)):
            labelled = dataset_patterns(judged, data, SILENT)
            decision = judged.decide(labelled.outputs)
            right, answered = decision.winner == labelled.labels, decision.status == 0
            found[f"{name}_{what}"] = {
                "patterns": labelled.n,
                "accuracy": float(right.mean()),
                "answered": float(answered.mean()),
                "wrong_among_answers": float((~right)[answered].mean()) if answered.any() else None,
                "statuses": np.bincount(decision.status, minlength=4).tolist(),
                "by_group": {int(g): float(right[data.space_group == g].mean()) for g in data.classes},
            }
    found["table"] = [c.__dict__ for c in extended.changes]
    return found


def draws_of_shots(work: Path, seed: int, count: int) -> list[dict]:
    """Repeat the refit of the head with other patterns, and vary what it rests on."""
    f = shipped_features(work, seed)
    x, y = f["six"], np.searchsorted(TEN, f["six_y"])
    new_x, new_y = f["new"], np.searchsorted(TEN, f["new_y"])
    old, rows = np.searchsorted(TEN, SIX), []
    for draw in range(count):
        rng = np.random.default_rng([seed, draw])
        order = [rng.permutation(np.flatnonzero(y == k)) for k in old]
        train, test = (np.concatenate([o[s] for o in order]) for s in (slice(TRAIN), slice(-600, None)))
        head = fit_heads("dropout", x[train], np.searchsorted(old, y[train]), len(SIX), rate=0.0)
        kernel, bias = np.zeros((x.shape[1], len(TEN))), np.zeros(len(TEN))
        kernel[:, old], bias[old] = head.kernel, head.bias
        before = float(
            (np.argmax(x[test] @ head.kernel + head.bias, axis=1) == np.searchsorted(old, y[test])).mean()
        )
        kept = np.concatenate([o[:KEPT] for o in order])
        fresh = [rng.permutation(np.flatnonzero(new_y == k)) for k in np.searchsorted(TEN, NEW)]
        few, rest = (np.concatenate([o[s] for o in fresh]) for s in (slice(SHOTS), slice(-400, None)))
        both, labels = np.concatenate([x[kept], new_x[few]]), np.concatenate([y[kept], new_y[few]])
        rarity = np.log(np.bincount(labels, minlength=len(TEN)))
        for prior in (True, False):
            fitted = fit_heads(
                "dropout", both, labels, len(TEN), rate=0.0, prior=(kernel, bias) if prior else None
            )
            for raised in (0.0, 0.25, 0.5, 1.0):
                accuracy = [
                    (a @ fitted.kernel + fitted.bias - raised * rarity).argmax(axis=1) == b
                    for a, b in ((x[test], y[test]), (new_x[rest], new_y[rest]))
                ]
                rows.append(
                    {
                        "draw": draw,
                        "prior_at_old_head": prior,
                        "raised": raised,
                        "old_before": before,
                        "old_after": float(accuracy[0].mean()),
                        "new_after": float(accuracy[1].mean()),
                    }
                )
        print(time.strftime("%H:%M:%S"), "draw", draw, rows[-7], flush=True)
    return rows


def main() -> None:
    """Run both parts and keep what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    result = {
        **provenance(seed=given.seed),
    }
    for name, run in (
        ("draws", lambda: draws_of_shots(given.work, given.seed, given.draws)),
        ("journey", lambda: journey(given.work, given.seed)),
    ):
        kept = given.work / f"extend-{name}.json"
        if not kept.is_file():
            kept.write_text(json.dumps(run()), encoding="utf-8")
        result[name] = json.loads(kept.read_text(encoding="utf-8"))
    (HERE / "extend.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in result["journey"].items() if k != "table"}, indent=1))


if __name__ == "__main__":
    main()
