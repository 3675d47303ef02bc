"""Explanations: where two members look when they disagree, for three points of the first map.

    python examples/explanations.py [FOLDER]

Explains the map of ``first_map.py``, which is made here where it is not there yet.
"""

import sys
from pathlib import Path

from first_map import fitted

import kikuchi


def main(folder: Path) -> None:
    """Map where there is no map, then explain its most instructive disagreements."""
    run = fitted(folder)
    scan, maps = folder / "superalloy.h5", folder / "maps"
    if not (maps / "map.h5").is_file():
        kikuchi.map_scan(scan, run, maps)
    found = kikuchi.explain(run, folder / "why", scan=scan, map_dir=maps, points=3, budget="60s")
    print(found.summary())
    print("pictures:", *sorted(path.name for path in (folder / "why").rglob("*.png")))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("examples-output"))
