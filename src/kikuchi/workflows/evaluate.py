"""The workflow of `evaluate`: labelled patterns and a bundle become numbers, tables and a report."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.diversity import disagreement, double_fault, q_statistic
from ensemble.metrics import risk_coverage
from kikuchi._support import atomic
from kikuchi._support.json import plain
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.result import Findings
from kikuchi._support.versions import versions
from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.calibration_scores import before_and_after
from kikuchi.evaluation.classes import confusion, decided, per_class, per_material
from kikuchi.evaluation.ood_scores import unfamiliar
from kikuchi.evaluation.predictors import (
    BEST_SINGLE,
    MEMBER,
    RULE,
    EvaluatedPredictor,
    best_single,
    evaluated_predictors,
)
from kikuchi.evaluation.promise_parts import promise_parts
from kikuchi.evaluation.report import write_page
from kikuchi.evaluation.scores import score_all
from kikuchi.evaluation.selective_scores import NO_TRANSFER, enrichment, promise, statuses
from kikuchi.evaluation.tables import write_tables
from kikuchi.evaluation.test_sets import Labelled, dataset_patterns, own_test_patterns
from kikuchi.evaluation.verdict import verdict
from kikuchi.inference.predictor import Predictor
from kikuchi.scans import Dataset

_CURVE_POINTS = 400


@dataclass(frozen=True, eq=False)
class Evaluation(Findings):
    """Scores of a bundle, as ``evaluation.json`` holds them, read by key.

    Plain JSON, with None for a number that does not exist. Scores come as ``value``, ``low`` and ``high``, a 95 %
    bootstrap interval that takes patterns as independent.

    Attributes
    ----------
    folder
        Where tables and report lie.
    """

    folder: Path

    def summary(self) -> str:
        """Return the main scores beside those of the best single member, and where to look."""
        rule = self["rule"]
        ours, single = self["scores"][rule], self["scores"]["best-single"]
        held = self["promises"][rule]
        measured = f"measured: {held['errors']} wrong of {held['answered']} answered"
        if held["answered"]:
            measured += f", {_number(held['measured_risk'], percent=True)}: {held['verdict']}"
        return "\n".join(
            [
                verdict(self.to_dict())[0],
                f"{self['patterns']} patterns: {self['name']}",
                f"rule {rule} against the best single member ({self['best_single']}):",
                _beside("accuracy", ours["accuracy"], single["accuracy"], percent=True),
                _beside("log-loss", ours["log_loss"], single["log_loss"]),
                _beside("calibration error", ours["ece"], single["ece"], percent=True),
                _beside("excess AURC", ours["excess_aurc"], single["excess_aurc"]),
                _beside("answered", ours["coverage"], single["coverage"], percent=True),
                f"promise: {held['certificate']['message']}",
                measured,
                *(f"warning: {text}" for text in self["warnings"]),
                f"look at {self.folder / 'report.html'}",
            ]
        )


def evaluate(
    run: str | Path | Bundle,
    dataset: str | Path | Dataset | None = None,
    out: str | Path = "evaluation",
    *,
    netcal: bool = False,
    progress: Progress = SILENT,
) -> Evaluation:
    """Say how good a bundle is, on labelled patterns that it never saw.

    Every member, the best single member and every rule answer the same patterns under the same terms: each is
    calibrated and given its abstention by the recipe's method on the same held-out parts, and the best single
    member is chosen on the calibration part. Nothing is fitted or chosen on the patterns judged here.

    Parameters
    ----------
    run
        A bundle or its folder.
    dataset
        A labelled dataset; the bundle's own test part where None. Patterns that the bundle was fitted on are left
        out and counted. Those of a space group that the bundle does not know count as unknown: every answer to
        them is wrong, and they judge `unfamiliar`. How well a bundle would recognise its *own* space groups if they
        were unknown to it needs a refit without each: `kikuchi.workflows.leave_one_class_out`.
    out
        Folder for ``evaluation.json`` (every number), ``report.html`` and the CSV files that
        `kikuchi.evaluation.tables.write_tables` lists: ``rules.csv``, ``classes.csv``, ``materials.csv``, ...
    netcal
        Put that library's ECE, MCE and reliability diagrams beside ours; its import takes seconds.
    progress
        Listener of the work.

    Returns
    -------
    Evaluation
        What ``evaluation.json`` holds, read by key; `Evaluation.summary` says it in a few lines.

    Raises
    ------
    InputError
        The bundle or the dataset cannot be read, no pattern is left to judge, or the folder cannot be written.
    """
    bundle = Predictor.of(run)
    folder = Path(out)
    with locked(folder):
        patterns = (
            own_test_patterns(bundle) if dataset is None else dataset_patterns(bundle, dataset, progress)
        )
        everybody = evaluated_predictors(bundle, patterns)
        evaluation = plain(_judge(bundle, patterns, everybody, netcal, progress))
        progress.say("writing the report")
        with atomic.replaced_together(folder, "evaluation.json") as staged:
            atomic.write_json(staged / "evaluation.json", evaluation)
            write_tables(evaluation, staged)
            write_page(evaluation, bundle, everybody, patterns.labels, staged / "report.html")
    return Evaluation(evaluation, folder)


def _judge(
    bundle: Bundle, patterns: Labelled, everybody: list[EvaluatedPredictor], netcal: bool, progress: Progress
) -> dict[str, Any]:
    labels, classes = patterns.labels, bundle.classes
    risk = bundle.recipe.abstain.risk
    compared = [c for c in everybody if c.kind != MEMBER]
    chosen = next(c for c in everybody if c.kind == RULE and c.name == bundle.rule)
    single = next(c for c in everybody if c.kind == BEST_SINGLE)
    scores, against = score_all(everybody, labels, risk, progress)
    progress.say("calibration before and after")
    return {
        "name": patterns.name,
        "patterns": patterns.n,
        "unknown_patterns": int((labels < 0).sum()),
        "left_out_patterns": patterns.left_out,
        "space_groups": classes,
        "materials": [
            {"name": name, "space_group": group, "patterns": int((patterns.material == i).sum())}
            for i, (name, group) in enumerate(patterns.materials)
        ],
        "rule": bundle.rule,
        "best_single": bundle.members[best_single(bundle.held_out)].name,
        "target_risk": risk,
        "kinds": {c.name: c.kind for c in everybody},
        "scores": scores,
        "against_best_single": against,
        "enrichment": {c.name: enrichment(c, labels) for c in everybody},
        "classes_of": {c.name: per_class(c, labels, classes) for c in everybody},
        "materials_of": {c.name: per_material(c, patterns, classes) for c in everybody},
        "matrices": {
            c.name: {
                "confusion": confusion(c, labels, len(classes)),
                "decisions": decided(c, labels, len(classes)),
            }
            for c in compared
        },
        "statuses": {c.name: statuses(c, labels) for c in compared},
        "promises": {
            c.name: promise(c, labels) | {"certificate": bundle.promised(c.abstention).certificate.to_dict()}
            for c in compared
        },
        "promise_parts": promise_parts(
            chosen, patterns, classes, bundle.promised(chosen.abstention).certificate
        ),
        "remark": NO_TRANSFER,
        "risk_coverage": {c.name: _curve(c, labels) for c in compared},
        "calibration": {c.name: before_and_after(c, labels, netcal=netcal) for c in (chosen, single)},
        "unfamiliar": unfamiliar(bundle, patterns, chosen.decision.status == 0),
        "strangers": bundle.manifest.get("strangers"),
        "diversity": _diversity([c for c in everybody if c.kind == MEMBER], labels),
        "warnings": [*patterns.warnings, *([bundle.shared_grains] if bundle.shared_grains else [])],
        "bundle": {
            "name": bundle.path.name,
            "fingerprint": bundle.fingerprint,
            "created": bundle.manifest["created"],
            "members": [m.name for m in bundle.members],
        },
        "versions": versions(),
    }


def _curve(predictor: EvaluatedPredictor, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Risk-coverage curve by confidence, thinned to what a figure can show."""
    curve = risk_coverage(-predictor.confidence, predictor.wrong(labels))
    shown = np.unique(np.linspace(0, len(curve.risk) - 1, _CURVE_POINTS).astype(int))
    return {
        "coverage": curve.coverage[shown],
        "risk": curve.risk[shown],
        "confidence": -curve.threshold[shown],
    }


def _diversity(members: list[EvaluatedPredictor], labels: np.ndarray) -> dict[str, np.ndarray]:
    votes = np.array([c.decision.winner for c in members])
    right = ~np.array([c.wrong(labels) for c in members])
    return {
        "disagreement": disagreement(votes),
        "double_fault": double_fault(right),
        "q_statistic": q_statistic(right),
    }


def _beside(name: str, ours: dict[str, Any], single: dict[str, Any], *, percent: bool = False) -> str:
    return f"  {name}: {_number(ours, percent)} against {_number(single, percent)}"


def _number(found: dict[str, Any], percent: bool = False) -> str:
    if found["value"] is None:
        return "unknown"
    scale, digits = (100, 2) if percent else (1, 4)
    value, low, high = (
        "?" if found[k] is None else f"{scale * found[k]:.{digits}f}" for k in ("value", "low", "high")
    )
    return f"{value}{' %' if percent else ''} [{low}, {high}]"
