"""What a bundle fitted on simulations of structures is worth on another simulator's patterns: item 14 of the faults.

    python -m reports.reliability.structures --masters FOLDER

Two phases of iron are simulated from their structures, by Bloch waves as is the default and by bands alone as was. A
small bundle is fitted on each, and both map patterns simulated from EMsoft's master patterns of the same phases, which
none of them has seen: `Fe_alpha_iron_sg229_20kV.sht`, `Fe_gamma_iron_sg225_20kV.sht` of the public database.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import pandas as pd

import kikuchi
from kikuchi.simulate import simulate
from reports._provenance import provenance

PHASES = {"Fe": 229, "Austenite": 225}
CAMERA = "[detector]\nshape = [48, 48]\n[microscope]\ncontrast = 0.3\ndose = 3000\n"
RECIPE = """
[[member]]
kind = "transfer"
size = 64
weights = "kikuchi"
[train]
epochs = 6
batch = 16
warm_down = true
[split]
train_per_class = 120
validation_per_class = 30
[combine]
draws = 10
[abstain]
risk = 0.02
"""


def materials(count: int, masters: Path | None = None) -> str:
    """Name the two phases by their structures, or by EMsoft's master patterns."""
    files = {"Fe": "Fe_alpha_iron_sg229_20kV.sht", "Austenite": "Fe_gamma_iron_sg225_20kV.sht"}
    lines = []
    for name in PHASES:
        place = f"master = '{masters / files[name]}'\n" if masters else ""
        lines.append(f'[[material]]\nname = "{name}"\n{place}count = {count}\n')
    return "".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--masters", type=Path, required=True)
    parser.add_argument("--work", type=Path, default=Path(".work/structures"))
    parser.add_argument("--count", type=int, default=500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    work = given.work
    work.mkdir(parents=True, exist_ok=True)
    spec = work / "emsoft.toml"
    spec.write_text(f"seed = {given.seed + 1}\n{materials(given.count, given.masters.resolve())}{CAMERA}")
    if not (work / "emsoft" / "dataset.toml").is_file():
        simulate(spec, work / "emsoft")
    (work / "recipe.toml").write_text(RECIPE)
    found: dict[str, Any] = {}
    for how in ("dynamical", "kinematical"):
        spec = work / f"{how}.toml"
        spec.write_text(f'seed = {given.seed}\ndiffraction = "{how}"\n{materials(given.count)}{CAMERA}')
        if not (work / how / "dataset.toml").is_file():
            simulate(spec, work / how)
        bundle = kikuchi.fit(work / how / "dataset.toml", work / "recipe.toml", work / f"run-{how}")
        right, wrong, asked = 0, 0, 0
        for name, group in PHASES.items():
            out = work / f"maps-{how}-{name}"
            kikuchi.map_scan(work / "emsoft" / f"{name}.h5", work / f"run-{how}", out)
            answers = pd.read_csv(out / "map.csv")["space_group"]
            right += int((answers == group).sum())
            wrong += int((answers.notna() & (answers != group)).sum())
            asked += len(answers)
        answered = right + wrong
        found[how] = {
            "promise": bundle.promised(bundle.abstentions[bundle.rule]).certificate.message,
            "patterns": asked,
            "answered": answered,
            "wrong": wrong,
            "wrong_of_answered": wrong / answered if answered else None,
        }
        print(how, found[how], flush=True)
        record = {**provenance(seed=given.seed), "count": given.count, "found": found}
        target = Path(__file__).with_name("structures.json")
        target.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
