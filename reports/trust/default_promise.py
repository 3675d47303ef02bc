"""Is the promise kept that a map prints by default, where its mixture is not the held-out one? Simulated maps.

    python -m reports.trust.default_promise [--maps 500] [--seed 2026] [--work WORK]

The populations and mixtures of `any_mixture.py`, with what `map` does when no promise is named (`auto`): `material`
where it can be kept for every class, else what is left of `mixture`. Before: as certified, taken back where the
estimated mixture was identified and the test patterns there err more often. Now: what holds at every mixture that the
scan may have, see `kikuchi.postprocessing.scan_promise`. Of each setting so many maps, of 12, 60 and 400 grains in turn
(12 are too few to tell a mixture); held out are few or many grains a class, and half as many test. Writes
`default_promise.json`; with a folder `WORK` every fifty maps are kept there, and an interrupted run goes on.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention.promises import excess_risk
from ensemble.abstention.rule import AbstentionRule, fit_abstention
from ensemble.abstention.scan_mixtures import mixture_bound, risk_at_scan
from ensemble.abstention.stratified import ClassVerdict
from ensemble.label_shift import LabelShift, estimate_label_shift
from reports._provenance import provenance
from reports.trust.any_mixture import GRAINS, PIECE, POINTS, K, mixture_of, population

HERE = Path(__file__).resolve().parent
RISKS = (0.01, 0.02, 0.05)
MAP_GRAINS = (12, 60, 400)
HELD_OUT = (150, 1500)


def one_map(p: np.ndarray, held_out: int, number: int, seed: int) -> list[dict[str, Any]]:
    """Fit the default promise on a fresh balanced draw, and judge what is printed for one map."""
    rng = np.random.default_rng([seed, held_out, number])
    each = held_out + held_out // 2
    grains = np.stack([rng.choice(GRAINS, each, replace=False) for _ in range(K)])
    held = np.concatenate([p[c, grains[c, :held_out], 0] for c in range(K)])
    test = np.concatenate([p[c, grains[c, held_out:], 0] for c in range(K)])
    y, y_test = np.repeat(np.arange(K), held_out), np.repeat(np.arange(K), held_out // 2)
    mixture, size = mixture_of(number, rng), MAP_GRAINS[number % len(MAP_GRAINS)]
    counts = rng.multinomial(size, mixture)
    shown = np.concatenate([p[c, rng.integers(GRAINS, size=n)] for c, n in enumerate(counts)])
    points, block = shown.reshape(-1, K), np.repeat(np.arange(size), POINTS)
    shift = estimate_label_shift(held, y, points, blocks=block, n_draws=100, seed=number)
    rows = []
    for risk in RISKS:
        rule = fit_abstention(held, y, risk=risk, promise="auto", seed=number)
        answered = float(rule.gate(points).answered.mean())
        true = risk_at(rule, p[:, :, 0], mixture)
        said = printed(rule, shift, test, y_test, answered)
        rows.append(
            {"map": number, "grains": size, "risk": risk, "promise": rule.promise, "answered": answered, "true": true}
            | {"known": shift.identified, "bounded": shift.bounded}
            | {f"printed_{when}": value for when, value in said.items()}
            | {
                f"broken_{when}": bool(value < 1 and answered > 0 and true > value + 1e-12)
                for when, value in said.items()
            }
        )  # fmt: skip
    return rows


def risk_at(rule: AbstentionRule, some: np.ndarray, mixture: np.ndarray) -> float:
    """Risk of the answers at a mixture, over a population (K, N, K) or units of it; 0 where none is answered."""
    rates = np.zeros((K, 2))
    for c in range(K):
        shown = rule.gate(some[c]).answered
        rates[c] = shown.mean(), (shown & (some[c].argmax(axis=1) != c)).mean()
    answered, wrong = mixture @ rates
    return float(wrong / answered) if answered > 0 else 0.0


def printed(
    rule: AbstentionRule, shift: LabelShift, test: np.ndarray, labels: np.ndarray, answered: float
) -> dict[str, float]:
    """Return the risk that is printed, before and now; 1 where nothing is promised."""
    certified = rule.certificate.certified_risk
    if rule.promise == "material":
        high = shift.high if shift.bounded else (1.0,) * K
        verdicts = [v for v in rule.verdicts if isinstance(v, ClassVerdict)]
        risk = certified + excess_risk(verdicts, high, answered) if certified < 1 else 1.0
        risk = 1.0 if risk > 2 * rule.certificate.target_risk else risk
        return {"before": risk, "now": risk}
    if certified >= 1:
        return {"before": 1.0, "now": 1.0}
    before = certified
    if shift.identified:
        seen = risk_at(rule, test.reshape(K, -1, K), np.array(shift.shares))
        before = 1.0 if seen > certified else certified
    low, high = (shift.low, shift.high) if shift.bounded else ((0.0,) * K, (1.0,) * K)
    shown, wrong = rule.gate(test).answered, test.argmax(axis=1) != labels
    bound = mixture_bound(labels, shown, wrong & shown, low, high, rule.certificate.confidence).bound
    return {"before": before, "now": risk_at_scan(certified, bound)}


def judged_maps(
    p: np.ndarray, held_out: int, maps: int, seed: int, work: Path | None
) -> list[dict[str, Any]]:
    """Rows of all maps; those of whole pieces come from the folder where they are there already."""
    rows: list[dict[str, Any]] = []
    for start in range(0, maps, PIECE):
        numbers = range(start, min(start + PIECE, maps))
        kept = None if work is None else work / f"{seed}-{held_out}-{start}-{numbers.stop}.json"
        if kept is None or not kept.is_file():
            piece = [row for number in numbers for row in one_map(p, held_out, number, seed)]
            if kept is not None:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps(piece), encoding="utf-8")
        else:
            piece = json.loads(kept.read_text(encoding="utf-8"))
        rows += piece
    return rows


def summary(rows: list[dict[str, Any]], **what: Any) -> list[dict[str, Any]]:
    """One line a risk: how often something is printed, how much, and how often it is broken, before and now."""
    lines = []
    for risk in RISKS:
        own = [r for r in rows if r["risk"] == risk]
        line: dict[str, Any] = what | {"risk": risk, "maps": len(own)}
        line["material"] = float(np.mean([r["promise"] == "material" for r in own]))
        line["mixture_bounded"] = float(np.mean([r["bounded"] for r in own]))
        line["answered"] = float(np.mean([r["answered"] for r in own]))
        for when in ("before", "now"):
            values = [r[f"printed_{when}"] for r in own]
            made = [v for v in values if v < 1]
            broken = [r for r in own if r[f"broken_{when}"]]
            line |= {
                f"printed_in_{when}": len(made) / len(own),
                f"printed_median_{when}": float(np.median(made)) if made else None,
                f"broken_{when}": len(broken) / len(own),
                f"broken_most_{when}": max((r["true"] for r in broken), default=None),
            }
        lines.append(line)
    return lines


def main() -> None:
    """Simulate all settings and write the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--maps", type=int, default=500)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    table: list[dict[str, Any]] = []
    sizes: list[dict[str, Any]] = []
    every: list[dict[str, Any]] = []
    begin = time.process_time()
    for name, pair in (("one hard class", False), ("a pair that cannot be told apart", True)):
        p, _ = population(pair, np.random.default_rng(args.seed))
        for held_out in HELD_OUT:
            work = None if args.work is None else args.work / ("pair" if pair else "hard")
            rows = judged_maps(p, held_out, args.maps, args.seed, work)
            every += rows
            table += summary(rows, population=name, held_out_grains_a_class=held_out)
            for line in table[-3:]:
                print(line, flush=True)
    for size in MAP_GRAINS:
        sizes += summary([r for r in every if r["grains"] == size], grains_of_a_map=size)
    result = provenance(seed=args.seed) | {
        "cpu_seconds_of_this_run": round(time.process_time() - begin),
        "largest_allowed_share": round(0.05 + 2 * (0.05 * 0.95 / args.maps) ** 0.5, 4),
        "all": summary(every),
        "rows": table,
        "by_size_of_the_map": sizes,
    }
    (HERE / "default_promise.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
