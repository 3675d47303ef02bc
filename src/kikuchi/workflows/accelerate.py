"""The workflow of `accelerate`: engines that do less work, each measured on held-out patterns and calibrated again."""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.early_exit import best_order, fit_cascade, stopped
from ensemble.errors import InputError
from ensemble.metrics import expected_calibration_error, log_loss
from kikuchi._support import atomic
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.result import Findings
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.networks import require_networks
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, Part, write_held_out
from kikuchi.inference import STUDENTS, Engine, Runner
from kikuchi.inference.engine_summary import described, recommended
from kikuchi.inference.exports import (
    MANIFEST,
    Shelf,
    export_bundle,
    read_shelf,
    shelf_folder,
    write_heads,
    write_shelf,
)
from kikuchi.inference.onnx_export import FAST, missing_exporter
from kikuchi.inference.openvino_engine import NAME as BF16
from kikuchi.inference.openvino_engine import bf16_missing
from kikuchi.inference.predictor import HELD_OUT, UNFAMILIARITY, WITHOUT_DRAWS, Predictor, answering
from kikuchi.inference.quantisation import CALIBRATION_PATTERNS, quantise
from kikuchi.inference.student import FEATURES, NAME
from kikuchi.members.storage import DESCRIPTION
from kikuchi.postprocessing.split_units import divided
from kikuchi.scans import (
    Dataset,
    Scan,
    background_for,
    dataset_with_neighbours,
    load_dataset,
    open_scan,
    with_neighbours,
)
from kikuchi.training.distillation import distil, patterns_of, student_runner
from kikuchi.workflows.fit import dataset_fingerprint

#: Share of patterns that must keep the whole ensemble's label where a cascade stops.
AGREEMENT = 0.999


@dataclass(frozen=True)
class _Source:
    """A bundle's dataset: held-out patterns in the order of the held-out outputs, those of the fit, all hashes."""

    data: Dataset
    positions: np.ndarray
    train: np.ndarray
    validation: np.ndarray
    hashes: np.ndarray


@dataclass(frozen=True, eq=False)
class Acceleration(Findings):
    """Cost and savings of each engine, read by the engine's name.

    Of every engine: agreement of labels with Keras, log-loss and expected calibration error before and after
    calibrating again, and by rule what the early stops cost and save.

    Attributes
    ----------
    run
        The bundle's folder.
    """

    run: Path

    def summary(self) -> str:
        """Return a few lines for each engine, and the command that uses the best of them."""
        lines = [line for kind, measured in self.items() for line in described(kind, measured)]
        return "\n".join([*lines, recommended(self.data, self.run)])


def accelerate(
    run: str | Path | Bundle,
    dataset: str | Path | Dataset,
    *,
    agreement: float = AGREEMENT,
    student: bool = False,
    unlabelled: Sequence[str | Path | Scan] = (),
    progress: Progress = SILENT,
) -> Acceleration:
    """Make a bundle's faster engines, and say what each costs before anybody uses it.

    Members are exported to ONNX and quantised to 8 bits, and run on the held-out patterns; in bfloat16 too, where the
    processor has it. The order of the members and
    the cascade's threshold are learned on the patterns that calibrate (not on those that certify, so that the promise
    stays a promise), and everything is measured on the test patterns.

    Parameters
    ----------
    run
        A bundle or its folder: what to make faster. The engines are written into it, or into the user's cache where
        it cannot be written.
    dataset
        What it was fitted on.
    agreement
        Share of patterns that must keep the whole ensemble's label where a cascade stops, in (0, 1].
    student
        Train a student too: from the training patterns alone it takes about as long as a member, from 30 000 others 20
        minutes of one core for compact members. Where the processor has bfloat16 it comes in both precisions.
    unlabelled
        Scans that a student learns the members' answers from as well, beyond the training patterns; nobody needs to
        know what is in them. A student needs many: from the training patterns alone it stays behind its ensemble
        (``reports/performance``). Patterns of the dataset among them are left out. It does not map scans that it
        learned from: it would be surer of them than of the patterns that calibrate it.
    progress
        Listener of the work.

    Returns
    -------
    Acceleration
        By engine what it costs and saves.

    Raises
    ------
    InputError
        What makes engines is not installed, the dataset is not the bundle's, members cannot be exported or have no
        common student, or a scan cannot be opened.
    """
    if unlabelled and not student:
        raise InputError("only a student learns from scans without labels", remedy="give --student too")
    require_exporters()
    bundle = Predictor.of(run)
    require_networks(bundle, "has no faster engine", "map with it as it is")
    if student and len({spec.size for spec in bundle.members}) > 1:
        raise InputError("members of several input sizes have no common student", path=bundle.path)
    look = bundle.preparation(bundle.members[0])
    scans = [with_neighbours(open_scan(scan), look) for scan in unlabelled]
    source = _source(bundle, dataset)
    single = read_shelf(bundle, "onnx") or export_bundle(bundle, progress)
    if single is None:
        raise InputError("the members cannot be exported", path=bundle.path, remedy="map with --engine keras")
    report = {}
    kinds = ["onnx", "int8"]
    if (reason := bf16_missing()) is None:
        kinds.append(BF16)
    else:
        how = f" ({FAST} brings it)" if "not installed" in reason else ""
        progress.say(f"note: {reason}: no engines in bfloat16{how}")
    for kind in kinds:
        folder = shelf_folder(bundle, kind)
        if kind == "int8":
            _quantise_all(bundle, single, folder, source, progress)
        elif kind == BF16:
            _copy_all(bundle, single, folder)
        runner = Runner(
            [Shelf(folder, {}).engine(spec.name, kind) for spec in bundle.members],
            bundle.members,
            bundle.recipe,
            bundle.familiarity,
        )
        report[kind] = _measure(bundle, runner, kind, source, agreement, progress)
    if student:
        report |= _distilled(bundle, single, source, scans, progress)
    return Acceleration(report, Path(run.path if isinstance(run, Bundle) else run))


def require_exporters() -> None:
    """Refuse, before any work, to make engines where what exports and runs them is missing.

    Raises
    ------
    InputError
        Names the first package that is not installed, and the extra that brings it.
    """
    missing = missing_exporter()
    if missing is not None:
        raise InputError(f"{missing[0]} is not installed: no engine can be made", remedy=missing[1])


def _source(bundle: Bundle, dataset: str | Path | Dataset) -> _Source:
    """Split the dataset as the fit did, and make sure that it is the one."""
    data = dataset if isinstance(dataset, Dataset) else load_dataset(dataset)
    data = dataset_with_neighbours(data, bundle.preparation(bundle.members[0]))
    split, _ = divided(data, bundle.recipe, bundle.manifest["seed"])
    if dataset_fingerprint(data, split) != bundle.manifest["dataset"]:
        raise InputError(
            "not the dataset that the bundle was fitted on", path=data.path, remedy="give the one of its fit"
        )
    return _Source(
        data,
        np.sort(np.concatenate([split.calibration, split.test])),
        split.train,
        split.validation,
        split.hashes,
    )


def _quantise_all(bundle: Bundle, single: Shelf, folder: Path, source: _Source, progress: Progress) -> None:
    """Write every member in 8 bits, ranges set on patterns for calibration."""
    first = source.positions[bundle.held_out.part == Part.CALIBRATION]
    chosen = first[np.linspace(0, len(first) - 1, min(CALIBRATION_PATTERNS, len(first))).astype(int)]
    with locked(folder):
        for spec in bundle.members:
            progress.say(f"quantising {spec.name} to 8 bits")
            prepared = source.data.prepared(chosen, bundle.preparation(spec))
            with atomic.replaced(folder / f"{spec.name}.onnx") as partial:
                quantise(single.folder / f"{spec.name}.onnx", partial, prepared)
        heads = {spec.name: single.engine(spec.name, "onnx").head for spec in bundle.members}
        write_shelf(bundle, folder, heads)


def _copy_all(bundle: Bundle, single: Shelf, folder: Path) -> None:
    """Put the exports in single precision where OpenVINO takes them from, to run them in bfloat16."""
    with locked(folder):
        for spec in bundle.members:
            with atomic.replaced(folder / f"{spec.name}.onnx") as partial:
                shutil.copyfile(single.folder / f"{spec.name}.onnx", partial)
        heads = {spec.name: single.engine(spec.name, "onnx").head for spec in bundle.members}
        write_shelf(bundle, folder, heads)


def _measure(
    bundle: Predictor, runner: Runner, kind: str, source: _Source, agreement: float, progress: Progress
) -> dict[str, Any]:
    """Run the held-out patterns, learn the stops, and measure both on the test patterns."""
    folder = shelf_folder(bundle, kind)
    held_out = _run(bundle, runner, kind, source, progress)
    fitted = held_out.part == Part.CALIBRATION
    logits, labels = held_out.outputs.logits[:, fitted], held_out.labels[fitted]
    order = best_order(logits)
    before = read_shelf(bundle, kind)
    told_too = {
        # What the export was trusted for.
        "parity": {} if before is None else before.manifest.get("parity", {}),
        "order": list(order),
        "agreement": agreement,
        "cascades": {
            rule: fit_cascade(logits, labels, rule, order=order, agreement=agreement).to_dict()
            for rule in WITHOUT_DRAWS
        },
    }
    heads = {spec.name: engine.head for spec, engine in zip(bundle.members, runner.engines, strict=True)}
    write_shelf(bundle, folder, heads, **told_too)
    measured = _costs(bundle, kind)
    write_shelf(bundle, folder, heads, **told_too, measured=measured)
    return measured


def _distilled(
    bundle: Predictor, single: Shelf, source: _Source, scans: list[Scan], progress: Progress
) -> dict[str, dict[str, Any]]:
    """Train a student, calibrate it on its own in each precision, and measure it on the test patterns."""
    engines: list[Engine] = [single.engine(spec.name, "onnx") for spec in bundle.members]
    preparation, seed = bundle.preparation(bundle.members[0]), int(bundle.manifest["seed"])
    patterns = source.data.prepared(source.train, preparation)
    new = patterns_of(scans, preparation, source.hashes, seed)
    if scans and not len(new):
        raise InputError(
            "all usable patterns of these scans are in the dataset", remedy="give others, or none at all"
        )
    progress.say(f"{len(new)} patterns without labels beside {len(patterns)} that were trained on")
    folders = {kind: shelf_folder(bundle, kind) for kind in STUDENTS}
    first = folders[NAME]
    lesson = {"scans": [scan.fingerprint() for scan in scans], "unlabelled": len(new), "seed": seed}
    report = {}
    with ExitStack() as held:
        for folder in folders.values():
            held.enter_context(locked(folder))
            # An earlier student goes whole: nothing of it may stand beside the new one.
            for name in (MANIFEST, HELD_OUT, UNFAMILIARITY, FEATURES):
                (folder / name).unlink(missing_ok=True)
        watched = source.data.prepared(source.validation, preparation)
        spec, head = distil(
            bundle, engines, patterns, watched, first, unlabelled=new, seed=seed, progress=progress
        )
        for kind in STUDENTS if bf16_missing() is None else (NAME,):
            folder = folders[kind]
            if kind != NAME:
                for name in (f"{NAME}.onnx", DESCRIPTION):
                    with atomic.replaced(folder / name) as partial:
                        shutil.copyfile(first / name, partial)
            write_heads(folder, {NAME: head})
            runner = student_runner(bundle, Shelf(folder, {}).engine(NAME, kind), spec, patterns, folder)
            _run(bundle, runner, kind, source, progress)
            write_shelf(bundle, folder, {NAME: head}, learned_from=lesson)
            report[kind] = _costs(bundle, kind)
            write_shelf(bundle, folder, {NAME: head}, learned_from=lesson, measured=report[kind])
    return report


def _run(bundle: Bundle, runner: Runner, kind: str, source: _Source, progress: Progress) -> HeldOut:
    """Run the held-out patterns, in the order of the bundle's own held-out outputs, and keep their outputs."""
    preparation = bundle.preparation(bundle.members[0])
    places, outputs, by_member = [], [], []
    with progress.bar(f"held-out patterns, {kind}", len(source.positions)) as step:
        for positions, number, patterns in source.data.iter_patterns(source.positions):
            background = background_for(source.data.materials[number].scan, preparation)
            found, of_members = runner.detailed(patterns, background)
            places.append(positions)
            outputs.append(found)
            by_member.append(of_members)
            step(len(positions))
    if not np.array_equal(np.concatenate(places), source.positions):
        raise InputError("the dataset's patterns come in another order", remedy="fit the bundle again")
    own = bundle.held_out
    held_out = HeldOut(MemberOutputs.join(outputs), own.labels, own.material, own.part, own.group, own.looks)
    folder = shelf_folder(bundle, kind)
    write_held_out(folder / HELD_OUT, held_out)
    with atomic.replaced(folder / UNFAMILIARITY) as partial:
        np.savez_compressed(partial, allow_pickle=False, strange=np.concatenate(by_member, axis=1))
    return held_out


def _costs(bundle: Predictor, kind: str) -> dict[str, Any]:
    """Compare an engine, and its early stops, with Keras and all members, on the test patterns."""
    rule = bundle.rule if bundle.rule in WITHOUT_DRAWS else "average"
    quick = answering(bundle, kind, "never", rule)
    test = bundle.held_out.part == Part.TEST
    y = bundle.held_out.labels[test]
    own = bundle.held_out.select(test).outputs
    new = quick.held_out.select(test).outputs
    as_it_was = bundle.calibrations[rule].apply(quick.combined(new, rule).probabilities)
    p = {
        "keras": bundle.calibrated(own, rule)[1],
        "as_it_was": as_it_was,
        "recalibrated": quick.calibrated(new, rule)[1],
    }
    whole = {r: quick.combined(new, r).probabilities.argmax(axis=1) for r in WITHOUT_DRAWS}
    stops = {}
    for stop, r in [] if kind in STUDENTS else [("exact", "vote"), *(("cascade", r) for r in WITHOUT_DRAWS)]:
        judge = answering(bundle, kind, stop, r)
        assert judge.stopping is not None
        ran = ~np.isnan(stopped(new.logits, judge.stopping)).any(axis=-1)
        label = judge.combined(judge.held_out.select(test).outputs, r).probabilities.argmax(axis=1)
        stops[f"{stop} {r}"] = {
            "members_run": float(ran.sum(axis=0).mean()),
            "label_agreement": float((label == whole[r]).mean()),
            "accuracy": float((label == y).mean()),
            "accuracy_of_all": float((whole[r] == y).mean()),
        }
    labels = {name: q.argmax(axis=1) for name, q in p.items()}
    return {
        "rule": rule,
        "patterns": int(test.sum()),
        "members": len(bundle.members),
        "label_agreement": float((labels["keras"] == labels["recalibrated"]).mean()),
        "accuracy": {name: float((label == y).mean()) for name, label in labels.items()},
        "log_loss": {name: log_loss(q, y) for name, q in p.items()},
        "ece": {name: expected_calibration_error(q, y) for name, q in p.items()},
        "stops": stops,
        "epistemic_correlation": _correlation(
            bundle.combined(own, rule).mutual_information, quick.combined(new, rule).mutual_information
        ),
    }


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Spearman's correlation of two uncertainties: whether they rank patterns alike."""
    from scipy.stats import spearmanr

    return float(spearmanr(a, b).statistic)
