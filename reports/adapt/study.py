"""Scans of named phases: dual-phase maps from EMsoft's masters, real scans, wrong candidates, pairs, time.

    python -m reports.adapt.study maps --shared ../shared --work /tmp/adapt
    python -m reports.adapt.study real --shared ../shared --work /tmp/adapt
    python -m reports.adapt.study pairs --shared ../shared --work /tmp/adapt

Results are written part by part beside this file; a part that is there is left as it is.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import kikuchi
from ensemble.errors import InputError
from kikuchi._support.progress import SILENT
from kikuchi.matching.storage import load_matcher
from kikuchi.matching.telling_planes import telling_planes
from kikuchi.scans import Scan, open_scan, scan_from_array
from kikuchi.simulate import Detector, Microscope, load_master, load_structure, simulate_map
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.detector.distribution import between, log_between
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.scenes.microstructure import Microstructure
from kikuchi.simulate.scenes.simulation import build_microstructure
from kikuchi.simulate.scenes.spec import MapTable
from reports._provenance import provenance
from reports.adapt.baselines import (
    LABELS,
    by_hough,
    dictionary_alone,
    divided_by_labels,
    judged_overlaps,
    share,
    truth_of,
)
from reports.simulation.spectra import inconel_patterns

HERE = Path(__file__).parent
ONLY = ""
SEED = 2021
KV = 20.0

#: The recording of the two maps of `reports/paper`.
DETECTOR = Detector(shape=(60, 60), pcx=between(0.48, 0.52), pcy=between(0.23, 0.27), pcz=between(0.53, 0.57))
MICROSCOPE = Microscope(contrast=between(0.03, 0.08), dose=log_between(1500, 6000))

#: Phase by phase: EMsoft's master, which the patterns are made of, and the structure that is named.
MAPS: dict[str, dict[str, Any]] = {
    "nickel superalloy": {
        "every": 3,
        "phases": {"Ni": "Ni_nickel_sg225", "Ni3Al": "Ni3Al_gamma_prime_sg221"},
        "microstructure": {
            "shape": [69, 100], "step": 0.2, "grain_size": 4.0, "boundary_width": 0.2,
            "phase": [{"material": "Ni"}],
            "precipitate": [{"material": "Ni3Al", "matrix": "Ni", "fraction": 0.3, "radius": 0.6}],
        },
    },
    "duplex steel": {
        "every": 4,
        "phases": {"Austenite": "Fe_gamma_iron_sg225", "Fe": "Fe_alpha_iron_sg229"},
        "microstructure": {
            "file": "real/duplex_steel_map/sdss_ferrite_austenite.ang", "boundary_width": 1.5,
            "phase": [
                {"material": "Austenite", "in_file": "austenite/austenite"},
                {"material": "Fe", "in_file": "ferrite/ferrite"},
            ],
        },
    },
}  # fmt: skip

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


def master_file(shared: Path, name: str) -> Path:
    """Return a file of the public database."""
    return shared / "masters" / f"{name}_{KV:.0f}kV.sht"


def true_master(file: str, name: str, shared: Path, work: Path) -> MasterPattern:
    """Load the master that patterns are made of."""
    if file != "de-ebsd":
        return load_master(master_file(shared, file), half_size=200)
    structure = load_structure(named(name))
    north = np.load(work / "other" / f"{name}.npy").astype(np.float32)
    assert is_centrosymmetric(structure.space_group)
    return replace(MasterPattern.of(structure, KV, north, kind="dynamical"), simulator="de-ebsd")


def named(phase: str) -> str:
    """Return what a command is told of a phase: a structure that ships, or the file of one that does not."""
    file = HERE / "structures" / f"{phase}.toml"
    return str(file) if file.is_file() else phase


def recorded(name: str, entry: dict[str, Any], shared: Path, work: Path) -> Path:
    """Simulate a map from EMsoft's masters, once."""
    out = work / f"{name.replace(' ', '_')}.h5"
    if not out.is_file():
        names = list(entry["phases"])
        masters = [replace(true_master(f, n, shared, work), name=n) for n, f in entry["phases"].items()]
        table = dict(entry["microstructure"])
        if "file" in table:
            table["file"] = shared / table["file"]
        structure, step = build_microstructure(MapTable.model_validate(table), names, SEED)
        every = entry.get("every", 1)
        simulate_map(
            masters,
            subsampled(structure, every),
            out,
            detector=DETECTOR,
            microscope=MICROSCOPE,
            seed=SEED,
            step_um=step * every,
        )
    return out


def subsampled(structure: Microstructure, every: int) -> Microstructure:
    """Return every so many points of a map in both directions."""
    rows, columns = np.indices(structure.shape)
    kept = ((rows % every == 0) & (columns % every == 0)).ravel()
    arrays = {name: value[kept] for name, value in vars(structure).items() if name != "shape"}
    shape = (-(-structure.shape[0] // every), -(-structure.shape[1] // every))
    return replace(structure, shape=shape, **arrays)


def map_part(shared: Path, work: Path) -> dict[str, Any]:
    """Adapt to both maps and judge them, beside what laboratories have."""
    results = kept("maps")
    for name, entry in MAPS.items():
        if name in results or ONLY not in name:
            continue
        file = recorded(name, entry, shared, work)
        run, out = work / f"{file.stem}.run", work / f"{file.stem}.maps"
        names = list(entry["phases"])
        bundle = kikuchi.adapt(file, names, run, seed=SEED)
        kikuchi.map_scan(file, bundle, out)
        table, truth = pd.read_csv(out / "map.csv"), truth_of(file)
        known = truth["phase"].isin(names).to_numpy()
        pure = known & (truth["status_truth"] == "known").to_numpy()
        grain = truth["grain"].to_numpy()
        true = truth["phase"].to_numpy()
        best = table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:].to_numpy()
        answered = (table["status"] == "solved").to_numpy() & known
        wrong = best != true
        background = load_matcher(run / "members" / "matcher-1").background
        alone = np.array(names)[dictionary_alone(run, open_scan(file), background)]
        given = {"matched and refined": best, "dictionary alone, told the same": alone} | by_hough(
            file, names
        )
        if "by_order" in table:
            given["divided by the scan's own mixture"] = table["by_order"].to_numpy()
        results[name] = {
            "points": int(known.sum()),
            "every": entry["every"],
            "pure_points": int(pure.sum()),
            "error_away_from_boundaries": {
                who: share((what != true)[pure], grain[pure]) for who, what in given.items()
            },
            "error": {who: share((what != true)[known], grain[known]) for who, what in given.items()},
            "answered": float(answered.sum() / known.sum()),
            "answered_away_from_boundaries": float((answered & pure).sum() / pure.sum()),
            "wrong_among_answered": float((answered & wrong).sum() / max(1, answered.sum())),
            "wrong_among_answered_away_from_boundaries": float(
                (answered & wrong & pure).sum() / max(1, (answered & pure).sum())
            ),
            "status": table["status"].value_counts().to_dict(),
            "overlaps": judged_overlaps(table, truth),
            "true_pattern_centre": [float(truth[c].median()) for c in ("pcx", "pcy", "pcz")],
            "adapted": bundle.manifest["adapted"],
            "promise": bundle.promised(bundle.abstentions[bundle.rule]).certificate.message,
        }
        keep("maps", results)
    return results


def label_part(shared: Path, work: Path) -> dict[str, Any]:
    """Divide the superalloy by ten labelled points, drawn in many ways and as `ensemble label` asks for them."""
    results = kept("labels")
    name = "nickel superalloy"
    if name in results:
        return results
    file, names = recorded(name, MAPS[name], shared, work), list(MAPS[name]["phases"])
    run, out = work / f"{file.stem}.run", work / f"{file.stem}.maps"
    bundle = kikuchi.adapt(file, names, run, seed=SEED)
    kikuchi.map_scan(file, bundle, out)
    truth = truth_of(file)
    true, grain = truth["phase"].to_numpy(), truth["grain"].to_numpy()
    pure = np.isin(true, names) & (truth["status_truth"] == "known").to_numpy()
    asked = work / f"{file.stem}.labels.csv"
    asked.unlink(missing_ok=True)
    kikuchi.suggest_labels(out, file, bundle, asked, points=LABELS)
    filled = pd.read_csv(asked, dtype={"material": object})
    filled["material"] = true[filled["index"]]
    filled.to_csv(asked, index=False)
    table = pd.read_csv(out / "map.csv")
    divided = kikuchi.map_scan(file, bundle, work / f"{file.stem}.labelled", labels=asked)
    labelled = pd.read_csv(work / f"{file.stem}.labelled" / "map.csv")
    given = {
        "matched and refined": table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:].to_numpy(),
        "divided by the scan's own mixture": table["by_order"].to_numpy(),
        "ensemble map --labels": labelled["by_order"].to_numpy(),
    }
    results[name] = {
        "pure_points": int(pure.sum()),
        "labels": filled["material"].value_counts().to_dict(),
        "error_away_from_boundaries": {
            who: share((what != true)[pure], grain[pure]) for who, what in given.items()
        },
        "the_division": divided.meta["order_parameter"],
        "by_the_labels_alone": divided_by_labels(
            table["order_parameter"].to_numpy(), true == names[1], pure, SEED
        ),
    }
    keep("labels", results)
    return results


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


def real_part(shared: Path, work: Path) -> dict[str, Any]:
    """Adapt to real scans with the right and with wrong candidates."""
    results = kept("real")
    for label, which, names, truth in REAL:
        if label in results or ONLY not in label:
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
        kikuchi.map_scan(scan, bundle, out)
        table = pd.read_csv(out / "map.csv")
        best = table[[f"p_{n}" for n in names]].idxmax(axis=1).str[2:]
        solved = table["status"] == "solved"
        results[label] = {
            "patterns": len(table),
            "put_first": best.value_counts().to_dict(),
            "answered": table["phase"][solved].value_counts().to_dict(),
            "status": table["status"].value_counts().to_dict(),
            "truth": truth,
            "geometry": bundle.manifest["adapted"]["geometry"],
            "seconds": time.perf_counter() - clock,
            "cpu_seconds": time.process_time() - cpu,
        }
        keep("real", results)
    return results


def pair_part(shared: Path, work: Path) -> dict[str, Any]:
    """Adapt to small maps of pairs of every crystal system."""
    results = kept("pairs")
    for one, one_file, other, other_file in PAIRS:
        if f"{one} / {other}" in results or ONLY not in f"{one} / {other}":
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
            results[label] = {"refused": error.what, "cpu_seconds": time.process_time() - cpu}
            keep("pairs", results)
            continue
        kikuchi.map_scan(file, bundle, work / f"{one}-{other}.maps", progress=SILENT)
        seconds, cpu_seconds = time.perf_counter() - clock, time.process_time() - cpu
        table, truth = pd.read_csv(work / f"{one}-{other}.maps" / "map.csv"), truth_of(file)
        pure = (truth["status_truth"] == "known").to_numpy()
        said = np.log(np.maximum(table[[f"p_{one}", f"p_{other}"]].to_numpy(), 1e-12))
        true = (truth["phase"] == other).to_numpy().astype(int)
        wrong = said.argmax(axis=1) != true
        answered = (table["status"] == "solved").to_numpy()
        together = pd.DataFrame(said[pure]).groupby(truth["grain"].to_numpy()[pure]).sum()
        of_grain = pd.Series(true[pure]).groupby(truth["grain"].to_numpy()[pure]).first()
        structures = [load_structure(named(name)) for name in (one, other)]
        results[label] = {
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


def kept(part: str) -> dict[str, Any]:
    """Return the results of a part that are there already."""
    file = HERE / f"{part}.json"
    return json.loads(file.read_text()) if file.is_file() else {}


def keep(part: str, results: dict[str, Any]) -> None:
    """Write what a part has so far."""
    made = {"made_by": provenance(seed=SEED)} | {k: v for k, v in results.items() if k != "made_by"}
    (HERE / f"{part}.json").write_text(json.dumps(made, indent=1, default=float) + "\n")


PARTS: dict[str, Callable[[Path, Path], dict[str, Any]]] = {
    "maps": map_part,
    "labels": label_part,
    "real": real_part,
    "pairs": pair_part,
}


def main() -> None:
    """Run one part and write its results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--only", default="", help="Results with this in their names alone.")
    arguments = parser.parse_args()
    global ONLY
    ONLY = arguments.only
    arguments.work.mkdir(parents=True, exist_ok=True)
    PARTS[arguments.part](arguments.shared, arguments.work)


if __name__ == "__main__":
    main()
