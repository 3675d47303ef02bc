"""The workflow of `extend`: a bundle and a few labelled patterns become a bundle that knows them too."""

import hashlib
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic, lock
from kikuchi._support.progress import SILENT, Progress
from kikuchi.bundle.background import (
    BACKGROUND,
    PER_CLASS,
    Background,
    choose_background,
    read_background,
    write_background,
)
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.exemplars import EXEMPLARS, Exemplars, read_exemplars, write_exemplars
from kikuchi.bundle.networks import require_networks
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, Part
from kikuchi.bundle.simulators import extended_record
from kikuchi.bundle.strangers import without_gate
from kikuchi.bundle.write import SPLITS, finish
from kikuchi.incremental.comparison import Change, compared, read_changes, table_of_changes, write_table
from kikuchi.incremental.rehearsal import FOLDS, Head, Rehearsed, head_outputs, rehearse
from kikuchi.inference.predictor import Predictor
from kikuchi.members import MemberSpec, build_member, copy_backbone, features_of, save_member
from kikuchi.members.posterior import set_posterior
from kikuchi.postprocessing.split_units import grain_finder
from kikuchi.scans import Dataset, dataset_with_neighbours, hash_patterns, pattern_quality
from kikuchi.scans.dataset import contradictions, refuse_or_say
from kikuchi.scans.independence import pattern_groups
from kikuchi.workflows.label import open_labelled

#: Shares of the new patterns that calibrate and that certify; the rest tests.
SHARES = (0.4, 0.4)

#: What is being made in a folder.
CLAIM = "extend.json"


@dataclass(frozen=True)
class Extension:
    """Result of an extension.

    Attributes
    ----------
    bundle
        The new one.
    changes
        What every class gained or lost, ascending by space group.
    """

    bundle: Predictor
    changes: tuple[Change, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return the new bundle's folder and the change of every class as plain data."""
        return {"out": str(self.bundle.path), "changes": [asdict(change) for change in self.changes]}

    def summary(self) -> str:
        """Return what the new bundle is, and a table of what every class gained or lost."""
        return f"{self.bundle.summary()}\n{table_of_changes(self.changes)}"


@dataclass(frozen=True)
class _New:
    """The new patterns: labels (n,) among the new classes, features per member, and what goes with them."""

    labels: np.ndarray
    features: tuple[np.ndarray, ...]
    prepared: dict[int, np.ndarray]
    quality: np.ndarray
    material: np.ndarray
    groups: np.ndarray
    hashes: np.ndarray


def extend(
    run: str | Path | Bundle,
    dataset: str | Path | Dataset,
    out: str | Path,
    *,
    seed: int = 0,
    force: bool = False,
    progress: Progress = SILENT,
) -> Extension:
    """Teach a bundle new space groups, or new materials of old ones, from a few labelled patterns.

    The backbones stay as they are. Every head is fitted anew to the new patterns and to the exemplars that the bundle
    keeps of its old classes, with a prior centred at the old head. New patterns also calibrate, certify and test: each
    is judged by heads that were fitted without it. The old bundle is not touched.

    Parameters
    ----------
    run
        The bundle to start from.
    dataset
        A dataset TOML, a list of labels (CSV) as `kikuchi.suggest` writes it and a person filled it, or a dataset.
    out
        Folder of the new bundle; beside it ``extension.csv`` and ``extension.json``, the change of every class.
    seed
        Of folds, parts and heads.
    force
        Go on where labels contradict the scans' own phases or what the bundle was fitted on.
    progress
        Listener of the work.

    Returns
    -------
    Extension
        The new bundle, and what every class gained or lost.

    Raises
    ------
    InputError
        The bundle keeps no exemplars, a new class has fewer than `FOLDS` usable patterns, labels contradict what is
        known, or the folder is not empty.
    """
    bundle = Predictor.of(run)
    require_networks(bundle, "learns no labels", "adapt again with the new phase beside the old: --phase")
    data = dataset_with_neighbours(open_labelled(dataset), bundle.preparation(bundle.members[0]))
    folder = Path(out)
    exemplars = read_exemplars(bundle.path, len(bundle.members))
    classes = tuple(sorted({*bundle.classes, *data.classes}))
    column = np.array([classes.index(c) for c in bundle.classes])
    with lock.locked(folder):
        if _claimed(folder, bundle, data, seed):
            progress.say(f"{folder} is already extended")
            return Extension(Predictor.load(folder), read_changes(folder))
        new = _look(bundle, data, classes, force, progress)
        progress.say(f"{len(new.labels)} new patterns, {len(exemplars.labels)} exemplars of the old classes")
        specs = tuple(replace(m, classes=len(classes)) for m in bundle.members)
        old = [_widened(bundle, m, column, len(classes)) for m in bundle.members]
        held_out, again = bundle.held_out, exemplars.crossed >= 0
        labels = np.concatenate([column[exemplars.labels], new.labels])
        features = [np.concatenate(pair) for pair in zip(exemplars.features, new.features, strict=True)]
        crossed = np.concatenate([np.flatnonzero(again), len(exemplars.labels) + np.arange(len(new.labels))])
        before = held_out.select(exemplars.crossed[again])
        with progress.bar("fitting heads", 1) as step:
            rehearsed = rehearse(
                specs,
                features,
                labels,
                crossed,
                np.concatenate([before.group, before.group.max(initial=0) + 1 + new.groups]),
                np.concatenate([before.outputs.quality, new.quality]),
                old=old,
                draws=bundle.recipe.combine.draws,
                seed=seed,
            )
            step(1)
        judged = _judged(bundle, exemplars, before, rehearsed, new, specs, column, seed)
        for spec, head in zip(specs, rehearsed.heads, strict=True):
            _save(bundle, spec, head, folder)
        rows = len(exemplars.rows) + np.arange(len(crossed))
        crossed_row = np.full(len(labels), -1)
        crossed_row[crossed] = rows
        write_exemplars(
            folder / EXEMPLARS,
            Exemplars(
                labels,
                tuple(features),
                crossed_row,
                np.arange(len(exemplars.rows)),
                exemplars.held_out_features,
            ),
        )
        _extend_background(bundle, new, column, folder, seed)
        _extend_splits(bundle, classes, new.hashes, folder)
        facts = _facts(bundle, data, classes, new, judged, seed)
        new_recipe = without_gate(bundle.recipe)
        made = finish(folder, new_recipe, specs, rehearsed.familiarity, judged, facts, progress)
        changes = compared(bundle, made, _before(bundle, exemplars, before, new, column), judged)
        write_table(folder, changes)
    return Extension(Predictor.of(made), changes)


def _claimed(folder: Path, bundle: Bundle, data: Dataset, seed: int) -> bool:
    """Say in the folder what is made there, and refuse one where something else is; whether it is done already.

    An extension that was interrupted is begun anew: all of it takes as long as one of its steps.
    """
    digest = hashlib.sha256("".join(f"{h};" for h in hash_patterns(data)[0]).encode())
    digest.update(data.space_group.tobytes())
    wanted = {"bundle": bundle.fingerprint, "patterns": digest.hexdigest(), "seed": seed}
    path = folder / CLAIM
    if path.is_file():
        if atomic.read_json(path, remedy="give another --out") != wanted:
            raise InputError("another extension was begun here", path=folder, remedy="give another --out")
        return (folder / "bundle.json").is_file() and (folder / "extension.json").is_file()
    if any(p.name not in lock.OWN for p in folder.iterdir()):
        raise InputError("the folder is not empty", path=folder, remedy="give another --out")
    atomic.write_json(path, wanted)
    return False


def _look(bundle: Bundle, data: Dataset, classes: tuple[int, ...], force: bool, progress: Progress) -> _New:
    """Run the backbones on the new patterns that can be used."""
    hashes, usable = hash_patterns(data)
    fitted = atomic.read_json(bundle.path / SPLITS, remedy="copy the bundle again")
    known = {h for part in ("train", "validation", "calibration") for h in fitted.get(part, [])}
    seen = usable & np.isin(hashes, sorted(known))
    _say_contradictions(bundle, data, seen, force, progress)
    if seen.any():
        progress.say(f"{seen.sum()} of {data.n} patterns were fitted on before and are left out")
    usable &= ~seen
    labels = data.labels(classes)
    for group in data.classes:
        have = int((usable & (data.space_group == group)).sum())
        if have < FOLDS:
            raise InputError(
                f"space group {group}: {have} usable patterns that the bundle has not seen, "
                f"at least {FOLDS} are needed",
                path=data.path,
                remedy="label more patterns of it, or leave it out",
            )
    positions = np.flatnonzero(usable)
    progress.say(f"running {len(bundle.members)} members on {len(positions)} new patterns")
    prepared = {
        size: data.prepared(positions, bundle.recipe.preparation(size))
        for size in {m.size for m in bundle.members}
    }
    quality = np.concatenate([pattern_quality(raw) for _, _, raw in data.iter_patterns(positions)])
    look = bundle.recipe.preparation(bundle.members[0].size)
    # Counted as the bundle's own held-out patterns are.
    by_grain = bundle.manifest.get("unit") == "grain"
    groups, _ = pattern_groups(
        data, "grains where alike" if by_grain else bundle.recipe.abstain.groups, look, grain_finder(look)
    )
    return _New(
        labels=labels[positions],
        features=tuple(features_of(bundle.model(m.name), prepared[m.size]) for m in bundle.members),
        prepared=prepared,
        quality=quality,
        material=data.material[positions],
        groups=np.unique(groups[positions], return_inverse=True)[1],
        hashes=hashes[positions],
    )


def _say_contradictions(
    bundle: Bundle, data: Dataset, seen: np.ndarray, force: bool, progress: Progress
) -> None:
    """Refuse labels that contradict the scans' own phases, or patterns that the bundle knows as something else."""
    found = contradictions(data)
    for group in sorted(set(data.space_group[seen].tolist()) - set(bundle.classes)):
        count = int((seen & (data.space_group == group)).sum())
        found.append(
            f"{count} patterns labelled {group} were fitted on before, as one of {', '.join(map(str, bundle.classes))}"
        )
    refuse_or_say(found, data.path, force, progress.say)


def head_of(bundle: Bundle, spec: MemberSpec) -> Head:
    """Return a member's head as arrays."""
    model = bundle.model(spec.name)
    head = dict(zip(("kernel", "bias"), map(np.asarray, model.get_layer("head").get_weights()), strict=True))
    if spec.head != "dropout":
        head |= zip(
            ("kernels", "biases"), map(np.asarray, model.get_layer("posterior").get_weights()), strict=True
        )
    return head


def _widened(bundle: Bundle, spec: MemberSpec, column: np.ndarray, classes: int) -> Head:
    """Return a member's head with columns of zeros for the new classes."""
    head = head_of(bundle, spec)
    kernel, bias = np.zeros((len(head["kernel"]), classes)), np.zeros(classes)
    kernel[:, column], bias[column] = head["kernel"], head["bias"]
    return {"kernel": kernel, "bias": bias}


def _judged(
    bundle: Bundle,
    exemplars: Exemplars,
    before: HeldOut,
    rehearsed: Rehearsed,
    new: _New,
    specs: Sequence[MemberSpec],
    column: np.ndarray,
    seed: int,
) -> HeldOut:
    """Put together what the new heads say of old held-out patterns and of the crossed ones."""
    kept = bundle.held_out.select(exemplars.rows)
    draws = bundle.recipe.combine.draws
    outputs = head_outputs(
        specs,
        rehearsed.heads,
        exemplars.held_out_features,
        rehearsed.familiarity,
        kept.outputs.quality,
        draws,
    )
    groups = bundle.held_out.group.max(initial=0) + 1 + new.groups
    materials = len(bundle.manifest["materials"])
    return HeldOut(
        outputs=MemberOutputs.join([outputs, rehearsed.crossed]),
        labels=np.concatenate([column[kept.labels], column[before.labels], new.labels]),
        material=np.concatenate([kept.material, before.material, materials + new.material]),
        part=np.concatenate([kept.part, before.part, _parts(new, seed)]),
        group=np.concatenate([kept.group, before.group, groups]),
    )


def _parts(new: _New, seed: int) -> np.ndarray:
    """Deal groups of new patterns to calibration, certification and test, in each class by `SHARES`."""
    rng = np.random.default_rng([seed, 4])
    part = np.empty(len(new.labels), np.int8)
    for label in np.unique(new.labels):
        here = np.flatnonzero(new.labels == label)
        shuffled = rng.permutation(np.unique(new.groups[here]))
        place = np.searchsorted(np.cumsum(SHARES), (np.arange(len(shuffled)) + 0.5) / len(shuffled))
        dealt = dict(zip(shuffled.tolist(), place.tolist(), strict=True))
        part[here] = [dealt[g] for g in new.groups[here].tolist()]
    return part


def _before(
    bundle: Bundle, exemplars: Exemplars, before: HeldOut, new: _New, column: np.ndarray
) -> tuple[HeldOut, np.ndarray]:
    """Return what the old bundle says of the same patterns in the same order, and the columns of its classes."""
    heads = [head_of(bundle, m) for m in bundle.members]
    outputs = head_outputs(
        bundle.members, heads, new.features, bundle.familiarity, new.quality, bundle.recipe.combine.draws
    )
    kept = bundle.held_out.select(exemplars.rows)
    none = np.zeros(len(new.labels), int)
    return (
        HeldOut(
            MemberOutputs.join([kept.outputs, before.outputs, bundle.gated(outputs)]),
            np.concatenate([kept.labels, before.labels, none - 1]),
            np.concatenate([kept.material, before.material, none]),
            np.concatenate([kept.part, before.part, none]),
            np.concatenate([kept.group, before.group, none]),
        ),
        column,
    )


def _save(bundle: Bundle, spec: MemberSpec, head: Head, folder: Path) -> None:
    """Write a member with the old backbone and the new head."""
    model = build_member(spec)
    copy_backbone(bundle.model(spec.name).get_layer("backbone"), model.get_layer("backbone"))
    model.get_layer("head").set_weights([head["kernel"], head["bias"]])
    if spec.head != "dropout":
        set_posterior(model, head["kernels"], head["biases"])
    place = folder / "members" / spec.name
    save_member(model, spec, place)
    shutil.copyfile(bundle.path / "members" / spec.name / "history.csv", place / "history.csv")


def _extend_background(bundle: Bundle, new: _New, column: np.ndarray, folder: Path, seed: int) -> None:
    """Keep some patterns of the new classes, for `explain`."""
    old = read_background(bundle.path / BACKGROUND)
    added = choose_background(new.prepared, new.labels, PER_CLASS, seed)
    both = Background(
        {size: np.concatenate([old.patterns[size], added.patterns[size]]) for size in added.patterns},
        np.concatenate([column[old.labels], added.labels]),
    )
    write_background(folder / BACKGROUND, both)


def _extend_splits(bundle: Bundle, classes: tuple[int, ...], hashes: np.ndarray, folder: Path) -> None:
    splits = atomic.read_json(bundle.path / SPLITS, remedy="copy the bundle again")
    splits |= {"classes": list(classes), "train": sorted({*splits["train"], *hashes.tolist()})}
    atomic.write_json(folder / SPLITS, splits)


def _facts(
    bundle: Bundle, data: Dataset, classes: tuple[int, ...], new: _New, judged: HeldOut, seed: int
) -> dict[str, Any]:
    """Say in the manifest what the new bundle was made of."""
    counts = np.bincount(new.material, minlength=len(data.materials))
    added = [
        {"name": m.name, "space_group": m.space_group, "patterns": int(n), "simulated": m.scan.simulated}
        for m, n in zip(data.materials, counts, strict=True)
    ]
    voltages = {m.scan.voltage_kv for m in data.materials if m.scan.voltage_kv is not None}
    splits = bundle.manifest["splits"]
    return {
        "classes": list(classes),
        "materials": [*bundle.manifest["materials"], *added],
        "voltages_kv": sorted({*bundle.manifest["voltages_kv"], *voltages}),
        "splits": {
            "train": splits["train"] + len(new.labels),
            "validation": splits["validation"],
            "calibration": int((judged.part != Part.TEST).sum()),
            "test": int((judged.part == Part.TEST).sum()),
        },
        "dataset": hashlib.sha256("".join(sorted(new.hashes)).encode()).hexdigest(),
        "seed": seed,
        "extended_from": bundle.fingerprint,
    } | extended_record(bundle.manifest, [m.scan for m in data.materials])
