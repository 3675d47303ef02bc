"""What a certificate among two groups hangs on: conformal sets by group or not, and the draw that divides the crystals.

    python -m reports.real.division

writes `division.json` beside this script: the shipped ensemble among 225 and 227, asked for 5 %.
"""

import json
from pathlib import Path
from typing import Any

import ensemble.abstention.rule as rules
import kikuchi.bundle.decision as decisions
from kikuchi.inference.predictor import Predictor
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
SEEDS = 10


def certified(bundle: Predictor, what: str) -> dict[str, Any]:
    """Certificate among 225 and 227 as things are now."""
    wish = bundle.recipe.abstain.model_copy(update={"risk": 0.05})
    judge = bundle.among("225,227", recipe=bundle.recipe.model_copy(update={"abstain": wish}))
    c = judge.abstentions[judge.rule].certificate
    counts = {"tested": c.n_tested, "answered": c.n_answered, "wrong": c.n_errors}
    return {"what": what, "certified_risk": c.certified_risk, **counts}


def main() -> None:
    bundle = Predictor.load("shipped")
    rows = [certified(bundle, "as it is")]
    conformal, fit = rules.fit_conformal, decisions.fit_abstention
    rules.fit_conformal = lambda *a, **k: conformal(*a, **(k | {"groups": None}))
    rows.append(certified(bundle, "conformal sets by pattern"))
    rules.fit_conformal = conformal
    for seed in range(SEEDS):
        decisions.fit_abstention = lambda *a, seed=seed, **k: fit(*a, **(k | {"seed": seed}))
        rows.append(certified(bundle, f"crystals divided with seed {seed}"))
    result = {**provenance(), "bundle": bundle.fingerprint, "rows": rows}
    (HERE / "division.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
