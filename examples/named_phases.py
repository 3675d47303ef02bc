"""Named phases: you know which ones may be there, so only these are asked about, calibrated and certified for them.

    python examples/named_phases.py [FOLDER]

Maps the scan of ``first_map.py`` (made here where it is not there yet) once with every class of its bundle, and once
among nickel alone, by name.
"""

import json
import sys
from pathlib import Path

from first_map import fitted

import kikuchi


def statuses(folder: Path) -> dict[str, int]:
    """Return how many points of a map were solved, ambiguous, unfamiliar and unreadable."""
    summary: dict[str, dict[str, int]] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return summary["status"]


def main(folder: Path) -> None:
    """Map among all classes, then among one named material."""
    run = fitted(folder)
    scan = folder / "superalloy.h5"
    kikuchi.map_scan(scan, run, folder / "maps")
    print("all classes:     ", statuses(folder / "maps"))
    # A material of the bundle by name, or space groups: among="221,225". The networks do not run again.
    kikuchi.map_scan(scan, run, folder / "maps", among="Ni,Ni3Al")
    print("Ni and Ni3Al:    ", statuses(folder / "maps"))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("examples-output"))
