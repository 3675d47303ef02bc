"""Pairs of phases, one of every crystal system: expected errors, and those of a small map."""

import time
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kikuchi
from ensemble.errors import InputError
from kikuchi._support.progress import SILENT
from kikuchi.matching.telling_planes import telling_planes
from kikuchi.simulate import load_structure
from reports._provenance import provenance
from reports.adapt.baselines import share, truth_of
from reports.adapt.recorded_maps import SEED, keep, kept, named, recorded

#: One pair per crystal system and the two asked for by name: structures, and the masters that patterns are made of.
#: What EMsoft's database lacks is simulated by de-ebsd (`reports.simulation.other_masters`) into the work folder.
PAIRS = (
    ("Ti", "Ti_alpha_titanium_sg194", "Fe", "Fe_alpha_iron_sg229"),
    ("Fe3C", "Fe3C_cementite_sg62", "Fe", "Fe_alpha_iron_sg229"),
    ("Quartz", "SiO2_alpha_quartz_low_sg152", "Si", "Si_silicon_sg227"),
    ("Sn", "Sn_beta_tin_white_sg141", "Ge", "Ge_germanium_sg227"),
    ("Mg", "Mg_magnesium_sg194", "Al", "Al_aluminum_sg225"),
    ("GaAs", "GaAs_gallium_arsenide_sg216", "Ge", "Ge_germanium_sg227"),
    ("Mo", "Mo_molybdenum_sg229", "W", "W_tungsten_sg229"),
    ("Ti", "Ti_alpha_titanium_sg194", "TiBeta", "de-ebsd"),
    ("ZrO2Monoclinic", "de-ebsd", "ZrO2Tetragonal", "de-ebsd"),
    ("Kyanite", "de-ebsd", "Quartz", "SiO2_alpha_quartz_low_sg152"),
)


def pair_part(shared: Path, work: Path, only: str) -> dict[str, Any]:
    """Adapt to small maps of pairs of every crystal system."""
    results = kept("pairs")
    for one, one_file, other, other_file in PAIRS:
        if f"{one} / {other}" in results or only not in f"{one} / {other}":
            continue
        entry = {
            "phases": {one: one_file, other: other_file},
            "microstructure": {
                "shape": [20, 30], "step": 1.0, "grain_size": 4.0, "boundary_width": 0.5,
                "phase": [{"material": one}, {"material": other}],
            },
        }  # fmt: skip
        label = f"{one} / {other}"
        file = recorded(f"{one}-{other}", entry, shared, work)
        clock, cpu = time.perf_counter(), time.process_time()
        try:
            bundle = kikuchi.adapt(file, [named(one), named(other)], work / f"{one}-{other}.run", seed=SEED)
        except InputError as error:
            results[label] = {
                "part_made_by": provenance(seed=SEED),
                "refused": error.what,
                "cpu_seconds": time.process_time() - cpu,
            }
            keep("pairs", results)
            continue
        phase_map = kikuchi.map_scan(file, bundle, work / f"{one}-{other}.maps", progress=SILENT)
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
        table, truth = pd.read_csv(work / f"{one}-{other}.maps" / "map.csv"), truth_of(file)
        pure = (truth["status_truth"] == "known").to_numpy()
        log_p = np.log(np.maximum(table[[f"p_{one}", f"p_{other}"]].to_numpy(), 1e-12))
        true = (truth["phase"] == other).to_numpy().astype(int)
        wrong = log_p.argmax(axis=1) != true
        answered = (table["status"] == "solved").to_numpy()
        together = pd.DataFrame(log_p[pure]).groupby(truth["grain"].to_numpy()[pure]).sum()
        of_grain = pd.Series(true[pure]).groupby(truth["grain"].to_numpy()[pure]).first()
        structures = [load_structure(named(name)) for name in (one, other)]
        results[label] = {
            "part_made_by": provenance(seed=SEED),
            "space_groups": [structure.space_group for structure in structures],
            "points_away_from_boundaries": int(pure.sum()),
            "error_away_from_boundaries": share(wrong[pure], truth["grain"].to_numpy()[pure]),
            "grains": len(of_grain),
            "grains_wrong": int((together.to_numpy().argmax(axis=1) != of_grain.to_numpy()).sum()),
            "answered_away_from_boundaries": float(answered[pure].mean()),
            "answered": int(answered.sum()),
            "wrong_among_answered": int((answered & wrong).sum()),
            "status": table["status"].value_counts().to_dict(),
            "explained_median": bundle.manifest["adapted"]["geometry"]["explained_median"],
            "explained_less_well": phase_map.meta.get("less_explained", []),
            "expected": bundle.manifest["adapted"]["separability"],
            "planes": {
                f"{a.name} beyond {b.name}": [str(family) for family in telling_planes(a, b)]
                for a, b in (structures, structures[::-1])
            },
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
        }
        keep("pairs", results)
    return results
