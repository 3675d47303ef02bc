"""The figures of an evaluation, from what was computed."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.classes import REASONS
from kikuchi.evaluation.netcal_scores import netcal_diagram
from kikuchi.evaluation.predictors import EvaluatedPredictor
from kikuchi.html import figures
from kikuchi.members.history import read_history

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Answers below which a risk is mostly chance: one error among the first few would set the scale of the axis.
_FEWEST_ANSWERS = 20


def draw(
    evaluation: dict[str, Any], bundle: Bundle, everybody: list[EvaluatedPredictor], labels: np.ndarray
) -> dict[str, "Figure"]:
    """Draw what can be drawn; a figure whose data do not exist is left out.

    Returns
    -------
    dict
        ``risk_coverage``, ``losses``, and for the bundle's rule and the best single member, ``<who>`` standing for
        its name: ``reliability_before_<who>``, ``reliability_after_<who>``, the two by netcal where it was asked
        (``netcal_reliability_before_<who>``, ``netcal_reliability_after_<who>``), ``confidence_<who>``,
        ``confusion_<who>``, ``decisions_<who>``.
    """
    drawn = {"risk_coverage": _risk_coverage(evaluation)}
    named = {c.name: c for c in everybody}
    for who in (evaluation["rule"], "best-single"):
        drawn |= _reliability(evaluation, who)
        predictor, known = named[who], labels >= 0
        if known.any():
            drawn[f"confidence_{who}"] = figures.confidence_histogram(
                predictor.decision.confidence[known], ~predictor.wrong(labels)[known]
            )
        drawn |= _by_netcal(evaluation, predictor, labels)
        drawn |= _matrices(evaluation, who)
    losses = _losses(bundle)
    if losses:
        drawn["losses"] = figures.loss_history(losses)
    return drawn


def _risk_coverage(evaluation: dict[str, Any]) -> "Figure":
    rule = evaluation["rule"]
    shown = {f"ensemble ({rule})": rule, f"best single member ({evaluation['best_single']})": "best-single"}
    curves = {}
    for label, who in shown.items():
        curve = evaluation["risk_coverage"][who]
        coverage, risk = np.array(curve["coverage"]), np.array(curve["risk"])
        drawn = coverage >= min(1.0, _FEWEST_ANSWERS / evaluation["patterns"])
        curves[label] = (coverage[drawn], risk[drawn])
    held = evaluation["promises"][rule]
    coverage_now = evaluation["scores"][rule]["coverage"]["value"]
    return figures.risk_coverage_curve(
        curves, promise=(coverage_now, held["certificate"]["certified_risk"]) if held["answered"] else None
    )


def _reliability(evaluation: dict[str, Any], who: str) -> dict[str, "Figure"]:
    found = evaluation["calibration"][who]
    if found is None:
        return {}
    drawn = {}
    for when in ("before", "after"):
        bins = {k: np.array(v, dtype=float) for k, v in found[when]["reliability"].items()}
        drawn[f"reliability_{when}_{who}"] = figures.reliability_diagram(
            bins["confidence"],
            bins["accuracy"],
            bins["count"],
            band=np.array([bins["low"], bins["high"]]),
            title=f"{who}, {when} calibration",
        )
    return drawn


def _by_netcal(
    evaluation: dict[str, Any], predictor: EvaluatedPredictor, labels: np.ndarray
) -> dict[str, "Figure"]:
    found, who = evaluation["calibration"][predictor.name], predictor.name
    known = (labels >= 0) & ~np.isnan(predictor.probabilities).any(axis=1)
    return {
        f"netcal_reliability_{when}_{who}": netcal_diagram(p[known], labels[known], f"{who}, {when}")
        for when, p in (("before", predictor.raw), ("after", predictor.probabilities))
        if found is not None and "netcal" in found[when]
    }


def _matrices(evaluation: dict[str, Any], who: str) -> dict[str, "Figure"]:
    groups = [str(g) for g in evaluation["space_groups"]]
    found = evaluation["matrices"][who]
    rows = slice(None, len(groups))
    return {
        f"confusion_{who}": figures.confusion_matrix(
            found["confusion"][rows], groups, title=f"{who}: every pattern answered"
        ),
        f"decisions_{who}": figures.confusion_matrix(
            found["decisions"][rows], [*groups, *REASONS], title=f"{who}: after abstaining"
        ),
    }


def _losses(bundle: Bundle) -> dict[str, list[tuple[list[float], list[float]]]]:
    losses: dict[str, list[tuple[list[float], list[float]]]] = {}
    for member in bundle.members:
        try:
            epochs = read_history(bundle.path / "members" / member.name).epochs
        except InputError:
            continue  # a bundle may have come without its histories: nothing else depends on them
        if epochs:
            curve = ([e.loss for e in epochs], [e.validation_loss for e in epochs])
            losses.setdefault(member.kind, []).append(curve)
    return losses
