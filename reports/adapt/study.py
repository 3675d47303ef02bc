"""Scans of named phases: dual-phase maps from EMsoft's masters, labelled points, real scans, wrong candidates, pairs.

    python -m reports.adapt.study maps --shared ../shared --work /tmp/adapt [--every 1]
    python -m reports.adapt.study labels --shared ../shared --work /tmp/adapt
    python -m reports.adapt.study real --shared ../shared --work /tmp/adapt
    python -m reports.adapt.study pairs --shared ../shared --work /tmp/adapt

Results are written part by part beside this file; a part that is there is left as it is.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kikuchi
from kikuchi.matching.storage import load_matcher
from kikuchi.scans import open_scan
from reports._provenance import provenance
from reports.adapt.baselines import (
    LABELS,
    by_hough,
    dictionary_alone,
    divided_by_labels,
    judged_overlaps,
    share,
    truth_of,
)
from reports.adapt.pairs import pair_part
from reports.adapt.real_scans import real_part
from reports.adapt.recorded_maps import SEED, keep, kept, recorded

#: Phase by phase: EMsoft's master, which the patterns are made of, and the structure that is named.
MAPS: dict[str, dict[str, Any]] = {
    "nickel superalloy": {
        "every": 3,
        "phases": {"Ni": "Ni_nickel_sg225", "Ni3Al": "Ni3Al_gamma_prime_sg221"},
        "microstructure": {
            "shape": [69, 100], "step": 0.2, "grain_size": 4.0, "boundary_width": 0.2,
            "phase": [{"material": "Ni"}],
            "precipitate": [{"material": "Ni3Al", "matrix": "Ni", "fraction": 0.3, "radius": 0.6}],
        },
    },
    "duplex steel": {
        "every": 4,
        "phases": {"Austenite": "Fe_gamma_iron_sg225", "Fe": "Fe_alpha_iron_sg229"},
        "microstructure": {
            "file": "real/duplex_steel_map/sdss_ferrite_austenite.ang", "boundary_width": 1.5,
            "phase": [
                {"material": "Austenite", "in_file": "austenite/austenite"},
                {"material": "Fe", "in_file": "ferrite/ferrite"},
            ],
        },
    },
}  # fmt: skip


def map_part(shared: Path, work: Path, only: str, every: int | None = None) -> dict[str, Any]:
    """Adapt to both maps and judge them, beside what laboratories have; every so many points, or as `MAPS` says."""
    results = kept("maps")
    for scene, usual in MAPS.items():
        entry = usual if every is None else usual | {"every": every}
        name = scene if every is None else f"{scene}, all points" if every == 1 else f"{scene}, every {every}"
        if name in results or only not in name:
            continue
        clock = time.process_time()
        file = recorded(name.replace(",", ""), entry, shared, work)
        run, out = work / f"{file.stem}.run", work / f"{file.stem}.maps"
        names = list(entry["phases"])
        simulated = time.process_time()
        bundle = kikuchi.adapt(file, names, run, seed=SEED)
        adapted = time.process_time()
        mapped_scan = kikuchi.map_scan(file, bundle, out)
        mapped = time.process_time()
        table, truth = pd.read_csv(out / "map.csv"), truth_of(file)
        known = truth["phase"].isin(names).to_numpy()
        pure = known & (truth["status_truth"] == "known").to_numpy()
        grain = truth["grain"].to_numpy()
        true = truth["phase"].to_numpy()
        best = table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:].to_numpy()
        answered = (table["status"] == "solved").to_numpy() & known
        wrong = best != true
        background = load_matcher(run / "members" / "matcher-1").background
        alone = np.array(names)[dictionary_alone(run, open_scan(file), background)]
        given = {"matched and refined": best, "dictionary alone, told the same": alone} | by_hough(
            file, names
        )
        if "by_order" in table:
            given["divided by the scan's own mixture"] = table["by_order"].to_numpy()
        results[name] = {
            "part_made_by": provenance(seed=SEED),
            "cpu_seconds": {
                "simulate": simulated - clock,
                "adapt": adapted - simulated,
                "map": mapped - adapted,
            },
            "points": int(known.sum()),
            "every": entry["every"],
            "pure_points": int(pure.sum()),
            "error_away_from_boundaries": {
                who: share((what != true)[pure], grain[pure]) for who, what in given.items()
            },
            "error": {who: share((what != true)[known], grain[known]) for who, what in given.items()},
            "answered": float(answered.sum() / known.sum()),
            "answered_away_from_boundaries": float((answered & pure).sum() / pure.sum()),
            "wrong_among_answered": float((answered & wrong).sum() / max(1, answered.sum())),
            "wrong_among_answered_away_from_boundaries": float(
                (answered & wrong & pure).sum() / max(1, (answered & pure).sum())
            ),
            "status": table["status"].value_counts().to_dict(),
            "overlaps": judged_overlaps(table, truth),
            "explained_less_well": mapped_scan.meta.get("less_explained", []),
            "true_pattern_centre": [float(truth[c].median()) for c in ("pcx", "pcy", "pcz")],
            "adapted": bundle.manifest["adapted"],
            "promise": bundle.promised(bundle.abstentions[bundle.rule]).certificate.message,
        }
        keep("maps", results)
    return results


def label_part(shared: Path, work: Path, only: str) -> dict[str, Any]:
    """Divide the superalloy by ten labelled points, drawn in many ways and as `ensemble label` asks for them."""
    results = kept("labels")
    name = "nickel superalloy"
    if name in results or only not in name:
        return results
    file, names = recorded(name, MAPS[name], shared, work), list(MAPS[name]["phases"])
    run, out = work / f"{file.stem}.run", work / f"{file.stem}.maps"
    bundle = kikuchi.adapt(file, names, run, seed=SEED)
    kikuchi.map_scan(file, bundle, out)
    truth = truth_of(file)
    true, grain = truth["phase"].to_numpy(), truth["grain"].to_numpy()
    pure = np.isin(true, names) & (truth["status_truth"] == "known").to_numpy()
    asked = work / f"{file.stem}.labels.csv"
    asked.unlink(missing_ok=True)
    kikuchi.suggest_labels(out, file, bundle, asked, points=LABELS)
    filled = pd.read_csv(asked, dtype={"material": object})
    filled["material"] = true[filled["index"]]
    filled.to_csv(asked, index=False)
    table = pd.read_csv(out / "map.csv")
    divided = kikuchi.map_scan(file, bundle, work / f"{file.stem}.labelled", labels=asked)
    labelled = pd.read_csv(work / f"{file.stem}.labelled" / "map.csv")
    given = {
        "matched and refined": table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:].to_numpy(),
        "divided by the scan's own mixture": table["by_order"].to_numpy(),
        "ensemble map --labels": labelled["by_order"].to_numpy(),
    }
    results[name] = {
        "pure_points": int(pure.sum()),
        "labels": filled["material"].value_counts().to_dict(),
        "error_away_from_boundaries": {
            who: share((what != true)[pure], grain[pure]) for who, what in given.items()
        },
        "the_division": divided.meta["order_parameter"],
        "by_the_labels_alone": divided_by_labels(
            table["order_parameter"].to_numpy(), true == names[1], pure, SEED
        ),
    }
    keep("labels", results)
    return results


PARTS: dict[str, Callable[[Path, Path, str], dict[str, Any]]] = {
    "maps": map_part,
    "labels": label_part,
    "real": real_part,
    "pairs": pair_part,
}


def main() -> None:
    """Run one part and write its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="Results with this in their names alone.")
    parser.add_argument(
        "--every", type=int, help="Of maps: every so many points in both directions; 1 is all."
    )
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    if arguments.part == "maps":
        map_part(arguments.shared, arguments.work, arguments.only, arguments.every)
    else:
        PARTS[arguments.part](arguments.shared, arguments.work, arguments.only)


if __name__ == "__main__":
    main()
