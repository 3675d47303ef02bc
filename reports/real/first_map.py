"""What the first map costs on a fresh install: `ensemble map` of 200 points, with an empty cache, the whole process.

    python -m reports.real.first_map INCONEL.h5 --work WORK

The scan is the first four rows of the real Inconel 718 map (doi 10.5061/dryad.zcrjdfnr9) as kikuchipy writes them.
Runs the command three times, each with an empty cache of exports and a new output folder, and once more under
``-X importtime``, which says what was imported. Writes ``first_map.json``.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from reports._provenance import provenance

HEAVY = ("tensorflow", "keras", "torch", "onnxruntime", "numba", "orix", "kikuchipy", "matplotlib", "dask")


def run(scan: Path, work: Path, *options: str) -> tuple[dict[str, float], str]:
    """Map once; CPU and wall seconds of the process with its children, and what it wrote to standard error."""
    for name in ("cache", "map"):
        shutil.rmtree(work / name, ignore_errors=True)
    before, begin = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    told = subprocess.run(
        [
            sys.executable,
            *options,
            "-m",
            "ensemble_cli",
            "map",
            str(scan),
            "--out",
            str(work / "map"),
            "--quiet",
        ],
        env=os.environ | {"KIKUCHI_CACHE": str(work / "cache")},
        capture_output=True,
        text=True,
        check=True,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"cpu_s": round(cpu, 2), "wall_s": round(time.perf_counter() - begin, 2)}, told.stderr


def main() -> None:
    """Measure, and write the result."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("scan", type=Path)
    parser.add_argument("--work", type=Path, required=True)
    given = parser.parse_args()
    import kikuchipy

    given.work.mkdir(parents=True, exist_ok=True)
    few = given.work / "inconel200.h5"
    kikuchipy.load(given.scan).inav[:50, :4].save(few, overwrite=True)
    result: dict[str, Any] = provenance() | {
        "points": 200,
        "runs": [run(few, given.work)[0] for _ in range(3)],
    }
    imports: dict[str, float] = {}
    for line in run(few, given.work, "-X", "importtime")[1].splitlines():
        if line.startswith("import time:") and "|" in line:
            _, cumulative, name = line.split("|")
            if name.strip() in HEAVY:
                imports[name.strip()] = round(float(cumulative) / 1e6, 2)
    result["imports_s"] = imports
    (Path(__file__).with_suffix(".json")).write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
