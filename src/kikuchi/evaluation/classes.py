"""Precision, recall and F1 per space group and per material: the paper's Tables 1, S1 and S2."""

from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES
from ensemble.metrics import class_report
from kikuchi.evaluation.predictors import EvaluatedPredictor
from kikuchi.evaluation.test_sets import Labelled

#: Names of the columns of `decided` after the classes.
REASONS = STATUS_NAMES[1:]

MEASURES = ("precision", "recall", "f1")


def per_class(predictor: EvaluatedPredictor, labels: np.ndarray, classes: tuple[int, ...]) -> dict[str, Any]:
    """Judge the class put first in every pattern of a known space group, whether it was answered or not.

    Parameters
    ----------
    predictor
        Who answers.
    labels
        True class indices, (N,); -1 is left aside.
    classes
        Space-group numbers, K.

    Returns
    -------
    dict
        ``rows``, one per class: ``space_group``, ``precision``, ``recall``, ``f1``, ``support``, and of what was
        answered after abstaining ``answered`` (share of the class) and ``risk_when_named`` (share of wrong ones
        among the answers that name the class); ``weighted``, the means weighted by support.
    """
    winner, solved = predictor.decision.winner, predictor.decision.status == 0
    judged = (labels >= 0) & (winner >= 0)
    report = class_report(labels[judged], winner[judged], len(classes)) if judged.any() else None
    rows = []
    for k, space_group in enumerate(classes):
        named = solved & (winner == k)
        row: dict[str, Any] = {"space_group": space_group}
        row |= {m: None if report is None else float(getattr(report, m)[k]) for m in MEASURES}
        row["support"] = int((judged & (labels == k)).sum())
        row["answered"] = _share(solved[labels == k])
        row["risk_when_named"] = _share(labels[named] != k)
        rows.append(row)
    weighted = {m: None if report is None else float(getattr(report, f"weighted_{m}")) for m in MEASURES}
    return {"rows": rows, "weighted": weighted}


def per_material(
    predictor: EvaluatedPredictor, patterns: Labelled, classes: tuple[int, ...]
) -> list[dict[str, Any]]:
    """Judge every material alone against all other space groups.

    A member answers with a space group, not with a material. A material's numbers are therefore those of its space
    group on its own patterns and the ones of all other space groups; other materials of its group are left aside.

    Returns
    -------
    list of dict
        ``material``, ``space_group``, ``precision``, ``recall``, ``f1``, ``support``, ``answered``,
        ``risk_answered`` (wrong among its own answered patterns). Of an unknown space group only the last three.
    """
    winner, solved = predictor.decision.winner, predictor.decision.status == 0
    labels = patterns.labels
    judged = (labels >= 0) & (winner >= 0)
    rows = []
    for number, (name, space_group) in enumerate(patterns.materials):
        own = patterns.material == number
        if not own.any():
            continue
        row: dict[str, Any] = {"material": name, "space_group": space_group}
        row |= dict.fromkeys(MEASURES)
        if space_group in classes:
            k = classes.index(space_group)
            taken = judged & (own | (labels != k))
            if taken[own].any():
                report = class_report(labels[taken], winner[taken], len(classes))
                row |= {m: float(getattr(report, m)[k]) for m in MEASURES}
        row["support"] = int(own.sum())
        row["answered"] = _share(solved[own])
        row["risk_answered"] = _share(predictor.wrong(labels)[own & solved])
        rows.append(row)
    return rows


def confusion(predictor: EvaluatedPredictor, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Patterns by truth and by the class put first, (K + 1, K); the last row is of unknown space groups."""
    return _count(labels, predictor.decision.winner, n_classes)[:, :n_classes]


def decided(predictor: EvaluatedPredictor, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Patterns by truth and by what became of them, (K + 1, K + 4).

    The columns are the answers, then ambiguous, unfamiliar, unreadable and mixed; the last row is of unknown
    space groups.
    """
    d = predictor.decision
    outcome = np.where(d.status == 0, d.winner, n_classes - 1 + d.status)
    return _count(labels, outcome, n_classes)


def _count(labels: np.ndarray, outcome: np.ndarray, n_classes: int) -> np.ndarray:
    width = n_classes + len(REASONS)
    truth = np.where(labels < 0, n_classes, labels)
    there = outcome >= 0
    cells = truth[there] * width + outcome[there]
    return np.bincount(cells, minlength=(n_classes + 1) * width).reshape(n_classes + 1, width)


def _share(hits: np.ndarray) -> float | None:
    return float(hits.mean()) if len(hits) else None
