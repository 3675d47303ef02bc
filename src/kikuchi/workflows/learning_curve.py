"""The workflow of `learn-curve`: how accuracy grows with the patterns per class, and how many more are worth taking."""

import csv
import time
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.calibration.temperature import apply_temperature, fit_temperature
from ensemble.errors import InputError
from ensemble.learning_curves import fit_power_law
from ensemble.metrics import expected_calibration_error, log_loss
from ensemble.softmax import softmax
from kikuchi._support import atomic
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi.evaluation.learning_curves import Curve, LearningCurves, Run
from kikuchi.members import MemberSpec, features_of, fit_head, predict, train_member
from kikuchi.postprocessing.split_units import divided
from kikuchi.recipes.old_keys import renamed_recipe
from kikuchi.recipes.schema import MemberGroup, Recipe, load_recipe
from kikuchi.scans import Dataset, Split, dataset_with_neighbours, load_dataset
from kikuchi.training.train_ensemble import begun
from kikuchi.workflows.fit import HELD_OUT_LEAST, dataset_fingerprint

COUNTS = (1, 2, 5, 10, 25, 50, 100, 200, 400)

#: A way has flattened out when twice as many patterns (two steps) gain less accuracy than this.
FLAT = 0.005

WAYS = ("scratch", "transfer", "frozen")


def learning_curve(
    dataset: str | Path | Dataset,
    recipe: str | Path | Recipe = "quick",
    out: str | Path = "learn-curve",
    *,
    counts: Sequence[int] = COUNTS,
    ways: Sequence[str] = WAYS,
    repeats: int = 3,
    target: float = 0.9,
    seed: int = 0,
    progress: Progress = SILENT,
) -> LearningCurves:
    """Train on ever more patterns a class, and predict how many more would reach a target.

    Every way goes on until its mean accuracy has passed the target at two counts, or two steps gained nothing. All ways
    see the same patterns: a larger draw holds the smaller ones of its repeat.

    Parameters
    ----------
    dataset
        A dataset TOML, or one opened before.
    recipe
        Its first scratch and transfer groups say what is trained and by which schedule; ``frozen`` is the transfer
        group with a backbone that stays.
    out
        Folder for ``learn_curve.csv`` (one row a run, kept as they come: the same command goes on there),
        ``learn_curve.json`` and ``learn_curve.png``.
    counts
        Training patterns a class, ascending; those that the smallest class cannot give are left out.
    ways
        Some of `WAYS`.
    repeats
        Draws of the training patterns at each count; one at the largest, which takes them all.
    target
        Accuracy to reach, in (0, 1).
    seed
        Of split, draws and training.
    progress
        Listener of the work.

    Returns
    -------
    LearningCurves
        One curve a way, in the order of `ways`.

    Raises
    ------
    InputError
        A way is not in the recipe, a number is out of range, a class has too few patterns, or the folder holds the
        curve of another dataset or recipe.
    """
    chosen = load_recipe(recipe)
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    data = dataset_with_neighbours(data, chosen.preparation(chosen.member[0].size))
    groups = _groups(chosen, ways)
    steps = _affordable(data, chosen, sorted(set(counts)), progress)
    if repeats < 1 or not 0 < target < 1:
        raise InputError(f"{repeats} repeats, target {target}", remedy="at least 1, and between 0 and 1")
    split, units = divided(data, chosen, seed, train_per_class=steps[-1])
    if units.shared:
        progress.say(f"note: {units.shared}")
    folder = Path(out)
    with locked(folder):
        wanted = {
            "recipe": chosen.model_dump(mode="json"),
            "dataset": dataset_fingerprint(data, split),
            "seed": seed,
        }
        path = folder / "settings.json"
        if path.is_file() and _settings(path) != wanted:
            raise InputError("holds the curve of something else", path=folder, remedy="give another --out")
        atomic.write_json(path, wanted)
        done = _read(folder / "learn_curve.csv")
        curves = []
        for way, group in groups.items():
            bench = _Bench(way, group, chosen, data, split, seed)
            curve = _follow(bench, steps, repeats, target, done, folder, progress)
            progress.say(curve.summary(target))
            curves.append(curve)
        from kikuchi.html.learning_curves import draw_learning_curves

        atomic.write_json(folder / "learn_curve.json", [c.to_dict(target) for c in curves])
        figure = draw_learning_curves(
            {c.way: ([r.count for r in c.runs], [r.accuracy for r in c.runs], c.law) for c in curves}, target
        )
        with atomic.replaced(folder / "learn_curve.png") as partial:
            figure.savefig(partial)
    return LearningCurves(tuple(curves), target, folder)


class _Bench:
    """One way of training on one split; patterns are prepared, and features made, once."""

    def __init__(
        self, way: str, group: MemberGroup, recipe: Recipe, data: Dataset, split: Split, seed: int
    ) -> None:
        self.way, self.recipe, self.split, self.seed = way, recipe, split, seed
        alone = recipe.model_copy(update={"member": (group,)})
        self.spec, self.group = alone.member_specs(len(split.classes), seed)[0]
        labels = data.labels(split.classes)
        self.labels = {p: labels[getattr(split, p)] for p in ("train", "validation", "calibration", "test")}
        self._data = data
        self._features: dict[str, np.ndarray] = {}

    @cached_property
    def patterns(self) -> dict[str, np.ndarray]:
        """Prepared patterns (n, size, size) of every part; a curve that was measured before needs none."""
        preparation = self.recipe.preparation(self.spec.size)
        return {
            p: self._data.prepared(getattr(self.split, p), preparation).astype(np.float16)
            for p in self.labels
        }

    def run(self, count: int, repeat: int) -> Run:
        """Train on the first `count` patterns of every class in the order of a repeat, and judge."""
        begin = time.perf_counter()
        y = self.labels["train"]
        order = np.random.default_rng([self.seed, repeat]).permutation(len(y))
        chosen = np.concatenate([order[y[order] == k][:count] for k in range(self.spec.classes)])
        spec = replace(self.spec, seed=self.spec.seed + repeat)
        if self.way == "frozen":
            logits = self._frozen(spec, chosen)
        else:
            model = begun(spec, self.group)
            train_member(
                model,
                (self.patterns["train"][chosen], y[chosen]),
                (self.patterns["validation"], self.labels["validation"]),
                self.recipe.training(),
                seed=spec.seed,
            )
            logits = {p: predict(model, self.patterns[p])[0] for p in ("calibration", "test")}
        seconds = time.perf_counter() - begin
        first, last = softmax(logits["calibration"]), softmax(logits["test"])
        temperature = fit_temperature(first, self.labels["calibration"])
        p, truth = apply_temperature(last, temperature), self.labels["test"]
        return Run(
            self.way,
            count,
            repeat,
            accuracy=float((p.argmax(axis=1) == truth).mean()),
            log_loss=float(log_loss(p, truth)),
            ece=float(expected_calibration_error(p, truth)),
            temperature=float(temperature["temperature"]),
            seconds=seconds,
        )

    def _frozen(self, spec: MemberSpec, chosen: np.ndarray) -> dict[str, np.ndarray]:
        model = begun(spec, self.group)
        if not self._features:
            self._features = {
                p: features_of(model, self.patterns[p]) for p in ("train", "calibration", "test")
            }
        fit_head(model, spec, self._features["train"][chosen], self.labels["train"][chosen])
        kernel, bias = (np.asarray(w) for w in model.get_layer("head").get_weights())
        return {p: self._features[p] @ kernel + bias for p in ("calibration", "test")}


def _settings(path: Path) -> Any:
    """Read whose curve a folder holds."""
    found = atomic.read_json(path, remedy="give another --out")
    return found | {"recipe": renamed_recipe(found.get("recipe"))} if isinstance(found, dict) else found


def _follow(
    bench: _Bench,
    steps: list[int],
    repeats: int,
    target: float,
    done: dict[tuple[str, int, int], Run],
    folder: Path,
    progress: Progress,
) -> Curve:
    """Train at one count after another until there is nothing more to learn."""
    runs: list[Run] = []
    means: list[float] = []
    stopped = "all"
    with progress.bar(f"learning curve, {bench.way}", len(steps) * repeats) as step:
        for count in steps:
            # The largest count takes every training pattern there is: a second draw would be the same one.
            for repeat in range(repeats if count < steps[-1] else 1):
                key = (bench.way, count, repeat)
                if key not in done:
                    done[key] = bench.run(count, repeat)
                    _write(folder / "learn_curve.csv", list(done.values()))
                runs.append(done[key])
                step(1)
            means.append(float(np.mean([r.accuracy for r in runs if r.count == count])))
            progress.say(f"{bench.way}, {count} a class: {means[-1]:.1%} right")
            reason = stops(means, target)
            if reason:
                stopped = reason
                break
    law = None
    if len(means) >= 3:
        errors = [1 - r.accuracy for r in runs]
        law = fit_power_law([r.count for r in runs], errors, len(bench.labels["test"]), seed=bench.seed)
    return Curve(bench.way, tuple(runs), stopped, law)


def stops(means: Sequence[float], target: float) -> str | None:
    """Say why no more patterns need trying: the target was passed twice, or two steps gained nothing.

    Examples
    --------
    >>> stops([0.3, 0.5, 0.7], 0.9), stops([0.3, 0.92, 0.95], 0.9), stops([0.5, 0.8, 0.802, 0.803], 0.9)
    (None, 'target', 'flat')
    """
    if len(means) >= 3 and min(means[-2:]) >= target:
        return "target"
    if len(means) >= 4 and means[-1] - means[-3] < FLAT and means[-3] > means[0] + FLAT:
        return "flat"
    return None


def _groups(recipe: Recipe, ways: Sequence[str]) -> dict[str, MemberGroup]:
    """Find what the recipe trains in each way."""
    found: dict[str, MemberGroup] = {}
    for group in recipe.member:
        if not group.frozen:
            found.setdefault(group.kind, group)
        if group.weights:
            found.setdefault("frozen", group.model_copy(update={"frozen": True}))
    unknown = [way for way in ways if way not in found]
    if unknown or not ways:
        raise InputError(
            f"the recipe has no {unknown[0] if unknown else 'way'} group to follow",
            remedy=f"choose from {', '.join(found)}",
        )
    return {way: found[way] for way in ways}


def _affordable(data: Dataset, recipe: Recipe, counts: list[int], progress: Progress) -> list[int]:
    """Return the counts that leave every class enough to validate, to calibrate and to test with."""
    if not counts or counts[0] < 1:
        raise InputError("counts of patterns start at 1", remedy="such as 1,5,25,100")
    smallest = int(min(np.bincount(data.labels(data.classes))))
    room = smallest - recipe.split.validation_per_class - 2 * HELD_OUT_LEAST
    fitting = [c for c in counts if c <= room]
    if len(fitting) < len(counts):
        progress.say(
            f"the smallest class has {smallest} patterns: {counts[len(fitting) :]} a class are left out"
        )
    if not fitting:
        raise InputError(
            f"the smallest class has {smallest} patterns, which leaves none to train on",
            path=data.path,
            remedy="add patterns, or lower validation_per_class in the recipe's [split]",
        )
    return fitting


def _read(path: Path) -> dict[tuple[str, int, int], Run]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        floats = [f.name for f in fields(Run)][3:]
        runs = [
            Run(r["way"], int(r["count"]), int(r["repeat"]), *(float(r[name]) for name in floats))
            for r in rows
        ]
    except (OSError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError("not a table of runs", path=path, remedy="delete it") from error
    return {(r.way, r.count, r.repeat): r for r in runs}


def _write(path: Path, runs: list[Run]) -> None:
    with atomic.replaced(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, [f.name for f in fields(Run)])
        writer.writeheader()
        writer.writerows(asdict(run) for run in runs)
