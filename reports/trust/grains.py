"""Does a promise hold on new grains? Fits on simulated scans of 10, 40 and 150 grains, split by grain and by pattern.

    python -m reports.trust.grains [--work WORK] [--fits 40] [--by-pattern 12] [--seed 2026]

writes `grains.json` beside this script. Two materials are simulated kinematically, all by one microscope; every grain
is 4 x 4 points of one orientation. The member is linear on principal components of the pixels, which know the grains
they were fitted on, and on the radial spectrum, which knows the material: seconds a fit, and the statistics are what is
judged. Split, grains by likeness, calibration and certificate are those of `ensemble fit`. Runs in WORK are kept.
"""

import argparse
import json
import time
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import Status, decide
from ensemble.bayesian.softmax_regression import fit_map, regression
from ensemble.errors import InputError
from ensemble.pooling import DropoutDraws, combine
from ensemble.softmax import softmax
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.postprocessing.split_units import divided, held_out_parts
from kikuchi.recipes.schema import Recipe, load_recipe
from kikuchi.scans import Dataset, Material, prepare, scan_from_array
from kikuchi.simulate import Detector, Microscope, kinematical_master, load_structure
from kikuchi.simulate.detector.acquisition import Crystals, acquire, draw_parameters
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.orientations import random_orientations
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
MATERIALS = (("Fe", 229), ("Si", 227))
GRAINS = (10, 40, 150)
SIDE = 4
NEW = 600
SIZE = 32
COMPONENTS = 12
RISK = 0.1
#: Sets of 95 % take 19 planning grains before any set holds fewer than all classes; these take 4.
COVERAGE = 0.8
CONTRAST, DOSE = 0.3, 5000.0


@cache
def _masters() -> list[Any]:
    return [kinematical_master(load_structure(name), half_size=60) for name, _ in MATERIALS]


def recorded(number: int, rotations: np.ndarray, seed: list[int]) -> np.ndarray:
    """Patterns (n, 40, 40) of one material in given orientations."""
    detector = Detector(shape=(40, 40), pcx=constant(0.5), pcy=constant(0.3), pcz=constant(0.6))
    fixed = {"background_height": 0.8, "background_width": 0.45, "background_x": 0.5, "background_y": 0.45}
    fixed |= {
        "gradient_x": 0.0,
        "gradient_y": 0.0,
        "blur": 0.6,
        "exposure": 0.7,
        "contrast": CONTRAST,
        "dose": DOSE,
    }
    microscope = Microscope(**{name: constant(value) for name, value in fixed.items()})
    n = len(rotations)
    phase = np.full(n, number)
    crystals = Crystals(phase, rotations, phase, rotations, np.zeros(n))
    parameters = draw_parameters(detector, microscope, n, seed)
    blocks = acquire(_masters(), crystals, parameters, detector, microscope, seed, 1)
    return np.concatenate([block for _, block in blocks])


def scans(grains: int, seed: list[int]) -> Dataset:
    """One scan of each material, its grains in a row of squares."""
    materials = []
    for number, (name, group) in enumerate(MATERIALS):
        rng = np.random.default_rng([*seed, number])
        wide = int(np.ceil(np.sqrt(grains)))
        tall = int(np.ceil(grains / wide))
        turns = random_orientations(tall * wide, rng).reshape(tall, wide, 4)
        each = np.repeat(np.repeat(turns, SIDE, axis=0), SIDE, axis=1)
        # Grains beyond the number wanted are copies of the last: one grain.
        place = np.minimum(np.arange(tall * wide), grains - 1).reshape(tall, wide)
        each = turns.reshape(-1, 4)[np.repeat(np.repeat(place, SIDE, axis=0), SIDE, axis=1)]
        patterns = recorded(number, each.reshape(-1, 4), [*seed, number])
        materials.append(
            Material(name, group, scan_from_array(patterns.reshape(*each.shape[:2], 40, 40), name))
        )
    return Dataset(materials)


@cache
def new_grains(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One prepared pattern of each of many grains that no fit has seen, and their space groups."""
    look = load_recipe("quick").preparation(SIZE)
    patterns, groups = [], []
    for number, (_, group) in enumerate(MATERIALS):
        turns = random_orientations(NEW, np.random.default_rng([seed, 99, number]))
        patterns.append(prepare(recorded(number, turns, [seed, 99, number]), look))
        groups += [group] * NEW
    return np.concatenate(patterns), np.array(groups)


def spectra(prepared: np.ndarray) -> np.ndarray:
    """Log power in rings of the spectrum, (n, SIZE // 2)."""
    power = np.abs(np.fft.fft2(prepared)) ** 2
    f = np.fft.fftfreq(SIZE) * SIZE
    ring = np.round(np.hypot(*np.meshgrid(f, f))).astype(int).ravel()
    flat = power.reshape(len(power), -1)
    rings = [flat[:, ring == r].mean(axis=1) for r in range(1, SIZE // 2 + 1)]
    return np.log(np.stack(rings, axis=1) + 1e-6)


def one_fit(grains: int, number: int, unit: str, seed: int) -> dict[str, Any]:
    """Fit on scans of so many grains, and judge what was promised on new ones."""
    data = scans(grains, [seed, grains, number])
    recipe = _recipe(data, unit)
    row: dict[str, Any] = {"grains": grains, "fit": number, "unit": unit}
    try:
        split, units = divided(data, recipe, number)
        part = held_out_parts(data, split, units)
    except InputError as error:
        return row | {"refused": error.what, "promised": 1.0, "made": False}
    prepared = data.prepared(np.arange(data.n), recipe.preparation(SIZE))
    labels = data.labels(split.classes)
    new, groups = new_grains(seed)
    truth = np.array([split.classes.index(g) for g in groups])
    logits = _member(prepared, labels, split.train, np.concatenate([prepared, new]))
    own, fresh = logits[: data.n], logits[data.n :]
    kept = np.sort(np.concatenate([split.calibration, split.test]))
    held_out = HeldOut(_outputs(own[kept]), labels[kept], data.material[kept], part[kept], units.group[kept])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        calibration, rule = fit_decision(held_out, "average", recipe, split.classes)

    def judged(z: np.ndarray, y: np.ndarray) -> tuple[int, int]:
        combined = combine(z[None], "average")
        n = len(z)
        d = decide(
            combined,
            calibration.apply(combined.probabilities),
            rule,
            unfamiliarity=np.ones(n),
            quality=np.ones(n),
        )
        said = d.status == Status.SOLVED
        return int(said.sum()), int((said & (d.winner != y)).sum())

    certificate = rule.certificate
    promised = 1.0 if units.withheld else certificate.certified_risk
    answered, wrong = judged(fresh, truth)
    inside, inside_wrong = judged(own[split.test], labels[split.test])
    return row | {
        "counted_by": units.how,
        "units_found": units.of_classes(data, split.classes),
        "withheld": bool(units.withheld),
        "promise": rule.promise,
        "target_risk": RISK,
        "promised": float(promised),
        "made": bool(promised < 1),
        "certified_as_asked": bool(certificate.certified and promised < 1),
        "new_answered": answered / len(truth),
        "new_risk": wrong / answered if answered else None,
        "new_error_of_always_answering": float((fresh.argmax(axis=1) != truth).mean()),
        "own_test_risk": inside_wrong / inside if inside else None,
        "broken": bool(promised < 1 and answered and wrong / answered > promised),
    }


def _recipe(data: Dataset, unit: str) -> Recipe:
    quick = load_recipe("quick")
    # A quarter of the scan trains, a sixteenth validates, four fifths of the rest calibrate and certify.
    n = len(data.materials[0].indices)
    split: dict[str, Any] = {"unit": unit, "train_per_class": n // 4, "validation_per_class": n // 16}
    split["calibration_fraction"] = 0.8
    return quick.model_copy(
        update={
            "split": quick.split.model_copy(update=split),
            "abstain": quick.abstain.model_copy(update={"risk": RISK, "coverage": COVERAGE}),
        }
    )


def _member(prepared: np.ndarray, labels: np.ndarray, train: np.ndarray, every: np.ndarray) -> np.ndarray:
    flat = prepared[train].reshape(len(train), -1).astype(np.float64)
    centre = flat.mean(axis=0)
    # Two hundred patterns tell the first components.
    some = flat[np.linspace(0, len(flat) - 1, min(len(flat), 200)).astype(int)]
    axes = np.linalg.svd(some - centre, full_matrices=False)[2][:COMPONENTS].T

    def features(x: np.ndarray) -> np.ndarray:
        return np.hstack([(x.reshape(len(x), -1) - centre) @ axes, spectra(x)])

    own = features(prepared[train])
    middle, scale = own.mean(axis=0), own.std(axis=0) + 1e-9

    def columns(x: np.ndarray) -> np.ndarray:
        return np.hstack([(features(x) - middle) / scale, np.ones((len(x), 1))])

    return columns(every) @ fit_map(regression(columns(prepared[train]), labels[train], len(MATERIALS), 1.0))


def _outputs(logits: np.ndarray) -> MemberOutputs:
    n, k = logits.shape
    z = logits[None].astype(np.float32)
    p = softmax(z)
    draws = DropoutDraws(p, np.zeros((1, n), np.float32), np.zeros((1, n, k), np.uint16))
    return MemberOutputs(z, draws, np.ones(n), np.ones(n))


def table(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One line for each number of grains and unit."""
    lines = []
    for unit in ("auto", "pattern"):
        for grains in GRAINS:
            own = [r for r in rows if r["unit"] == unit and r["grains"] == grains]
            if not own:
                continue
            made = [r for r in own if r["made"]]
            risks = [r["new_risk"] for r in made if r.get("new_risk") is not None]
            lines.append(
                {
                    "unit": unit,
                    "grains_a_material": grains,
                    "fits": len(own),
                    "promise_made": len(made),
                    "certified_as_asked": sum(r.get("certified_as_asked", False) for r in own),
                    "broken": sum(r.get("broken", False) for r in own),
                    "median_promised": float(np.median([r["promised"] for r in made])) if made else None,
                    "median_risk_on_new_grains": float(np.median(risks)) if risks else None,
                    "largest_risk_on_new_grains": max(risks, default=None),
                    "median_risk_on_own_test": _median(made, "own_test_risk"),
                    "median_answered_on_new_grains": _median(made, "new_answered"),
                }
            )
    return lines


def _median(rows: list[dict[str, Any]], name: str) -> float | None:
    values = [r[name] for r in rows if r.get(name) is not None]
    return float(np.median(values)) if values else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path("build/grains"))
    parser.add_argument("--fits", type=int, default=40)
    parser.add_argument("--by-pattern", type=int, default=12, help="fits that are also split by pattern")
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    begin = time.process_time()
    rows = []
    for unit, fits in (("auto", args.fits), ("pattern", args.by_pattern)):
        for number in range(fits):
            grains = GRAINS[number % len(GRAINS)]
            place = args.work / f"{grains}_{number}_{unit}.json"
            if not place.is_file():
                row = one_fit(grains, number, unit, args.seed)
                place.write_text(json.dumps(row), encoding="utf-8")
            rows.append(json.loads(place.read_text(encoding="utf-8")))
    result = {
        **provenance(seed=args.seed),
        "cpu_seconds_of_the_last_run": round(time.process_time() - begin),
        "materials": [name for name, _ in MATERIALS],
        "points_a_grain": SIDE**2,
        "new_grains_a_material": NEW,
        "target_risk": RISK,
        "coverage_of_the_sets": COVERAGE,
        "broken_by_grain": sum(r.get("broken", False) for r in rows if r["unit"] == "auto"),
        "table": table(rows),
        "fits": rows,
    }
    (HERE / "grains.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    for line in result["table"]:
        print(json.dumps(line))


if __name__ == "__main__":
    main()
