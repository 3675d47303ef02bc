"""Does naming two groups help the networks to see that both are in one pattern? Superpositions, half and half.

    python -m reports.trust.named_overlaps MASTERS

EMsoft's phases (MASTERS) of the groups that the shipped members know, recorded as these were trained, and superposed in
pairs of different groups; both groups are named, as by `map --among`. Scores of the two named outputs and of the
others are judged against held-out crystals of the same two groups: AUROC, and the share of overlaps flagged where 5 %
of these are. A logistic regression of all scores is weighed with overlaps of one half of the phases and judged on
overlaps of the other half, over four divisions. Writes `named_overlaps.json`.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.metrics import auroc
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.bundle.outputs import HeldOut, Part, read_held_out
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import prepare
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.training.batches import labelled_batch
from reports._provenance import provenance
from reports.simulation.trunk import CLASSES, DETECTOR, MICROSCOPE, PREPARATION

HERE = Path(__file__).resolve().parent
EACH, OVERLAPS, SEED = 12, 1000, 77
FALSE_ALARM = 0.05
DIVISIONS = 4
SCORES = (
    "small difference of the two logits",
    "energy of the two",
    "energy of all",
    "the others against the two",
    "smaller probability of the two",
    "spread over members of that probability",
    "small spread of all logits",
)


def scores(logits: np.ndarray, pair: tuple[int, int]) -> np.ndarray:
    """Scores that may rise where two named classes overlap, (N, 7), from logits (M, N, K)."""
    mean = logits.mean(axis=0)
    two, others = mean[:, list(pair)], np.delete(mean, pair, axis=1)
    p = softmax(logits[..., list(pair)])[..., 0]
    share = p.mean(axis=0)
    together = np.logaddexp.reduce(two, axis=1)
    return np.stack(
        [
            -np.abs(two[:, 0] - two[:, 1]),
            -together,
            -np.logaddexp.reduce(mean, axis=1),
            np.logaddexp.reduce(others, axis=1) - together,
            np.minimum(share, 1 - share),
            p.std(axis=0),
            -mean.std(axis=1),
        ],
        axis=1,
    )


def logits_of(bundle: Predictor, raw: np.ndarray) -> np.ndarray:
    """Return what the members say of patterns, (M, N, K)."""
    prepared = prepare(raw, PREPARATION)
    return np.stack([engine.predict(prepared)[0] for engine in bundle.runner().engines])


def judged(known: np.ndarray, overlaps: np.ndarray) -> tuple[float, float, int]:
    """Share flagged, AUROC, and how many."""
    limit = np.quantile(known, 1 - FALSE_ALARM)
    return float((overlaps > limit).mean()), float(auroc(known, overlaps)), len(overlaps)


def together(rows: list[tuple[float, float, int]]) -> dict[str, float]:
    """Mean over pairs of groups, every overlap alike."""
    values, weights = np.array(rows)[:, :2], np.array(rows)[:, 2]
    flagged, area = np.average(values, axis=0, weights=weights)
    return {"flagged": float(flagged), "auroc": float(area)}


def weighed(x: np.ndarray, y: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Weigh the scores by logistic regression, both sides alike."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    score: Callable[[np.ndarray], np.ndarray] = model.fit(x, y).decision_function
    return score


def half_of(phase: np.ndarray, group: np.ndarray, seed: int) -> np.ndarray:
    """Choose half of the phases of every group, one of a lone phase never, (N,)."""
    rng = np.random.default_rng([SEED, seed])
    own = [rng.permutation(np.unique(phase[group == g])) for g in np.unique(group)]
    return np.isin(phase, np.concatenate([names[: len(names) // 2] for names in own]))


def main() -> None:
    """Record, superpose, judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("masters", type=Path)
    args = parser.parse_args()
    bundle, held_out = Predictor.load("shipped"), read_held_out(SHIPPED_FOLDER / "held_out.npz")
    files = sorted(args.masters.glob("*.sht"))
    public = [(p.stem.rsplit("_", 1)[0], load_master(p, half_size=50)) for p in files]
    known = [(name, m) for name, m in public if m.space_group in CLASSES]
    one = np.zeros(1, int)
    raw = np.concatenate(
        [labelled_batch([m], one, EACH, DETECTOR, MICROSCOPE, [SEED, 3, i])[0] for i, (_, m) in enumerate(known)]
    )  # fmt: skip
    group = np.repeat([m.space_group for _, m in known], EACH)
    phase = np.repeat([name for name, _ in known], EACH)
    first, second = np.random.default_rng(SEED).integers(len(raw), size=(2, 4 * OVERLAPS))
    chosen = np.flatnonzero(group[first] != group[second])[:OVERLAPS]
    first, second = first[chosen], second[chosen]
    both = np.round(0.5 * raw[first].astype(float) + 0.5 * raw[second]).astype(np.uint8)
    said = logits_of(bundle, both)
    pair = np.sort(np.searchsorted(CLASSES, [group[first], group[second]]), axis=0).T

    def familiar(part: HeldOut, of: tuple[int, int]) -> np.ndarray:
        return scores(part.outputs.logits[:, np.isin(part.labels, of)], of)

    weighs, judges = held_out.calibration, held_out.select(held_out.part != Part.CALIBRATION)
    single: list[list[tuple[float, float, int]]] = [[] for _ in SCORES]
    pairs = [(int(a), int(b)) for a, b in np.unique(pair, axis=0)]
    of_pair = {of: np.flatnonzero((pair == of).all(axis=1)) for of in pairs}
    overlap = {of: scores(said[:, own], of) for of, own in of_pair.items()}
    quiet = {of: (familiar(weighs, of), familiar(judges, of)) for of in pairs}
    for of in pairs:
        for k in range(len(SCORES)):
            single[k].append(judged(quiet[of][1][:, k], overlap[of][:, k]))
    trained: list[tuple[float, float, int]] = []
    for division in range(DIVISIONS):
        half = half_of(phase, group, division)
        inside, outside = half[first] & half[second], ~half[first] & ~half[second]
        x = np.concatenate(
            [overlap[of][inside[of_pair[of]]] for of in pairs] + [quiet[of][0] for of in pairs]
        )
        y = np.arange(len(x)) < inside.sum()
        score = weighed(x, y)
        trained += [
            judged(score(quiet[of][1]), score(overlap[of][own]))
            for of in pairs
            if (own := outside[of_pair[of]]).any()
        ]
    result: dict[str, Any] = provenance(seed=SEED) | {
        "overlaps": len(both),
        "pairs_of_groups": len(pairs),
        "false_alarm": FALSE_ALARM,
        "named": dict(zip(SCORES, map(together, single), strict=True)),
        "named, all scores weighed on other phases": together(trained) | {"judged": sum(t[2] for t in trained)},
    }  # fmt: skip
    (HERE / "named_overlaps.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({k: v for k, v in result.items() if "named" in k}, indent=1))


if __name__ == "__main__":
    main()
