"""How many held-out crystals a promise takes, and how many the shipped ensemble has, for two groups named.

    python -m reports.trust.crystals_needed

Exact binomial bounds at 95 % confidence: without an error n answers certify a risk r where (1 - r)^n <= 0.05. Writes
`crystals_needed.json`; no network runs.
"""

import json
from collections.abc import Iterable
from itertools import combinations
from math import ceil
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention.risk_control import answers_needed
from ensemble.abstention.splitting import split_groups
from kikuchi.inference.predictor import Predictor
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
RISKS = (0.01, 0.02, 0.05, 0.1)
ERRORS = (0, 1, 2)
NAMED = (221, 223, 225, 227, 229, 230)
"""Groups of which the shipped ensemble held out more than ten crystals."""
CONFIDENCE = 0.95


def answers(risk: float, errors: int) -> int:
    """Give the number of answers, so many of them wrong, that certify a risk."""
    more = answers_needed(risk, CONFIDENCE, errors=errors, answered=errors)
    assert more is not None
    return errors + more


def pair_row(shipped: Predictor, named: Iterable[int]) -> dict[str, Any]:
    """Count what tests a promise for two groups, all answers together and each group by itself."""
    judge = shipped.among([str(group) for group in named])
    certificate = judge.abstentions[judge.rule].certificate
    second = judge.held_out.certification
    tests = split_groups(len(second.labels), second.group, np.random.default_rng(0), labels=second.labels)[1]
    units = second.select(tests)
    solved = judge.decide(units.outputs).status == 0
    each = {
        str(group): {"test": int(own.sum()), "answered": int((own & solved).sum())}
        for i, group in enumerate(judge.classes)
        if (own := units.labels == i).any()
    }
    assert sum(v["test"] for v in each.values()) == certificate.n_tested
    assert sum(v["answered"] for v in each.values()) == certificate.n_answered
    share = certificate.n_answered / certificate.n_tested
    needed = {str(risk): ceil(answers(risk, 0) / share) if share else None for risk in RISKS}
    of_a_class = {
        group: {str(r): ceil(answers(r, 0) * v["test"] / v["answered"]) if v["answered"] else None for r in RISKS}
        for group, v in each.items()
    }  # fmt: skip
    return {
        "named": list(judge.classes),
        "test": certificate.n_tested,
        "answered": certificate.n_answered,
        "wrong": certificate.n_errors,
        "certified_risk": certificate.certified_risk,
        "of_a_class": each,
        "crystals_to_test_without_an_error": needed,
        "crystals_of_a_class_to_test_without_an_error": of_a_class,
    }


def main() -> None:
    """Count and write."""
    shipped = Predictor.load("shipped")
    result = provenance() | {
        "confidence": CONFIDENCE,
        "answers_needed": {str(r): {str(k): answers(r, k) for k in ERRORS} for r in RISKS},
        "pairs_by_the_shipped_ensemble": [pair_row(shipped, pair) for pair in combinations(NAMED, 2)],
    }
    (HERE / "crystals_needed.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(result["answers_needed"])
    for row in result["pairs_by_the_shipped_ensemble"]:
        print({k: v for k, v in row.items() if k != "of_a_class"})


if __name__ == "__main__":
    main()
