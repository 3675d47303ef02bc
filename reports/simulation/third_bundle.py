"""Make a bundle of the third edition's members: calibrated, certified and given a gate on crystals that none has seen.

    python -m reports.simulation.third_bundle WORK [--publish]

WORK holds what `reports.simulation.third_edition` trained and was taught by, held-out crystals by simulators that no
member was trained on (``isotypes_outside`` and ``crystals_outside``, without those that picked the epochs), and
strangers. They are recorded in the three ways, and the shares, in which members were taught. Resumable; the bundle is
WORK/bundle, ``--publish`` copies it into the package and exports its members there. What it says of its own test
patterns, and what it promises, goes into ``third_bundle.json`` under the ways of recording.
"""

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import kikuchi
from kikuchi._support import atomic
from kikuchi._support.progress import Lines
from kikuchi.bundle import bundle as bundles
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.inference.exports import export_bundle
from kikuchi.inference.predictor import Predictor
from kikuchi.postprocessing.split_units import divided
from kikuchi.recipes.schema import Recipe, parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator_names import EMSOFT
from kikuchi.simulate.training.batches import labelled_batch
from kikuchi.training.stream import recipe_stream
from kikuchi.workflows.claim import claim
from kikuchi.workflows.fit import dataset_fingerprint
from reports._provenance import provenance
from reports.simulation.shipped import halve, publish
from reports.simulation.third_edition import GUIDANCE, LEARNING_RATE, RECORDINGS, unseen
from reports.simulation.trunk import CHANCES, held_out

#: Of each held-out crystal, in the shares of `RECORDINGS`; of each stranger.
PATTERNS, OF_STRANGERS = 20, 12
SEED = 5
#: All ways of recording.
EVERY = tuple(range(len(RECORDINGS)))

RECIPE = """
[[member]]
kind = "transfer"
count = 5
architecture = "small"
dropout = 0.3
weights = "kikuchi"
[train]
epochs = {epochs}
batch = 64
learning_rate = {rate}
patience = {epochs}
flip_augmentation = true
cosine_decay = true
auxiliary_weight = {guidance}
[split]
train_per_class = 0
validation_per_class = 60
calibration_fraction = 0.75
[stream]
masters = "{masters}"
patterns = 6400
recording = "real"
class_sampling = {chances}
[combine]
rule = "average"
[abstain]
groups = "scan"
[keep]
background = 15
reference = 150
exemplars = 5
"""


def recorded(master: MasterPattern, n: int, seed: tuple[int, ...], kinds: Sequence[int]) -> np.ndarray:
    """Record patterns of one crystal in some of the ways, (n, 64, 64) uint8."""
    whole = sum(RECORDINGS[kind][2] for kind in kinds)
    found = []
    for kind in kinds:
        detector, microscope, patterns = RECORDINGS[kind]
        raw, _ = labelled_batch(
            [master], np.zeros(1, int), n * patterns // whole, detector, microscope, [*seed, kind]
        )
        found.append(raw)
    return np.concatenate(found)


def material(
    master: MasterPattern, number: int, n: int, seed: tuple[int, ...], kinds: Sequence[int] = EVERY
) -> Material:
    """Make one small scan of a crystal, which says what simulated it."""
    name = f"{master.name}-{number}"
    scan = scan_from_array(recorded(master, n, seed, kinds)[None], name)
    scan.metadata["microscope"] = {"microscope": f"simulated: {master.simulator}"}
    return Material(name, master.space_group, scan)


def dataset(work: Path, kinds: Sequence[int] = EVERY) -> Dataset:
    """Record every held-out crystal and every stranger."""
    crystals = unseen(work / "crystals_outside") + unseen(work / "isotypes_outside")
    if not all(map(held_out, crystals)):
        raise SystemExit(f"{work} holds crystals out that may have been trained on")
    known = [
        material(load_master(path), number, PATTERNS, (78, number), kinds)
        for number, path in enumerate(crystals)
    ]
    strangers = [
        material(load_master(path), number, OF_STRANGERS, (79, number), kinds)
        for number, path in enumerate(sorted((work / "strangers").glob("*_*.npz")))
    ]
    return Dataset(known, strangers=strangers)


def recipe_of(work: Path) -> Recipe:
    """Return the recipe of the bundle; its masters are those that taught, once."""
    taught = work / "taught"
    if not taught.is_dir():
        partial = work / "taught.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for folder in ("isotypes", "crystals", "structures"):
            for path in sorted((work / folder).glob("*_*.npz")):
                if folder == "structures" or not held_out(path):
                    shutil.copy(path, partial / f"{folder}_{path.name}")
        partial.rename(taught)
    lines = (work / "members" / "transfer-1" / "history.csv").read_text(encoding="utf-8").splitlines()
    return parse_recipe(
        RECIPE.format(
            epochs=len(lines) - 1,
            rate=LEARNING_RATE,
            guidance=GUIDANCE,
            masters=taught.absolute(),
            chances=list(CHANCES),
        ),
        "third edition",
    )


def begun(work: Path, data: Dataset, recipe: Recipe) -> Path:
    """Begin a fit in WORK/bundle whose members are trained already, their kernels in half precision."""
    bundle = work / "bundle"
    split, _ = divided(data, recipe, SEED)
    assert recipe.stream is not None
    if not (bundle / "fit.json").is_file():
        claim(
            bundle,
            recipe,
            dataset_fingerprint(data, split),
            SEED,
            recipe_stream(recipe.stream, split.classes, SEED),
        )
        shutil.copy(bundle / "fit.json", work / "fit.json")
    halve(work, bundle)
    return bundle


def say_all_simulators(bundle: Path) -> None:
    """Add to the manifest what the first edition's members, which these go on from, were shown."""
    path = bundle / bundles.MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    made = manifest["simulators"]
    made["of_members"] = sorted({*made["of_members"], EMSOFT})
    atomic.write_json(path, manifest)


def told(bundle: Predictor) -> dict[str, Any]:
    """Count what a bundle says of its own test patterns, and what it promises."""
    test = bundle.held_out.test
    decision = bundle.decide(test.outputs)
    p = bundle.calibrated(test.outputs)[1]
    answered = decision.status == 0
    named = bundle.among("225,227")
    return {
        "crystals": len(bundle.manifest["materials"]),
        "test_patterns": len(test.labels),
        "accuracy": float((p.argmax(axis=1) == test.labels).mean()),
        "log_loss": float(-np.log(p[np.arange(len(p)), test.labels]).mean()),
        "answered": int(answered.sum()),
        "wrong": int((decision.winner != test.labels)[answered].sum()),
        "mean_candidates": float(decision.candidates.sum(axis=1).mean()),
        "certified_risk": bundle.abstentions[bundle.rule].certificate.certified_risk,
        "certified_risk_among_225_227": named.abstentions[named.rule].certificate.certified_risk,
        "strangers_flagged": bundle.manifest["strangers"]["flagged"],
        "strangers_auroc": bundle.manifest["strangers"]["auroc"]["gate"],
    }


def main() -> None:
    """Fit, and publish where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--kinds", type=int, nargs="+", default=EVERY, help="ways of recording")
    parser.add_argument("--publish", action="store_true", help="copy the bundle into the package, and export")
    given = parser.parse_args()
    data = dataset(given.work, given.kinds)
    recipe = recipe_of(given.work)
    place = begun(given.work, data, recipe)
    kikuchi.fit(data, recipe, place, seed=SEED, progress=Lines())
    say_all_simulators(place)
    file = Path(__file__).with_suffix(".json")
    known = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else provenance(seed=SEED)
    known["recorded in the ways " + ", ".join(map(str, given.kinds))] = told(Predictor.load(place))
    file.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    if given.publish:
        publish(place, given.work, SHIPPED_FOLDER)
        shipped = Predictor.load("shipped")
        if export_bundle(shipped, Lines()) is None:
            raise SystemExit("the members could not be exported")


if __name__ == "__main__":
    main()
