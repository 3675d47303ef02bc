"""Changed conditions, one axis at a time, as in Kaufmann & Vecchio, Microsc. Microanal. (2021)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.metrics import aurc, bootstrap_interval, expected_calibration_error, log_loss
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, read_held_out, write_held_out
from kikuchi.evaluation.predictors import BEST_SINGLE, EvaluatedPredictor
from kikuchi.evaluation.selective_scores import error_rate
from kikuchi.evaluation.test_sets import Labelled, dataset_patterns, own_test_patterns
from kikuchi.inference.predictor import Predictor
from kikuchi.simulate import Detector, Microscope
from kikuchi.simulate.detector.distribution import Distribution, constant
from reports.paper.parts.config import Masters, Recording, Study
from reports.paper.parts.everybody import NOT_SINGLE, everybody
from reports.paper.parts.patterns import simulated, stem


def _scaled(distribution: Distribution, factor: float) -> Distribution:
    return distribution.model_copy(update={"values": tuple(factor * v for v in distribution.values)})


def _moved(distribution: Distribution, by: float) -> Distribution:
    return distribution.model_copy(update={"values": tuple(by + v for v in distribution.values)})


def _resolution(r: Recording, pixels: float) -> Recording:
    """Spread the same light on the same screen over other pixels: the dose of each falls with its area."""
    finer = pixels / r.detector.shape[0]
    return Recording(
        detector=r.detector.model_copy(update={"shape": (int(pixels), int(pixels))}),
        microscope=r.microscope.model_copy(
            update={
                "dose": _scaled(r.microscope.dose, finer**-2),
                "read_noise": _scaled(r.microscope.read_noise, 1 / finer),
                "blur": _scaled(r.microscope.blur, finer),
            }
        ),
    )


def _detector(change: Callable[[Detector, float], dict[str, Any]]) -> Callable[[Recording, float], Recording]:
    return lambda r, v: Recording(
        detector=r.detector.model_copy(update=change(r.detector, v)), microscope=r.microscope
    )


def _microscope(
    change: Callable[[Microscope, float], dict[str, Any]],
) -> Callable[[Recording, float], Recording]:
    return lambda r, v: Recording(
        detector=r.detector, microscope=r.microscope.model_copy(update=change(r.microscope, v))
    )


#: What each axis makes of the study's own microscope. The voltage is in the masters.
AXES: dict[str, Callable[[Recording, float], Recording]] = {
    "voltage (kV)": lambda r, v: r,
    "camera distance (factor)": _detector(lambda d, v: {"pcz": _scaled(d.pcz, v)}),
    "detector tilt (degrees)": _detector(lambda d, v: {"tilt": _moved(d.tilt, v)}),
    "pattern centre x (widths)": _detector(lambda d, v: {"pcx": _moved(d.pcx, v)}),
    "pattern centre y (heights)": _detector(lambda d, v: {"pcy": _moved(d.pcy, v)}),
    "resolution (pixels)": _resolution,
    "dose (factor)": _microscope(lambda m, v: {"dose": _scaled(m.dose, v)}),
    "frames averaged, each at 1/16 of the dose": _microscope(
        lambda m, v: {"dose": _scaled(m.dose, 1 / 16), "frames": constant(v)}
    ),
    "gain (factor)": _microscope(lambda m, v: {"exposure": _scaled(m.exposure, v)}),
    "saturation (share of full scale)": _microscope(lambda m, v: {"saturation": constant(v)}),
    "overlap of two grains (share)": _microscope(lambda m, v: {"overlap": constant(v)}),
    "occlusion (share of the screen)": _microscope(lambda m, v: {"occlusion": constant(v)}),
}
VOLTAGE = "voltage (kV)"
OTHER_SIMULATION = "other simulation (kV)"


@dataclass(frozen=True)
class Condition:
    """One changed condition, and where its labelled patterns are."""

    axis: str
    value: float
    dataset: Path


def conditions(study: Study, work: Path, progress: Progress) -> list[Condition]:
    """Return every condition of the study, simulated where it was not recorded."""
    found = [Condition(r.axis, r.value, r.dataset) for r in study.shift.recorded]
    names = list(study.shift.materials or study.labelled.materials)
    seed = study.seed + 100

    def simulate(axis: str, value: float, names: list[str], **how: Any) -> None:
        folder = f"shift/{stem(axis)}_{value:g}"
        counts = [study.shift.count] * len(names)
        # The same crystals in the same orientations under every condition: only the condition differs.
        found.append(Condition(axis, value, simulated(study, work, folder, names, counts, seed, **how)))

    for axis, values in study.shift.axes.items():
        progress.say(f"condition {axis}: {len(values)} values")
        for value in values:
            changed = AXES[axis](study.recording, value)
            voltage = value if axis == VOLTAGE else None
            simulate(
                axis,
                value,
                names,
                detector=changed.detector,
                microscope=changed.microscope,
                voltage_kv=voltage,
            )
    other = study.shift.other_masters
    if other is not None and other.folder.is_dir():
        masters = Masters(source=str(other.folder), half_size=study.masters.half_size)
        for voltage in other.voltages_kv:
            simulate(OTHER_SIMULATION, voltage, list(other.materials), masters=masters, voltage_kv=voltage)
    return found


def outputs_of(bundle: Predictor, dataset: Path, progress: Progress) -> Labelled:
    """Return what every member says of a labelled dataset, from the file beside it where it is already known."""
    file = dataset.parent / f"outputs-{bundle.fingerprint[:12]}.npz"
    if not file.is_file():
        found = dataset_patterns(bundle, dataset, progress)
        part, group = np.full(found.n, 2, np.int8), np.arange(found.n)
        write_held_out(file, HeldOut(found.outputs, found.labels, found.material, part, group))
    from kikuchi.scans import load_dataset

    held = read_held_out(file)
    materials = tuple((m.name, m.space_group) for m in load_dataset(dataset).materials)
    return Labelled(held.outputs, held.labels, held.material, materials, dataset.parent.name)


def shifted(bundle: Predictor, found: list[Condition], progress: Progress) -> dict[str, Any]:
    """Judge the best single network, the mean single one and the ensemble under every condition.

    Everybody keeps the calibration and the abstention of the unchanged condition: nothing is fitted under a shift.

    Returns
    -------
    dict
        ``unchanged``, ``conditions`` and ``axes`` (all conditions of an axis together) with the scores of everybody;
        ``all``: every condition together, with the ratio of calibration errors and its interval.
    """
    rows: list[Any] = []
    by_axis: dict[str, list[Any]] = {}
    for condition in found:
        progress.say(f"{condition.axis} = {condition.value:g}")
        patterns = outputs_of(bundle, condition.dataset, progress)
        rows.append({"axis": condition.axis, "value": condition.value} | judged(bundle, patterns))
        by_axis.setdefault(condition.axis, []).append(patterns)
    return {
        "rule": bundle.rule,
        "unchanged": judged(bundle, own_test_patterns(bundle)),
        "conditions": rows,
        "axes": {axis: judged(bundle, together(parts)) for axis, parts in by_axis.items()},
        "all": judged(bundle, together([p for parts in by_axis.values() for p in parts]), intervals=True),
    }


def together(parts: list[Labelled]) -> Labelled:
    """Put the patterns of several conditions one after another."""
    labels, material = (np.concatenate([getattr(p, name) for p in parts]) for name in ("labels", "material"))
    return replace(
        parts[0], outputs=MemberOutputs.join([p.outputs for p in parts]), labels=labels, material=material
    )


def judged(bundle: Bundle, patterns: Labelled, *, intervals: bool = False) -> dict[str, Any]:
    """Score the best single network, the mean over all single ones, and every rule, on patterns of known groups."""
    answering = everybody(bundle, patterns)
    labels = patterns.labels
    scores = {c.name: score(c, labels) for c in answering}
    singles = [scores[c.name] for c in answering if c.kind not in NOT_SINGLE]
    compared = [c for c in answering if c.kind in NOT_SINGLE]
    result: dict[str, Any] = {
        "patterns": len(labels),
        "scores": {c.name: scores[c.name] for c in compared}
        | {"mean of the single ones": {k: float(np.mean([s[k] for s in singles])) for k in _SHARES}},
    }
    if intervals:
        best = next(c for c in compared if c.kind == BEST_SINGLE)
        result["ece_ratio"] = {c.name: _ece_ratio(c, best, labels) for c in compared if c is not best}
    return result


_SHARES = ("accuracy", "log_loss", "ece", "aurc", "coverage")


def score(predictor: EvaluatedPredictor, labels: np.ndarray) -> dict[str, Any]:
    """Return the numbers of one predictor under one condition; ``selective_risk`` with its exact interval."""
    wrong = predictor.wrong(labels)
    answered = predictor.decision.status == 0
    return {
        "accuracy": float(1 - wrong.mean()),
        "log_loss": log_loss(predictor.probabilities, labels),
        "ece": expected_calibration_error(predictor.probabilities, labels),
        "aurc": aurc(-predictor.confidence, wrong),
        "coverage": float(answered.mean()),
        "selective_risk": error_rate(int(wrong[answered].sum()), int(answered.sum())),
        "unfamiliar": float((predictor.decision.status == 2).mean()),
    }


def _ece_ratio(rule: EvaluatedPredictor, single: EvaluatedPredictor, labels: np.ndarray) -> dict[str, float]:
    found = bootstrap_interval(
        lambda ours, theirs, y: expected_calibration_error(ours, y) / expected_calibration_error(theirs, y),
        rule.probabilities,
        single.probabilities,
        labels,
        n_resamples=200,
    )
    return found._asdict()
