"""The paper, reproduced, side by side with its peers: one command, which goes on where it was interrupted.

    python -m reports.paper.study [--size 64] [--members 10] [--trials 5] [--seed 2021] [--config study.toml]
                                  [--work FOLDER] [--only STAGE ...]

Patterns, networks and their outputs go to the work folder, results (JSON, figures, the tables of ``README.md``) beside
the configuration. A stage whose JSON is there and was made by the same study is not run again.
"""

import argparse
import json
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from kikuchi._support import atomic
from kikuchi._support.json import plain
from kikuchi._support.progress import Lines, Progress
from kikuchi.inference.predictor import Predictor
from kikuchi.simulate import load_structure
from kikuchi.workflows.explain import explain_map
from reports._provenance import provenance
from reports.paper.parts.config import Study, load_study
from reports.paper.parts.ensembles import ensembles, pair_certificate
from reports.paper.parts.figures import draw_growth, draw_losses, draw_map, draw_shift, draw_unknown, save
from reports.paper.parts.maps import map_folder, mapped
from reports.paper.parts.page import Results, write_page
from reports.paper.parts.patterns import labelled_dataset, map_scan_file, stem, unknown_dataset
from reports.paper.parts.peers import peers
from reports.paper.parts.protocol import fitted, protocol, weights_used
from reports.paper.parts.shift import conditions, shifted
from reports.paper.parts.unknown import unknown

HERE = Path(__file__).parent

#: What a study says of its networks.
OF_NETWORKS = ("size", "architecture", "trials", "members", "weights", "recipe")


def main() -> None:
    """Run every stage that has no result yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--config", type=Path, default=HERE / "study.toml")
    parser.add_argument("--work", type=Path, default=Path("paper-study"), help="patterns, networks, outputs")
    parser.add_argument("--size", type=int, help="side of the members' input, such as 64, 96, 128, 224, 299")
    parser.add_argument("--members", type=int, help="largest ensemble in the table of how many are enough")
    parser.add_argument("--trials", type=int, help="networks per approach")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--only", nargs="+", help="these stages")
    given = parser.parse_args()
    chosen = {name: getattr(given, name) for name in ("size", "members", "trials", "seed")}
    config = given.config.resolve()
    study = load_study(config, **chosen)
    run(study, config.parent, given.work, given.only)


def run(study: Study, results: Path, work: Path, only: list[str] | None) -> None:
    """Run every stage of the study that has no result yet, then draw the figures and fill the page."""
    progress = Lines()
    bundle = fitted(study, labelled_dataset(study, work), work, progress)
    found: Results = {}
    about_study = described(study, results)
    for name, stage in stages(study, bundle, work, progress).items():
        file = results / "results" / f"{name}.json"
        if not is_made(file, about_study) and (only is None or name in only):
            progress.say(f"stage {name}")
            begin = time.perf_counter()
            made = stage()
            about = {
                **provenance(seed=study.seed),
                "seconds": round(time.perf_counter() - begin, 1),
                "study": about_study,
            }
            atomic.write_json(file, plain({"made_by": about} | made))
        if is_made(file, about_study):
            found[name] = atomic.read_json(file, remedy="delete it")
    draw(study, bundle, results, work, found, progress)
    if (results / "README.md").is_file():
        write_page(results / "README.md", found)


def described(study: Study, folder: Path) -> dict[str, Any]:
    """Return what a study says beyond the defaults as plain data, its files relative to its folder again."""
    text = json.dumps(study.model_dump(mode="json", exclude_defaults=True))
    found: dict[str, Any] = json.loads(text.replace(f"{folder}/", ""))
    return found


def is_made(file: Path, study: dict[str, Any]) -> bool:
    """Whether a result is there and was made by a study described like this; the peers know nothing of networks."""
    if not file.is_file():
        return False
    there = atomic.read_json(file, remedy="delete it")["made_by"]["study"]
    ignored = OF_NETWORKS if file.stem.startswith("peers_") else ()
    return all(there.get(key) == study.get(key) for key in {*there, *study} if key not in ignored)


def explanations_folder(bundle: Predictor, work: Path) -> Path:
    """Return where one ensemble's explanations are."""
    return work / "explanations" / bundle.path.name


def stages(
    study: Study, bundle: Predictor, work: Path, progress: Progress
) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return every stage by the name of its JSON, in order."""
    found: dict[str, Callable[[], dict[str, Any]]] = {
        "protocol": lambda: protocol(bundle) | {"transfer_from": weights_used(study)},
        "ensembles": lambda: ensembles(bundle, study.members, study.seed, progress),
        "pair": lambda: pairs(study, bundle),
    }
    for number, entry in enumerate(study.map):
        where = (entry, study, work, number)
        found[f"map_{stem(entry.name)}"] = partial(mapped, bundle, *where, progress)
        found[f"peers_{stem(entry.name)}"] = partial(peers, *where)
    unknown_file = unknown_dataset(study, work)
    if unknown_file is not None:
        found["unknown"] = partial(unknown, bundle, unknown_file, progress)
    if study.shift.axes or study.shift.recorded or study.shift.other_masters:
        found["shift"] = lambda: shifted(bundle, conditions(study, work, progress), progress)
    if study.map:
        found["explanations"] = lambda: explained(study, bundle, work, progress)
    return found


def pairs(study: Study, bundle: Predictor) -> dict[str, Any]:
    """Certify how surely the phases of every map are told apart, by their groups and by the materials themselves."""
    found = {}
    for entry in study.map:
        first, second = (load_structure(name).space_group for name in entry.materials)
        for materials in (None, (entry.materials[0], entry.materials[1])):
            name = f"{first} and {second}, " + (
                "all materials" if materials is None else " and ".join(materials)
            )
            found[name] = pair_certificate(bundle, (first, second), materials, bundle.rule)
    return {"pairs": found}


def explained(study: Study, bundle: Predictor, work: Path, progress: Progress) -> dict[str, Any]:
    """Explain disagreements of the first map: kernel pairs, feature maps and Shapley values (Figs. 2 to 4)."""
    entry = study.map[0]
    scan = map_scan_file(entry, study, work, 0)
    folder = explanations_folder(bundle, work)
    found = explain_map(
        map_folder(bundle, entry, work), scan, bundle, folder, points=3, budget="5m", progress=progress
    )
    return {
        name: found[name] for name in ("map", "method", "worst_error", "compared", "points", "randomised")
    }


def draw(
    study: Study, bundle: Predictor, results: Path, work: Path, found: Results, progress: Progress
) -> None:
    """Draw the figures of every result that is there."""
    figures = results / "figures"
    if "protocol" in found:
        save(draw_losses(found["protocol"]), figures / "losses.png")
    if "ensembles" in found:
        save(draw_growth(found["ensembles"], bundle.rule), figures / "growth.png")
    if "shift" in found:
        save(draw_shift(found["shift"], bundle.rule), figures / "shift.png")
    if "unknown" in found:
        save(draw_unknown(found["unknown"]), figures / "unknown.png")
    for number, entry in enumerate(study.map):
        name = stem(entry.name)
        if f"map_{name}" in found and f"peers_{name}" in found:
            progress.say(f"drawing {entry.name}")
            save(draw_map(bundle, entry, study, work, number), figures / f"{name}.png")
    if "explanations" in found:
        # Points are called by their index, which changes from run to run; the page wants one name.
        first = Path(found["explanations"]["points"][0]["picture"])
        shown = {"disagreement": first, "classes": first.with_name(f"{first.stem}_classes.png")}
        compared = found["explanations"]["compared"] or {"pictures": {}}
        shown |= {
            name: Path(compared["pictures"][name])
            for name in ("kernels", "feature_maps")
            if name in compared["pictures"]
        }
        for name, picture in shown.items():
            with atomic.replaced(figures / f"{name}.png") as partial_file:
                shutil.copyfile(explanations_folder(bundle, work) / picture, partial_file)


if __name__ == "__main__":
    main()
