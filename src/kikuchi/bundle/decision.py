"""From held-out outputs to a decision: weights, calibration and the abstention rule."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from ensemble.abstention import AbstentionRule, fit_abstention
from ensemble.calibration import Calibration, fit_calibration
from ensemble.pooling import combine, log_loss_weights
from kikuchi.bundle.outputs import HeldOut, Part
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import QUALITY_THRESHOLD

#: Every rule is calibrated and given its abstention, so that `map --rule` never needs the training data.


def member_weights(held_out: HeldOut, recipe: Recipe) -> np.ndarray | None:
    """Return the members' weights (M,) from their log-loss on the calibration part, or None for equal ones."""
    if recipe.combine.weights == "equal":
        return None
    first = held_out.calibration
    return log_loss_weights(first.outputs.logits, first.labels)


def class_names(classes: Sequence[int], materials: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Name classes for people: the space group, and its materials where there are one or two.

    Examples
    --------
    >>> class_names([225, 229], [{"name": "Ni", "space_group": 225}])
    ('225 (Ni)', '229')
    """
    of = [[str(m["name"]) for m in materials if m["space_group"] == c] for c in classes]
    return tuple(
        f"{c} ({', '.join(o)})" if 1 <= len(o) <= 2 else str(c) for c, o in zip(classes, of, strict=True)
    )


def strata(held_out: HeldOut) -> np.ndarray:
    """Return what a promise for any mixture is tested for: materials, numbered from 0 on, (N,).

    A class whose materials are one group each - crystals that stand for all of their space group - is one stratum:
    each crystal is one draw of it.
    """
    pairs = np.unique(np.stack([held_out.material, held_out.group]), axis=1)
    groups_of = np.bincount(pairs[0], minlength=int(held_out.material.max(initial=0)) + 1)
    several = np.isin(held_out.labels, np.unique(held_out.labels[groups_of[held_out.material] > 1]))
    key = np.where(several, held_out.material, held_out.material.max(initial=0) + 1 + held_out.labels)
    # A material of one class only: a class's own number keeps apart what a dataset labels twice.
    both = key.astype(np.int64) * (int(held_out.labels.max(initial=0)) + 1) + held_out.labels
    return np.unique(both, return_inverse=True)[1]


def fit_decision(
    held_out: HeldOut,
    rule: str,
    recipe: Recipe,
    classes: Sequence[int] | None = None,
    *,
    names: Sequence[str] | None = None,
    shares: tuple[ArrayLike, ArrayLike] | None = None,
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
        Says the method of calibration, and the risk, confidence, coverage, familiar share and promise wanted.
    classes
        Space-group numbers of the K classes, for messages.
    names
        What to call the K classes in messages; by `classes` where None.
    shares
        Lower and upper ends of the classes' shares in a scan, for the promise ``"class"``.
    """
    first, second = held_out.calibration, held_out.certification
    if names is None and classes is not None:
        names = [f"space group {c}" for c in classes]
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
        false_alarm=recipe.abstain.false_alarm,
        groups=second.group,
        promise=recipe.abstain.promise,
        materials=strata(held_out)[held_out.part == Part.CERTIFICATION],
        shares=shares,
        names=names,
    )
    return calibration, abstention
