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
from scipy.stats import binomtest

import kikuchi
from kikuchi.bundle.outputs import MemberOutputs, one_of_each_group
from kikuchi.inference.predictor import Predictor
from kikuchi.postprocessing.scan_check import LEVEL, OUTPUT_FEATURES, check_scan, output_features
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, Scan, background_for, scan_from_array
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from reports._provenance import provenance
from reports.real.among import scans as real_scans
from reports.trust.gauge_scans import AS_TRAINED, CONDITIONS, POINTS, Scans, recorded, scans_of

HERE = Path(__file__).resolve().parent
STEEL = {"Fe_alpha_iron_sg229": "Fe", "Fe_gamma_iron_sg225": "Austenite"}
CENTRE, CAMERA, DOSE, CONTRAST, KV = (0.5, 0.3), 0.6, 5000.0, 0.15, 20
EACH = 1500
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


def alarm(bundle: Predictor, patterns: np.ndarray) -> dict[str, Any]:
    """Check a scan of such patterns as `map` does."""
    side = int(np.sqrt(len(patterns)))
    scan = scan_from_array(patterns[: side * side].reshape(side, side, *patterns.shape[1:]), "scan")
    background = background_for(scan, bundle.preparation(bundle.members[0]))
    return alarm_of(bundle, bundle.member_outputs(scan.read(slice(None)), background), scan)


def alarm_of(bundle: Predictor, outputs: MemberOutputs, scan: Scan | None = None) -> dict[str, Any]:
    """Check a scan of which these are the outputs; without the scan where nothing but its grid is looked at."""
    rule = bundle.rule
    decision = bundle.decide(outputs)
    if scan is None:
        assert bundle.held_out.looks is None
        side = int(np.sqrt(len(outputs.quality)))
        scan = scan_from_array(np.zeros((side, side, 2, 2), np.uint8), "scan")
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
        "interval": [float(end) for end in binomtest(sum(alarms), len(alarms)).proportion_ci(0.95, "exact")],
        "named_first": {
            str(n): int(c) for n, c in sorted(zip(names, counts, strict=True), key=lambda x: -x[1])
        },
        "answered": float(np.mean([r["answered"] for r in rows])),
        **({"alarms_before": float(np.mean([r["before"] for r in rows]))} if "before" in rows[0] else {}),
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


def kept_master(work: Path, name: str) -> MasterPattern:
    """Simulate a structure of the package by its own solver, once."""
    from kikuchi.simulate.masters.master_file import save_master

    file = work / f"{name}.npz"
    if not file.is_file():
        structure = load_structure(name)
        save_master(file, bloch_wave_master(structure, KV, half_size=50), structure)
    return load_master(file)


def shipped_part(work: Path, masters: Path, seed: int) -> dict[str, Any]:
    """Check scans of one phase each, recorded under one drawn recording, by the shipped bundle.

    What is ranked, and on which side, was chosen on every second phase; the others judge it.
    """
    bundle = Predictor.load("shipped")
    found: dict[str, Any] = {}
    single = _singles(bundle)
    for name in CONDITIONS:
        scans = scans_of(work, masters, name, seed)
        rows = [alarm_of(bundle, scans.scan(i)) for i in range(len(scans))]
        for i, row in enumerate(rows):
            row["before"] = _before(single, _features(bundle, scans.scan(i)))
        found[name] = {
            "all": summary(rows),
            "chosen on": summary([r for r, phase in zip(rows, scans.phase, strict=True) if phase % 2 == 0]),
            "others": summary([r for r, phase in zip(rows, scans.phase, strict=True) if phase % 2]),
        }
        print(name, found[name], flush=True)
    return found | {"spread": spread(bundle, scans_of(work, masters, AS_TRAINED, seed))}


def _singles(bundle: Predictor) -> tuple[np.ndarray, np.ndarray]:
    """One pattern of each held-out crystal, of those that calibrate and of those that certify: features."""
    parts = (bundle.held_out.calibration, bundle.held_out.certification)
    rng = np.random.default_rng(0)
    first, second = (_features(bundle, one_of_each_group(part, rng).outputs) for part in parts)
    return first, second


def _before(single: tuple[np.ndarray, np.ndarray], points: np.ndarray) -> bool:
    """Whether the scan's medians, ranked among single patterns by their largest robust deviation, raise an alarm."""
    centre, scale = np.median(single[0], axis=0), _width(single[0])
    known = np.abs((single[1] - centre) / scale).max(axis=1)
    own = np.abs((np.median(points, axis=0) - centre) / scale).max()
    return bool((1 + (known >= own).sum()) / (1 + len(known)) <= LEVEL)


def spread(bundle: Predictor, scans: Scans) -> dict[str, dict[str, float]]:
    """How wide each feature is among crystals and within one, against single patterns of all: robust deviations."""
    held = bundle.held_out.certification
    single = _features(bundle, held.outputs)
    within = _features(bundle, scans.outputs).reshape(len(scans), POINTS, -1)
    medians = np.stack([np.median(single[held.group == g], axis=0) for g in np.unique(held.group)])
    rows = {
        "medians of held-out crystals": _width(medians),
        "medians of scans": _width(np.median(within, axis=1)),
        "points of one scan": np.median([_width(one) for one in within], axis=0),
    }
    return {
        what: dict(zip(OUTPUT_FEATURES, (width / _width(single)).tolist(), strict=True))
        for what, width in rows.items()
    }


def _features(bundle: Predictor, outputs: MemberOutputs) -> np.ndarray:
    decision = bundle.decide(outputs)
    return output_features(outputs, decision, np.ones(len(decision.status), dtype=bool))


def _width(values: np.ndarray) -> np.ndarray:
    return np.asarray(1.4826 * np.median(np.abs(values - np.median(values, axis=0)), axis=0))


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
