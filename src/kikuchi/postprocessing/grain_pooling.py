"""Decisions by grain, whose points are pooled: shown beside the decisions, never instead.

How much the points of a grain are worth together, and how sure their pool must be, is fitted on the bundle's
held-out patterns, where these come in groups of neighbours; otherwise the pool is the grain's geometric mean, which
counts a grain as one look, and no promise is made.

Phases that share an orientation, as coherent precipitates and their matrix do, share a grain too: the smaller one
disappears in the pooled map, which is one reason why it never takes the decisions' place (`reports/future_work`).
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import AbstentionRule, Certificate, Decision, Status
from ensemble.abstention.risk_control import certify, threshold_sequence
from ensemble.abstention.splitting import split_groups
from ensemble.errors import InputError
from ensemble.grain_pooling import GrainPooling, fit_grain_pooling, majority
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import HeldOut
from kikuchi.maps import PhaseMap
from kikuchi.maps.picture_files import write_pictures
from kikuchi.maps.pooled_picture import pooled_picture

POOLED = "pooled_space_group"
"""The column that makes a map a pooled one too."""


@dataclass(frozen=True)
class GrainRule:
    """Decision rule of grains.

    Attributes
    ----------
    pooling
        What the patterns of a grain are worth together.
    threshold
        Smallest pooled confidence that is answered.
    certificate
        What is promised about the answered grains; None where no grains were held out.
    """

    pooling: GrainPooling
    threshold: float
    certificate: Certificate | None

    def columns(
        self, decision: Decision, grains: NDArray[np.integer], words: tuple[int, ...] | tuple[str, ...]
    ) -> dict:
        """Return the columns that a map carries beside its decisions, N values each.

        ``grain`` and ``grain_points``, its size; ``pooled_space_group``, the grain's answer as a word, empty where it
        gives none; ``pooled_confidence``. Unreadable, unfamiliar and mixed points are no evidence. An unreadable point
        takes its grain's answer, a mixed one, in which two grains meet, does not; a grain of which more than half is
        unfamiliar has none.
        """
        unfamiliar = decision.status == Status.UNFAMILIAR
        mixed = decision.status == Status.MIXED
        no_evidence = unfamiliar | mixed | (decision.status == Status.UNREADABLE)
        evidence = np.where(no_evidence[:, None], np.nan, decision.probabilities)
        pooled = self.pooling.apply(evidence, grains)
        confidence = np.nan_to_num(pooled.max(axis=1), nan=0.0)
        answered = (confidence > 0) & (confidence >= self.threshold) & ~majority(unfamiliar, grains) & ~mixed
        names = np.array([str(word) for word in words], dtype=object)
        return {
            "grain": np.asarray(grains, dtype=np.int64),
            "grain_points": np.bincount(grains)[grains],
            POOLED: np.where(answered, names[np.nan_to_num(pooled).argmax(axis=1)], ""),
            "pooled_confidence": confidence.astype(np.float32),
        }

    def summary(self, phase_map: PhaseMap) -> dict[str, Any]:
        """Return what ``summary.json`` says of the pooled map, as plain JSON."""
        alone, together = phase_map.decision, pooled_phase_map(phase_map).decision
        both = (alone.status == Status.SOLVED) & (together.status == Status.SOLVED)
        return {
            "pooling": self.pooling.to_dict(),
            "threshold": self.threshold,
            "certificate": None if self.certificate is None else self.certificate.to_dict(),
            "grains": int(phase_map.columns["grain"].max()) + 1,
            "answered_alone": int((alone.status == Status.SOLVED).sum()),
            "answered_together": int((together.status == Status.SOLVED).sum()),
            "answered_otherwise": int((both & (alone.winner != together.winner)).sum()),
            "message": _NO_PROMISE if self.certificate is None else self.certificate.message,
        }


_NO_PROMISE = (
    "the bundle's held-out patterns hold too few groups of neighbours to calibrate grains with: each grain counts as "
    "one look, and nothing is promised of the pooled map"
)


def fit_grain_rule(bundle: Bundle, rule: str, abstention: AbstentionRule) -> GrainRule:
    """Fit how grains answer on a bundle's held-out groups: on the calibration's part, then certified on its own.

    Parameters
    ----------
    bundle
        With the calibration to be used for `rule`.
    rule
        How the members are combined.
    abstention
        Says what is readable and familiar, and which risk is asked for; its threshold serves where no grains were
        held out.
    """
    held_out = bundle.held_out
    first, second = held_out.calibration, held_out.certification
    pooling = fit_grain_pooling(_evidence(bundle, rule, abstention, first), first.labels, first.group)
    if pooling.n_grains == 0:
        return GrainRule(pooling, abstention.threshold, None)
    # Groups of neighbours may hold two phases; each phase's part of a group stands for a grain.
    grains = second.group * len(bundle.classes) + second.labels
    pooled = pooling.apply(_evidence(bundle, rule, abstention, second), grains)
    usable: NDArray[np.bool_] = np.asarray(~np.isnan(pooled).any(axis=1))
    if usable.sum() < 2:
        return GrainRule(pooling, abstention.threshold, None)
    top = np.nan_to_num(pooled.max(axis=1))
    wrong = np.not_equal(np.nan_to_num(pooled).argmax(axis=1), second.labels)
    asked = abstention.certificate
    try:
        planning, testing = split_groups(
            len(top), second.group, np.random.default_rng(0), labels=second.labels
        )
    except InputError:
        return GrainRule(pooling, abstention.threshold, None)
    planning = planning[np.unique(grains[planning], return_index=True)[1]]
    plan, test = planning[usable[planning]], testing[usable[testing]]
    sequence = threshold_sequence(
        top[plan], wrong[plan], asked.target_risk, asked.confidence, len(testing) / len(planning)
    )
    certificate = certify(
        top[test], wrong[test], sequence, asked.target_risk, asked.confidence, n_tested=len(testing)
    )
    held = bundle.promised(replace(abstention, certificate=certificate)).certificate
    return GrainRule(pooling, certificate.threshold, held)


def pooled_phase_map(phase_map: PhaseMap) -> PhaseMap:
    """Return the map as its grains see it: answers and confidences of the grains, other reasons as they were.

    Raises
    ------
    InputError
        If the map was made without grains.
    """
    if POOLED not in phase_map.columns:
        raise InputError("this map was made without grains", remedy="map the scan again with --grains")
    words, d = phase_map.columns[POOLED], phase_map.decision
    numbers = {word: index for index, word in enumerate(phase_map.words)}
    winner = np.array([numbers.get(word, -1) for word in words], dtype=np.int16)
    status = np.where(d.status == Status.SOLVED, Status.AMBIGUOUS, d.status)
    status = np.where(winner >= 0, Status.SOLVED, status).astype(np.int8)
    confidence = np.asarray(phase_map.columns["pooled_confidence"], dtype=float)
    decision = replace(
        d, status=status, winner=np.where(winner >= 0, winner, d.winner), confidence=confidence
    )
    return replace(phase_map, decision=decision, columns={})


def decided_by_grains(
    phase_map: PhaseMap, bundle: Bundle, rule: str, abstention: AbstentionRule
) -> tuple[PhaseMap, AbstentionRule]:
    """Make what the grains say the map's decisions, and say what is then promised.

    Pooling makes a systematic error firmer: where the scan is not like what was certified, or the promise for each
    material by itself is not kept, nothing is promised of the grains either.

    Parameters
    ----------
    phase_map
        As `with_grains` returns it, its promise as the scan leaves it.
    bundle, rule, abstention
        As for `fit_grain_rule`; `abstention` as the scan leaves it.

    Returns
    -------
    phase_map, rule
        The map with the grains' decisions, and the rule as the report shows it: its threshold is the grains'.
    """
    fitted = fit_grain_rule(bundle, rule, abstention)
    certificate, points = fitted.certificate, abstention.certificate
    no_promise = ""
    if certificate is None:
        certificate, no_promise = points, _NO_PROMISE
    elif points.certified_risk >= 1.0:
        no_promise = f"nothing is promised of the grains, since nothing is of their points: {points.message}"
    elif abstention.promise != "material":
        no_promise = (
            "nothing is promised of the grains: pooling makes a systematic error firmer, and the risk of each material "
            "by itself is not certified (--promise material)"
        )
    if no_promise:
        certificate = replace(certificate, certified=False, certified_risk=1.0, message=no_promise)
    else:
        certificate = replace(certificate, message=f"by grain: {certificate.message}")
    # No class of a conformal set of single points holds a grain back.
    shown = replace(
        abstention,
        threshold=fitted.threshold,
        certificate=certificate,
        set_thresholds=(1.1,) * len(bundle.classes),
        promise="mixture",
        class_thresholds=None,
        verdicts=(),
    )
    meta = phase_map.meta | {"decided_by": "grains", "promised_risk": certificate.to_dict()}
    return replace(phase_map, decision=pooled_phase_map(phase_map).decision, meta=meta), shown


def _evidence(bundle: Bundle, rule: str, abstention: AbstentionRule, held_out: HeldOut) -> NDArray[Any]:
    """Calibrated probabilities of held-out patterns, NaN where they are unreadable or unfamiliar."""
    p = bundle.calibrated(held_out.outputs, rule)[1]
    chosen = abstention.gate(
        p,
        unfamiliarity=held_out.outputs.unfamiliarity,
        quality=held_out.outputs.quality,
        confident=False,
    )
    return np.where((chosen.readable & chosen.familiar)[:, None], p, np.nan)


def write_pooled(phase_map: PhaseMap, folder: Path) -> None:
    """Write ``pooled.png``: both maps side by side."""
    pooled = pooled_phase_map(phase_map)
    write_pictures({"pooled": partial(pooled_picture, phase_map, pooled)}, folder, more=True)


def with_grains(
    phase_map: PhaseMap, bundle: Bundle, rule: str, abstention: AbstentionRule, grains: NDArray[np.integer]
) -> PhaseMap:
    """Return a map with what its grains say together, in columns and in what ``summary.json`` says.

    Parameters
    ----------
    phase_map
        The decisions, which stay what they are.
    bundle, rule, abstention
        As for `fit_grain_rule`.
    grains
        Number of each point's grain, from 0 on, shape (N,).
    """
    fitted = fit_grain_rule(bundle, rule, abstention)
    columns = phase_map.columns | fitted.columns(phase_map.decision, grains, phase_map.words)
    pooled = replace(phase_map, columns=columns)
    return replace(pooled, meta=phase_map.meta | {"grains": fitted.summary(pooled)})
