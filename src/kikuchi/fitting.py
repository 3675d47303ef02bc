"""The journey of `fit`: labelled scans and a recipe become a bundle."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.abstention import Familiarity, fit_familiarity
from ensemble.errors import InputError
from kikuchi import bundle as bundles
from kikuchi import files
from kikuchi.bundle import Bundle
from kikuchi.engines import KerasEngine, Runner
from kikuchi.exemplars import EXEMPLARS, EXEMPLARS_EACH, Exemplars, spread, write_exemplars
from kikuchi.explain.background import BACKGROUND, PER_CLASS, choose_background, write_background
from kikuchi.finishing import SPLITS, finish
from kikuchi.grouping import pattern_groups
from kikuchi.histories import convergence, draw_losses
from kikuchi.locking import locked
from kikuchi.members import MemberSpec, features_of, predict
from kikuchi.outputs import HeldOut, MemberOutputs, joined
from kikuchi.progress import SILENT, Progress
from kikuchi.recipe import Recipe, load_recipe
from kikuchi.scans import Dataset, Split, background_for, load_dataset, split_dataset
from kikuchi.training import train_all
from kikuchi.verifying import CHECKS, write_checks

if TYPE_CHECKING:
    import keras
    from distributed import Client

#: Training patterns kept per bundle as the reference of familiarity: 1 MB for two compact members.
REFERENCE_PATTERNS = 600

#: Share of the held-out patterns beside the test that fits the calibration; the rest certifies the promise, which
#: must be tested on patterns that nothing before it has seen.
CALIBRATION_SHARE = 0.4

#: Fewer calibration patterns of a class than this cannot set any threshold.
HELD_OUT_LEAST = 8


def fit(
    dataset: str | Path | Dataset,
    recipe: str | Path | Recipe = "quick",
    out: str | Path = "run",
    *,
    seed: int = 0,
    client: "Client | None" = None,
    progress: Progress = SILENT,
) -> Bundle:
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
    client
        Of a Dask cluster whose workers train members side by side, see `kikuchi.distributed.connected`. The bundle is
        the same as without one.
    progress
        Listener of the work.

    Returns
    -------
    Bundle

    Raises
    ------
    InputError
        Anything wrong with the dataset, the recipe or the folder; said before training begins.
    """
    recipe = load_recipe(recipe)
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    if len(data.classes) < 2:
        raise InputError(
            "one space group alone cannot be told from others",
            path=data.path,
            remedy="add materials of another space group",
        )
    folder = Path(out)
    specs = recipe.member_specs(len(data.classes), seed)
    split = split_dataset(
        data,
        train_per_class=recipe.split.train_per_class,
        validation_per_class=recipe.split.validation_per_class,
        calibration_fraction=recipe.split.calibration_fraction,
        seed=seed,
    )
    _require_held_out(data, split)
    with locked(folder):
        _claim(folder, recipe, data, split)
        if (folder / bundles.MANIFEST).is_file():
            progress.say(f"{folder} is already fitted")
            return Bundle.load(folder)
        models = train_all(specs, recipe, data, split, folder, progress, client)
        names = [spec.name for spec, _ in specs]
        for line in convergence(folder, names, recipe.train.min_delta):
            progress.say(line)
        progress.say(f"losses of all epochs: {draw_losses(folder, names)}")
        members = tuple(spec for spec, _ in specs)
        familiarity = _reference(models, members, recipe, data, split)
        _keep_background(members, recipe, data, split, folder)
        held_out = _run_held_out(models, members, recipe, familiarity, data, split, progress)
        _keep_exemplars(models, members, recipe, data, split, held_out, folder)
        files.write_json(folder / SPLITS, split.to_dict())
        write_checks(folder / CHECKS, data, split, held_out, recipe.preparation(members[0].size))
        return finish(folder, recipe, members, familiarity, held_out, _facts(data, split), progress)


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


def _claim(folder: Path, recipe: Recipe, data: Dataset, split: Split) -> None:
    """Say in the folder what is being fitted there, and refuse one where something else is."""
    wanted = {
        "recipe": recipe.model_dump(mode="json"),
        "dataset": dataset_fingerprint(data, split),
        "seed": split.seed,
    }
    path = folder / "fit.json"
    if path.is_file():
        there = files.read_json(path, remedy="give another --out")
        for name, value in wanted.items():
            if not isinstance(there, dict) or there.get(name) != value:
                raise InputError(
                    f"a fit with another {name} was begun here", path=folder, remedy="give another --out"
                )
        return
    if folder.is_dir() and any(p.name != ".lock" for p in folder.iterdir()):
        raise InputError("the folder is not empty", path=folder, remedy="give another --out")
    files.write_json(path, wanted)


def _reference(
    models: list["keras.Model"],
    members: tuple[MemberSpec, ...],
    recipe: Recipe,
    data: Dataset,
    split: Split,
) -> Familiarity:
    """Keep the features of some training patterns, equally many per class."""
    labels = data.labels(split.classes)
    share = max(2, REFERENCE_PATTERNS // len(split.classes))
    rng = np.random.default_rng(split.seed)
    chosen = np.concatenate(
        [rng.permutation(split.train[labels[split.train] == c])[:share] for c in range(len(split.classes))]
    )
    prepared = {size: data.prepared(chosen, recipe.preparation(size)) for size in {m.size for m in members}}
    features = [predict(model, prepared[spec.size])[1] for model, spec in zip(models, members, strict=True)]
    return fit_familiarity(features, labels[chosen])


def _keep_background(
    members: tuple[MemberSpec, ...], recipe: Recipe, data: Dataset, split: Split, folder: Path
) -> None:
    """Store some training patterns of each class: what `explain` compares a pattern with."""
    labels = data.labels(split.classes)[split.train]
    rng = np.random.default_rng(split.seed)
    chosen = np.concatenate(
        [rng.permutation(split.train[labels == c])[:PER_CLASS] for c in range(len(split.classes))]
    )
    prepared = {size: data.prepared(chosen, recipe.preparation(size)) for size in {m.size for m in members}}
    background = choose_background(prepared, data.labels(split.classes)[chosen], PER_CLASS, split.seed)
    write_background(folder / BACKGROUND, background)


def _keep_exemplars(
    models: list["keras.Model"],
    members: tuple[MemberSpec, ...],
    recipe: Recipe,
    data: Dataset,
    split: Split,
    held_out: HeldOut,
    folder: Path,
) -> None:
    """Store the features of some patterns of each class and part: what `extend` rehearses and calibrates with."""
    rng = np.random.default_rng([split.seed, 2])
    labels = data.labels(split.classes)[split.train]
    train = split.train[spread(labels, EXEMPLARS_EACH, rng)]
    # Held-out rows are in the order of the dataset.
    positions = np.sort(np.concatenate([split.calibration, split.test]))
    rows = spread(held_out.labels * 3 + held_out.part, EXEMPLARS_EACH, rng)
    chosen = np.concatenate([train, positions[rows]])
    prepared = {size: data.prepared(chosen, recipe.preparation(size)) for size in {m.size for m in members}}
    features = [features_of(model, prepared[m.size]) for model, m in zip(models, members, strict=True)]
    write_exemplars(
        folder / EXEMPLARS,
        Exemplars(
            labels=data.labels(split.classes)[train],
            features=tuple(f[: len(train)] for f in features),
            crossed=np.full(len(train), -1),
            rows=rows,
            held_out_features=tuple(f[len(train) :] for f in features),
        ),
    )


def _run_held_out(
    models: list["keras.Model"],
    members: tuple[MemberSpec, ...],
    recipe: Recipe,
    familiarity: Familiarity,
    data: Dataset,
    split: Split,
    progress: Progress,
) -> HeldOut:
    """Run every member on the calibration and the test patterns."""
    group, how = pattern_groups(data, recipe.abstain.groups, recipe.preparation(members[0].size))
    progress.say(f"held-out patterns count as independent by {how}")
    # Whole groups: a grain that helped to calibrate must not test the promise.
    rest_group = group[split.calibration]
    shuffled = np.random.default_rng([split.seed, 1]).permutation(np.unique(rest_group))
    calibrates = np.isin(rest_group, shuffled[: round(CALIBRATION_SHARE * len(shuffled))])
    part = np.full(data.n, 2, np.int8)
    part[split.calibration] = np.where(calibrates, 0, 1)
    wanted = np.sort(np.concatenate([split.calibration, split.test]))
    outputs: list[MemberOutputs] = []
    places: list[np.ndarray] = []
    preparation = recipe.preparation(members[0].size)
    backgrounds = [background_for(m.scan, preparation) for m in data.materials]
    runner = Runner([KerasEngine(model) for model in models], members, recipe, familiarity)
    with progress.bar("held-out patterns", len(wanted)) as step:
        for positions, number, patterns in data.iter_patterns(wanted):
            outputs.append(runner.outputs(patterns, backgrounds[number]))
            places.append(positions)
            step(len(positions))
    positions = np.concatenate(places)
    return HeldOut(
        outputs=joined(outputs),
        labels=data.labels(split.classes)[positions],
        material=data.material[positions],
        part=part[positions],
        group=group[positions],
    )


def _facts(data: Dataset, split: Split) -> dict[str, Any]:
    """Say in the manifest what the bundle was fitted on."""
    return {
        "classes": [int(c) for c in split.classes],
        "materials": [
            {"name": m.name, "space_group": m.space_group, "patterns": len(m.indices)} for m in data.materials
        ],
        "voltages_kv": sorted({m.scan.voltage_kv for m in data.materials if m.scan.voltage_kv is not None}),
        "splits": {
            name: len(getattr(split, name)) for name in ("train", "validation", "calibration", "test")
        },
        "dataset": dataset_fingerprint(data, split),
        "seed": split.seed,
    }


def dataset_fingerprint(data: Dataset, split: Split) -> str:
    """Return a hash of every pattern and label of a dataset, whatever its files are called."""
    digest = hashlib.sha256()
    for value, label in zip(split.hashes, data.space_group, strict=True):
        digest.update(f"{value}:{label};".encode())
    return digest.hexdigest()
