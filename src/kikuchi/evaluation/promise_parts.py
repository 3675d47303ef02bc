"""The promise beside what was measured, for every true material and for every answered class by itself."""

from typing import Any

import numpy as np

from ensemble.abstention.risk_control import Certificate
from ensemble.abstention.stratified import ClassVerdict
from kikuchi.evaluation.predictors import EvaluatedPredictor
from kikuchi.evaluation.selective_scores import error_rate, verdict_of
from kikuchi.evaluation.test_sets import Labelled


def promise_parts(
    predictor: EvaluatedPredictor, patterns: Labelled, classes: tuple[int, ...], certificate: Certificate
) -> list[dict[str, Any]]:
    """Hold the answers to each material, and the answers with each class, against what is promised of them.

    Parameters
    ----------
    predictor
        Who answers.
    patterns
        What is judged.
    classes
        Space-group numbers, K.
    certificate
        As far as it holds for the bundle.

    Returns
    -------
    list of dict
        ``of`` (``"true material"`` or ``"answered class"``), ``name``, ``space_group``, ``answered``, ``errors``,
        ``measured_risk`` with its exact interval, ``promised`` (1 where nothing is promised of this part by itself: a
        promise for the mixture holds for all answers together) and ``verdict``, as in `selective_scores.promise`.
    """
    d, labels, rule = predictor.decision, patterns.labels, predictor.abstention
    solved, wrong = d.status == 0, predictor.wrong(labels)
    rows = []
    for number, (name, group) in enumerate(patterns.materials):
        own = patterns.material == number
        if own.any():
            kept = (
                rule.promise == "material" and group in classes and _kept(rule.verdicts, classes.index(group))
            )
            rows.append(_row("true material", name, group, own & solved, wrong, certificate, kept))
    for k, group in enumerate(classes):
        kept = rule.promise == "class" and _kept(rule.verdicts, k)
        named = solved & (d.winner == k)
        rows.append(_row("answered class", str(group), group, named, wrong, certificate, kept))
    return rows


def _kept(verdicts: Any, index: int) -> bool:
    own = next((v for v in verdicts if v.index == index), None)
    return own is not None and (own.verdict == "kept" if isinstance(own, ClassVerdict) else own.kept)


def _row(
    of: str,
    name: str,
    group: int,
    chosen: np.ndarray,
    wrong: np.ndarray,
    certificate: Certificate,
    kept: bool,
) -> dict[str, Any]:
    answered, errors = int(chosen.sum()), int(wrong[chosen].sum())
    measured = error_rate(errors, answered)
    promised = certificate.certified_risk if kept else 1.0
    return {
        "of": of,
        "name": name,
        "space_group": int(group),
        "answered": answered,
        "errors": errors,
        "measured_risk": measured,
        "promised": promised,
        "verdict": verdict_of(measured, promised),
    }
