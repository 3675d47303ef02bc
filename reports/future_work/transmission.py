"""The same commands on convergent-beam disks: HyperSpy files and a stack of images in, a phase map out.

    python -m reports.future_work.transmission --work FOLDER [--seed 6]

writes ``transmission.json`` and ``transmission.png`` beside this script. Disks of four cubic materials are simulated
(`disks.py`) and saved as HyperSpy's Diffraction files and, one of them, as a stack of images; then come `ensemble
fit`, `map` and `info`, as a user would run them, and a comparison with the truth.
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ensemble.metrics.bootstrap import bootstrap_interval
from reports._provenance import provenance
from reports.future_work.disks import VOLTAGE_KV, beam_of, disks, near_zone_axes, recorded

HERE = Path(__file__).parent
MATERIALS = {"Ni3Al": 221, "Ni": 225, "Si": 227, "Fe": 229}
COUNT = 600
GRID = (24, 32)
GRAINS = 14
RECIPE = """
[[member]]
kind = "scratch"
count = 2
architecture = "compact"
size = 64
dropout = 0.3

# Disks, not bands: no round screen to mask, no background to take off, and no contrast to make even.
[prepare]
circular_mask = false
dynamic_background = 0
local_contrast = 0

[train]
epochs = 6
batch = 32
warm_down = true

[split]
train_per_class = 280
validation_per_class = 40

[abstain]
risk = 0.02
"""


def labelled(name: str, seed: int) -> np.ndarray:
    """Return patterns of one material, shape (COUNT, 64, 64)."""
    rng = np.random.default_rng([seed, MATERIALS[name]])
    beam, rotations = beam_of(name), near_zone_axes(COUNT, rng)
    thickness = rng.uniform(200, 700, COUNT)
    shares = [disks(beam, rotations[i], thickness[i]) for i in range(COUNT)]
    return recorded(np.stack(shares), rng)


def microstructure(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return patterns (R, C, 64, 64), space groups (R, C) and grains (R, C) of a foil of four phases."""
    rng = np.random.default_rng([seed, 1])
    columns = GRID[1]
    seeds = rng.random((GRAINS, 2)) * GRID
    grain = cKDTree(seeds).query(np.indices(GRID).reshape(2, -1).T)[1].reshape(GRID)
    names = list(MATERIALS)
    of_grain = rng.permutation(np.arange(GRAINS) % len(names))
    beams, rotations = [beam_of(name) for name in names], near_zone_axes(GRAINS, rng)
    thickness = 450 + 150 * np.sin(np.linspace(0, 3, columns))  # angstrom: a foil is nowhere flat
    shares = np.empty((*GRID, 64, 64))
    for row, column in np.ndindex(GRID):
        g = grain[row, column]
        shares[row, column] = disks(beams[of_grain[g]], rotations[g], float(thickness[column]))
    groups = np.array(list(MATERIALS.values()))[of_grain[grain]]
    return recorded(shares, rng), groups, grain


def save_signal(path: Path, patterns: np.ndarray, steps_nm: tuple[float, ...]) -> None:
    """Save patterns as HyperSpy does, of the signal type that pyxem gives them."""
    import hyperspy.api as hs

    signal = hs.signals.Signal2D(patterns)
    signal.metadata.set_item("Signal.signal_type", "electron_diffraction")
    signal.metadata.set_item("Acquisition_instrument.TEM.beam_energy", VOLTAGE_KV)
    for axis, name, step in zip(
        signal.axes_manager._axes, ("y", "x")[-len(steps_nm) :], steps_nm, strict=False
    ):
        axis.name, axis.scale, axis.units = name, step, "nm"
    signal.save(path, overwrite=True)


def make_files(work: Path, seed: int) -> None:
    """Write the labelled files, the foil, the dataset and the recipe, unless they are there."""
    if (work / "truth.npz").is_file():
        return
    import tifffile

    entries = []
    for name, number in MATERIALS.items():
        file = f"{name}.tif" if name == "Si" else f"{name}.hspy"
        if name == "Si":
            tifffile.imwrite(work / file, labelled(name, seed), photometric="minisblack")
        else:
            save_signal(work / file, labelled(name, seed), (10.0,))
        entries.append(f'[[material]]\nname = "{name}"\nspace_group = {number}\nscan = "{file}"\n')
    (work / "dataset.toml").write_text("\n".join(entries), encoding="utf-8")
    (work / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    patterns, groups, grain = microstructure(seed)
    save_signal(work / "foil.hspy", patterns, (5.0, 5.0))
    np.savez(work / "truth.npz", groups=groups, grain=grain)


def command(*arguments: object) -> dict:
    """Run the command as a user does, and return what it says as JSON."""
    line = [sys.executable, "-m", "ensemble_cli", *map(str, arguments), "--json", "--quiet"]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr[-2000:])
    return json.loads(done.stdout)


def main() -> None:
    """Simulate, fit, map and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=6)
    given = parser.parse_args()
    work = given.work
    work.mkdir(parents=True, exist_ok=True)
    begin = time.perf_counter()
    make_files(work, given.seed)
    command(
        "fit",
        work / "dataset.toml",
        "--recipe",
        work / "recipe.toml",
        "--out",
        work / "run",
        "--seed",
        given.seed,
    )
    summary = command(
        "map", work / "foil.hspy", "--run", work / "run", "--out", work / "map", "--grains", "patterns"
    )
    line = [sys.executable, "-m", "ensemble_cli", "info", str(work / "foil.hspy"), "--json"]
    facts = json.loads(subprocess.run(line, capture_output=True, text=True, check=True).stdout)
    table = pd.read_csv(work / "map" / "map.csv", dtype={"candidates": str})
    truth = np.load(work / "truth.npz")
    groups, grain = truth["groups"].ravel(), truth["grain"].ravel()
    best = table[[f"p_{number}" for number in MATERIALS.values()]].to_numpy()
    right = np.array(list(MATERIALS.values()))[np.nan_to_num(best).argmax(axis=1)] == groups
    solved = table["space_group"].notna().to_numpy()
    pooled = table["pooled_space_group"].fillna(0).astype(int).to_numpy()

    def interval(values: np.ndarray, chosen: np.ndarray) -> list[float]:
        found = bootstrap_interval(np.mean, values[chosen], groups=grain[chosen], n_resamples=400)
        return [round(float(v), 4) for v in found]

    report = {
        **provenance(seed=given.seed),
        "seconds": round(time.perf_counter() - begin),
        "scan": {key: facts[key] for key in ("grid", "step_um", "pattern_shape", "dtype", "voltage_kv")},
        "status": summary["status"],
        "promise": summary["promised_risk"]["message"],
        "accuracy_of_all_points": interval(right, np.ones(len(right), bool)),
        "answered": round(float(solved.mean()), 4),
        "right_of_answered": interval(right, solved) if solved.any() else None,
        "grains_in_truth": int(grain.max()) + 1,
        "grains_found": summary["grains"]["grains"],
        "answered_by_grain": round(float((pooled > 0).mean()), 4),
        "right_of_answered_by_grain": interval(pooled == groups, pooled > 0) if (pooled > 0).any() else None,
    }
    (HERE / "transmission.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    picture(work)
    print(json.dumps(report, indent=1))


def picture(work: Path) -> None:
    """Draw some patterns of each material above the two maps of the foil."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    import kikuchi

    figure, axes = plt.subplots(len(MATERIALS), 8, figsize=(8, 4.4), layout="constrained")
    for row, (name, number) in zip(axes, MATERIALS.items(), strict=True):
        file = next(path for path in (work / f"{name}.tif", work / f"{name}.hspy") if path.is_file())
        for panel, pattern in zip(row, kikuchi.open_scan(file).read(np.arange(8)), strict=True):
            panel.imshow(np.sqrt(pattern), cmap="gray")
            panel.set(xticks=[], yticks=[])
        row[0].set_ylabel(f"{name}\n{number}", fontsize=8)
    figure.savefig(HERE / "transmission.png", dpi=110)


if __name__ == "__main__":
    main()
