"""How few shots are enough: accuracy against patterns per class, and whether an early law predicts what follows.

    python -m reports.future_work.learn_curve --work WORK

follows the learning curve of a head on the shipped, frozen backbone from 1 to 400 patterns a class (three draws each),
and of whole networks from scratch and by transfer as far as a few minutes of one core go (1, 5 and 25 a class, one
draw, 20 epochs). The law is fitted to the first counts alone as well, and its prediction compared with what was
measured beyond.
Runs stay in WORK; ``learn_curve.json`` and ``learn_curve.png`` beside this file are the result.
"""

import argparse
import json
import shutil
from pathlib import Path

import numpy as np

import kikuchi
from ensemble.learning_curves import fit_power_law
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset
from kikuchi.workflows.learning_curve import Curve
from reports._provenance import provenance
from reports.future_work import populations
from reports.future_work.extend import Lines, part

HERE = Path(__file__).parent
RECIPE = """
[[member]]
kind = "scratch"
dropout = 0.0
[[member]]
kind = "transfer"
dropout = 0.0
weights = "kikuchi"
[train]
epochs = 20
patience = 20
batch = 16
mirror = true
warm_down = true
[split]
validation_per_class = 20
"""
TARGET, EACH = 0.9, 700


def predicted(curve: Curve, upto: int, tested: int) -> list[dict]:
    """Fit the law to counts up to `upto`, and put its prediction beside what larger counts gave."""
    first = [r for r in curve.runs if r.count <= upto]
    law = fit_power_law([r.count for r in first], [1 - r.accuracy for r in first], tested)
    rows = []
    for count in sorted({r.count for r in curve.runs if r.count > upto}):
        low, high = law.error_interval(count)
        rows.append(
            {
                "fitted_up_to": upto,
                "count": count,
                "predicted": 1 - float(law.error(count)),
                "low": 1 - high,
                "high": 1 - low,
                "measured": curve.mean(count),
            }
        )
    return rows


def main() -> None:
    """Follow the curves, check the law, and keep what they say."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only-frozen", action="store_true", help="leave the whole networks out")
    given = parser.parse_args()
    everything = populations.all_of(given.work, given.seed)["six"]
    six = Dataset(
        [
            m
            for group in everything.classes
            for own in [[m for m in everything.materials if m.space_group == group]]
            for m in part(Dataset(own), slice(0, EACH // len(own)), "curve", given.seed).materials
        ]
    )
    how = {"target": TARGET, "seed": given.seed, "progress": Lines()}
    recipe = parse_recipe(RECIPE, "learn_curve")
    folder = given.work / "curve-frozen"
    curves = list(kikuchi.learning_curve(six, recipe, folder, ways=("frozen",), repeats=3, **how))
    tested = 6 * (EACH - 400 - 20) // 2
    checks = [row for upto in (10, 25, 50) for row in predicted(curves[0], upto, tested)]
    shutil.copyfile(folder / "learn_curve.png", HERE / "learn_curve.png")
    if not given.only_frozen:
        curves += kikuchi.learning_curve(
            six,
            recipe,
            given.work / "curve-whole",
            ways=("transfer", "scratch"),
            counts=(1, 5, 25),
            repeats=1,
            **how,
        )
    result = {
        **provenance(seed=given.seed),
        "curves": [curve.to_dict(TARGET) for curve in curves],
        "predictions": checks,
        "inside_their_interval": float(np.mean([c["low"] <= c["measured"] <= c["high"] for c in checks])),
    }
    (HERE / "learn_curve.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(checks, indent=1))


if __name__ == "__main__":
    main()
