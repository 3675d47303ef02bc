"""How long the two commands take from a cold start to the map: 10 000 points, two phases.

    python -m reports.adapt.timing --shared ../shared --work /tmp/adapt --cores 1

`ensemble adapt` and `ensemble map` as a user types them, each a process of its own on so many cores; masters are
simulated and functions compiled anew, since their caches are empty. Writes ``timing.json``.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.simulate import load_master, simulate_map
from kikuchi.simulate.scenes.microstructure import voronoi_grains
from reports._provenance import provenance
from reports.adapt.baselines import truth_of
from reports.adapt.recorded_maps import DETECTOR, MICROSCOPE, master_file

SEED = 11
SHAPE = (100, 100)
PHASES = {"Austenite": "Fe_gamma_iron_sg225", "Fe": "Fe_alpha_iron_sg229"}


def recorded(shared: Path, work: Path) -> Path:
    """Simulate the map, once."""
    file = work / "timing.h5"
    if not file.is_file():
        masters = [
            replace(load_master(master_file(shared, master), half_size=200), name=name)
            for name, master in PHASES.items()
        ]
        grains = voronoi_grains(SHAPE, np.array([0.5, 0.5]), 10, 1.0, np.random.default_rng(SEED))
        simulate_map(masters, grains, file, detector=DETECTOR, microscope=MICROSCOPE, seed=SEED)
    return file


def timed(work: Path, cores: int, *arguments: str) -> dict[str, float]:
    """Run a command; seconds of the clock and of the processor."""
    environment = os.environ | {
        "KIKUCHI_CACHE": str(work / "timing.cache"),
        "NUMBA_CACHE_DIR": str(work / "timing.numba"),
        "OMP_NUM_THREADS": str(cores),
        "KIKUCHI_CORES": str(cores),
    }
    before, clock = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    command = [sys.executable, "-m", "ensemble_cli", *arguments, "--quiet"]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "seconds": round(time.perf_counter() - clock, 1),
        "cpu_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "peak_gib": round(after.ru_maxrss / 2**20, 2),
    }


def main() -> None:
    """Measure and write."""
    import pandas as pd

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--cores", type=int, default=2)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    made_by = provenance(seed=SEED)
    file = recorded(options.shared, options.work)
    run, maps = options.work / "timing.run", options.work / "timing.maps"
    for folder in (run, maps, options.work / "timing.cache", options.work / "timing.numba"):
        shutil.rmtree(folder, ignore_errors=True)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.cores])
    phases = [word for name in PHASES for word in ("--phase", name)]
    adapt = timed(options.work, options.cores, "adapt", str(file), *phases, "--out", str(run))
    mapped = timed(options.work, options.cores, "map", str(file), "--run", str(run), "--out", str(maps))
    table, truth = pd.read_csv(maps / "map.csv"), truth_of(file)
    pure = (truth["status_truth"] == "known").to_numpy()
    wrong = (table[[f"p_{n}" for n in PHASES]].idxmax(axis=1).str[2:] != truth["phase"]).to_numpy()
    result: dict[str, Any] = {
        "made_by": made_by,
        "load_average_during": round(os.getloadavg()[1], 1),
        "points": len(table),
        "phases": len(PHASES),
        "cores": options.cores,
        "adapt": adapt,
        "map": mapped,
        "together": {name: round(adapt[name] + mapped[name], 1) for name in ("seconds", "cpu_seconds")},
        "answered": float((table["status"] == "solved").mean()),
        "wrong_away_from_boundaries": float(wrong[pure].mean()),
    }
    text = json.dumps(result, indent=1) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
