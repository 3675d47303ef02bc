"""The shipped ensemble on a scan of duplex steel: from the command to the report.

    python -m reports.simulation.duplex MAP MASTERS WORK

MAP is an indexed map (``.ang``) of austenite and ferrite, 100 x 117 points; patterns are simulated on it from public
masters of alpha iron (which no member was shown) and gamma iron (which they were), with moderate noise. WORK keeps the
scan and the map. Writes ``duplex.json`` and ``duplex.png`` beside this file.
"""

import argparse
import csv
import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from kikuchi.simulate import simulate
from kikuchi.simulate.scenes.spec import spec_from_dict
from reports._provenance import provenance

HERE = Path(__file__).parent


def scan_of(map_file: Path, masters: Path, work: Path) -> Path:
    """Simulate the scan, once."""
    spec = spec_from_dict(
        {
            "seed": 11,
            "material": [
                {"name": "austenite", "master": str((masters / "Fe_gamma_iron_sg225_20kV.sht").absolute())},
                {"name": "ferrite", "master": str((masters / "Fe_alpha_iron_sg229_20kV.sht").absolute())},
            ],
            "detector": {"shape": [64, 64], "pcx": 0.5, "pcy": 0.3, "pcz": 0.6},
            "microscope": {"contrast": 0.1, "dose": 2500},
            "map": {
                "file": str(map_file.absolute()),
                "boundary_width": 0.5,
                "phase": [
                    {"material": "austenite", "in_file": "austenite/austenite"},
                    {"material": "ferrite", "in_file": "ferrite/ferrite"},
                ],
            },
        },
        path=map_file,
    )
    out = work / "duplex.h5"
    return out if out.is_file() else simulate(spec, out)


def read_csv(path: Path) -> list[dict[str, str]]:
    """Read a table, whose comments begin with a hash."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def compared(rows: list[dict[str, str]], truth: np.ndarray) -> dict[str, object]:
    """Compare the map with the truth, point by point."""
    said = np.array([int(row["space_group"] or 0) for row in rows])
    status = np.array([row["status"] for row in rows])
    known = truth > 0
    groups = [int(name.removeprefix("p_")) for name in rows[0] if name.startswith("p_")]
    probabilities = np.array([[float(row[f"p_{g}"] or "nan") for g in groups] for row in rows])
    first = np.array(groups)[np.nan_to_num(probabilities).argmax(axis=1)]
    solved = known & (status == "solved")
    two = [groups.index(225), groups.index(229)]
    told = np.array([225, 229])[np.nan_to_num(probabilities[:, two]).argmax(axis=1)]
    return {
        "status": {name: int((status == name).sum()) for name in np.unique(status)},
        "answered": float(solved.sum() / known.sum()),
        "wrong among the answered": float((said[solved] != truth[solved]).mean()) if solved.any() else None,
        "always answering": {
            "accuracy": float((first[known] == truth[known]).mean()),
            "of 225": float((first[truth == 225] == 225).mean()),
            "of 229": float((first[truth == 229] == 229).mean()),
        },
        "told that it is 225 or 229": float((told[known] == truth[known]).mean()),
    }


def main() -> None:
    """Simulate, map by the command, compare with the truth."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("map", type=Path)
    parser.add_argument("masters", type=Path)
    parser.add_argument("work", type=Path)
    options = parser.parse_args()
    scan = scan_of(options.map, options.masters, options.work)
    out = options.work / "maps"
    shutil.rmtree(out, ignore_errors=True)
    begin = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "ensemble_cli", "map", str(scan), "--out", str(out), "--quiet"], check=True
    )
    seconds = time.perf_counter() - begin
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    rows = read_csv(out / "map.csv")
    truth = np.array([int(row["space_group"] or 0) for row in read_csv(scan.with_suffix(".truth.csv"))])
    result = {
        **provenance(),
        "measured_command": "ensemble map scan.h5 --out maps --quiet",
        "points": len(rows),
        "seconds": round(seconds, 1),
        "peak_gib": round(peak, 2),
    } | compared(rows, truth)
    (HERE / "duplex.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    shutil.copy(out / "phase.png", HERE / "duplex.png")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
