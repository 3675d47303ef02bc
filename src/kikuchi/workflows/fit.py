"""The workflow of `fit`: labelled scans and a recipe become a bundle."""

import hashlib
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.abstention import Familiarity, fit_familiarity
from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.links import refuse_links
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress, Whole
from kikuchi.bundle import bundle as bundles
from kikuchi.bundle.background import BACKGROUND, choose_background, write_background
from kikuchi.bundle.checks import CHECKS, write_checks
from kikuchi.bundle.exemplars import EXEMPLARS, Exemplars, spread, write_exemplars
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.bundle.simulators import of_parts, of_scan, simulator_record
from kikuchi.bundle.write import SPLITS, finish
from kikuchi.html.loss_picture import draw_losses
from kikuchi.inference import KerasEngine, Runner
from kikuchi.inference.predictor import Predictor
from kikuchi.members import MemberSpec, features_of, predict
from kikuchi.members.history import convergence
from kikuchi.postprocessing.split_units import Units, divided, held_out_parts
from kikuchi.recipes.schema import Recipe, load_recipe
from kikuchi.scans import (
    Dataset,
    Split,
    background_for,
    dataset_with_neighbours,
    load_dataset,
    prepare,
)
from kikuchi.scans.dataset import contradictions, refuse_or_say
from kikuchi.scans.looks import pattern_looks
from kikuchi.training.stream import MasterStream, recipe_stream
from kikuchi.training.train_ensemble import Executor, train_all
from kikuchi.workflows.claim import claim
from kikuchi.workflows.fit_strangers import overlaps_of, strangers_of

if TYPE_CHECKING:
    import keras
    from distributed import Client

#: Fewer calibration patterns of a class than this cannot set any threshold.
HELD_OUT_LEAST = 8


def fit(
    dataset: str | Path | Dataset,
    recipe: str | Path | Recipe = "quick",
    out: str | Path = "run",
    *,
    seed: int = 0,
    force: bool = False,
    client: "Client | None" = None,
    progress: Progress = SILENT,
) -> Predictor:
    """Train an ensemble, calibrate it and set when it must not answer.

    Parameters
    ----------
    dataset
        A dataset TOML, or one opened before.
    recipe
        A preset (``"paper"``, ``"quick"``), a TOML file or a `Recipe`.
    out
        Folder of the bundle. An interrupted fit of the same recipe, dataset and seed goes on there.
    seed
        Seed of the split, the weights and the training.
    force
        Go on where labels contradict the scans' own phases.
    client
        Of a Dask cluster whose workers train members side by side, see `kikuchi.distributed.connected`. The bundle is
        the same as without one.
    progress
        Listener of the work.

    Returns
    -------
    Predictor
        The fitted bundle, ready to answer.

    Raises
    ------
    InputError
        Anything wrong with the dataset, the recipe or the folder; raised before training begins.
    """
    recipe = load_recipe(recipe)
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    data = dataset_with_neighbours(data, recipe.preparation(recipe.member[0].size))
    if len(data.classes) < 2:
        raise InputError(
            "one space group alone cannot be told from others",
            path=data.path,
            remedy="add materials of another space group",
        )
    refuse_or_say(contradictions(data), data.path, force, progress.say)
    for material in data.materials:
        if material.scan.note is not None:
            progress.say(f"{material.name}: {material.scan.note}")
    folder = Path(out)
    specs = recipe.member_specs(len(data.classes), seed)
    split, units = divided(data, recipe, seed)
    _require_held_out(data, split)
    _say_units(data, split, units, progress)
    group, how = units.group, units.how
    part = held_out_parts(data, split, units)
    with locked(folder):
        if (folder / "fit.json").is_file():
            refuse_links(folder, remedy="give another folder")
        stream = None
        if recipe.stream is not None:
            stream = recipe_stream(recipe.stream, split.classes, seed)
        claim(folder, recipe, dataset_fingerprint(data, split), seed, stream)
        if (folder / bundles.MANIFEST).is_file():
            progress.say(f"{folder} is already fitted")
            return Predictor.load(folder)
        left = [s for s in specs if not (folder / "members" / s[0].name / "member.json").is_file()]
        epochs = recipe.train.epochs
        costs = {"training": (float(epochs), len(left)), "held-out patterns": (0.1 * epochs * len(specs), 1)}
        # On a cluster members train side by side: their bar is the whole.
        with Whole(progress, "the whole fit", {} if client else costs).begun() as progress:
            models = train_all(
                specs,
                recipe,
                data,
                split,
                folder,
                progress,
                None if client is None else _executor(client),
                stream,
            )
            names = [spec.name for spec, _ in specs]
            for line in convergence(folder, names, recipe.train.min_delta, math.log(len(data.classes))):
                progress.say(line)
            progress.say(f"losses of all epochs: {draw_losses(folder, names)}")
            members = tuple(spec for spec, _ in specs)
            trained_on = _TrainingData(recipe, data, split, stream)
            familiarity = _reference(models, members, trained_on)
            _keep_background(members, trained_on, folder)
            progress.say(f"held-out patterns count as independent by {how}")
            held_out = _run_held_out(models, members, recipe, familiarity, data, split, part, group, progress)
            runner = Runner([KerasEngine(model) for model in models], members, recipe, familiarity)
            strangers = strangers_of(data, runner, progress)
            overlaps = overlaps_of(data, part, runner, seed) if recipe.abstain.overlaps else None
            _keep_exemplars(models, members, trained_on, held_out, folder)
            atomic.write_json(folder / SPLITS, split.to_dict())
            write_checks(folder / CHECKS, data, split, held_out, recipe.preparation(members[0].size))
            return Predictor.of(
                finish(
                    folder,
                    recipe,
                    members,
                    familiarity,
                    held_out,
                    _facts(data, split) | units.facts(data, split) | _simulators(data, split, part, stream),
                    progress,
                    strangers,
                    overlaps,
                )
            )


def _executor(client: "Client") -> Executor:
    from kikuchi.distributed.training import cluster_executor  # needs the extra `dask`

    return cluster_executor(client)


def _require_held_out(data: Dataset, split: Split) -> None:
    """Refuse, before any training, a dataset that leaves too little to calibrate and to test with."""
    labels = data.labels(split.classes)
    for k, space_group in enumerate(split.classes):
        for name, part, least in (
            ("calibration", split.calibration, HELD_OUT_LEAST),
            ("test", split.test, 1),
        ):
            have = int((labels[part] == k).sum())
            if have < least:
                raise InputError(
                    f"space group {space_group}: {have} patterns are left for {name}, at least {least} are needed",
                    path=data.path,
                    remedy="add patterns, or lower train_per_class in the recipe's [split]",
                )


def _say_units(data: Dataset, split: Split, units: Units, progress: Progress) -> None:
    """Say how many independent units each class has, and how many of them certify, where not every pattern is one."""
    for note in (units.shared, units.withheld):
        if note:
            progress.say(f"note: {note}")
    if units.how == "pattern":
        return
    labels = data.labels(split.classes)[split.calibration]
    own = units.group[split.calibration]
    counts = [
        f"{c}: {n}, of which {len(np.unique(own[labels == k]))}"
        for k, (c, n) in enumerate(units.of_classes(data, split.classes).items())
    ]
    progress.say(
        f"independent by {units.how}, of which held out to calibrate and certify: {'; '.join(counts)}; "
        "nothing finer than these numbers carry is promised"
    )


@dataclass(frozen=True)
class _TrainingData:
    """Training source of the members: patterns of the dataset, or a stream of simulated ones."""

    recipe: Recipe
    data: Dataset
    split: Split
    stream: MasterStream | None

    def sample(self, each: int, sizes: set[int], seed: int) -> tuple[dict[int, np.ndarray], np.ndarray]:
        """Draw so many of each class: prepared (n, size, size) by size, and their class indices (n,)."""
        rng = np.random.default_rng(seed)
        if self.stream is not None:
            # The epoch before the first, which no member was shown; of rare classes as many as of the others.
            raw, drawn = replace(self.stream, class_sampling=()).raw(0, 2 * each * len(self.split.classes))
            chosen = np.concatenate([np.flatnonzero(drawn == c)[:each] for c in np.unique(drawn)])
            return {size: prepare(raw[chosen], self.recipe.preparation(size)) for size in sizes}, drawn[
                chosen
            ]
        labels = self.data.labels(self.split.classes)
        train = self.split.train
        chosen = np.concatenate(
            [rng.permutation(train[labels[train] == c])[:each] for c in range(len(self.split.classes))]
        )
        return {size: self.data.prepared(chosen, self.recipe.preparation(size)) for size in sizes}, labels[
            chosen
        ]


def _reference(
    models: list["keras.Model"], members: tuple[MemberSpec, ...], trained_on: _TrainingData
) -> Familiarity:
    """Keep the features of some training patterns, equally many per class."""
    share = max(2, trained_on.recipe.keep.reference // len(trained_on.split.classes))
    prepared, labels = trained_on.sample(share, {m.size for m in members}, trained_on.split.seed)
    features = [predict(model, prepared[spec.size])[1] for model, spec in zip(models, members, strict=True)]
    return fit_familiarity(features, labels)


def _keep_background(members: tuple[MemberSpec, ...], trained_on: _TrainingData, folder: Path) -> None:
    """Store some training patterns of each class: what `explain` compares a pattern with."""
    seed, each = trained_on.split.seed, trained_on.recipe.keep.background
    prepared, labels = trained_on.sample(each, {m.size for m in members}, seed)
    write_background(folder / BACKGROUND, choose_background(prepared, labels, each, seed))


def _keep_exemplars(
    models: list["keras.Model"],
    members: tuple[MemberSpec, ...],
    trained_on: _TrainingData,
    held_out: HeldOut,
    folder: Path,
) -> None:
    """Store the features of some patterns of each class and part: what `extend` rehearses and calibrates with."""
    recipe, data, split = trained_on.recipe, trained_on.data, trained_on.split
    sizes = {m.size for m in members}
    rng = np.random.default_rng([split.seed, 2])
    train, labels = trained_on.sample(recipe.keep.exemplars, sizes, split.seed + 2)
    # Held-out rows are in the order of the dataset.
    positions = np.sort(np.concatenate([split.calibration, split.test]))
    rows = spread(held_out.labels * 3 + held_out.part, recipe.keep.exemplars, rng)
    rest = {size: data.prepared(positions[rows], recipe.preparation(size)) for size in sizes}
    pairs = list(zip(models, members, strict=True))
    write_exemplars(
        folder / EXEMPLARS,
        Exemplars(
            labels=labels,
            features=tuple(features_of(model, train[m.size]) for model, m in pairs),
            crossed=np.full(len(labels), -1),
            rows=rows,
            held_out_features=tuple(features_of(model, rest[m.size]) for model, m in pairs),
        ),
    )


def _run_held_out(
    models: list["keras.Model"],
    members: tuple[MemberSpec, ...],
    recipe: Recipe,
    familiarity: Familiarity,
    data: Dataset,
    split: Split,
    part: np.ndarray,
    group: np.ndarray,
    progress: Progress,
) -> HeldOut:
    """Run every member on the calibration and the test patterns."""
    wanted = np.sort(np.concatenate([split.calibration, split.test]))
    outputs: list[MemberOutputs] = []
    places: list[np.ndarray] = []
    looks: list[np.ndarray] = []
    preparation = recipe.preparation(members[0].size)
    backgrounds = [background_for(m.scan, preparation) for m in data.materials]
    runner = Runner([KerasEngine(model) for model in models], members, recipe, familiarity)
    with progress.bar("held-out patterns", len(wanted)) as step:
        for positions, number, patterns in data.iter_patterns(wanted):
            outputs.append(runner.outputs(patterns, backgrounds[number]))
            looks.append(pattern_looks(prepare(patterns, preparation, backgrounds[number])))
            places.append(positions)
            step(len(positions))
    positions = np.concatenate(places)
    return HeldOut(
        outputs=MemberOutputs.join(outputs),
        labels=data.labels(split.classes)[positions],
        material=data.material[positions],
        part=part[positions],
        group=group[positions],
        looks=np.concatenate(looks).astype(np.float32),
    )


def _facts(data: Dataset, split: Split) -> dict[str, Any]:
    """Say in the manifest what the bundle was fitted on."""
    return {
        "classes": [int(c) for c in split.classes],
        "materials": [
            {
                "name": m.name,
                "space_group": m.space_group,
                "patterns": len(m.indices),
                "simulated": m.scan.simulated,
            }
            for m in data.materials
        ],
        "voltages_kv": sorted({m.scan.voltage_kv for m in data.materials if m.scan.voltage_kv is not None}),
        "splits": {
            name: len(getattr(split, name)) for name in ("train", "validation", "calibration", "test")
        },
        "dataset": dataset_fingerprint(data, split),
        "seed": split.seed,
    }


def _simulators(data: Dataset, split: Split, part: np.ndarray, stream: MasterStream | None) -> dict[str, Any]:
    """Say by which simulators training and held-out patterns were made, where any was."""
    scans = [m.scan for m in data.materials]
    if stream is not None:
        members = [master.simulator for master in stream.masters]
    else:
        members = [made for m in np.unique(data.material[split.train]) for made in of_scan(scans[m])]
    held = np.concatenate([split.calibration, split.test])
    return simulator_record(members, of_parts(scans, data.material[held], part[held]))


def dataset_fingerprint(data: Dataset, split: Split) -> str:
    """Return a hash of every pattern and label of a dataset, whatever its files are called."""
    digest = hashlib.sha256()
    for value, label in zip(split.hashes, data.space_group, strict=True):
        digest.update(f"{value}:{label};".encode())
    for stranger in data.strangers:
        digest.update(f"stranger {stranger.space_group}:{stranger.scan.fingerprint()};".encode())
        digest.update(stranger.indices.tobytes())
    return digest.hexdigest()
