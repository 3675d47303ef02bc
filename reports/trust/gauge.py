"""How often the gauge alarms where nothing changed, and how small a change it sees.

    python -m reports.trust.gauge [--seed 2026]

writes `gauge.json` beside this script. Two parts, both without a network: drawn features, as many blocks as maps have;
and the crystals that the shipped ensemble held out, each of which takes its turn as the scan.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.shift_gauge import compare_units, rank_unit
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import HeldOut
from kikuchi.postprocessing.scan_check import OUTPUT_FEATURES, WORSE, crystal_features, output_features
from reports._provenance import provenance

HERE = Path(__file__).resolve().parent
FEATURES = 11


def drawn(draws: int, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Alarms among drawn features, one of which is shifted by so many standard deviations."""
    names = [f"feature {i}" for i in range(FEATURES)]
    rows = []
    for blocks in (25, 100, 400):
        for shift in (0.0, 0.25, 0.5, 1.0):
            alarms, first = [], []
            for _ in range(draws):
                known = rng.standard_t(5, size=(300, FEATURES))
                scan = rng.standard_t(5, size=(blocks, FEATURES))
                scan[:, 3] += shift * np.sqrt(5 / 3)
                gauge = compare_units(known, scan, names)
                alarms.append(gauge.alike is False)
                first.append(gauge.deviations[0].feature == "feature 3")
            rows.append(
                {
                    "blocks": blocks,
                    "shift": shift,
                    "alarms": float(np.mean(alarms)),
                    "named_first": float(np.mean(first)) if shift else None,
                }
            )
    return rows


def crystals() -> dict[str, Any]:
    """Alarms where each held-out crystal of the shipped ensemble is the scan, as it was and with other features."""
    bundle = Bundle.load("shipped")
    held: HeldOut = bundle.held_out.certification
    decision = bundle.decide(held.outputs)
    names = list(WORSE)
    features = output_features(held.outputs, decision, np.arange(len(held.labels)))
    features = features[:, [list(OUTPUT_FEATURES).index(name) for name in names]]
    units = crystal_features(held, decision)
    spread = 1.4826 * np.median(np.abs(features - np.median(features, axis=0)), axis=0)
    groups = np.unique(held.group)
    assert len(groups) == len(units)
    found: dict[str, list[bool]] = {"as it was": []}
    found |= {
        f"{name} {by:+d} robust standard deviations": []
        for name in ("unfamiliarity", "quality")
        for by in (3, 6)
    }
    for crystal in range(len(groups)):
        for case, alarms in found.items():
            scan = units[crystal].copy()
            for j, name in enumerate(names):
                if case.startswith(name):
                    scan[j] += WORSE[name] * int(case.split()[1]) * spread[j]
            others = np.delete(units, crystal, axis=0)
            alarms.append(rank_unit(others, scan, names, list(WORSE.values())).alike is False)
    return {"crystals": len(groups), "alarms": {case: float(np.mean(a)) for case, a in found.items()}}


def main() -> None:
    """Run both parts and write them."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--draws", type=int, default=300)
    parser.add_argument("--seed", type=int, default=2026)
    args = parser.parse_args()
    begin = time.process_time()
    rng = np.random.default_rng(args.seed)
    result = {
        **provenance(seed=args.seed),
        "drawn": drawn(args.draws, rng),
        "held_out_crystals": crystals(),
        "cpu_seconds": 0.0,
    }
    result["cpu_seconds"] = round(time.process_time() - begin)
    (HERE / "gauge.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
