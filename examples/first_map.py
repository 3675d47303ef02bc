"""Your first map: simulate a small nickel superalloy, fit an ensemble, map, and look. About two minutes on two cores.

    python examples/first_map.py [FOLDER]

Nothing is needed but this package. With scans of your own, leave the simulation out and begin at `kikuchi.fit`.
"""

import json
import sys
from pathlib import Path

import kikuchi
from kikuchi.simulate import simulate

#: Scans of one known phase each, to learn from: 300 patterns a material.
LABELLED = """
seed = 1
half_size = 100
[[material]]
name = "Ni3Al"
count = 300
[[material]]
name = "Ni"
count = 300
[detector]
shape = [48, 48]
[microscope]
contrast = { uniform = [0.3, 0.4] }
dose = { loguniform = [2000, 6000] }
"""

#: The scan to map: grains of nickel with Ni3Al precipitates, silicon that no member has seen, and a damaged patch.
UNKNOWN = """
seed = 2
half_size = 100
[[material]]
name = "Ni"
[[material]]
name = "Ni3Al"
[[material]]
name = "Si"
[detector]
shape = [48, 48]
[microscope]
contrast = { uniform = [0.3, 0.4] }
dose = { loguniform = [2000, 6000] }
[map]
shape = [30, 40]
step = 0.5
grain_size = 8.0
boundary_width = 0.3
vary = "pattern"
phase = [{ material = "Ni" }]
precipitate = [{ material = "Ni3Al", matrix = "Ni", fraction = 0.3, radius = 1.5 }]
foreign = [{ material = "Si", centre = [0.8, 0.25], radius = 0.2 }]
unreadable = [{ centre = [0.15, 0.85], radius = 0.12 }]
"""

#: Two members that start from weights which learned on simulated crystals: they need few patterns.
RECIPE = """
[[member]]
kind = "transfer"
count = 2
architecture = "small"
size = 48
dropout = 0.3
weights = "kikuchi"
[train]
epochs = 4
batch = 32
flip_augmentation = true
cosine_decay = true
[split]
train_per_class = 100
validation_per_class = 20
[abstain]
risk = 0.05
"""


def fitted(folder: Path) -> Path:
    """Simulate what is needed and fit the ensemble; what is there already is not made again."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "labelled" / "dataset.toml").is_file():
        (folder / "labelled.toml").write_text(LABELLED, encoding="utf-8")
        simulate(folder / "labelled.toml", folder / "labelled")
    if not (folder / "superalloy.h5").is_file():
        (folder / "superalloy.toml").write_text(UNKNOWN, encoding="utf-8")
        simulate(folder / "superalloy.toml", folder / "superalloy.h5")
    (folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    if not (folder / "run" / "bundle.json").is_file():
        kikuchi.fit(folder / "labelled" / "dataset.toml", folder / "recipe.toml", folder / "run", seed=1)
    return folder / "run"


def main(folder: Path) -> None:
    """Fit, map, and say what was found."""
    run = fitted(folder)
    kikuchi.map_scan(folder / "superalloy.h5", run, folder / "maps")
    summary = json.loads((folder / "maps" / "summary.json").read_text(encoding="utf-8"))
    print("points by what became of them:", summary["status"])
    print(f"look at {folder / 'maps' / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("examples-output"))
