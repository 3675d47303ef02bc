"""Power and false alarms of the check before a promise: voltage, camera distance, dose, another simulator, real scans.

    python -m reports.trust.gauge_conditions WORK MASTERS --real SHARED [--repeats 20] [--seed 2026]

Two bundles. One is fitted here, in WORK, on ferrite and austenite as EMsoft simulates them (MASTERS) under one
recording: many independent patterns were held out, so the gauge compares units. The other is the shipped one, whose
held-out units are crystals: a scan is one draw, and is ranked. Every scan is checked as `ensemble map` does, each
point a crystal orientation of its own; the alarm is that the check takes the promise back. Every finished condition is
kept in WORK, and an interrupted run goes on. Writes `gauge_conditions.json`.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from kikuchi.inference.predictor import Predictor
from kikuchi.postprocessing.scan_check import check_scan
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, background_for, scan_from_array
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch
from reports._provenance import provenance
from reports.real.among import scans as real_scans
from reports.simulation.trunk import CLASSES, DETECTOR, MICROSCOPE

HERE = Path(__file__).resolve().parent
STEEL = {"Fe_alpha_iron_sg229": "Fe", "Fe_gamma_iron_sg225": "Austenite"}
CENTRE, CAMERA, DOSE, CONTRAST, KV = (0.5, 0.3), 0.6, 5000.0, 0.15, 20
EACH = 1500
POINTS = 100
RECIPE = """
[[member]]
kind = "scratch"
count = 2
size = 64
[train]
epochs = 8
batch = 32
cosine_decay = true
[split]
train_per_class = 700
validation_per_class = 100
unit = "pattern"
"""


def main() -> None:
    """Fit, record and check."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("--real", type=Path, required=True)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    begin = time.process_time()
    result: dict[str, Any] = provenance(seed=args.seed) | {
        "repeats": args.repeats,
        "points_of_a_scan": POINTS,
        "level": 0.05,
    }
    parts: dict[str, Callable[[], Any]] = {
        "real_scans_by_the_shipped_bundle": partial(
            kept, args.work / "real.json", partial(real_part, args.real)
        ),
        "shipped": partial(shipped_part, args.work, args.masters, args.seed),
        "fitted_on_steel": partial(fitted_part, args.work, args.masters, args.repeats, args.seed),
    }
    for name, part in parts.items():
        result |= {name: part(), "cpu_seconds_of_this_run": round(time.process_time() - begin)}
        text = json.dumps(result, indent=1) + "\n"
        (HERE / "gauge_conditions.json").write_text(text, encoding="utf-8")


def kept(file: Path, make: Callable[[], Any]) -> Any:
    """Return what a file holds, made and written first where it is not there."""
    if not file.is_file():
        made = make()
        file.write_text(json.dumps(made), encoding="utf-8")
    return json.loads(file.read_text(encoding="utf-8"))


def steel(masters: Path, kv: int) -> list[MasterPattern]:
    """Load ferrite and austenite as EMsoft simulates them."""
    return [load_master(masters / f"{name}_{kv}kV.sht", half_size=50) for name in STEEL]


def recording(**changes: float) -> tuple[Detector, Microscope]:
    """Give the one recording of the fitted bundle, with something changed."""
    detector = Detector(
        shape=(64, 64),
        pcx=constant(CENTRE[0]),
        pcy=constant(CENTRE[1]),
        pcz=constant(changes.get("camera", CAMERA)),
        sample_tilt=constant(70.0),
    )
    return detector, Microscope(contrast=constant(CONTRAST), dose=constant(changes.get("dose", DOSE)))


def recorded(
    masters: Sequence[MasterPattern],
    n: int,
    of: tuple[Detector, Microscope],
    seed: list[int],
    shares: tuple[float, ...],
) -> np.ndarray:
    """Record n patterns of some masters in some mixture, every one of another orientation."""
    return labelled_batch(masters, np.arange(len(masters)), n, *of, seed, class_sampling=shares)[0]


def alarm(bundle: Predictor, patterns: np.ndarray) -> dict[str, Any]:
    """Check a scan of such patterns as `map` does."""
    side = int(np.sqrt(len(patterns)))
    scan = scan_from_array(patterns[: side * side].reshape(side, side, *patterns.shape[1:]), "scan")
    background = background_for(scan, bundle.preparation(bundle.members[0]))
    outputs = bundle.member_outputs(scan.read(slice(None)), background)
    rule = bundle.rule
    decision = bundle.decide(outputs)
    check = check_scan(bundle, rule, bundle.abstentions[rule], outputs, decision, scan)
    gauge = check.gauge
    return {
        "alarm": bool(gauge is not None and gauge.alike is False),
        "p": None if gauge is None else gauge.p_value,
        "first": None if gauge is None or not gauge.deviations else gauge.deviations[0].feature,
        "answered": float((decision.status == 0).mean()),
    }


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Count the alarms of one condition, and which feature was named first."""
    alarms = [r["alarm"] for r in rows]
    names, counts = np.unique([r["first"] for r in rows if r["alarm"] and r["first"]], return_counts=True)
    return {
        "scans": len(rows),
        "alarms": float(np.mean(alarms)),
        "named_first": {
            str(n): int(c) for n, c in sorted(zip(names, counts, strict=True), key=lambda x: -x[1])
        },
        "answered": float(np.mean([r["answered"] for r in rows])),
    }


def fitted_part(work: Path, masters: Path, repeats: int, seed: int) -> dict[str, Any]:
    """Fit the bundle and check scans under every condition."""
    known = steel(masters, KV)
    run = work / "run"
    if not (run / "bundle.json").is_file():
        materials = [
            Material(
                name,
                m.space_group,
                scan_from_array(recorded([m], EACH, recording(), [seed, i], (1.0,))[None], name),
            )
            for i, (name, m) in enumerate(zip(STEEL.values(), known, strict=True))
        ]
        kikuchi.fit(Dataset(materials), parse_recipe(RECIPE, "steel"), run, seed=seed)
    bundle = Predictor.load(run)
    own = [kept_master(work, name) for name in STEEL.values()]
    even, uneven = (1.0, 1.0), (4.0, 1.0)
    conditions: dict[
        str, tuple[Sequence[MasterPattern], tuple[Detector, Microscope], tuple[float, ...], int]
    ] = {
        "nothing changed": (known, recording(), even, 3 * repeats),
        "nothing changed, mixed 4 to 1": (known, recording(), uneven, 2 * repeats),
        "10 kV": (steel(masters, 10), recording(), even, repeats),
        "30 kV": (steel(masters, 30), recording(), even, repeats),
        "another simulator": (own, recording(), even, repeats),
    }
    for by in (1.02, 1.05, 1.1, 1.3):
        conditions[f"camera {by:g} times as far"] = (known, recording(camera=CAMERA * by), even, repeats)
    for by in (0.9, 0.7, 0.5, 0.25):
        conditions[f"{by:g} of the dose"] = (known, recording(dose=DOSE * by), even, repeats)
    found = {}
    for number, (name, (crystals, of, shares, n)) in enumerate(conditions.items()):
        scans = partial(_steel_scans, bundle, crystals, of, shares, n, [seed, 100 + number])
        rows = kept(work / f"fitted-{number}.json", scans)
        found[name] = summary(rows)
        print(name, found[name], flush=True)
    return found


def _steel_scans(
    bundle: Predictor,
    crystals: Sequence[MasterPattern],
    of: tuple[Detector, Microscope],
    shares: tuple[float, ...],
    n: int,
    seed: list[int],
) -> list[dict[str, Any]]:
    return [alarm(bundle, recorded(crystals, POINTS, of, [*seed, i], shares)) for i in range(n)]


def _scans_of_one_phase(
    bundle: Predictor, known: Sequence[MasterPattern], changes: dict[str, float], seed: int, number: int
) -> list[dict[str, Any]]:
    """Four scans of each phase as the members were trained, and one where something is changed."""
    return [
        alarm(
            bundle,
            recorded([m], POINTS, drawn(changes, seed, i, r), [seed, 200 + number, i, r], (1.0,)),
        )
        for i, m in enumerate(known)
        for r in range(1 if changes else 4)
    ]


def kept_master(work: Path, name: str) -> MasterPattern:
    """Simulate a structure of the package by its own solver, once."""
    from kikuchi.simulate.masters.master_file import save_master

    file = work / f"{name}.npz"
    if not file.is_file():
        structure = load_structure(name)
        save_master(file, bloch_wave_master(structure, KV, half_size=50), structure)
    return load_master(file)


def shipped_part(work: Path, masters: Path, seed: int) -> dict[str, Any]:
    """Check scans of one phase each, recorded under one drawn recording, by the shipped bundle."""
    bundle = Predictor.load("shipped")
    known = [
        m
        for p in sorted(masters.glob("*_20kV.sht"))
        if (m := load_master(p, half_size=50)).space_group in CLASSES
    ]
    conditions = {"as trained": {}, "camera at 0.9": {"camera": 0.9}, "camera at 1.1": {"camera": 1.1}}
    conditions |= {"500 electrons": {"dose": 500.0}, "150 electrons": {"dose": 150.0}}
    conditions |= {"contrast of 1.5 %": {"contrast": 0.015}}
    found = {}
    for number, (name, changes) in enumerate(conditions.items()):
        scans = partial(_scans_of_one_phase, bundle, known, changes, seed, number)
        rows = kept(work / f"shipped-{number}.json", scans)
        found[name] = summary(rows)
        print(name, found[name], flush=True)
    return found


def drawn(changes: dict[str, float], seed: int, *number: int) -> tuple[Detector, Microscope]:
    """Draw one recording from what the shipped members were trained on, with something changed."""
    rng = np.random.default_rng([seed, *number])

    def fixed(table: Any, **wanted: float) -> Any:
        values = {
            field: constant(float(value.draw(1, rng)[0]))
            for field in type(table).model_fields
            if hasattr(value := getattr(table, field), "draw")
        }
        return table.model_copy(update=values | {k: constant(v) for k, v in wanted.items()})

    camera = {"pcz": changes["camera"]} if "camera" in changes else {}
    light = {k: v for k, v in changes.items() if k != "camera"}
    return fixed(DETECTOR, **camera), fixed(MICROSCOPE, **light)


def real_part(shared: Path) -> list[dict[str, Any]]:
    """Check the real scans by the shipped bundle; silicon's single patterns are no scans."""
    bundle = Predictor.load("shipped")
    rows = []
    for name, file, _, _ in real_scans(shared):
        scan = kikuchi.open_scan(file)
        if scan.n < 5:
            continue
        outputs = bundle.member_outputs(
            scan.read(slice(None)), background_for(scan, bundle.preparation(bundle.members[0]))
        )
        decision = bundle.decide(outputs)
        check = check_scan(bundle, bundle.rule, bundle.abstentions[bundle.rule], outputs, decision, scan)
        gauge = check.gauge
        rows.append({"scan": name} | ({} if gauge is None else gauge.to_dict()))
    return rows


if __name__ == "__main__":
    main()
