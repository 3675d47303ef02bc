"""Scores that tell crystals outside m-3m, and overlaps, from familiar crystals, by the shipped members as they are.

    python -m reports.simulation.library WORK/strangers --count 54 --strangers --quick --half-size 50 --seed 311
    python -m reports.trust.strangers WORK MASTERS --real SHARED [--publish]

WORK holds the strangers of this package's simulator (18 space groups), MASTERS the public master patterns (.sht,
EMsoft), SHARED the real scans. Everything is recorded as the shipped members were trained. The familiar crystals are
those that the bundle held out: one part weighs, another sets thresholds; no stranger's family judges what it weighed,
and EMsoft's strangers weigh nothing. Writes `strangers.json`; ``--publish`` puts the gate into the shipped bundle,
with every rule calibrated and certified again behind it.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import energy, generalised_entropy
from ensemble.abstention.strangers import GATE_FEATURES, fit_stranger_gate, gate_features
from ensemble.metrics import auroc
from ensemble.pooling import DropoutDraws, combine
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, Part, read_held_out
from kikuchi.bundle.strangers import Strangers
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import pattern_quality, prepare
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch
from reports._provenance import provenance
from reports.real.table import patterns_of
from reports.simulation.trunk import CLASSES, DETECTOR, MICROSCOPE, PREPARATION
from reports.trust.stranger_features import by_features
from reports.trust.stranger_gate import publish

HERE = Path(__file__).resolve().parent
EACH = 12
SEED = 77
FALSE_ALARM = 0.05
FAMILIES = {
    "orthorhombic": (16, 74),
    "tetragonal": (75, 142),
    "trigonal, hexagonal": (143, 194),
    "cubic": (195, 230),
}


def main() -> None:
    """Record, run, weigh and judge."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--publish", action="store_true")
    args = parser.parse_args()
    bundle = Predictor.load("shipped")
    held_out = read_held_out(SHIPPED_FOLDER / "held_out.npz")
    public = [load_master(p, half_size=50) for p in sorted(args.masters.glob("*.sht"))]
    own = [load_master(p) for p in sorted((args.work / "strangers").glob("*_*.npz"))]
    sets = {
        "own": Recorded.of(own, bundle, 1),
        "emsoft": Recorded.of([m for m in public if m.space_group not in CLASSES], bundle, 2),
        "known": Recorded.of([m for m in public if m.space_group in CLASSES], bundle, 3),
    }
    overlaps = sets["known"].overlapped(bundle)
    result: dict[str, Any] = provenance(seed=SEED) | {
        "patterns": {name: len(one.group) for name, one in sets.items()} | {"overlaps": len(overlaps.group)},
        "single_scores": single_scores(held_out, sets | {"overlaps": overlaps}),
        "gate": gate_by_family(held_out, sets["own"], sets["emsoft"]),
        "overlaps": told_overlaps(held_out, sets, overlaps),
        "by_features": by_features(bundle, held_out, sets["known"], sets["own"], sets["emsoft"], family),
        "real": real_patterns(bundle, held_out, sets["own"], args.real),
    }
    if args.publish:
        names = tuple(f"{m.name} ({m.space_group})" for m in own)
        strangers = Strangers.of(sets["own"].outputs, np.repeat(np.arange(len(own)), EACH), names)
        result["published"] = publish(bundle, held_out, strangers, FALSE_ALARM)
    (HERE / "strangers.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


class Recorded:
    """Patterns of some crystals and what the members say of them."""

    def __init__(self, raw: np.ndarray, group: np.ndarray, names: np.ndarray, bundle: Predictor) -> None:
        runner = bundle.runner()
        self.raw, self.group, self.names = raw, group, names
        self.prepared = prepare(raw, PREPARATION)
        said = [engine.predict(self.prepared) for engine in runner.engines]
        logits = np.stack([logits for logits, _ in said])
        self.features = np.stack([features for _, features in said])
        m, n, _ = logits.shape
        draws = DropoutDraws(softmax(logits), np.zeros((m, n), np.float32), np.zeros(logits.shape, np.uint16))
        distance = bundle.familiarity.score(list(self.features))
        self.outputs = MemberOutputs(logits, draws, distance, pattern_quality(raw))

    @classmethod
    def of(cls, masters: list[MasterPattern], bundle: Predictor, number: int) -> "Recorded":
        """Record so many patterns of each master."""
        one = np.zeros(1, int)
        raw = [
            labelled_batch([m], one, EACH, DETECTOR, MICROSCOPE, [SEED, number, i])[0]
            for i, m in enumerate(masters)
        ]
        group = np.repeat([m.space_group for m in masters], EACH)
        return cls(np.concatenate(raw), group, np.repeat([m.name for m in masters], EACH), bundle)

    def overlapped(self, bundle: Predictor, n: int = 1000) -> "Recorded":
        """Superpose pairs of patterns of different space groups, half and half."""
        one, other = np.random.default_rng(SEED).integers(len(self.raw), size=(2, 4 * n))
        chosen = np.flatnonzero(self.group[one] != self.group[other])[:n]
        one, other = one[chosen], other[chosen]
        both = 0.5 * self.raw[one].astype(float) + 0.5 * self.raw[other]
        return Recorded(np.round(both).astype(np.uint8), self.group[one], self.names[one], bundle)

    @property
    def x(self) -> np.ndarray:
        """Features of the gate, (n, 4)."""
        return gate_features(self.outputs.logits, self.outputs.unfamiliarity)


def family(group: np.ndarray) -> np.ndarray:
    """Crystal family of space groups."""
    return np.array([next(f for f, (a, b) in FAMILIES.items() if a <= g <= b) for g in group])


def judged(known: np.ndarray, strange: np.ndarray) -> dict[str, float]:
    """AUROC, and the share flagged where so many of the known are."""
    limit = np.quantile(known, 1 - FALSE_ALARM)
    return {
        "auroc": round(float(auroc(known, strange)), 3),
        "flagged": round(float((strange > limit).mean()), 3),
    }


def parts(held_out: HeldOut) -> tuple[HeldOut, HeldOut]:
    """Held-out crystals that weigh, and others that set the threshold."""
    return held_out.select(held_out.part == Part.CALIBRATION), held_out.select(
        held_out.part != Part.CALIBRATION
    )


def single_scores(held_out: HeldOut, sets: dict[str, Recorded]) -> dict[str, Any]:
    """Judge what members say, score by score."""

    def scores(outputs: MemberOutputs) -> dict[str, np.ndarray]:
        x = gate_features(outputs.logits, outputs.unfamiliarity)
        found = {name: x[:, k] for k, name in enumerate(GATE_FEATURES)}
        top = combine(outputs.logits, "average").probabilities.max(axis=1)
        largest = -outputs.logits.mean(axis=0).max(axis=1)
        more = {
            "GEN": generalised_entropy(outputs.logits),
            "1 - top probability": 1 - top,
            "- largest logit": largest,
        }
        return found | more

    known = scores(parts(held_out)[1].outputs)
    return {
        score: {name: judged(values, scores(one.outputs)[score]) for name, one in sets.items()}
        for score, values in known.items()
    }


def gate_by_family(held_out: HeldOut, own: Recorded, emsoft: Recorded) -> dict[str, Any]:
    """Weigh the gate with all families but one, and judge it on that one, by both simulators."""
    first, second = parts(held_out)
    weigh, judge = (gate_features(h.outputs.logits, h.outputs.unfamiliarity) for h in (first, second))
    found: dict[str, Any] = {}
    left: dict[str, list[np.ndarray]] = {"own": [], "emsoft": []}
    limits = []
    for name in FAMILIES:
        gate = fit_stranger_gate(weigh, own.x[family(own.group) != name], groups=first.group)
        known = gate.score(judge)
        limits.append(float((known > gate.threshold).mean()))
        for simulator, one in (("own", own), ("emsoft", emsoft)):
            here = family(one.group) == name
            if here.any():
                strange = gate.score(one.x[here])
                found[f"{name}, {simulator}"] = judged(known, strange) | {"patterns": int(here.sum())}
                left[simulator].append(strange > np.quantile(known, 1 - FALSE_ALARM))
    gate = fit_stranger_gate(weigh, own.x, groups=first.group)
    known, strange = gate.score(judge), gate.score(emsoft.x)
    zinc_blende = emsoft.group == 216
    return {
        "left_out_family": found,
        "flagged_all_families_left_out": {
            s: round(float(np.concatenate(f).mean()), 3) for s, f in left.items()
        },
        "false_alarms_at_the_threshold_set_by_crystal": [round(f, 3) for f in limits],
        "weights": dict(zip(GATE_FEATURES, np.round(gate.weights, 3).tolist(), strict=True)),
        "emsoft": judged(known, strange),
        "emsoft_without_zinc_blende": judged(known, strange[~zinc_blende]),
        "emsoft_by_phase": {
            str(n): judged(known, strange[emsoft.names == n]) for n in np.unique(emsoft.names)
        },
    }


def told_overlaps(held_out: HeldOut, sets: dict[str, Recorded], overlaps: Recorded) -> dict[str, Any]:
    """Weigh a gate with half of the overlaps: against familiar crystals, and against other strangers."""
    first, second = parts(held_out)
    weigh, judge = (gate_features(h.outputs.logits, h.outputs.unfamiliarity) for h in (first, second))
    odd = np.arange(len(overlaps.group)) % 2 == 1
    gate = fit_stranger_gate(weigh, overlaps.x[~odd], groups=first.group)
    apart = fit_stranger_gate(sets["own"].x, overlaps.x[~odd])
    of_strangers = fit_stranger_gate(weigh, sets["own"].x, groups=first.group)
    return {
        "by_a_gate_of_their_own": judged(gate.score(judge), gate.score(overlaps.x[odd])),
        "by_the_gate_of_strangers": judged(of_strangers.score(judge), of_strangers.score(overlaps.x)),
        "against_emsofts_strangers": judged(apart.score(sets["emsoft"].x), apart.score(overlaps.x[odd])),
    }


def real_patterns(bundle: Predictor, held_out: HeldOut, own: Recorded, shared: Path) -> list[dict[str, Any]]:
    """Count which real patterns the gate, the energy and the distance alone flag at the same rate of false alarms."""
    first, second = parts(held_out)
    weigh, judge = (gate_features(h.outputs.logits, h.outputs.unfamiliarity) for h in (first, second))
    gate = fit_stranger_gate(weigh, own.x, groups=first.group)
    rows = []
    plain = bundle.runner()
    for name, patterns, background, truth in patterns_of(shared):
        outputs = MemberOutputs.join(
            [plain.outputs(p, background) for p in np.array_split(patterns, max(1, len(patterns) // 250))]
        )
        x = gate_features(outputs.logits, outputs.unfamiliarity)
        pairs = {"gate": (gate.score(judge), gate.score(x)), "distance": (judge[:, 0], x[:, 0])}
        pairs["energy"] = (energy(second.outputs.logits), energy(outputs.logits))
        flagged = {s: int((a > np.quantile(k, 1 - FALSE_ALARM)).sum()) for s, (k, a) in pairs.items()}
        rows.append({"scan": name, "patterns": len(x), "is_a_class": truth is not None, "flagged": flagged})
    return rows


if __name__ == "__main__":
    main()
