"""Masters at 10, 20 and 30 kV against EMsoft's: the defaults were chosen at 20 kV alone.

    python -m reports.simulation.voltages MASTERS

Correlation of the upper hemispheres at 101 x 101 pixels of the crystals that EMsoft's files hold, in the directions of
the pixels' middles and of means over the pixels, and of what order changes between nickel and Ni3Al. Writes
``voltages.json`` after every phase; what is there is not computed again.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.sht import read_sht
from reports._provenance import provenance
from reports.simulation.masters import HALF, PUBLIC, correlation, difference, pixels, turned

VOLTAGES = (10, 20, 30)
NAMES = ("Ni", "Ni3Al", "Fe", "Al", "Si", "SrTiO3", "Au", "W")


def of_phase(masters: Path, name: str) -> dict[str, Any]:
    """Compare one phase at every voltage."""
    row: dict[str, Any] = {}
    for kv in VOLTAGES:
        file = masters / f"{PUBLIC[name]}_{kv}kV.sht"
        structure = read_sht(file).structure
        assert structure is not None
        begin = time.process_time()
        north = bloch_wave_master(structure, kv, half_size=HALF).north
        row[f"{kv} kV"] = {
            "correlation": correlation(north, load_master(file, half_size=HALF).north),
            "cpu_seconds": round(time.process_time() - begin, 2),
        }
    return row


def over_pixels(masters: Path, name: str, row: dict[str, Any]) -> None:
    """Add the means over pixels to a phase that lacks them."""
    structure = read_sht(masters / f"{PUBLIC[name]}_20kV.sht").structure
    assert structure is not None
    for kv in VOLTAGES:
        row[f"{kv} kV"]["over_pixels"] = pixels(masters, structure, name, kv)


def of_order(masters: Path) -> dict[str, float]:
    """Compare what order changes between nickel and Ni3Al at every voltage, by the structures that ship."""
    found = {}
    for kv in VOLTAGES:
        files = [masters / f"{PUBLIC[name]}_{kv}kV.sht" for name in ("Ni", "Ni3Al")]
        theirs = difference(*(turned(load_master(file, half_size=8 * HALF).north)[0] for file in files))
        ours = difference(
            *(bloch_wave_master(load_structure(n), kv, half_size=HALF).north for n in ("Ni", "Ni3Al"))
        )
        found[f"{kv} kV"] = correlation(ours, theirs)
    return found


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("--names", nargs="+", choices=NAMES, default=NAMES)
    options = parser.parse_args()
    file = Path(__file__).with_suffix(".json")
    found = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else provenance() | {"phases": {}}

    def keep() -> None:
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")

    for name in options.names:
        if name not in found["phases"]:
            found["phases"][name] = of_phase(options.masters, name)
            keep()
            print(name, found["phases"][name], flush=True)
        if "over_pixels" not in found["phases"][name][f"{VOLTAGES[-1]} kV"]:
            over_pixels(options.masters, name, found["phases"][name])
            keep()
            print(name, found["phases"][name], flush=True)
    if "order" not in found:
        found["order"] = of_order(options.masters)
        keep()


if __name__ == "__main__":
    main()
