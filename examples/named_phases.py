"""Named phases: you know which ones may be there, and nothing is labelled. A few minutes on two cores.

    python examples/named_phases.py [FOLDER]

Simulates a small scan of nickel and ferrite, adapts to it by their names alone, maps it, and compares with what was
simulated. With a scan of your own, leave the simulation out; a phase may be a CIF or a master pattern too.
"""

import csv
import json
import sys
from pathlib import Path

import kikuchi
from kikuchi.simulate import simulate

#: Nickel and ferrite on one map, recorded as one scan is: one pattern centre, one voltage.
SCAN = """
seed = 5
half_size = 100
[[material]]
name = "Ni"
[[material]]
name = "Fe"
[detector]
shape = [60, 60]
pcx = 0.49
pcy = 0.3
pcz = 0.6
[microscope]
contrast = 0.3
dose = 4000
[map]
shape = [16, 20]
step = 0.5
grain_size = 3.0
boundary_width = 0.1
phase = [{ material = "Ni" }, { material = "Fe" }]
"""


def main(folder: Path) -> None:
    """Simulate, adapt, map, compare."""
    folder.mkdir(parents=True, exist_ok=True)
    scan = folder / "two-phases.h5"
    if not scan.is_file():
        (folder / "two-phases.toml").write_text(SCAN, encoding="utf-8")
        simulate(folder / "two-phases.toml", scan)
    kikuchi.adapt(scan, ["Ni", "Fe"], folder / "adapted", seed=1)
    kikuchi.map_scan(scan, folder / "adapted", folder / "named")
    summary = json.loads((folder / "named" / "summary.json").read_text(encoding="utf-8"))
    print("points by what became of them:", summary["status"])
    with scan.with_suffix(".truth.csv").open(encoding="utf-8", newline="") as file:
        truth = [row["space_group"] for row in csv.DictReader(file)]
    with (folder / "named" / "map.csv").open(encoding="utf-8", newline="") as file:
        answers = [row["space_group"] for row in csv.DictReader(file)]
    answered = [(a, t) for a, t in zip(answers, truth, strict=True) if a]
    print(f"answered {len(answered)} of {len(truth)}, right {sum(a == t for a, t in answered)}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("examples-output"))
