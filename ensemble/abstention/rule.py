"""The abstention rule: what is answered, fitted on held-out data, with its certificate."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.answered_class import AnsweredVerdict
from ensemble.abstention.conformal import conformal_sets, fit_conformal
from ensemble.abstention.promises import check_promise, promise_classes, promise_materials
from ensemble.abstention.risk_control import Certificate, certify, not_tested, threshold_sequence
from ensemble.abstention.splitting import split_groups
from ensemble.abstention.strangers import false_alarm_threshold
from ensemble.abstention.stratified import Answers, ClassVerdict
from ensemble.errors import InputError
from ensemble.validation import as_labels, as_names, as_number, as_probabilities, as_scores, as_share

_PLANNING_SHARE = 1 / 3
"""Of the held-out data, for the thresholds; the rest tests the promise, which is what needs numbers."""


class Selection(NamedTuple):
    """Patterns that pass each gate, (N,) bool, and their conformal sets, (N, K) bool."""

    readable: NDArray[np.bool_]
    familiar: NDArray[np.bool_]
    answered: NDArray[np.bool_]
    sets: NDArray[np.bool_]


@dataclass(frozen=True)
class AbstentionRule:
    """Thresholds that decide which patterns are answered.

    Attributes
    ----------
    threshold
        Smallest calibrated confidence that is answered, in [0, 1].
    set_thresholds
        Smallest probability with which each class enters the conformal set, length K.
    familiarity_threshold
        Largest unfamiliarity that is answered; None where unfamiliarity is not judged.
    quality_threshold
        Patterns of this quality or less are unreadable.
    coverage
        Nominal coverage of the conformal sets.
    familiar
        Share of held-out familiar patterns that `familiarity_threshold` lets through.
    certificate
        What is promised about the answered.
    promise
        ``"mixture"``, ``"material"`` or ``"class"``, see `ensemble.abstention.promises`.
    class_thresholds
        Smallest confidence with which each class is answered, length K, `NEVER` where it is not; None where
        `threshold` serves all.
    verdicts
        What is certified of each class; empty under ``"mixture"``.
    """

    threshold: float
    set_thresholds: tuple[float, ...]
    familiarity_threshold: float | None
    quality_threshold: float
    coverage: float
    familiar: float
    certificate: Certificate
    promise: str = "mixture"
    class_thresholds: tuple[float, ...] | None = None
    verdicts: tuple[ClassVerdict, ...] | tuple[AnsweredVerdict, ...] = ()

    @property
    def thresholds(self) -> NDArray[np.float64]:
        """Smallest confidence with which each class is answered, shape (K,)."""
        if self.class_thresholds is not None:
            return np.asarray(self.class_thresholds)
        return np.full(self.n_classes, self.threshold)

    def __post_init__(self) -> None:
        as_number(self.threshold, "the threshold of an abstention rule", low=0)
        if not len(as_scores(self.set_thresholds, "the thresholds of the sets", (None,), low=0)):
            raise InputError("an abstention rule needs at least one class")
        if self.familiarity_threshold is not None:
            as_number(self.familiarity_threshold, "the familiarity threshold")
        as_number(self.quality_threshold, "the quality threshold")
        as_share(self.coverage, "the coverage of the sets")
        as_share(self.familiar, "the familiar share", one=True)

    @property
    def n_classes(self) -> int:
        """K."""
        return len(self.set_thresholds)

    def gate(
        self,
        probabilities: NDArray[np.float64],
        *,
        unfamiliarity: ArrayLike | None = None,
        quality: ArrayLike | None = None,
        confident: bool = True,
    ) -> Selection:
        """Apply the gates to patterns: what fitting certifies and deciding uses.

        Parameters
        ----------
        probabilities
            Calibrated, shape (N, K); NaN rows are unreadable.
        unfamiliarity
            Shape (N,); needed where the rule judges it.
        quality
            Shape (N,); where None, all finite patterns are readable.
        confident
            Whether answers must be confident enough too; else `Selection.answered` is of any confidence.

        Returns
        -------
        Selection
            Which patterns pass each gate, and their conformal sets.
        """
        threshold = self.threshold if self.class_thresholds is None else self.thresholds
        return _gate(
            probabilities,
            set_thresholds=self.set_thresholds,
            threshold=threshold if confident else 0.0,
            familiarity_threshold=self.familiarity_threshold,
            quality_threshold=self.quality_threshold,
            unfamiliarity=unfamiliarity,
            quality=quality,
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        of_classes = {
            "promise": self.promise,
            "class_thresholds": None if self.class_thresholds is None else list(self.class_thresholds),
            "verdicts": [v.to_dict() for v in self.verdicts],
        }
        return {
            "threshold": self.threshold,
            "set_thresholds": list(self.set_thresholds),
            "familiarity_threshold": self.familiarity_threshold,
            "quality_threshold": self.quality_threshold,
            "coverage": self.coverage,
            "familiar": self.familiar,
            "certificate": self.certificate.to_dict(),
        } | ({} if self.promise == "mixture" else of_classes)

    @classmethod
    def from_dict(cls, d: dict[str, Any]) -> "AbstentionRule":
        """Read back what `to_dict` wrote.

        Raises
        ------
        InputError
            If a field is missing.
        """
        try:
            fields = dict(d)
            fields["set_thresholds"] = tuple(float(t) for t in d["set_thresholds"])
            promised = dict(d["certificate"])
            promised["untested"] = tuple(promised.get("untested", ()))
            if "asked_risk" in promised:  # its name before 2026-12
                promised["target_risk"] = promised.pop("asked_risk")
            fields["certificate"] = Certificate(**promised)
            if check_promise(d.get("promise", "mixture")) != "mixture":
                kind = ClassVerdict if d["promise"] == "material" else AnsweredVerdict
                fields["class_thresholds"] = tuple(float(t) for t in d["class_thresholds"])
                fields["verdicts"] = tuple(kind(**v) for v in d["verdicts"])
                k = len(fields["set_thresholds"])
                if len(fields["class_thresholds"]) != k or len(fields["verdicts"]) != k:
                    raise ValueError("thresholds of classes that are not there")
            return cls(**fields)
        except (KeyError, OverflowError, TypeError, ValueError) as error:
            raise InputError(f"not an abstention rule: {error!r}") from error


def _gate(
    probabilities: NDArray[np.float64],
    *,
    set_thresholds: ArrayLike,
    threshold: ArrayLike = 0.0,
    familiarity_threshold: float | None = None,
    quality_threshold: float,
    unfamiliarity: ArrayLike | None = None,
    quality: ArrayLike | None,
) -> Selection:
    """Apply the gates: the one selection function that fitting certifies and deciding uses.

    Answered are the patterns that are readable (finite, quality above the threshold), familiar, have at most
    one class in their conformal set and at least the threshold of confidence: one number, or one for each class (K,).
    """
    readable = np.asarray(~np.isnan(probabilities).any(axis=1))
    if quality is not None:
        readable &= np.asarray(quality) > quality_threshold
    familiar: NDArray[np.bool_] = np.ones(len(probabilities), dtype=bool)
    if familiarity_threshold is not None:
        distance = np.asarray(unfamiliarity, dtype=np.float64)
        readable &= ~np.isnan(distance)
        familiar &= distance <= familiarity_threshold
    sets = conformal_sets(probabilities, set_thresholds)
    of_classes = np.asarray(threshold, dtype=np.float64)
    needed = of_classes if of_classes.ndim == 0 else of_classes[probabilities.argmax(axis=1)]
    answered = readable & familiar & (sets.sum(axis=1) <= 1) & (probabilities.max(axis=1) >= needed)
    return Selection(readable, familiar, answered, sets)


def fit_abstention(
    probabilities: ArrayLike,
    labels: ArrayLike,
    *,
    unfamiliarity: ArrayLike | None = None,
    quality: ArrayLike | None = None,
    quality_threshold: float = 0.0,
    risk: float = 0.02,
    confidence: float = 0.95,
    coverage: float = 0.95,
    class_conditional: bool = False,
    familiar: float = 0.99,
    false_alarm: float | None = None,
    groups: ArrayLike | None = None,
    promise: str = "mixture",
    materials: ArrayLike | None = None,
    shares: tuple[ArrayLike, ArrayLike] | None = None,
    names: Sequence[str] | None = None,
    seed: int = 0,
) -> AbstentionRule:
    """Set every threshold on held-out data, and certify what the answered patterns promise.

    A third of the data (of the groups, where given) sets the conformal and the familiarity threshold and
    plans the test; the other two thirds run the test, so that the promise is independent of the thresholds.

    Parameters
    ----------
    probabilities
        Calibrated, held-out, shape (N, K); NaN rows are unreadable. The promise is exact where the
        calibration was fitted to other patterns than these.
    labels
        True class indices, shape (N,).
    unfamiliarity
        Score of each pattern, shape (N,), higher = stranger; unfamiliarity is not judged where it is None.
    quality
        Pattern quality, shape (N,); all readable where it is None.
    quality_threshold
        Patterns of this quality or less are unreadable.
    risk
        Allowed error rate among the answered, in (0, 1).
    confidence
        Probability, over the draw of the held-out data, with which the risk must hold.
    coverage
        Probability that a conformal set holds the truth, in (0, 1).
    class_conditional
        Hold the coverage within each class.
    familiar
        Share of familiar patterns to let through, in (0, 1].
    false_alarm
        Share of the patterns of new familiar groups that may be called unfamiliar, in (0, 1), in place of `familiar`:
        each group then counts once, see `ensemble.abstention.strangers.false_alarm_threshold`.
    groups
        Scan or grain of each pattern, shape (N,). Groups are never split, each counts once for the conformal sets,
        and only one pattern of each tests the promise, because neighbours are not independent; the promise is then
        about one pattern of a new group.
    promise
        ``"mixture"``: the risk of all answers, at the held-out mixture; ``"material"``: of the answers to each
        material, so at any mixture; ``"class"``: of the answers with each class, at the mixture that `shares` gives;
        ``"auto"``: ``"material"`` where it can be kept for every class, else ``"mixture"``.
    materials
        Material of each pattern, shape (N,); its class where None.
    shares
        Lower and upper ends of the share of each class in the scan, shape (K,) each, for ``"class"``; the held-out
        mixture where None.
    names
        Of the K classes, for people; their indices where None.
    seed
        Of the split and of the pattern drawn from each group.

    Returns
    -------
    AbstentionRule
        The rule, with its certificate. It holds for patterns exchangeable with these, and survives no change of
        sample, voltage or detector.

    Raises
    ------
    InputError
        If the arrays do not fit together, a level is out of range, or fewer than two patterns (or groups)
        are left.
    """
    p = as_probabilities(probabilities, finite=False)
    n, k = p.shape
    y = as_labels(labels, n, k)
    as_share(familiar, "the familiar share", one=True)
    if false_alarm is not None:
        as_share(false_alarm, "the rate of false alarms")
        familiar = 1.0 - false_alarm
    as_number(quality_threshold, "the quality threshold")
    planning, testing = split_groups(n, groups, np.random.default_rng(seed), labels=y, share=_PLANNING_SHARE)
    distance = None if unfamiliarity is None else _each(unfamiliarity, "unfamiliarity", n)
    clarity = None if quality is None else _each(quality, "quality", n)

    every = _gate(p, set_thresholds=np.zeros(k), quality_threshold=quality_threshold, quality=clarity)
    readable = planning[every.readable[planning]]
    limit = None
    if distance is not None:
        readable = readable[~np.isnan(distance[readable])]
        limit = np.inf
        if len(readable) and false_alarm is not None:
            own = None if groups is None else np.asarray(groups)[readable]
            limit = false_alarm_threshold(distance[readable], own, false_alarm)
        elif len(readable):
            limit = float(np.quantile(distance[readable], familiar, method="higher"))
        limit = min(limit, float(np.finfo(np.float64).max))
    unit = None if groups is None else np.asarray(groups)[readable]
    set_thresholds = fit_conformal(
        p[readable], y[readable], coverage, class_conditional=class_conditional, groups=unit
    )

    answerable = _gate(
        p,
        set_thresholds=set_thresholds,
        familiarity_threshold=limit,
        quality_threshold=quality_threshold,
        unfamiliarity=distance,
        quality=clarity,
    ).answered
    top, wrong = p.max(axis=1), p.argmax(axis=1) != y
    plan, test = planning[answerable[planning]], testing[answerable[testing]]
    sequence = threshold_sequence(top[plan], wrong[plan], risk, confidence, len(testing) / len(planning))
    untested = np.setdiff1d(np.arange(k), y[testing])
    certificate = certify(top[test], wrong[test], sequence, risk, confidence, n_tested=len(testing))
    words = as_names(names, k)
    certificate = not_tested(certificate, untested, words)
    mixture = AbstentionRule(
        threshold=certificate.threshold,
        set_thresholds=tuple(set_thresholds.tolist()),
        familiarity_threshold=limit,
        quality_threshold=float(quality_threshold),
        coverage=coverage,
        familiar=familiar,
        certificate=certificate,
    )
    if check_promise(promise) == "mixture":
        return mixture
    known = y if materials is None else np.asarray(materials)
    answers = Answers(np.nan_to_num(p).argmax(axis=1), np.nan_to_num(top), answerable, y, known)
    plan_units, test_units = answers.select(_one_of_each(planning, groups)), answers.select(testing)
    if promise == "class":
        found = promise_classes(plan_units, test_units, words, risk, confidence, shares)
    else:
        found = promise_materials(plan_units, test_units, words, risk, confidence)
    if promise == "auto" and not found.complete:
        return mixture
    return replace(
        mixture,
        threshold=found.certificate.threshold,
        certificate=found.certificate,
        promise="material" if promise == "auto" else promise,
        class_thresholds=tuple(found.thresholds.tolist()),
        verdicts=found.verdicts,
    )


def _one_of_each(planning: NDArray[np.intp], groups: ArrayLike | None) -> NDArray[np.intp]:
    """One pattern of each planning group: what plans a test of groups must count groups."""
    if groups is None:
        return planning
    return planning[np.unique(np.asarray(groups)[planning], return_index=True)[1]]


def _each(values: ArrayLike, what: str, n: int) -> NDArray[np.float64]:
    return as_scores(values, what, (n,), missing=True, infinite=True)
