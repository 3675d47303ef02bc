"""Which pattern to label next: suggested patterns against random ones, on simulated maps whose truth is known.

    python -m reports.future_work.label_next --work WORK

A bundle's head knows the paper's six groups. A map holds them and the other four groups of m-3m in small shares. Twelve
patterns at a time are labelled, chosen by `ensemble.active_learning.choose_queries`
as `ensemble label` does or at random, and
the head is fitted anew as `ensemble extend` does. Backbone and features are the shipped ones, computed once; what is
measured is the accuracy per class of unlabelled patterns. ``label_next.json`` beside this file is the result.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from ensemble.active_learning import choose_queries
from ensemble.bayesian import fit_heads
from ensemble.pooling import DropoutDraws, combine
from kikuchi.incremental.rehearsal import RARE
from kikuchi.members import head_draws
from reports._provenance import provenance
from reports.future_work.features import shipped_features

HERE = Path(__file__).parent
GROUPS = (221, 222, 223, 224, 225, 226, 227, 228, 229, 230)
NEW = (222, 224, 226, 228)
#: Patterns of each group on the map: a matrix, its precipitates, and rare phases that nobody listed.
ON_MAP = {221: 300, 222: 40, 223: 60, 224: 40, 225: 900, 226: 40, 227: 60, 228: 40, 229: 300, 230: 60}
TRAIN, TEST, BATCH, ROUNDS, DRAWS = 60, 100, 12, 8, 30


def one_map(x: np.ndarray, group: np.ndarray, way: str, seed: int) -> list[dict]:
    """Label batch after batch of one map, and return the accuracy after each."""
    rng = np.random.default_rng(seed)
    order = {g: rng.permutation(np.flatnonzero(group == g)) for g in GROUPS}
    test = np.concatenate([order[g][:TEST] for g in GROUPS])
    pool = np.concatenate([order[g][TEST : TEST + ON_MAP[g]] for g in GROUPS])
    known = np.concatenate([order[g][-TRAIN:] for g in GROUPS if g not in NEW])
    chance = np.random.default_rng([seed, 1])
    labelled, rows = np.empty(0, int), []
    for step in range(ROUNDS + 1):
        train = np.concatenate([known, labelled])
        # Nobody knows of a group before one of its patterns is labelled.
        met, target = np.unique(group[train], return_inverse=True)
        heads = fit_heads("laplace", x[train], target, len(met), draws=DRAWS, seed=seed)
        raised = -RARE * np.log(np.bincount(target))
        right = met[(x[test] @ heads.kernel + heads.bias + raised).argmax(axis=1)] == group[test]
        per_group = {g: float(right[group[test] == g].mean()) for g in GROUPS}
        rows.append(
            {
                "way": way,
                "seed": seed,
                "labels": BATCH * step,
                "accuracy": float(np.mean(list(per_group.values()))),
                "accuracy_new": float(np.mean([per_group[g] for g in NEW])),
                "groups_met": int(sum((group[labelled] == g).any() for g in NEW)),
            }
        )
        if step == ROUNDS:
            return rows
        left = np.setdiff1d(pool, labelled)
        if way == "random":
            asked = chance.permutation(left)[:BATCH]
        else:
            d = head_draws(x[left], heads.kernels, heads.biases + raised)
            draws = DropoutDraws(d.mean[None], d.entropy[None], d.votes[None])
            score = combine(None, "mc-dropout", draws=draws).mutual_information
            asked = left[choose_queries(score, [x[left]], BATCH, known=[x[train]])]
        labelled = np.concatenate([labelled, asked])
    return rows


def reached(rows: list[dict], way: str, seed: int, goal: float, key: str) -> float:
    """Labels at which an accuracy is reached, interpolated; infinite where it never is."""
    own = [r for r in rows if r["way"] == way and r["seed"] == seed]
    n, a = np.array([r["labels"] for r in own]), np.maximum.accumulate([r[key] for r in own])
    if a[-1] < goal:
        return float("inf")
    i = int(np.argmax(a >= goal))
    return float(n[i]) if i == 0 else float(np.interp(goal, a[i - 1 : i + 1], n[i - 1 : i + 1]))


def main() -> None:
    """Run what is missing of all ways and seeds, and compare how many labels a goal takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    f = shipped_features(given.work, given.seed)
    x = np.concatenate([f["six"], f["new"]])
    group = np.concatenate([f["six_y"], f["new_y"]])
    path = given.work / "label_next_rows.json"
    rows = json.loads(path.read_text()) if path.is_file() else []
    for seed in range(given.seeds):
        for way in ("random", "suggested"):
            if any(r["way"] == way and r["seed"] == seed for r in rows):
                continue
            rows += one_map(x, group, way, seed)
            path.write_text(json.dumps(rows))
            print(time.strftime("%H:%M:%S"), way, seed, rows[-1], flush=True)
    ratios = {}
    for key in ("accuracy", "accuracy_new"):
        pairs = []
        for seed in range(given.seeds):
            # What random choice reaches with all its labels is the goal.
            last = max(r[key] for r in rows if r["way"] == "random" and r["seed"] == seed)
            pairs.append([reached(rows, way, seed, last, key) for way in ("suggested", "random")])
        ratio = np.array([a / b for a, b in pairs])
        ratios[key] = {
            "labels_suggested": [a for a, _ in pairs],
            "labels_random": [b for _, b in pairs],
            "ratio_median": float(np.median(ratio)),
            "ratio_low": float(ratio.min()),
            "ratio_high": float(ratio.max()),
        }
    result = {
        **provenance(seed=given.seed),
        "patterns_on_map": ON_MAP,
        "labels_for_what_random_choice_ends_at": ratios,
        "rows": rows,
    }
    (HERE / "label_next.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(ratios, indent=1))


if __name__ == "__main__":
    main()
