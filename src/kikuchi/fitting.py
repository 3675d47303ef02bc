"""The journey of `fit`: labelled scans and a recipe become a bundle."""

import datetime
import hashlib
import warnings
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.abstention import AbstentionRule, Familiarity, fit_familiarity
from ensemble.calibration import Calibration
from ensemble.errors import InputError
from ensemble.pooling import choose_rule
from kikuchi import bundle as bundles
from kikuchi import files
from kikuchi.bundle import Bundle
from kikuchi.deciding import RULES, fit_decision, member_weights
from kikuchi.engines import KerasEngine, Runner
from kikuchi.explain.background import BACKGROUND, PER_CLASS, choose_background, write_background
from kikuchi.grouping import pattern_groups
from kikuchi.histories import convergence, draw_losses, write_history
from kikuchi.locking import locked
from kikuchi.members import (
    Epoch,
    MemberSpec,
    build_member,
    checkpoint,
    load_backbone_weights,
    load_member,
    predict,
    save_member,
    train_member,
)
from kikuchi.outputs import HeldOut, MemberOutputs, joined, write_held_out
from kikuchi.progress import SILENT, Progress
from kikuchi.recipe import MemberGroup, Recipe, load_recipe
from kikuchi.scans import Dataset, Split, background_for, load_dataset, split_dataset
from kikuchi.versions import versions

if TYPE_CHECKING:
    import keras

#: Training patterns kept per bundle as the reference of familiarity: 1 MB for two compact members.
REFERENCE_PATTERNS = 600

SPLITS = "splits.json"

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
        models = _train_all(specs, recipe, data, split, folder, progress)
        names = [spec.name for spec, _ in specs]
        for line in convergence(folder, names, recipe.train.min_delta):
            progress.say(line)
        progress.say(f"losses of all epochs: {draw_losses(folder, names)}")
        members = tuple(spec for spec, _ in specs)
        familiarity = _reference(models, members, recipe, data, split)
        _keep_background(members, recipe, data, split, folder)
        held_out = _run_held_out(models, members, recipe, familiarity, data, split, progress)
        return _finish(folder, recipe, data, split, members, familiarity, held_out, progress)


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


def _told(
    progress: Progress, held_out: HeldOut, recipe: Recipe
) -> dict[str, tuple[Calibration, AbstentionRule]]:
    """Fit every rule's decision, with what a small split cannot carry said once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        decisions = {rule: fit_decision(held_out, rule, recipe) for rule in RULES}
    for text in sorted({str(w.message) for w in caught if issubclass(w.category, UserWarning)}):
        progress.say(f"note: {text}")
    return decisions


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


def _train_all(
    specs: list[tuple[MemberSpec, MemberGroup]],
    recipe: Recipe,
    data: Dataset,
    split: Split,
    folder: Path,
    progress: Progress,
) -> list["keras.Model"]:
    """Train every member that is not finished yet."""
    done = [spec for spec, _ in specs if (folder / "members" / spec.name / "member.json").is_file()]
    todo = [pair for pair in specs if pair[0] not in done]
    # All weights are tried before the first epoch: an hour of training must not end in a missing file.
    for spec, group in todo:
        if group.weights:
            load_backbone_weights(build_member(spec), group.weights)
    prepared: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    for size in {spec.size for spec, _ in todo}:
        progress.say(f"preparing {len(split.train) + len(split.validation)} patterns at {size} x {size}")
        preparation = recipe.preparation(size)
        # Half precision: all of them stay in memory, and 11 bits are more than a detector's grey levels.
        prepared[size] = (
            data.prepared(split.train, preparation).astype(np.float16),
            data.prepared(split.validation, preparation).astype(np.float16),
        )
    labels = data.labels(split.classes)
    models = []
    for spec, group in specs:
        place = folder / "members" / spec.name
        if spec in done:
            models.append(load_member(place)[0])
            continue
        model = build_member(spec)
        if group.weights:
            load_backbone_weights(model, group.weights)
        train, validation = prepared[spec.size]
        with progress.bar(f"training {spec.name}", recipe.train.epochs) as step:

            def on_epoch(epoch: Epoch, spec: MemberSpec = spec, step=step) -> None:
                step(1)
                progress.say(
                    f"{spec.name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, validation loss "
                    f"{epoch.validation_loss:.3f}, accuracy {epoch.validation_accuracy:.1%}, "
                    f"{epoch.seconds:.1f} s"
                )

            history = train_member(
                model,
                (train, labels[split.train]),
                (validation, labels[split.validation]),
                recipe.training(),
                seed=spec.seed,
                work=place,
                on_epoch=on_epoch,
            )
        write_history(place, history)
        save_member(model, spec, place)
        checkpoint.remove(place)
        models.append(model)
    return models


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


def _finish(
    folder: Path,
    recipe: Recipe,
    data: Dataset,
    split: Split,
    members: tuple[MemberSpec, ...],
    familiarity: Familiarity,
    held_out: HeldOut,
    progress: Progress,
) -> Bundle:
    """Calibrate every rule, and write everything, the manifest last."""
    decisions = _told(progress, held_out, recipe)
    rule: str = recipe.combine.rule
    losses: dict[str, float] = {}
    if rule == "auto":
        first = held_out.select(held_out.part == 0)
        rule, losses = choose_rule(
            first.outputs.logits,
            first.labels,
            draws=first.outputs.draws,
            weights=member_weights(held_out, recipe),
            rules=("average", "geometric", "vote"),
        )
    files.write_json(folder / bundles.CALIBRATION, {r: c.to_dict() for r, (c, _) in decisions.items()})
    files.write_json(folder / bundles.ABSTENTION, {r: a.to_dict() for r, (_, a) in decisions.items()})
    with files.replaced(folder / bundles.FEATURES) as partial:
        np.savez_compressed(partial, allow_pickle=False, **familiarity.to_arrays())
    write_held_out(folder / bundles.HELD_OUT, held_out)
    files.write_json(folder / SPLITS, split.to_dict())
    manifest: dict[str, Any] = {
        "format_version": bundles.VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "classes": [int(c) for c in split.classes],
        "members": [m.name for m in members],
        "member_specs": [asdict(m) for m in members],
        "materials": [
            {"name": m.name, "space_group": m.space_group, "patterns": len(m.indices)} for m in data.materials
        ],
        "voltages_kv": sorted({m.scan.voltage_kv for m in data.materials if m.scan.voltage_kv is not None}),
        "splits": {
            name: len(getattr(split, name)) for name in ("train", "validation", "calibration", "test")
        },
        "rule": rule,
        "rule_log_losses": losses,
        "recipe": recipe.model_dump(mode="json"),
        "dataset": dataset_fingerprint(data, split),
        "seed": split.seed,
        "versions": versions(),
    }
    written = [
        folder / n for n in (bundles.CALIBRATION, bundles.ABSTENTION, bundles.FEATURES, bundles.HELD_OUT)
    ]
    written += [folder / SPLITS, folder / BACKGROUND]
    for member in members:
        place = folder / "members" / member.name
        written += [place / "member.json", place / "member.weights.h5", place / "history.csv"]
    manifest["files"] = {p.relative_to(folder).as_posix(): files.sha256(p) for p in written}
    files.write_json(folder / bundles.MANIFEST, manifest)
    return Bundle.load(folder)


def dataset_fingerprint(data: Dataset, split: Split) -> str:
    """Return a hash of every pattern and label of a dataset, whatever its files are called."""
    digest = hashlib.sha256()
    for value, label in zip(split.hashes, data.space_group, strict=True):
        digest.update(f"{value}:{label};".encode())
    return digest.hexdigest()
