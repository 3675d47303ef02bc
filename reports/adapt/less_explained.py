"""Which places of maps are explained less well than the rest, where the list of phases is complete and where it is not.

    python -m reports.adapt.less_explained --shared ../shared --work /tmp/adapt

Decides again every map that the other studies left in the work folder, and says by how much phases that were named
differ in what is explained of their patterns. Writes ``less_explained.json``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from kikuchi.inference.logits_store import LogitsStore
from kikuchi.matching.matcher import flattened
from kikuchi.matching.storage import load_matcher
from kikuchi.postprocessing.less_explained import scores_of
from kikuchi.scans import Scan, open_scan
from kikuchi.workflows.map import STORE
from reports._provenance import provenance
from reports.adapt.baselines import truth_of
from reports.adapt.real_scans import real_scan

SIMULATED = (
    "steel", "super", "nickel_superalloy", "nickel_superalloy_all_points", "duplex_steel_all_points", "Ti-Fe",
    "Fe3C-Fe", "Quartz-Si", "Sn-Ge", "Mg-Al", "Ti-TiBeta", "Mo-W", "Kyanite-Quartz",
    "ZrO2Monoclinic-ZrO2Tetragonal",
)  # fmt: skip
REAL = ("inconel_1-Ni-Fe-Si", "inconel_1-Ni-NbC-Si")
#: Points of each map that say how well its phases are explained.
COUNT = 200


def explained(scan: Scan, run: Path, maps: Path, points: np.ndarray) -> dict[str, float]:
    """Return the median share explained of the patterns of each phase that fits best."""
    member = load_matcher(run / "members" / "matcher-1")
    spectrum = member.matcher.spectrum
    logits = LogitsStore.read(maps / STORE).outputs().logits[0][points]
    ceiling = spectrum.ceiling(flattened(scan.read(points), member.background))
    share = scores_of(logits, member.evidence, spectrum.size) / ceiling
    first = logits.argmax(axis=1)
    names = [phase["name"] for phase in json.loads((run / "bundle.json").read_text())["phases"]]
    return {
        name: float(np.median(share[first == k]))
        for k, name in enumerate(names)
        if (first == k).sum() > COUNT / 20
    }


def main() -> None:
    """Decide every map again."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    results: dict[str, Any] = {"made_by": provenance()}
    for stem in (*SIMULATED, *REAL):
        runs = [options.work / f"{stem}{end}" for end in (".run", "_run")]
        run = next((run for run in runs if (run / "bundle.json").is_file()), None)
        if run is None:
            continue
        maps = run.with_name(run.name.replace("run", "maps"))
        scan = open_scan(
            real_scan(stem.split("-")[0], options.shared, options.work)
            if stem in REAL
            else options.work / f"{stem}.h5"
        )
        points = np.arange(scan.n)
        if stem in SIMULATED:
            points = np.flatnonzero(truth_of(options.work / f"{stem}.h5")["status_truth"] == "known")
        points = points[np.unique(np.linspace(0, len(points) - 1, COUNT).astype(int))]
        phase_map = kikuchi.map_scan(scan, run, maps)
        results[stem] = {
            "explained_median": explained(scan, run, maps, points),
            "marked": phase_map.meta.get("less_explained", []),
        }
        print(stem, results[stem], flush=True)
        text = json.dumps(results, indent=1, default=float) + "\n"
        Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
