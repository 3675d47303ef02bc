"""Does a promise for any mixture hold where the promise for the held-out mixture breaks? Simulated maps, known truth.

    python -m reports.trust.any_mixture [--maps 1000] [--seed 2026] [--work WORK]

(so many of each population) writes `any_mixture.json` beside this script; with a folder `WORK` every fifty maps are
kept there, and an interrupted run goes on after the last. Held-out patterns are balanced over four classes; the maps'
mixtures run from 0 to 100 % of any class, and points come in grains that are right or wrong together. One class is
harder than the others (a tenth of it looks like another); in the second population two classes cannot be told apart.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from ensemble.abstention.promises import excess_risk
from ensemble.abstention.rule import fit_abstention
from ensemble.label_shares import reweighted
from ensemble.label_shift import estimate_label_shift
from ensemble.softmax import softmax
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
K = 4
GRAINS = 20_000
POINTS = 8
HELD_OUT = 1500
RISKS = (0.01, 0.02, 0.05)
PIECE = 50


def population(pair: bool, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of every point (K, GRAINS, POINTS, K), and scores calibrated for equal shares."""
    label = np.repeat(np.arange(K), GRAINS)
    z = rng.normal(size=(len(label), K)) * 1.5
    z[np.arange(len(label)), label] += 9.0
    # A tenth of the grains of class 3 look half like class 2.
    odd = (label == 3) & (rng.random(len(label)) < 0.1)
    z[odd, 2] += rng.normal(7.0, 2.0, odd.sum())
    if pair:
        both = label < 2
        z[np.ix_(np.flatnonzero(both), np.arange(2))] = 9.0 + rng.normal(size=(both.sum(), 2))
    points = z[:, None, :] + 0.4 * rng.normal(size=(len(label), POINTS, K))
    return softmax(points).reshape(K, GRAINS, POINTS, K), label


def one_map(p: np.ndarray, number: int, seed: int) -> list[dict]:
    """Fit every promise on a fresh balanced draw, and judge it on a map of another mixture."""
    rng = np.random.default_rng([seed, number])
    grains = np.stack([rng.choice(GRAINS, HELD_OUT, replace=False) for _ in range(K)])
    # One pattern of each held-out grain: what is certified counts no more.
    held = np.concatenate([p[c, grains[c], 0] for c in range(K)])
    y = np.repeat(np.arange(K), HELD_OUT)
    mixture = mixture_of(number, rng)
    counts = rng.multinomial(400, mixture)
    shown = np.concatenate([p[c, rng.integers(GRAINS, size=n)] for c, n in enumerate(counts)])
    truth = np.repeat(np.arange(K), counts * POINTS)
    points, block = shown.reshape(-1, K), np.repeat(np.arange(400), POINTS)
    shift = estimate_label_shift(held, y, points, blocks=block, n_draws=100, seed=number)
    rows = []
    for risk in RISKS:
        for promise in ("mixture", "material", "class"):
            # Where the mixture cannot be told, any is possible.
            shares = (shift.low, shift.high) if shift.bounded else ((0.0,) * K, (1.0,) * K)
            rule = fit_abstention(
                held,
                y,
                risk=risk,
                promise=promise,
                shares=shares if promise == "class" else None,
                seed=number,
            )
            rows.append(_judged(rule, promise, risk, p, mixture, points, truth, shift) | {"map": number})
    corrected = reweighted(points, shift.prior, shift.shares)
    rows[0]["first_right"] = float((points.argmax(axis=1) == truth).mean())
    rows[0]["first_right_corrected"] = (
        float((corrected.argmax(axis=1) == truth).mean()) if shift.identified else None
    )
    rows[0]["share_held"] = bool(
        all(a <= m <= b for a, m, b in zip(shift.low, counts / counts.sum(), shift.high, strict=True))
    )
    return rows


def mixture_of(number: int, rng: np.random.Generator) -> np.ndarray:
    """Every fifth map holds one class alone; the others are anything from even to nearly pure."""
    if number % 5 == 0:
        return np.eye(K)[(number // 5) % K]
    return rng.dirichlet(np.full(K, rng.choice([0.1, 0.3, 1.0])))


def _said(rule, points: np.ndarray) -> np.ndarray:
    return rule.gate(points).answered


def _judged(rule, promise: str, risk: float, p: np.ndarray, mixture, points, truth, shift) -> dict:
    """Risk at the map's mixture, over the population and in the map itself, against the promise."""
    answered, wrong = _said(rule, points), points.argmax(axis=1) != truth
    promised = rule.certificate.certified_risk
    if promise == "material" and promised < 1 and answered.any():
        promised += excess_risk(rule.verdicts, shift.high, float(answered.mean()))
        # Twice what was asked is no promise any more.
        promised = 1.0 if promised > 2 * risk else promised
    rates = np.zeros((K, K))
    for c in range(K):
        some = p[c, :, 0]
        ok = _said(rule, some)
        rates[c] = np.bincount(some.argmax(axis=1)[ok], minlength=K) / len(some)
    joint = mixture[:, None] * rates
    total, right = joint.sum(), np.trace(joint)
    of_class = joint.sum(axis=0)
    class_risk = np.divide(of_class - np.diag(joint), of_class, out=np.zeros(K), where=of_class > 0)
    expected = 1 - right / total if total > 0 else 0.0
    worst = float(class_risk[of_class > 1e-9].max(initial=0.0))
    in_map = float(wrong[answered].mean()) if answered.any() else 0.0
    judged = worst if promise == "class" else expected
    return {
        "promise": promise,
        "risk": risk,
        "promised": float(promised),
        "expected_risk": float(expected),
        "worst_class": worst,
        "in_map": in_map,
        "answered": float(answered.mean()),
        "broken": bool(promised < 1 and answered.any() and judged > promised + 1e-12),
        "broken_in_map": bool(promised < 1 and in_map > promised),
    }


def judged_maps(p: np.ndarray, maps: int, seed: int, work: Path | None) -> list[dict]:
    """Rows of all maps; those of whole pieces come from the folder where they are there already."""
    rows: list[dict] = []
    for start in range(0, maps, PIECE):
        numbers = range(start, min(start + PIECE, maps))
        kept = None if work is None else work / f"{seed}-{start}-{numbers.stop}.json"
        if kept is not None and kept.is_file():
            rows += json.loads(kept.read_text(encoding="utf-8"))
            continue
        begin = time.process_time()
        piece = [row for number in numbers for row in one_map(p, number, seed)]
        piece[0]["cpu_seconds"] = time.process_time() - begin
        rows += piece
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            partial = kept.with_suffix(".partial")
            partial.write_text(json.dumps(piece), encoding="utf-8")
            partial.replace(kept)
    return rows


def summary(rows: list[dict], name: str) -> list[dict]:
    """One line for each promise and risk."""
    out = []
    for risk in RISKS:
        of_mixture = {r["map"]: r["answered"] for r in rows if (r["risk"], r["promise"]) == (risk, "mixture")}
        for promise in ("mixture", "material", "class"):
            own = [r for r in rows if r["risk"] == risk and r["promise"] == promise]
            lost = [
                of_mixture[r["map"]] - r["answered"] for r in own if r["promised"] < 1 and r["answered"] > 0
            ]
            made = [r for r in own if r["promised"] < 1 and r["answered"] > 0]
            out.append(
                {
                    "population": name,
                    "promise": promise,
                    "risk": risk,
                    "maps": len(own),
                    "promised_in": len(made) / len(own),
                    "broken": sum(r["broken"] for r in own) / len(own),
                    "broken_in_the_map_itself": sum(r["broken_in_map"] for r in own) / len(own),
                    "largest_risk": max(
                        (r["worst_class" if promise == "class" else "expected_risk"] for r in made),
                        default=None,
                    ),
                    "answered_mean": float(np.mean([r["answered"] for r in own])),
                    "coverage_lost_where_promised": float(np.mean(lost)) if lost else None,
                }
            )
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--maps", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--work", type=Path)
    args = parser.parse_args()
    table: list[dict] = []
    corrections, seconds = {}, 0.0
    for name, pair in (("one hard class", False), ("a pair that cannot be told apart", True)):
        p, _ = population(pair, np.random.default_rng(args.seed))
        work = None if args.work is None else args.work / ("pair" if pair else "hard")
        rows = judged_maps(p, args.maps, args.seed, work)
        seconds += sum(r.get("cpu_seconds", 0.0) for r in rows)
        table += summary(rows, name)
        first = [r for r in rows if "first_right" in r]
        known = [r for r in first if r["first_right_corrected"] is not None]
        corrections[name] = {
            "maps_with_identified_mixture": len(known) / len(first),
            "first_right": float(np.mean([r["first_right"] for r in known])) if known else None,
            "first_right_corrected": float(np.mean([r["first_right_corrected"] for r in known]))
            if known
            else None,
            "true_shares_within_intervals": float(np.mean([r["share_held"] for r in known]))
            if known
            else None,
        }
        result = {
            **provenance(seed=args.seed),
            "cpu_seconds": round(seconds),
            "largest_allowed_share": round(0.05 + 2 * (0.05 * 0.95 / args.maps) ** 0.5, 4),
            "held_out_grains_a_class": HELD_OUT,
            "rows": table,
            "label_shift": corrections,
        }
        (HERE / "any_mixture.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
