"""What an ensemble trained on simulation alone says of real patterns, beside Hough and dictionary indexing.

    python -m reports.simulation.real_patterns REAL [--run shipped]

REAL is a folder with ``silicon_moving_screen``, ``cementite`` and ``aztec_tiff``; nickel comes with kikuchipy. Hough
and dictionary indexing are told five candidates (nickel, silicon, iron, Ni3Al, Cr3Si), as a user would tell them, and
the calibrated pattern centre where the file has it; the ensemble is told nothing. Writes ``real_patterns.json``.
"""

import argparse
import csv
import json
import tempfile
from pathlib import Path
from typing import Any

import kikuchipy
import numpy as np
from orix.crystal_map import PhaseList
from orix.sampling import get_sample_fundamental

import kikuchi
from kikuchi.scans import Scan, open_scan
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from reports._provenance import provenance

CANDIDATES = ("Ni", "Si", "Fe", "Ni3Al", "Cr3Si")
DICTIONARY_STEP = 4.0  # degrees
DICTIONARY_PIXELS = 60


def scans(real: Path) -> list[tuple[str, int | None, Scan, Any]]:
    """Return name, true space group, scan, and kikuchipy's signal where its detector is calibrated."""
    nickel = kikuchipy.data.nickel_ebsd_small()
    # From the file, as a user would: it holds the detector's static background too.
    file = Path(kikuchipy.__file__).parent / "data" / "kikuchipy_h5ebsd" / "patterns.h5"
    found: list[tuple[str, int | None, Scan, Any]] = [("nickel, 9 patterns", 225, open_scan(file), nickel)]
    for path in sorted((real / "silicon_moving_screen").glob("*.h5")):
        found.append((f"silicon, {path.stem}", 227, open_scan(path), kikuchipy.load(path)))
    found.append(("cementite", 62, open_scan(real / "cementite" / "Fe3C.tif"), None))
    found.append(("AZtec export", None, open_scan(real / "aztec_tiff" / "sample_ebsd.tiff"), None))
    return found


def ensemble_says(run: str, scan: Scan) -> list[dict[str, Any]]:
    """Map the scan as a user does, and read the table that comes out."""
    with tempfile.TemporaryDirectory() as folder:
        kikuchi.map_scan(scan, run, folder)
        with (Path(folder) / "map.csv").open(encoding="utf-8", newline="") as file:
            lines = [line for line in file if not line.startswith("#")]
    kept = ("status", "reason", "space_group", "winner", "candidates", "confidence", "mutual_information")
    return [{k: row[k] for k in kept if k in row} for row in csv.DictReader(lines)]


def binned(signal: Any) -> tuple[Any, Any]:
    """Return the signal without its background at `DICTIONARY_PIXELS`, and its detector."""
    signal = signal.deepcopy()
    if signal.data.dtype != np.float32:
        signal.change_dtype("float32")
    signal.remove_dynamic_background(show_progressbar=False)
    factor = max(1, signal.axes_manager.signal_shape[0] // DICTIONARY_PIXELS)
    if factor > 1:
        signal.downsample(factor, show_progressbar=False)
    detector = signal.detector.deepcopy()
    detector.pc = signal.detector.pc_average
    return signal, detector


def indexers_say(signal: Any, masters: dict[str, Any]) -> dict[str, Any]:
    """Index with Hough (all candidates in one list) and with one dictionary per candidate."""
    signal, detector = binned(signal)
    phases = PhaseList([masters[name].phase for name in CANDIDATES])
    found = signal.hough_indexing(phases, detector.get_indexer(phases), verbose=0)
    hough = [str(found.phases[int(i)].name) if int(i) >= 0 else "none" for i in np.ravel(found.phase_id)]
    scores = {}
    for name, master in masters.items():
        rotations = get_sample_fundamental(DICTIONARY_STEP, point_group=master.phase.point_group)
        dictionary = master.get_patterns(
            rotations, detector, energy=20, dtype_out="float32", compute=True, show_progressbar=False
        )
        best = signal.dictionary_indexing(dictionary, keep_n=1)
        scores[name] = np.ravel(best.scores)
    names = list(scores)
    table = np.stack([scores[name] for name in names])
    return {
        "hough": hough,
        "hough_fit_degrees": [round(float(x), 2) for x in np.ravel(found.fit)],
        "dictionary": [names[i] for i in table.argmax(axis=0)],
        "dictionary_scores": {name: [round(float(x), 3) for x in scores[name]] for name in names},
    }


def kikuchipy_master(name: str) -> Any:
    """Give a dynamical master pattern of ours to kikuchipy."""
    structure = load_structure(name)
    master = bloch_wave_master(structure, 20, half_size=100)
    phase = structure.to_phase()
    phase.name = name
    return kikuchipy.signals.EBSDMasterPattern(
        np.stack([master.north, master.south]),
        axes=[
            {"size": 2, "name": "hemisphere"},
            {"size": 201, "name": "height"},
            {"size": 201, "name": "width"},
        ],
        projection="lambert",
        hemisphere="both",
        phase=phase,
    )


def main() -> None:
    """Ask all three about every scan, write the JSON and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("real", type=Path)
    parser.add_argument("--run", default="shipped")
    options = parser.parse_args()
    masters = {name: kikuchipy_master(name) for name in CANDIDATES}
    result: dict[str, Any] = {
        **provenance(),
        "candidates told to the indexers": list(CANDIDATES),
        "scans": {},
    }
    for name, group, scan, signal in scans(options.real):
        row = {"space_group": group, "ensemble": ensemble_says(options.run, scan)}
        if signal is not None:
            row |= indexers_say(signal, masters)
        result["scans"][name] = row
        print(name, group, json.dumps(row)[:600], flush=True)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
