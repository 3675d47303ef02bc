"""Train the members of a recipe, each in its folder of the bundle: one after the other here, or on a cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kikuchi._support.progress import Progress
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    auxiliary_cells,
    build_member,
    checkpoint,
    features_of,
    fit_head,
    load_backbone_weights,
    load_member,
    save_member,
    train_frozen,
    train_member,
)
from kikuchi.members.history import write_history
from kikuchi.recipes.schema import MemberGroup, Recipe
from kikuchi.scans import Dataset, Split
from kikuchi.training.stream import MasterStream, Prepared

if TYPE_CHECKING:
    import keras

Patterns = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Parts:
    """Prepared patterns (n, size, size) float16 in [-1, 1] with class indices (n,), to train and to validate on.

    What trains may also be a function that gives such a pair for every epoch.
    """

    train: Patterns | Prepared
    validation: Patterns


#: Trains what is left: members with their groups, patterns by input size, the schedule, the folder, progress.
Executor = Callable[[list[tuple[MemberSpec, MemberGroup]], dict[int, Parts], Training, Path, Progress], None]


def train_all(
    specs: list[tuple[MemberSpec, MemberGroup]],
    recipe: Recipe,
    data: Dataset,
    split: Split,
    folder: Path,
    progress: Progress,
    executor: Executor | None = None,
    stream: MasterStream | None = None,
) -> list["keras.Model"]:
    """Train every member that is not finished yet.

    Parameters
    ----------
    specs
        All members with their groups of the recipe.
    recipe, data, split
        What they are trained by and on.
    folder
        Of the bundle.
    progress
        Listener of the work.
    executor
        Trains them elsewhere, as `kikuchi.distributed.training.train_on_cluster` does; None trains here.
    stream
        Of simulated patterns that train instead of the dataset's own.

    Returns
    -------
    list of keras.Model
        All members in the order of `specs`.
    """
    todo = [pair for pair in specs if not (folder / "members" / pair[0].name / "member.json").is_file()]
    for spec, _ in specs:
        if (folder / "members" / spec.name / "member.json").is_file():
            checkpoint.remove(folder / "members" / spec.name)  # a run may have died just before it did
    # All weights are tried before the first epoch: an hour of training must not end in a missing file.
    for spec, group in todo:
        if group.weights:
            begun(spec, group)
    labels = data.labels(split.classes)
    parts: dict[int, Parts] = {}
    for size in sorted({spec.size for spec, _ in todo}):
        own = split.train if stream is None else split.train[:0]
        progress.say(f"preparing {len(own) + len(split.validation)} patterns at {size} x {size}")
        preparation = recipe.preparation(size)
        # Half precision: all of them stay in memory, and 11 bits are more than a detector's grey levels.
        training, validation = (
            (data.prepared(positions, preparation).astype(np.float16), labels[positions])
            for positions in (own, split.validation)
        )
        if stream is not None and stream.strangers:
            validation = validation[0], np.eye(len(split.classes), dtype=np.float32)[validation[1]]
        parts[size] = Parts(training if stream is None else Prepared(stream, preparation), validation)
    if executor is None:
        for spec, group in todo:
            with progress.bar(f"training {spec.name}", recipe.train.epochs) as step:

                def record(epoch: Epoch, spec: MemberSpec = spec, step: Callable[[int], None] = step) -> None:
                    step(1)
                    progress.say(epoch_line(spec.name, epoch))

                place = folder / "members" / spec.name
                train_one(begun(spec, group), spec, parts[spec.size], recipe.training(), place, record)
    elif todo:
        executor(todo, parts, recipe.training(), folder, progress)
    return [load_member(folder / "members" / spec.name)[0] for spec, _ in specs]


def begun(spec: MemberSpec, group: MemberGroup) -> "keras.Model":
    """Build a member as its training begins: random, or with the weights that its group names."""
    model = build_member(spec)
    if group.weights:
        load_backbone_weights(model, group.weights)
    return model


def train_one(
    model: "keras.Model",
    spec: MemberSpec,
    parts: Parts,
    training: Training,
    place: Path,
    on_epoch: Callable[[Epoch], None],
) -> None:
    """Train one member and store it; goes on after the last whole epoch that its folder has a checkpoint of.

    Parameters
    ----------
    model, spec
        The member as `begun`, and what it is.
    parts, training
        Its patterns and the schedule.
        The head of a frozen backbone is fitted exactly, in one pass.
    place
        Its folder; ``member.json`` is written last and says that it is finished.
    on_epoch
        Called after each epoch.
    """
    train: Patterns | Prepared
    if isinstance(parts.train, tuple):
        train = parts.train
    else:
        with_task = training.auxiliary_weight > 0 and not spec.frozen
        cells = auxiliary_cells(model.get_layer("backbone"), spec.size) if with_task else None
        train = parts.train.for_member(spec.seed, cells)
    validation = parts.validation
    if spec.frozen:
        history = train_frozen(model, spec, fixed(train), validation, flip=training.flip_augmentation)
        on_epoch(history.epochs[0])
    else:
        history = train_member(
            model, train, validation, training, seed=spec.seed, work=place, on_epoch=on_epoch
        )
        if spec.head != "dropout":
            patterns, labels = fixed(train)
            fit_head(model, spec, features_of(model, patterns), labels)
    write_history(place, history)
    save_member(model, spec, place)
    checkpoint.remove(place)


def fixed(train: Patterns | Prepared) -> Patterns:
    """Return what trains a head in one pass: all of it, or the first epoch of what has no end."""
    if isinstance(train, tuple):
        return train
    patterns, labels, *_ = train(1)
    if labels.ndim > 1:  # soft labels: a head is fitted to what has a class
        known = labels.max(axis=1) > 0.5
        return patterns[known], labels[known].argmax(axis=1)
    return patterns, labels


def epoch_line(name: str, epoch: Epoch) -> str:
    """Say what one epoch of a member gave."""
    return (
        f"{name} epoch {epoch.epoch}: loss {epoch.loss:.3f}, validation loss {epoch.validation_loss:.3f}, "
        f"accuracy {epoch.validation_accuracy:.1%}, {epoch.seconds:.1f} s"
    )
