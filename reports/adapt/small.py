"""Two maps of 1200 points, patterns from EMsoft's masters, phases known to the command by their structures alone.

    python -m reports.adapt.small --shared ../shared --work /tmp/adapt

Scans, bundles and maps stay in the work folder, and what is there is not made again.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kikuchi
from kikuchi.matching.storage import load_matcher
from kikuchi.scans import open_scan
from kikuchi.simulate import load_master, simulate_map
from kikuchi.simulate.scenes.microstructure import voronoi_grains
from reports._provenance import provenance
from reports.adapt.baselines import dictionary_alone, divided_by_labels, judged_overlaps, share
from reports.adapt.recorded_maps import DETECTOR, MICROSCOPE, master_file

SEED = 3

#: File of the scan, and by the structure that is named the master that the patterns are made of.
SCENES = {
    "steel": {"Austenite": "Fe_gamma_iron_sg225", "Fe": "Fe_alpha_iron_sg229"},
    "super": {"Ni": "Ni_nickel_sg225", "Ni3Al": "Ni3Al_gamma_prime_sg221"},
}


def recorded(stem: str, shared: Path, work: Path) -> Path:
    """Simulate a map of equal parts of two phases."""
    file = work / f"{stem}.h5"
    if not file.is_file():
        masters = [
            replace(load_master(master_file(shared, name), half_size=200), name=name)
            for name in SCENES[stem].values()
        ]
        grains = voronoi_grains((30, 40), np.array([0.5, 0.5]), 5, 0.8, np.random.default_rng(SEED))
        simulate_map(masters, grains, file, detector=DETECTOR, microscope=MICROSCOPE, seed=SEED)
    return file


def judged(stem: str, shared: Path, work: Path) -> dict[str, Any]:
    """Adapt, map and count."""
    file = recorded(stem, shared, work)
    names = list(SCENES[stem])
    bundle = kikuchi.adapt(file, names, work / f"{stem}_run")
    phase_map = kikuchi.map_scan(file, bundle, work / f"{stem}_maps")
    table = pd.read_csv(work / f"{stem}_maps" / "map.csv")
    truth = pd.read_csv(file.with_name(f"{stem}.truth.csv"))
    of = {master: name for name, master in SCENES[stem].items()}
    true = truth["phase"].map(of)
    best = table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:]
    wrong = (best != true).to_numpy()
    pure = (truth["status_truth"] == "known").to_numpy()
    answered = (table["status"] == "solved").to_numpy()
    grain = truth["grain"].to_numpy()
    run = work / f"{stem}_run"
    background = load_matcher(run / "members" / "matcher-1").background
    alone = np.array(names)[dictionary_alone(run, open_scan(file), background)] != true.to_numpy()
    from orix.quaternion import Orientation, Rotation
    from orix.quaternion.symmetry import Oh

    right = np.flatnonzero(answered & ~wrong & pure)
    assert phase_map.orientations is not None
    turns = Rotation.from_euler(np.deg2rad(truth[["phi1", "Phi", "phi2"]].to_numpy()[right]))
    off = Orientation(phase_map.orientations[right], symmetry=Oh) - Orientation(turns.data, symmetry=Oh)
    order: dict[str, Any] = {}
    if "order_parameter" in table:
        order = {
            "error_away_from_boundaries_by_the_mixture": share(
                (table["by_order"] != true)[pure].to_numpy(), grain[pure]
            ),
            "by_ten_labels": divided_by_labels(
                table["order_parameter"].to_numpy(), (true == names[1]).to_numpy(), pure, SEED
            ),
        }
    return {
        "phases": SCENES[stem],
        "points": len(table),
        "away_from_boundaries": int(pure.sum()),
        "error": share(wrong, grain),
        "error_away_from_boundaries": share(wrong[pure], grain[pure]),
        "dictionary_error_away_from_boundaries": share(alone[pure], grain[pure]),
        "answered": float(answered.mean()),
        "answered_away_from_boundaries": float(answered[pure].mean()),
        "wrong_among_answered": int((answered & wrong).sum()),
        "status": table["status"].value_counts().to_dict(),
        "misorientation_deg": {"median": np.rad2deg(np.median(off.angle)), "largest": np.rad2deg(off.angle.max())},
        "true_pattern_centre": [float(truth[c].median()) for c in ("pcx", "pcy", "pcz")],
        "adapted": bundle.manifest["adapted"],
        "overlaps": judged_overlaps(table, truth),
        "order_parameter": order,
        "promise": bundle.promised(bundle.abstentions[bundle.rule]).certificate.message,
    }  # fmt: skip


def main() -> None:
    """Judge both maps."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {"made_by": provenance(seed=SEED)}
    for stem in SCENES:
        results[stem] = judged(stem, arguments.shared, arguments.work)
    text = json.dumps(results, indent=1, default=float) + "\n"
    (Path(__file__).parent / "small.json").write_text(text)


if __name__ == "__main__":
    main()
