"""How long explanations take on an idle machine, and how complete they are, with compact members and with Xceptions.

    python reports/explanations/times.py ../shared/masters --work WORK

needs the bundles of `ensembles.py` in WORK. Writes ``times.json`` beside itself.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
from ensembles import BUNDLES, RECORDING, arguments, fitted, specification

from kikuchi.explain import Ensemble, explain_disagreement, read_background
from kikuchi.explain.background import BACKGROUND
from kikuchi.explain.mapped import per_class
from kikuchi.explaining import explain_map
from kikuchi.mapping import map_scan
from kikuchi.scans import open_scan, prepare
from kikuchi.simulate import simulate
from kikuchi.simulate.spec import spec_from_dict
from kikuchi.versions import versions

HERE = Path(__file__).parent
XCEPTION_PATTERNS = 3


def superalloy(masters: Path, seed: int) -> Any:
    """Return a map of nickel with Ni3Al precipitates in orientations of their own."""
    plain = specification(masters, 1, seed, ("Ni3Al", "Ni")).model_dump(mode="json")["material"]
    table = {
        "shape": [40, 50],
        "grain_size": 6.0,
        "boundary_width": 0.0,
        "vary": "pattern",
        "phase": [{"material": "Ni"}],
        "precipitate": [
            {"material": "Ni3Al", "matrix": "Ni", "fraction": 0.3, "radius": 1.5, "orientation": "random"}
        ],
    }
    return spec_from_dict({"seed": seed, "material": plain, "map": table, **RECORDING})


def compact(masters: Path, work: Path, seed: int) -> dict[str, Any]:
    """Map a scan, and explain twelve points of it."""
    bundle = fitted(masters, work, seed, BUNDLES[:1])["compact"]
    scan = work / "superalloy.h5"
    if not scan.is_file():
        simulate(superalloy(masters, seed + 2), scan)
    map_scan(scan, bundle, work / "map")
    begin, processor = time.perf_counter(), time.process_time()
    found = explain_map(work / "map", scan, bundle.path, work / "explanations", budget="10m")
    seconds = time.perf_counter() - begin
    return {
        "members": len(found["members"]),
        "points": found["explained_points"],
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "seconds_of_each_point": [round(p["seconds"], 1) for p in found["points"]],
        "worst_error": found["worst_error"],
        "worst_missed_logits": found["worst_missed"],
        "worst_information_error": found["worst_uncertainty_error"],
        "worst_information_missed_nats": found["worst_uncertainty_missed"],
        "randomised": found["randomised"],
    }


def xception(masters: Path, work: Path, seed: int) -> dict[str, Any]:
    """Explain patterns with two Xceptions at 96 x 96, one of each kind."""
    bundles = list(fitted(masters, work, seed, BUNDLES[1:]).values())
    members = [b.model(b.members[0].name) for b in bundles]
    begin = time.perf_counter()
    background = read_background(bundles[0].path / BACKGROUND).thinned(per_class(bundles[0]))
    ensemble = Ensemble(members, [96, 96], background)
    built = time.perf_counter() - begin
    scan = open_scan(work / "superalloy.h5")
    which = np.linspace(0, scan.n - 1, XCEPTION_PATTERNS).astype(int)
    prepared = prepare(scan.read(which), bundles[0].preparation(bundles[0].members[0]))
    seconds, errors, missed = [], [], []
    for pattern in prepared:
        begin = time.perf_counter()
        found = explain_disagreement(ensemble, [pattern, pattern], (0, 1))
        seconds.append(round(time.perf_counter() - begin, 1))
        errors.append(found.worst_error)
        missed.append(found.worst_missed)
    return {
        "members": [b.members[0].kind for b in bundles],
        "background": len(background.labels),
        "seconds_to_build": round(built, 1),
        "seconds_of_each_point": seconds,
        "worst_error": max(errors),
        "worst_missed_logits": max(missed),
    }


def main() -> None:
    given = arguments(__doc__)
    load = os.getloadavg()[0]
    # What is shared by every run (reading shap, tracing TensorFlow) belongs to the first number, as for a user.
    result: dict[str, Any] = {
        "command": f"python reports/explanations/times.py ../shared/masters --work WORK --seed {given.seed}",
        "date": time.strftime("%Y-%m-%d"),
        "seed": given.seed,
        "machine": "two-core CPU",
        "load_average_before": round(load, 1),
        "versions": versions(),
    }
    for name, measure in (("compact", compact), ("xception", xception)):
        result[name] = measure(given.masters, given.work, given.seed)
        print(result[name], flush=True)
        (HERE / "times.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
