"""Real scans of nickel, silicon and Inconel 718, told the right phases and wrong ones."""

import time
from pathlib import Path
from typing import Any

import pandas as pd

import kikuchi
from ensemble.errors import InputError
from kikuchi.scans import Scan, scan_from_array
from reports._provenance import provenance
from reports.adapt.recorded_maps import KV, SEED, keep, kept
from reports.simulation.spectra import inconel_patterns

REAL: tuple[tuple[str, str, tuple[str, ...], str | None], ...] = (
    ("nickel, nine patterns", "nickel", ("Ni", "Si", "Fe"), "Ni"),
    ("nickel told it is Si or Fe", "nickel", ("Si", "Fe"), None),
    ("silicon in", "si_in", ("Ni", "Si", "Fe"), "Si"),
    ("silicon out 5 mm", "si_out5mm", ("Ni", "Si", "Fe"), "Si"),
    ("silicon out 10 mm", "si_out10mm", ("Ni", "Si", "Fe"), "Si"),
    ("silicon out 5 mm told it is Ni or Fe", "si_out5mm", ("Ni", "Fe"), None),
    ("Inconel 718, every fifth point", "inconel_5", ("Ni", "Fe", "Si"), "Ni"),
    ("Inconel 718, 2500 patterns", "inconel_1", ("Ni", "Fe", "Si"), "Ni"),
    ("Inconel 718, every fifth point, told it is Fe or Si", "inconel_5", ("Fe", "Si"), None),
    ("Inconel 718, every fifth point, the carbide named", "inconel_5", ("Ni", "NbC", "Si"), "Ni"),
    (
        "Inconel 718, every fifth point, the carbide named, 30 kV given",
        "inconel_5",
        ("Ni", "NbC", "Si"),
        "Ni",
    ),
    (
        "Inconel 718, 2500 patterns, the carbide named, 30 kV given",
        "inconel_1",
        ("Ni", "NbC", "Si"),
        "Ni",
    ),
)


def real_scan(which: str, shared: Path, work: Path) -> Path | Scan:
    """Return a real scan or its file."""
    if which == "nickel":
        import kikuchipy

        file = work / "nickel.h5"
        if not file.is_file():
            kikuchipy.data.nickel_ebsd_small().save(file)
        return file
    if which.startswith("inconel"):
        # As the detector gave them: the file holds 8 bits a pattern, each stretched on its own.
        patterns, background = inconel_patterns(shared / "real")
        every = int(which.rpartition("_")[2])
        grid = patterns.reshape(50, 50, *patterns.shape[1:])[::every, ::every]
        return scan_from_array(grid, which, static_background=background)
    return shared / "real" / "silicon_moving_screen" / f"{which}.h5"


def real_part(shared: Path, work: Path, only: str) -> dict[str, Any]:
    """Adapt to real scans with the right and with wrong candidates."""
    results = kept("real")
    for label, which, names, truth in REAL:
        if label in results or only not in label:
            continue
        run, out = work / f"{which}-{'-'.join(names)}.run", work / f"{which}-{'-'.join(names)}.maps"
        scan = real_scan(which, shared, work)
        clock, cpu = time.perf_counter(), time.process_time()
        try:
            # The voltage of the Inconel map is not known: it is found from the patterns, or given as found once.
            known = 30.0 if label.endswith("30 kV given") else None if which.startswith("inconel") else KV
            bundle = kikuchi.adapt(scan, names, run, voltage_kv=known, seed=SEED)
        except InputError as error:
            results[label] = {"refused": error.what, "cpu_seconds": time.process_time() - cpu}
            keep("real", results)
            continue
        phase_map = kikuchi.map_scan(scan, bundle, out)
        table = pd.read_csv(out / "map.csv")
        best = table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:]
        solved = table["status"] == "solved"
        results[label] = {
            "part_made_by": provenance(seed=SEED),
            "patterns": len(table),
            "put_first": best.value_counts().to_dict(),
            "answered": table["phase"][solved].value_counts().to_dict(),
            "status": table["status"].value_counts().to_dict(),
            "truth": truth,
            "explained_less_well": phase_map.meta.get("less_explained", []),
            "geometry": bundle.manifest["adapted"]["geometry"],
            "seconds": time.perf_counter() - clock,
            "cpu_seconds": time.process_time() - cpu,
        }
        keep("real", results)
    return results
