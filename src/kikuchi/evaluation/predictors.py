"""Everybody who answers: each member, the best of them alone, and each rule of the ensemble."""

import warnings
from dataclasses import dataclass, replace

import numpy as np

from ensemble.abstention import AbstentionRule, Decision
from ensemble.calibration import Calibration, fit_calibration
from ensemble.metrics import log_loss
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.evaluation.test_sets import Labelled

MEMBER, BEST_SINGLE, RULE = "member", "best single", "rule"

#: Name of the best single member wherever it stands beside the rules.
BEST_SINGLE_NAME = "best-single"


@dataclass(frozen=True)
class EvaluatedPredictor:
    """One who answers, with its own calibration and its own abstention.

    Attributes
    ----------
    name
        Of the member, ``"best-single"`` or the rule.
    kind
        `MEMBER`, `BEST_SINGLE` or `RULE`.
    calibration, abstention
        Fitted on the calibration and the certification part of the held-out patterns.
    raw
        Probabilities before calibration, (N, K).
    decision
        Of every pattern; holds the calibrated probabilities.
    """

    name: str
    kind: str
    calibration: Calibration
    abstention: AbstentionRule
    raw: np.ndarray
    decision: Decision

    @property
    def probabilities(self) -> np.ndarray:
        """Calibrated, (N, K)."""
        return self.decision.probabilities

    @property
    def confidence(self) -> np.ndarray:
        """Largest calibrated probability, (N,); 0 where a member gave NaN."""
        return np.nan_to_num(self.decision.confidence, nan=0.0)

    def wrong(self, labels: np.ndarray) -> np.ndarray:
        """Whether an answer is or would be wrong, (N,); always so for a space group that is not known."""
        return self.decision.winner != labels


def evaluated_predictors(bundle: Bundle, patterns: Labelled) -> list[EvaluatedPredictor]:
    """Let everybody answer the same patterns under the same terms.

    A single member is calibrated and silenced by the very function that does so for the ensemble, with the
    recipe's own method, on the same parts of the held-out patterns. Its unfamiliarity is the ensemble's.

    Returns
    -------
    list of EvaluatedPredictor
        Members in the bundle's order, the best single one again under its own name, then the rules.
    """
    members = [_single(bundle, patterns, index) for index in range(len(bundle.members))]
    best = replace(members[best_single(bundle.held_out)], name=BEST_SINGLE_NAME, kind=BEST_SINGLE)
    rules = []
    for rule in bundle.calibrations:
        raw, decision = combine_and_decide(bundle, patterns.outputs, rule)
        rules.append(
            EvaluatedPredictor(rule, RULE, bundle.calibrations[rule], bundle.abstentions[rule], raw, decision)
        )
    return [*members, best, *rules]


def best_single(held_out: HeldOut) -> int:
    """Index of the member with the smallest log-loss on the calibration part, after a temperature of its own.

    The test part is not looked at: choosing there would flatter the choice.
    """
    first = held_out.calibration
    losses = []
    for logits in first.outputs.logits:
        p = softmax(logits)
        losses.append(log_loss(fit_calibration(p, first.labels, "temperature").apply(p), first.labels))
    return int(np.argmin(losses))


def combine_and_decide(bundle: Bundle, outputs: MemberOutputs, rule: str) -> tuple[np.ndarray, Decision]:
    """Return a rule's pool before calibration, (N, K), and its decisions, as `map` makes them."""
    raw = bundle.combined(outputs, rule).probabilities
    return raw, bundle.decide(outputs, rule=rule)


def _single(bundle: Bundle, patterns: Labelled, index: int) -> EvaluatedPredictor:
    own = replace(bundle.held_out, outputs=_one_member(bundle.held_out.outputs, index))
    with warnings.catch_warnings():
        # Warnings about a small split were given when the bundle was fitted; it is the same split.
        warnings.simplefilter("ignore", UserWarning)
        calibration, abstention = fit_decision(
            own, "average", bundle.recipe, bundle.classes, names=bundle.class_names
        )
    alone = replace(bundle, calibrations={"average": calibration}, abstentions={"average": abstention})
    raw, decision = combine_and_decide(alone, _one_member(patterns.outputs, index), "average")
    return EvaluatedPredictor(bundle.members[index].name, MEMBER, calibration, abstention, raw, decision)


def _one_member(outputs: MemberOutputs, index: int) -> MemberOutputs:
    one = slice(index, index + 1)
    draws = outputs.draws.of_members(one)
    return replace(outputs, logits=outputs.logits[one], draws=draws)
