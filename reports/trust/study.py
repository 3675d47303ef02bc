"""Does what the statistics promise hold? Simulation studies, each against a known truth.

    python -m reports.trust.study [--draws 1000] [--seed 2026] [--only NAME ...]

writes one JSON file per study next to this script. The page beside it, README.md, reads them.
"""

import argparse
import json
import platform
import resource
import sys
import time
from pathlib import Path

import numpy as np
import scipy

from ensemble.abstention import decide, fit_abstention
from ensemble.abstention.conformal import conformal_sets, fit_conformal
from ensemble.calibration import fit_calibration
from ensemble.metrics import coverage_at_risk
from ensemble.phase_fractions import ABSTAINED, outcomes, phase_fractions
from ensemble.pooling import combine
from reports._provenance import provenance
from reports.trust.populations import CLASSES, Population, draw_labels, grained, independent

HERE = Path(__file__).resolve().parent
COMMAND = "python -m reports.trust.study"


def promised_risk(draws: int, seed: int) -> dict:
    """How often the certified risk is exceeded, over draws of the held-out data."""
    rng = np.random.default_rng(seed)
    n = 200_000
    cases = {
        "easy, calibrated": (independent(n, 12.0, 1.0, rng), 3000),
        "hard, calibrated": (independent(n, 4.0, 1.0, rng), 3000),
        "easy, over-confident": (independent(n, 12.0, 3.0, rng), 3000),
        "easy, small held-out split": (independent(n, 12.0, 1.0, rng), 500),
    }
    rows = []
    for name, (population, size) in cases.items():
        for risk in (0.01, 0.02, 0.05):
            picks = (rng.integers(0, n, size) for _ in range(draws))
            rows.append({"case": name, "held_out": size, **_keep_promise(population, picks, risk)})
    grains = grained(20_000, 10, 12.0, rng)
    for risk in (0.02, 0.05):
        for grouped in (True, False):
            picks = (_pick_grains(rng, 20_000, 10, 600) for _ in range(draws))
            name = "grains of 10, one pattern a grain" if grouped else "grains of 10, taken as independent"
            rows.append({"case": name, "held_out": 6000, **_keep_promise(grains, picks, risk, grouped)})
    return {"largest_allowed_share": round(0.05 + 2 * (0.05 * 0.95 / draws) ** 0.5, 4), "rows": rows}


def _pick_grains(rng: np.random.Generator, n_grains: int, size: int, picked: int) -> np.ndarray:
    return (rng.integers(0, n_grains, picked)[:, None] * size + np.arange(size)).ravel()


def _keep_promise(population: Population, picks, risk: float, grouped: bool = False) -> dict:
    p, labels, wrong = population.probabilities, population.labels, population.wrong
    second, top = np.sort(p, axis=1)[:, -2:].T
    certified, broken, false, coverage = [], [], [], []
    for draw, rows in enumerate(picks):
        # Grains drawn twice are two grains.
        groups = np.arange(len(rows)) // 10 if grouped else None
        rule = fit_abstention(p[rows], labels[rows], risk=risk, groups=groups, seed=draw)
        entry = rule.set_thresholds[0]
        answered = (top >= rule.threshold) & (second < entry)
        true_risk = wrong[answered].mean() if answered.any() else 0.0
        certified.append(rule.certificate.certified)
        broken.append(rule.certificate.certified and true_risk > risk)
        false.append(true_risk > rule.certificate.certified_risk)
        coverage.append(answered.mean())
    sure = np.array(certified)
    return {
        "risk": risk,
        "certified_share": float(sure.mean()),
        "broken_share": float(np.mean(broken)),
        "any_false_certificate_share": float(np.mean(false)),
        "mean_coverage_where_certified": float(np.array(coverage)[sure].mean()) if sure.any() else None,
        "coverage_with_the_truth_known": coverage_at_risk(-top, wrong, risk),
    }


def shared_split(draws: int, seed: int) -> dict:
    """Count broken promises where the calibration was fitted to the very patterns that test the promise."""
    rng = np.random.default_rng(seed)
    n, size, risk = 50_000, 1500, 0.05
    population = independent(n, 12.0, 3.0, rng)
    rows = []
    for method in ("temperature", "vector"):
        broken, certified = [], []
        for draw in range(draws):
            pick = rng.integers(0, n, size)
            fitted = fit_calibration(population.probabilities[pick], population.labels[pick], method)
            p = fitted.apply(population.probabilities)
            rule = fit_abstention(p[pick], population.labels[pick], risk=risk, seed=draw)
            second, top = np.partition(p, CLASSES - 2, axis=1)[:, -2:].T
            answered = (top >= rule.threshold) & (second < rule.set_thresholds[0])
            true_risk = (p.argmax(axis=1) != population.labels)[answered].mean()
            certified.append(rule.certificate.certified)
            broken.append(rule.certificate.certified and true_risk > risk)
        rows.append(
            {
                "calibration": method,
                "certified_share": float(np.mean(certified)),
                "broken_share": float(np.mean(broken)),
            }
        )
    return {"held_out": size, "risk": risk, "rows": rows}


def conformal_coverage(draws: int, seed: int) -> dict:
    """Share of sets that hold the truth, against the nominal share."""
    rng = np.random.default_rng(seed)
    rows = []
    for name, shown in (("calibrated", 1.0), ("over-confident", 3.0)):
        p, labels, _ = independent(100_000, 4.0, shown, rng)
        for nominal in (0.90, 0.95, 0.99):
            for conditional in (False, True):
                covered, size = [], []
                for _ in range(draws):
                    pick = rng.integers(0, len(p), 1000)
                    limits = fit_conformal(p[pick], labels[pick], nominal, class_conditional=conditional)
                    test = rng.integers(0, len(p), 5000)
                    sets = conformal_sets(p[test], limits)
                    hit = sets[np.arange(5000), labels[test]]
                    own = np.bincount(labels[test], hit, CLASSES) / np.bincount(
                        labels[test], minlength=CLASSES
                    )
                    covered.append([hit.mean(), *own])
                    size.append(sets.sum(axis=1).mean())
                mean = np.mean(covered, axis=0)
                rows.append(
                    {
                        "case": name,
                        "nominal": nominal,
                        "class_conditional": conditional,
                        "coverage": float(mean[0]),
                        "lowest_class_coverage": float(mean[1:].min()),
                        "mean_set_size": float(np.mean(size)),
                    }
                )
    return {"held_out": 1000, "rows": rows}


def fraction_coverage(draws: int, seed: int) -> dict:
    """How often the 95 % interval of a phase fraction holds the truth."""
    rng = np.random.default_rng(seed)
    truth = np.array([0.005, 0.01, 0.05, 0.10, 0.335, 0.50])
    theta = np.zeros((CLASSES, CLASSES + 1))
    for k in range(CLASSES):
        theta[k, :CLASSES] = 0.06 * rng.dirichlet(np.full(CLASSES, 0.5))
        theta[k, -1] = 0.05 + 0.02 * k
        theta[k, k] += 1.0 - theta[k].sum()
    columns = np.append(np.arange(CLASSES), ABSTAINED)
    rows = []
    for per_class, points in ((100, 20_000), (500, 20_000), (2000, 2_000), (2000, 200_000)):
        labels = np.repeat(np.arange(CLASSES), per_class)
        covered, width, plain = [], [], []
        for draw in range(draws):
            seen = np.concatenate([np.repeat(columns, rng.multinomial(per_class, row)) for row in theta])
            shown = np.repeat(columns, rng.multinomial(points, truth @ theta))
            found = phase_fractions(labels, seen, shown, CLASSES, n_draws=500, seed=draw)
            covered.append((found.low <= truth) & (truth <= found.high))
            width.append(found.high - found.low)
            plain.append(found.plain)
        rows.append(
            {
                "held_out_per_class": per_class,
                "map_points": points,
                "coverage": np.mean(covered, axis=0).tolist(),
                "mean_coverage": float(np.mean(covered)),
                "mean_width": np.mean(width, axis=0).tolist(),
                "mean_plain_count": np.mean(plain, axis=0).tolist(),
            }
        )
    return {"fractions": truth.tolist(), "confusion": theta.tolist(), "rows": rows}


def block_coverage(draws: int, seed: int) -> dict:
    """Count the same on maps of grains, with grains resampled and with pixels taken as independent."""
    rng = np.random.default_rng(seed)
    truth = np.array([0.1, 0.3, 0.6])
    theta = np.array([[0.88, 0.03, 0.02, 0.07], [0.02, 0.9, 0.03, 0.05], [0.04, 0.01, 0.85, 0.1]])
    labels, columns = np.repeat([0, 1, 2], 1000), np.array([0, 1, 2, ABSTAINED])
    grains = np.repeat(np.arange(400), 25)
    covered: dict[str, list] = {"by grain": [], "by pixel": []}
    for draw in range(draws):
        seen = np.concatenate([np.repeat(columns, rng.multinomial(1000, row)) for row in theta])
        phase = np.repeat(rng.choice(3, 400, p=truth), 25)
        shown = columns[draw_labels(theta[phase], rng)]
        for name, blocks in (("by grain", grains), ("by pixel", None)):
            found = phase_fractions(labels, seen, shown, 3, blocks=blocks, n_draws=500, seed=draw)
            covered[name].append((found.low <= truth) & (truth <= found.high))
    shares = {name: np.mean(hits, axis=0).tolist() for name, hits in covered.items()}
    return {"fractions": truth.tolist(), "grains": 400, "points_per_grain": 25, "coverage": shares}


def large_store(draws: int, seed: int) -> dict:
    """Time and memory of the whole analysis of a million patterns, ten members and ten classes."""
    del draws
    rng = np.random.default_rng(seed)
    members, n, k = 10, 1_000_000, 10
    labels = rng.integers(0, k, n)
    logits = np.empty((members, n, k), dtype=np.float32)
    for start in range(0, n, 50_000):
        block = slice(start, start + 50_000)
        own = 2.0 * rng.normal(size=(1, 50_000, k)) + 6.0 * np.eye(k)[labels[block]]
        logits[:, block] = own + rng.normal(size=(members, 50_000, k))
    before = _peak_gib()
    held = np.arange(20_000)
    wall: dict[str, dict[str, float]] = {}
    cpu: dict[str, dict[str, float]] = {}
    for rule in ("vote", "average", "geometric"):
        clock = [(time.perf_counter(), time.process_time())]
        pooled = combine(logits, rule)
        clock.append((time.perf_counter(), time.process_time()))
        calibration = fit_calibration(pooled.probabilities[held], labels[held], "temperature")
        p = calibration.apply(pooled.probabilities)
        clock.append((time.perf_counter(), time.process_time()))
        limits = fit_abstention(p[held], labels[held])
        decision = decide(pooled, p, limits)
        clock.append((time.perf_counter(), time.process_time()))
        seen = outcomes(decision.status, decision.winner)
        phase_fractions(labels[held], seen[held], seen, k)
        clock.append((time.perf_counter(), time.process_time()))
        names = ("pool", "calibrate", "decide", "fractions")
        for column, spent in enumerate((wall, cpu)):
            moments = np.array(clock)[:, column]
            spent[rule] = dict(zip(names, np.diff(moments).round(2).tolist(), strict=True))
            spent[rule]["total"] = round(float(moments[-1] - moments[0]), 2)
        del pooled, p, decision, seen
    return {
        "members": members,
        "patterns": n,
        "classes": k,
        "wall_seconds": wall,
        "cpu_seconds": cpu,
        "peak_gib_with_the_logits": round(_peak_gib(), 2),
        "peak_gib_before_the_analysis": round(before, 2),
        "logits_gib": round(logits.nbytes / 2**30, 2),
    }


def _peak_gib() -> float:
    # ru_maxrss is in KiB on Linux and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**30


STUDIES = {
    "large_store": large_store,
    "promised_risk": promised_risk,
    "shared_split": shared_split,
    "conformal_coverage": conformal_coverage,
    "fraction_coverage": fraction_coverage,
    "block_coverage": block_coverage,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--only", nargs="*", choices=list(STUDIES), default=list(STUDIES))
    arguments = parser.parse_args()
    for name in arguments.only:
        start = time.perf_counter()
        result = STUDIES[name](arguments.draws, arguments.seed)
        about = {
            "study": name,
            **provenance(seed=arguments.seed),
            "draws": arguments.draws,
            "study_seconds": round(time.perf_counter() - start, 1),
            "versions": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "scipy": scipy.__version__,
            },
        }
        (HERE / f"{name}.json").write_text(json.dumps(about | result, indent=1) + "\n")
        print(name, about["study_seconds"], "s")


if __name__ == "__main__":
    main()
