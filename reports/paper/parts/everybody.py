"""Everybody who answers: single networks, the rules over all of them, and the ensembles of one approach alone."""

import warnings
from dataclasses import replace

import numpy as np

from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.evaluation.predictors import (
    BEST_SINGLE,
    RULE,
    EvaluatedPredictor,
    combine_and_decide,
    evaluated_predictors,
)
from kikuchi.evaluation.test_sets import Labelled

#: Kind of an ensemble of one approach.
ONE_APPROACH = "one approach"

#: Kinds that stand for more than one network, or for one that was chosen.
NOT_SINGLE = (BEST_SINGLE, RULE, ONE_APPROACH)


def everybody(bundle: Bundle, patterns: Labelled) -> list[EvaluatedPredictor]:
    """Let everybody answer the same patterns, each calibrated and silenced on the same held-out parts.

    Returns
    -------
    list of EvaluatedPredictor
        The members, the best single one, the rules over all members, and for each approach with several members the
        ensemble of them alone under the bundle's own rule, called ``"only scratch"`` and ``"only transfer"``.
    """
    with warnings.catch_warnings():
        # What the split cannot carry was said when the bundle was fitted; it is the same split.
        warnings.simplefilter("ignore", UserWarning)
        found = evaluated_predictors(bundle, patterns)
        for kind in ("scratch", "transfer"):
            chosen = np.array([i for i, member in enumerate(bundle.members) if member.kind == kind])
            if 1 < len(chosen) < len(bundle.members):
                found.append(_some(bundle, patterns, chosen, f"only {kind}"))
    return found


def _some(bundle: Bundle, patterns: Labelled, chosen: np.ndarray, name: str) -> EvaluatedPredictor:
    rule = bundle.rule
    held = replace(bundle.held_out, outputs=taken(bundle.held_out.outputs, chosen))
    recipe = bundle.recipe.model_copy(
        update={"combine": bundle.recipe.combine.model_copy(update={"weights": "equal"})}
    )
    calibration, abstention = fit_decision(held, rule, recipe)
    alone = replace(bundle, recipe=recipe, calibrations={rule: calibration}, abstentions={rule: abstention})
    raw, decision = combine_and_decide(alone, taken(patterns.outputs, chosen), rule)
    return EvaluatedPredictor(name, ONE_APPROACH, calibration, abstention, raw, decision)


def taken(outputs: MemberOutputs, chosen: np.ndarray) -> MemberOutputs:
    """Return what some of the members say; their unfamiliarity is that of all."""
    d = outputs.draws
    draws = d.of_members(chosen)
    return replace(outputs, logits=outputs.logits[chosen], draws=draws)
