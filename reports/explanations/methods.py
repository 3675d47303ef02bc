"""The five ways that ``ensemble explain --method`` offers, on one ensemble: what they cost, miss, and agree on.

    python -m reports.explanations.methods MASTERS

Explains with two members of the shipped ensemble (64 x 64, ten space groups) why the first choice comes before the
second, on simulated patterns of Ni3Al, Ni and Fe. Each way is held against the Shapley values of 64 squares of 8 x 8
pixels, which are computed here from outputs alone, by permutations (Castro et al., Comput. Oper. Res. 36, 1726, 2009):
a square that is hidden shows what a pattern of the background has there. Writes ``methods.json``, and its table into
``README.md``.
"""

import argparse
import json
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import spearmanr

import kikuchi
from kikuchi._support.keras_setup import import_keras
from kikuchi.explain.inputs import stored_background
from kikuchi.explain.shapley import METHODS, NAMES, Shapley
from kikuchi.scans import background_for, prepare, scan_from_array
from kikuchi.simulate import Detector, Microscope, load_master
from kikuchi.simulate.detector.acquisition import simulate_patterns
from reports._provenance import provenance
from reports.explanations.ensembles import MASTERS, RECORDING
from reports.explanations.figures import fill

HERE = Path(__file__).parent
MEMBERS = (0, 1)
PATTERNS = 2  # of each material
BACKGROUND = 4  # patterns of each of the ten classes
SQUARE = 8
PAIRS = 100  # permutations, each with its reverse

Outputs = Callable[[np.ndarray], np.ndarray]


def squares_of(values: np.ndarray) -> np.ndarray:
    """Sum attributions, (s, s), over squares; (s / SQUARE)^2 numbers."""
    n = values.shape[0] // SQUARE
    return values.reshape(n, SQUARE, n, SQUARE).sum(axis=(1, 3)).ravel()


def by_permutations(
    outputs: Outputs, pattern: np.ndarray, background: np.ndarray, pairs: int, rng: np.random.Generator
) -> np.ndarray:
    """Return Shapley values of the squares of a pattern, one row for each pair of permutations.

    Parameters
    ----------
    outputs
        From patterns (n, s, s) to what is explained, (n,).
    pattern, background
        (s, s) and (B, s, s).
    pairs
        A permutation and its reverse each, over one pattern of the background: what is odd in the order cancels.
    rng
        Draws both.
    """
    side = pattern.shape[0] // SQUARE
    players = side * side
    number = np.kron(np.arange(players).reshape(side, side), np.ones((SQUARE, SQUARE), int))
    rows = np.empty((pairs, players))
    for row in rows:
        hidden = background[rng.integers(len(background))]
        order = rng.permutation(players)
        both = []
        for way in (order, order[::-1]):
            place = np.empty(players, int)
            place[way] = np.arange(players)
            shown = place[number] < np.arange(players + 1)[:, None, None]
            value = outputs(np.where(shown, pattern, hidden).astype(np.float32))
            both.append(np.diff(value)[place])
        row[:] = np.mean(both, axis=0)
    return rows


def _margins(engine: Any, margin: np.ndarray, patterns: np.ndarray) -> np.ndarray:
    return np.asarray(engine.predict(patterns)[0] @ margin)


def _ranks(one: np.ndarray, other: np.ndarray, seen: np.ndarray) -> float:
    """Return Spearman's rank correlation where something is seen."""
    return float(spearmanr(one[seen], other[seen]).statistic)


def timed(explain: Callable[..., Any], *given: Any) -> tuple[Any, float]:
    """Return what a function gives, and its processor seconds."""
    begin = time.process_time()
    return explain(*given), time.process_time() - begin


def spread(values: list[float]) -> dict[str, float]:
    """Return median, least and most."""
    return {"median": float(np.median(values)), "least": min(values), "most": max(values)}


def patterns_of(masters: Path, bundle: Any, seed: int) -> np.ndarray:
    """Simulate patterns of each material and prepare them as members take them, (n, 64, 64)."""
    detector = Detector.model_validate(RECORDING["detector"])
    microscope = Microscope.model_validate(RECORDING["microscope"])
    raw = np.concatenate(
        [
            simulate_patterns(load_master(masters / file), PATTERNS, microscope, seed + i, detector=detector)[
                0
            ]
            for i, file in enumerate(MASTERS.values())
        ]
    )
    how = bundle.preparation(bundle.members[0])
    return np.asarray(prepare(raw, how, background_for(scan_from_array(raw), how)))


def measure(masters: Path, seed: int, pairs: int = PAIRS) -> dict[str, Any]:
    """Explain every pattern in every way, and hold the ways against each other."""
    backend = import_keras().backend.backend()
    bundle = kikuchi.Predictor.load("shipped")
    patterns, rng = patterns_of(masters, bundle, seed), np.random.default_rng(seed)
    stored = stored_background(bundle)
    assert stored is not None  # the shipped ensemble keeps them
    background = stored.thinned(BACKGROUND).prepared(patterns.shape[1])
    kept: dict[str, dict[str, list[float]]] = {
        way: {name: [] for name in ("first", "later", "error", "missed", "pixels", "squares")}
        for way in METHODS
    }
    alone: list[float] = []
    reference_s: list[float] = []
    for number in MEMBERS:
        member = bundle.model(bundle.members[number].name)
        engine = bundle.runner("onnx").engines[number]
        logits = engine.predict(patterns)[0]
        ways = {way: Shapley(member, background, way) for way in METHODS}
        for turn, (pattern, said) in enumerate(zip(patterns, logits, strict=True)):
            margin = np.zeros((1, len(said)))
            first, second = np.argsort(-said)[:2]
            margin[0, first], margin[0, second] = 1.0, -1.0
            rows, cpu = timed(
                by_permutations, partial(_margins, engine, margin[0]), pattern, background, pairs, rng
            )
            reference_s.append(cpu)
            reference = rows.mean(axis=0)
            # Pixels beyond the screen are the same in every pattern: no way says anything of them.
            seen = (background != pattern).any(axis=0)
            squares_seen = squares_of(seen.astype(float)) > 0
            alone.append(_ranks(rows[::2].mean(axis=0), rows[1::2].mean(axis=0), squares_seen))
            found = {}
            for way, explain in ways.items():
                (one,), cpu = timed(explain, pattern, margin)
                found[way] = one
                kept[way]["later" if turn else "first"].append(cpu)
                kept[way]["error"].append(one.error)
                kept[way]["missed"].append(one.missed)
                kept[way]["squares"].append(_ranks(squares_of(one.values), reference, squares_seen))
            for way, one in found.items():
                kept[way]["pixels"].append(_ranks(one.values, found["shap-deep"].values, seen))
            agreed = {way: round(of["squares"][-1], 2) for way, of in kept.items()}
            print(f"member {number}, pattern {turn}", agreed, flush=True)
    return {
        "backend": backend,
        "bundle": bundle.path.name,
        "bundle_fingerprint": bundle.fingerprint,
        "margins": len(alone),
        "background": len(background),
        "ways": {
            way: {
                "name": NAMES[way],
                "first_cpu_s": spread(of["first"]),
                "later_cpu_s": spread(of["later"]),
                "relative_error": spread(of["error"]),
                "missed_logits": spread(of["missed"]),
                "rank_correlation_with_shap_deep": spread(of["pixels"]),
                "rank_correlation_with_permutations": spread(of["squares"]),
            }
            for way, of in kept.items()
        },
        "permutations": {
            "squares": int(squares_seen.sum()),
            "permutations": 2 * pairs,
            "cpu_s": spread(reference_s),
            "rank_correlation_of_its_halves": spread(alone),
        },
    }


def table(result: dict[str, Any]) -> str:
    """Return the table of the page."""
    lines = [
        "| `--method` | what it is | CPU s, first pattern | CPU s, each further | sum misses by, median (worst) | "
        "ranks of pixels as `shap-deep`'s | ranks of squares as the permutations' |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for way, of in result["ways"].items():
        error, pixels = of["relative_error"], of["rank_correlation_with_shap_deep"]
        squares = of["rank_correlation_with_permutations"]
        lines.append(
            f"| `{way}` | {of['name']} | {of['first_cpu_s']['median']:.1f} | {of['later_cpu_s']['median']:.2f} | "
            f"{100 * error['median']:.2g} % ({100 * error['most']:.2g} %) | {pixels['median']:.2f} | "
            f"{squares['median']:.2f} ({squares['least']:.2f} to {squares['most']:.2f}) |"
        )
    own = result["permutations"]
    halves = own["rank_correlation_of_its_halves"]
    lines.append(
        f"| none | {own['permutations']} permutations of {own['squares']} squares | - | {own['cpu_s']['median']:.1f} "
        f"| 0 (of their base) | - | its halves: {halves['median']:.2f} |"
    )
    return "\n".join(lines)


def main() -> None:
    """Measure, and write the result and the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("masters", type=Path, help="folder of the public .sht master patterns")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--pairs", type=int, default=PAIRS)
    given = parser.parse_args()
    result = measure(given.masters, given.seed, given.pairs)
    result |= provenance(seed=given.seed, also=("shap", "onnxruntime"))
    (HERE / "methods.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    fill({"methods": table(result)})


if __name__ == "__main__":
    main()
