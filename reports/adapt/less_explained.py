"""Which places of maps are explained less well than the rest, where the list of phases is complete and where it is not.

    python -m reports.adapt.less_explained kept --shared ../shared --work /tmp/adapt
    python -m reports.adapt.less_explained missing --shared ../shared --work /tmp/adapt

`kept` decides again every map that the other studies left in the work folder, and says by how much phases that were
named differ in what is explained of their patterns. `missing` maps aluminium with particles of something else, recorded
as the pairs were, by the bundle that was told magnesium and aluminium. Writes ``less_explained.json``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from ensemble.abstention import Status
from kikuchi.inference.logits_store import LogitsStore
from kikuchi.matching.matcher import flattened
from kikuchi.matching.storage import load_matcher
from kikuchi.postprocessing.less_explained import scores_of
from kikuchi.scans import Scan, open_scan
from kikuchi.workflows.map import STORE
from reports._provenance import provenance
from reports.adapt.baselines import truth_of
from reports.adapt.real_scans import real_scan
from reports.adapt.recorded_maps import SEED, recorded

SIMULATED = (
    "Mg-Al", "Ti-Fe", "steel", "super", "Sn-Ge", "Quartz-Si", "Fe3C-Fe", "Ti-TiBeta", "nickel_superalloy",
    "nickel_superalloy_all_points", "duplex_steel_all_points", "Mo-W", "Kyanite-Quartz",
    "ZrO2Monoclinic-ZrO2Tetragonal",
)  # fmt: skip
REAL = ("inconel_1-Ni-Fe-Si", "inconel_1-Ni-NbC-Si")
MISSING = {
    "Ni": "Ni_nickel_sg225", "Cu": "Cu_copper_sg225", "Au": "Au_gold_sg225", "Ni3Al": "Ni3Al_gamma_prime_sg221",
    "Fe": "Fe_alpha_iron_sg229", "W": "W_tungsten_sg229", "Si": "Si_silicon_sg227", "NaCl": "NaCl_halite_sg225",
    "SrTiO3": "SrTiO3_tausonite_sg221", "Ti": "Ti_alpha_titanium_sg194",
}  # fmt: skip
OUT = Path(__file__).with_suffix(".json")
#: Points of each map that say how well its phases are explained.
COUNT = 200


def explained_of(scan: Scan, run: Path, maps: Path, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the share explained of some patterns, and the phase that fits each best."""
    member = load_matcher(run / "members" / "matcher-1")
    spectrum = member.matcher.spectrum
    logits = LogitsStore.read(maps / STORE).outputs().logits[0][points]
    ceiling = spectrum.ceiling(flattened(scan.read(points), member.background))
    return scores_of(logits, member.evidence, spectrum.size) / ceiling, logits.argmax(axis=1)


def explained(scan: Scan, run: Path, maps: Path, points: np.ndarray) -> dict[str, float]:
    """Return the median share explained of the patterns of each phase that fits best."""
    share, first = explained_of(scan, run, maps, points)
    names = [phase["name"] for phase in json.loads((run / "bundle.json").read_text())["phases"]]
    return {
        name: float(np.median(share[first == k]))
        for k, name in enumerate(names)
        if (first == k).sum() > COUNT / 20
    }


def kept_maps(shared: Path, work: Path, results: dict[str, Any]) -> None:
    """Decide every map again."""
    for stem in (*REAL, *SIMULATED):
        runs = [work / f"{stem}{end}" for end in (".run", "_run")]
        run = next((run for run in runs if (run / "bundle.json").is_file()), None)
        if run is None or stem in results:
            continue
        maps = run.with_name(run.name.replace("run", "maps"))
        scan = open_scan(real_scan(stem.split("-")[0], shared, work) if stem in REAL else work / f"{stem}.h5")
        points = np.arange(scan.n)
        if stem in SIMULATED:
            points = np.flatnonzero(truth_of(work / f"{stem}.h5")["status_truth"] == "known")
        points = points[np.unique(np.linspace(0, len(points) - 1, COUNT).astype(int))]
        phase_map = kikuchi.map_scan(scan, run, maps)
        results[stem] = {
            "explained_median": explained(scan, run, maps, points),
            "marked": phase_map.meta.get("less_explained", []),
            "band_widths": phase_map.meta.get("band_widths"),
        }
        write(results)


def missing(shared: Path, work: Path, results: dict[str, Any]) -> None:
    """Map particles of a phase that the bundle was not told of."""
    run = work / "Mg-Al.run"
    for third, file in MISSING.items():
        label = f"aluminium with particles of {third}, told Mg and Al"
        if label in results:
            continue
        entry = {
            "phases": {"Al": "Al_aluminum_sg225", third: file},
            "microstructure": {
                "shape": [24, 36], "step": 1.0, "grain_size": 12.0, "boundary_width": 0.5,
                "phase": [{"material": "Al"}],
                "precipitate": [{"material": third, "matrix": "Al", "fraction": 0.15, "radius": 4.5,
                                 "orientation": "random"}],
            },
        }  # fmt: skip
        scan = open_scan(recorded(f"Al with {third}", entry, shared, work))
        maps = work / f"Al_with_{third}.maps"
        phase_map = kikuchi.map_scan(scan, run, maps)
        truth = truth_of(work / f"Al_with_{third}.h5")
        pure = (truth["status_truth"] == "known").to_numpy()
        there = pure & (truth["phase"] == third).to_numpy()
        solved = phase_map.decision.status == Status.SOLVED
        marked = np.asarray(phase_map.columns.get("less_explained", np.zeros(scan.n))) > 0
        wide = np.asarray(phase_map.columns["other_width"]) > 0
        off = np.asarray(phase_map.columns["band_width"])
        share = explained_of(scan, run, maps, np.arange(scan.n))[0]
        results[label] = {
            "points_of_the_particles": int(there.sum()),
            "of_these_answered": int((there & solved).sum()),
            "of_the_answered_marked": int((there & solved & marked).sum()),
            "explained_median": {
                "particles": float(np.median(share[there])),
                "rest": float(np.median(share[pure & ~there])),
            },
            "of_the_answered_marked_by_width": int((there & solved & wide).sum()),
            "width_off_median": float(np.nanmedian(off[there])),
            "points_of_the_rest": int((pure & ~there).sum()),
            "of_these_marked": int((pure & ~there & marked).sum()),
            "of_these_marked_by_width": int((pure & ~there & wide).sum()),
        }
        write(results)


def write(results: dict[str, Any]) -> None:
    """Keep what there is so far."""
    name, latest = list(results.items())[-1]
    print(name, latest, flush=True)
    text = json.dumps({"made_by": provenance(seed=SEED)} | results, indent=1, default=float) + "\n"
    OUT.write_text(text, encoding="utf-8")


def main() -> None:
    """Do one part."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("part", choices=("kept", "missing"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    options = parser.parse_args()
    results: dict[str, Any] = json.loads(OUT.read_text()) if OUT.is_file() else {}
    results.pop("made_by", None)
    {"kept": kept_maps, "missing": missing}[options.part](options.shared, options.work, results)


if __name__ == "__main__":
    main()
