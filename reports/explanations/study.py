"""Where attributions lie, and whether they can be believed, on simulated Ni and Ni3Al that members disagree about.

    python -m reports.explanations.study ../shared/masters --work WORK

fits the members where that is not done yet (`ensembles.py`), simulates Ni and Ni3Al patterns that none of them has
seen, and writes ``study.json`` beside itself. Intervals are bootstraps over patterns: each is a crystal of its own.
"""

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.softmax import softmax
from kikuchi.bundle.background import BACKGROUND
from kikuchi.explain import Ensemble, Shapley, read_background
from kikuchi.explain.bands import Physics
from kikuchi.explain.faithfulness import perturb, randomised_weights, rank_correlation
from kikuchi.explain.ground_truth import Truth, shares
from kikuchi.explain.inputs import per_class
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import open_scan, prepare
from kikuchi.simulate import simulate
from reports._provenance import provenance
from reports.explanations.ensembles import arguments, fitted, specification

HERE = Path(__file__).parent
ASKED = ("Ni3Al", "Ni")
PER_MATERIAL = 400
PAIR = (0, 1)  # the class indices of 221 and 225
AGAIN = 6  # patterns explained again with shuffled weights, and by gradients, for every member


def interval(values: Any, seed: int = 0) -> dict[str, float]:
    """Mean over patterns with its 95 % bootstrap interval."""
    values = np.asarray(values, float)
    draws = np.random.default_rng(seed).integers(0, len(values), (4000, len(values)))
    low, high = np.quantile(values[draws].mean(axis=1), [0.025, 0.975])
    return {"mean": float(values.mean()), "low": float(low), "high": float(high), "patterns": len(values)}


def questions(masters: Path, work: Path, seed: int, bundle: Predictor, most: int) -> list[dict[str, Any]]:
    """Return new patterns whose disputed classes are Ni's and Ni3Al's, with what is true of them."""
    folder = work / "asked"
    if not (folder / "dataset.toml").is_file():
        simulate(specification(masters, PER_MATERIAL, seed + 1, ASKED), folder)
    preparation = bundle.preparation(bundle.members[0])
    pair = (bundle.classes.index(221), bundle.classes.index(225))
    found: list[dict[str, Any]] = []
    for name in ASKED:
        scan = open_scan(folder / f"{name}.h5")
        truth = Truth.beside(scan)
        assert truth is not None
        raw = scan.read(slice(None))
        votes = softmax(bundle.member_outputs(raw).logits).argmax(axis=2)
        split = (votes != votes[0]).any(axis=0) & np.isin(votes, pair).all(axis=0)
        print(f"{name}: {split.sum()} of {scan.n} patterns split the members between 221 and 225", flush=True)
        found += [
            {
                "name": name,
                "pattern": prepare(raw[[i]], preparation)[0],
                "votes": votes[:, i],
                "physics": truth.physics(int(i), preparation),
                "splits": int(split.sum()),
            }
            for i in np.flatnonzero(split)
        ]
    order = np.random.default_rng(seed).permutation(len(found))[:most]
    return [found[i] for i in order]


def one(
    ensemble: Ensemble, question: dict[str, Any], other: Physics, seen: np.ndarray, kept: Path
) -> dict[str, Any]:
    """Explain one pattern and say where the attributions lie, and what perturbing it does; keep its maps."""
    pair, x, physics = PAIR, question["pattern"], question["physics"]
    margins = [ensemble.margin(m, pair, x) for m in range(len(ensemble.members))]
    stack = np.stack([m.values for m in margins])
    information = ensemble.uncertainty([x] * len(margins))
    maps = {
        "shared": stack.mean(axis=0),
        "parting": stack.std(axis=0),
        "mutual_information": np.sum(information.values, axis=0),
        # What any explanation that only follows the pattern would show.
        "contrast": x - ensemble.backgrounds[0].mean(axis=0),
    }
    np.savez(kept, pattern=x, bands=physics.band, zone_axes=physics.zone_axis, **maps)
    member = int(np.argmax([abs(m.value - m.base) for m in margins]))
    sign = 1.0 if margins[member].value > margins[member].base else -1.0

    def output(patterns: np.ndarray) -> np.ndarray:
        logits = ensemble.logits(member, patterns)
        return sign * (logits[:, pair[0]] - logits[:, pair[1]])

    blank = ensemble.backgrounds[member].mean(axis=0)
    orders = {
        "attribution": sign * margins[member].values,
        "band centres": np.where(seen, physics.centre, -1e9),
    }
    curves = {name: perturb(output, x, values, blank) for name, values in orders.items()}
    return {
        "material": question["name"],
        "errors": [m.error for m in margins],
        "missed": [m.missed for m in margins],
        "information_error": information.error,
        "information_missed": information.missed,
        "shares": {name: shares(values, physics, seen) for name, values in maps.items()},
        "on_another_crystals_bands": shares(maps["shared"], other, seen),
        "gains": {n: {"deletion": c.deletion_gain, "insertion": c.insertion_gain} for n, c in curves.items()},
        "curves": {
            "share": curves["attribution"].share.tolist(),
            "deletion": {n: c.deletion.tolist() for n, c in curves.items()}
            | {"random": curves["attribution"].random_deletion.mean(axis=0).tolist()},
            "insertion": {n: c.insertion.tolist() for n, c in curves.items()}
            | {"random": curves["attribution"].random_insertion.mean(axis=0).tolist()},
        },
    }


def shuffled(ensemble: Ensemble, patterns: list[np.ndarray]) -> list[float]:
    """Rank correlation of every member's margin with that of its shuffled weights."""
    found = []
    for m, member in enumerate(ensemble.members):
        trained = [ensemble.margin(m, PAIR, x).values for x in patterns]
        with randomised_weights(member, seed=m):
            again = [ensemble.margin(m, PAIR, x).values for x in patterns]
        found += [rank_correlation(a, b) for a, b in zip(trained, again, strict=True)]
    return found


def by_gradients(ensemble: Ensemble, patterns: list[np.ndarray]) -> dict[str, Any]:
    """Say how complete the other method, expected gradients, is for every member's margin, and how like DeepSHAP."""
    combination = np.eye(ensemble.classes)[[PAIR[0]]] - np.eye(ensemble.classes)[[PAIR[1]]]
    found, alike = [], []
    for m, (member, background) in enumerate(zip(ensemble.members, ensemble.backgrounds, strict=True)):
        explain = Shapley(member, background, "gradients")
        for x in patterns:
            found.append(explain(x, combination)[0])
            alike.append(rank_correlation(found[-1].values, ensemble.margin(m, PAIR, x).values))
    return {
        "margins": len(found),
        "largest_relative_error": max(a.error for a in found),
        "largest_missed_logits": max(a.missed for a in found),
        "rank_correlation_with_deep": interval(alike),
    }


def summary(records: list[dict[str, Any]]) -> dict[str, Any]:
    """Means over the patterns with their intervals."""
    places = ("bands", "zone_axes")

    def table(get: Any) -> dict[str, Any]:
        return {
            place: {
                "attribution": interval([get(r)[place]["attribution"] for r in records]),
                "area": interval([get(r)[place]["area"] for r in records]),
                "difference": interval(
                    [get(r)[place]["attribution"] - get(r)[place]["area"] for r in records]
                ),
            }
            for place in places
        }

    return {
        "shares": {name: table(lambda r, name=name: r["shares"][name]) for name in records[0]["shares"]}
        | {"shared, on another crystal's bands": table(lambda r: r["on_another_crystals_bands"])},
        "gains": {
            f"{name}, {way}": interval([r["gains"][name][way] for r in records])
            for name in records[0]["gains"]
            for way in ("deletion", "insertion")
        },
        "curves": {
            way: {
                name: np.mean([r["curves"][way][name] for r in records], axis=0).round(4).tolist()
                for name in records[0]["curves"][way]
            }
            for way in ("deletion", "insertion")
        }
        | {"share": records[0]["curves"]["share"]},
        "completeness": {
            "largest_relative_error": max(max(r["errors"]) for r in records),
            "largest_missed_logits": max(max(r["missed"]) for r in records),
            "information_largest_relative_error": max(r["information_error"] for r in records),
            "information_median_relative_error": float(np.median([r["information_error"] for r in records])),
            "information_largest_missed_nats": max(r["information_missed"] for r in records),
        },
    }


def main() -> None:
    given = arguments(__doc__)
    bundle = fitted(given.masters, given.work, given.seed)
    asked = questions(given.masters, given.work, given.seed, bundle, given.disagreements)
    background = read_background(bundle.path / BACKGROUND).thinned(per_class(bundle))
    models = [bundle.model(m.name) for m in bundle.members]
    alike = [(m.architecture, m.size, m.channels) for m in bundle.members]
    ensemble = Ensemble(models, [m.size for m in bundle.members], background, alike=alike)
    seen = ensemble.backgrounds[0].std(axis=0) > 0
    kept = given.work / "explained.json"
    records = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else []
    begin = time.perf_counter()
    for number, question in enumerate(asked[len(records) :], start=len(records)):
        maps = given.work / f"explained-{number:02}.npz"
        records.append(one(ensemble, question, asked[number - 1]["physics"], seen, maps))
        kept.write_text(json.dumps(records), encoding="utf-8")
        print(f"{number + 1} of {len(asked)} explained, {time.perf_counter() - begin:.0f} s", flush=True)
    again = [q["pattern"] for q in asked[:AGAIN]]
    correlations = shuffled(ensemble, again)
    result = {
        **provenance(seed=given.seed),
        "members": [m.name for m in bundle.members],
        "members_right": {
            m.name: float((bundle.held_out.outputs.logits[i].argmax(axis=1) == bundle.held_out.labels).mean())
            for i, m in enumerate(bundle.members)
        },
        "disagreements": {
            name: {"of": PER_MATERIAL, "explained": sum(q["name"] == name for q in asked)}
            | {"split": next((q["splits"] for q in asked if q["name"] == name), 0)}
            for name in ASKED
        },
        "background": len(background.labels),
        **summary(records),
        "by_gradients": by_gradients(ensemble, again),
        "shuffled_weights_rank_correlation": interval(correlations) | {"largest": max(correlations)},
    }
    (HERE / "study.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
