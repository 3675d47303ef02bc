"""What the ensemble adds to its best member, on simulated patterns of the paper's materials.

    python -m reports.trust.gain --work WORK

simulates the six space groups of the paper (its nineteen materials, kinematical, clear recording), fits five compact
members from scratch on the paper's split (400 + 100 patterns a group) and evaluates them on the rest. The fit is kept
in WORK and goes on there when it was interrupted; ``gain.json`` beside this file is the result.
"""

import argparse
import json
from pathlib import Path

import kikuchi
from kikuchi._support.progress import Lines
from kikuchi.recipes.schema import parse_recipe
from kikuchi.simulate import simulate
from kikuchi.simulate.crystals.structure_files import PAPER_MATERIALS, load_structure
from reports._provenance import provenance

HERE = Path(__file__).parent

RECIPE = """
[[member]]
kind = "scratch"
count = 5
architecture = "compact"
size = 64
dropout = 0.3
[train]
epochs = 20
batch = 32
patience = 20
mirror = true
warm_down = true
[split]
train_per_class = 400
validation_per_class = 100
[combine]
rule = "auto"
"""

RECORDING = """
[detector]
shape = [60, 60]
[microscope]
contrast = { uniform = [0.2, 0.4] }
dose = { loguniform = [1000, 4000] }
"""


def specification(per_group: int, seed: int) -> str:
    """Return the simulation's TOML: as many patterns of every group, divided over its materials."""
    groups: dict[int, list[str]] = {}
    for name in PAPER_MATERIALS:
        groups.setdefault(load_structure(name).space_group, []).append(name)
    tables = [
        f'[[material]]\nname = "{name}"\ncount = {per_group // len(names)}\n'
        for names in groups.values()
        for name in names
    ]
    return f'seed = {seed}\nhalf_size = 120\ndiffraction = "kinematical"\n' + "".join(tables) + RECORDING


def main() -> None:
    """Simulate, fit, evaluate, and keep what the study says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for scans and bundle")
    parser.add_argument("--per-group", type=int, default=2500, help="patterns of each space group")
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    spec = given.work / "spec.toml"
    dataset = given.work / "scans" / "dataset.toml"
    if not dataset.is_file():
        spec.write_text(specification(given.per_group, given.seed), encoding="utf-8")
        simulate(spec, given.work / "scans")
    recipe = parse_recipe(RECIPE, "gain")
    bundle = kikuchi.fit(dataset, recipe, given.work / "run", seed=given.seed, progress=Lines())
    evaluation = kikuchi.evaluate(bundle.path, None, given.work / "evaluation", progress=Lines())
    result = {
        **provenance(seed=given.seed),
        "recipe": RECIPE,
        "evaluation": evaluation.to_dict(),
    }
    (HERE / "gain.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
