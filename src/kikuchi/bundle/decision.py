"""From held-out outputs to a decision: weights, calibration and the abstention rule."""

from collections.abc import Sequence

import numpy as np

from ensemble.abstention import AbstentionRule, fit_abstention
from ensemble.calibration import Calibration, fit_calibration
from ensemble.pooling import combine, log_loss_weights
from kikuchi.bundle.outputs import HeldOut
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import QUALITY_THRESHOLD

#: Every rule is calibrated and given its abstention, so that `map --rule` never needs the training data.


def member_weights(held_out: HeldOut, recipe: Recipe) -> np.ndarray | None:
    """Return the members' weights (M,) from their log-loss on the calibration part, or None for equal ones."""
    if recipe.combine.weights == "equal":
        return None
    first = held_out.calibration
    return log_loss_weights(first.outputs.logits, first.labels)


def fit_decision(
    held_out: HeldOut, rule: str, recipe: Recipe, classes: Sequence[int] | None = None
) -> tuple[Calibration, AbstentionRule]:
    """Calibrate one rule's pool and set when it must not answer, on held-out patterns.

    The calibration sees part 0 of the patterns, the abstention part 1, the test (part 2) is left alone.

    Parameters
    ----------
    held_out
        As a bundle stores it.
    rule
        How the members are combined.
    recipe
        Says the method of calibration, and the risk, confidence, coverage and familiar share wanted.
    classes
        Space-group numbers of the K classes, for messages.
    """
    first, second = held_out.calibration, held_out.certification
    names = None if classes is None else [f"space group {c}" for c in classes]
    weights = member_weights(held_out, recipe)
    pooled = combine(first.outputs.logits, rule, weights=weights, draws=first.outputs.draws).probabilities
    calibration = fit_calibration(pooled, first.labels, recipe.calibrate.method, names=names)
    pooled = combine(second.outputs.logits, rule, weights=weights, draws=second.outputs.draws).probabilities
    abstention = fit_abstention(
        calibration.apply(pooled),
        second.labels,
        unfamiliarity=second.outputs.unfamiliarity,
        quality=second.outputs.quality,
        quality_threshold=QUALITY_THRESHOLD,
        risk=recipe.abstain.risk,
        confidence=recipe.abstain.confidence,
        coverage=recipe.abstain.coverage,
        familiar=recipe.abstain.familiar,
        groups=second.group,
        names=names,
    )
    return calibration, abstention
