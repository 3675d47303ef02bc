"""A promise for any mixture: the risk certified for every true material by itself, with a threshold for every class.

A selective risk is a weighted mean of the risks of the materials, with weights that follow the scan's mixture: what
holds for each of them holds for all mixtures of them. Thresholds are a vector, one for each answered class; vectors
are tested from strict to loose (Learn then Test, Angelopoulos et al., arXiv:2110.01052), each of them against one null
hypothesis a class, with exact binomial p-values, family-wise by Hochberg's step-up procedure (Biometrika 75, 1988;
valid here because the classes are tested on different patterns); the next vector is tested only where every hypothesis
of the one before was rejected (serial gatekeeping), so that the whole is held at one level.

A class that cannot be certified is silenced: nothing is answered with it, and what is certified of its materials is
that hardly any of their patterns are answered - wrongly, then - as something else.
"""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention.multiple_testing import binomial_p_value, hochberg
from ensemble.abstention.risk_control import risk_bound
from ensemble.errors import InputError
from ensemble.validation import as_count, as_flags, as_indices, as_number, as_scores, as_share

#: Threshold of a class that is never answered.
NEVER = 2.0
# What rounding leaves above 1.
_LOOSE = 1e-3

_STEPS = 40

Verdict = Literal["kept", "silent", "unknown"]


@dataclass(frozen=True)
class ClassVerdict:
    """Promise about one class, over the worst of its materials.

    Attributes
    ----------
    index
        Class index.
    verdict
        ``"kept"``: answered, and of the answers to each of its materials at most the target risk is wrong.
        ``"silent"``: never answered, and at most the target risk of its materials' patterns is answered as another
        class. ``"unknown"``: neither could be certified; it is never answered either.
    threshold
        Smallest confidence with which the class is answered; `NEVER` where it is not.
    material
        The worst material of the class, by its bound.
    n_tested, n_answered, n_errors
        Of that material: held-out units that tested, how many were answered, how many of these wrongly.
    bound
        Exact upper bound of its risk at this confidence alone; of its answered share where the class is not kept.
    """

    index: int
    verdict: Verdict
    threshold: float
    material: int
    n_tested: int
    n_answered: int
    n_errors: int
    bound: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Answers:
    """Answers of the ensemble for held-out units, each of them independent of the others.

    Attributes
    ----------
    answer
        Class put first, shape (n,).
    confidence
        Its calibrated probability, shape (n,).
    answerable
        Whether the unit passes the other gates (readable, familiar, one candidate), shape (n,).
    label
        True class, shape (n,).
    material
        True material, shape (n,); numbers of their own, every one of one class.
    """

    answer: NDArray[np.integer]
    confidence: NDArray[np.floating]
    answerable: NDArray[np.bool_]
    label: NDArray[np.integer]
    material: NDArray[np.integer]

    def __post_init__(self) -> None:
        """Refuse arrays of different lengths, and a material of two classes."""
        n = len(as_indices(self.answer, "answers"))
        if any(np.shape(array) != (n,) for array in vars(self).values()):
            raise InputError("answers, confidences, labels and materials must have one value for each unit")
        as_scores(self.confidence, "confidences", low=0, high=1 + _LOOSE)
        as_flags(self.answerable, "answerable")
        for values, what in ((self.label, "labels"), (self.material, "materials")):
            as_indices(values, what)
        pairs = np.unique(np.stack([self.material, self.label]), axis=1)
        if n and len(np.unique(pairs[0])) != pairs.shape[1]:
            raise InputError(
                "a material has patterns of two classes", remedy="give them two material numbers"
            )

    def select(self, chosen: NDArray[Any]) -> "Answers":
        """Return some of the units."""
        return Answers(*(array[chosen] for array in vars(self).values()))


@dataclass(frozen=True)
class _Count:
    """Counts at one vector of thresholds, per material in the order of `materials`."""

    materials: NDArray[np.integer]
    label: NDArray[np.integer]
    n: NDArray[np.integer]
    answered: NDArray[np.integer]
    errors: NDArray[np.integer]

    def trials(self, silenced: NDArray[np.bool_]) -> NDArray[np.integer]:
        """Return the units a rate is taken over: the answered, or all of a material that is never answered right."""
        return np.where(silenced[self.label], self.n, self.answered)


def _check_classes(n_classes: int, answers: Answers) -> None:
    """Refuse answers and labels of no class."""
    as_count(n_classes, "the number of classes")
    for values, what in ((answers.answer, "answers"), (answers.label, "labels")):
        as_indices(values, what, high=n_classes - 1)


def count_answers(answers: Answers, thresholds: NDArray[np.floating]) -> _Count:
    """Count units, answers and errors of each material at a vector of thresholds (K,).

    Returns
    -------
    tuple
        Counts, shape (K,) each.
    """
    materials, first, which = np.unique(answers.material, return_index=True, return_inverse=True)
    answered = answers.answerable & (answers.confidence >= thresholds[answers.answer])
    wrong = answered & (answers.answer != answers.label)
    size = len(materials)
    return _Count(
        materials,
        answers.label[first],
        np.bincount(which, minlength=size),
        np.bincount(which, answered, size).astype(np.int64),
        np.bincount(which, wrong, size).astype(np.int64),
    )


def plan_thresholds(
    planning: Answers, n_classes: int, risk: float, confidence: float, scale: float = 1.0
) -> NDArray[np.float64]:
    """Vectors of thresholds in the order of testing, from strict to loose, planned on units that do not test.

    Parameters
    ----------
    planning
        Held-out units.
    n_classes
        K.
    risk, confidence
        What is to be certified.
    scale
        Size of the testing part over the size of the planning part.

    Returns
    -------
    numpy.ndarray
        Shape (J, K); `NEVER` where a class is silenced, the same in every row.

    Notes
    -----
    From answering everything, the threshold of the class that takes the least confident error of the worst material
    is raised past it, until every material is expected to pass; a class of which a material cannot pass at all is
    silenced. The path leads through the vector so found, each class by the share of its answers that it keeps.
    """
    _check_classes(n_classes, planning)
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    as_number(scale, "the scale", low=0)
    thresholds = np.zeros(n_classes)
    silenced = np.isin(np.arange(n_classes), planning.label, invert=True)
    thresholds[silenced] = NEVER
    for _ in range(len(planning.answer) + n_classes + 1):
        counts = count_answers(planning, thresholds)
        bounds = _expected_bounds(counts, silenced, confidence, scale)
        # A silenced material that no silence helps any further is left as it is.
        failing = (bounds > risk) & ((counts.errors > 0) | ~silenced[counts.label])
        if not failing.any():
            break
        worst = int(np.argmax(np.where(failing, bounds, -1.0)))
        label = int(counts.label[worst])
        if not silenced[label] and not _can_pass(counts, worst, risk, confidence, scale):
            silenced[label], thresholds[label] = True, NEVER
            continue
        answered = planning.answerable & (planning.confidence >= thresholds[planning.answer])
        own = answered & (planning.material == counts.materials[worst]) & (planning.answer != planning.label)
        least = np.flatnonzero(own)[np.argmin(planning.confidence[own])]
        taker = int(planning.answer[least])
        thresholds[taker] = np.nextafter(planning.confidence[least], NEVER)
        if not (planning.answerable & (planning.confidence >= thresholds[taker]))[
            planning.answer == taker
        ].any():
            silenced[taker], thresholds[taker] = True, NEVER
    return _path(planning, thresholds, silenced, risk, confidence, scale)


def certify_materials(
    testing: Answers, path: NDArray[np.floating], risk: float = 0.02, confidence: float = 0.95
) -> tuple[ClassVerdict, ...]:
    """Test vectors of thresholds in their order, and say of every class what is certified.

    Parameters
    ----------
    testing
        Held-out units, independent of how the path was found.
    path
        Shape (J, K), as `plan_thresholds` returns it.
    risk
        Allowed error rate among the answers to each material.
    confidence
        Probability, over the draw of the held-out units, with which everything certified is true.

    Returns
    -------
    tuple[ClassVerdict, ...]
        A verdict for each of the K classes, in order.

    Raises
    ------
    InputError
        If risk or confidence is not in (0, 1).
    """
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    path = np.atleast_2d(as_scores(path, "thresholds", None, low=0))
    _check_classes(path.shape[1], testing)
    silenced = path[0] >= NEVER
    present = np.unique(testing.label)
    chosen, rejected = 0, np.zeros(len(present), dtype=bool)
    for step, thresholds in enumerate(path):
        now = hochberg(_class_p_values(testing, thresholds, silenced, present, risk), 1.0 - confidence)
        if step == 0:
            rejected = now
        if not now.all():
            break
        chosen, rejected = step, now
    thresholds = path[chosen].copy()
    # Taking the answers of a class away removes wrong answers of other materials, and nothing else of theirs.
    failed = np.setdiff1d(np.arange(path.shape[1]), present[rejected])
    thresholds[failed] = NEVER
    counts = count_answers(testing, thresholds)
    bounds = risk_bound(counts.errors, counts.trials(thresholds >= NEVER), confidence)
    verdicts = []
    for c in range(path.shape[1]):
        own = np.flatnonzero(counts.label == c)
        verdict: Verdict = "unknown" if c in failed else ("silent" if silenced[c] else "kept")
        if not len(own):
            verdicts.append(ClassVerdict(c, "unknown", NEVER, -1, 0, 0, 0, 1.0))
            continue
        worst = own[np.argmax(bounds[own])]
        verdicts.append(
            ClassVerdict(
                index=c,
                verdict=verdict,
                threshold=float(thresholds[c]),
                material=int(counts.materials[worst]),
                n_tested=int(counts.n[worst]),
                n_answered=int(counts.answered[worst]),
                n_errors=int(counts.errors[worst]),
                bound=float(bounds[worst]),
            )
        )
    return tuple(verdicts)


def _class_p_values(
    testing: Answers,
    thresholds: NDArray[np.floating],
    silenced: NDArray[np.bool_],
    present: NDArray[np.integer],
    risk: float,
) -> NDArray[np.float64]:
    """Of each class the p-value of its worst material: all of them must hold (intersection-union test)."""
    counts = count_answers(testing, thresholds)
    p = binomial_p_value(counts.errors, counts.trials(silenced), risk)
    return np.array([p[counts.label == c].max() for c in present])


def _expected_bounds(
    counts: _Count, silenced: NDArray[np.bool_], confidence: float, scale: float, extra: int = 1
) -> NDArray[np.float64]:
    trials = counts.trials(silenced)
    # Half an error is added to what was seen: no errors among few are no proof of none.
    rate = (counts.errors + 0.5) / (trials + 1.0)
    n = np.floor(scale * trials)
    errors = np.where(counts.errors > 0, np.round(rate * n) + extra, np.round(rate * n) if extra > 1 else 0)
    return risk_bound(np.minimum(errors, n), n, confidence)


def _can_pass(counts: _Count, material: int, risk: float, confidence: float, scale: float) -> bool:
    """Whether the right answers that a material has left would pass if all of its errors went."""
    right = counts.answered[material] - counts.errors[material]
    return bool(risk_bound(0, np.floor(scale * right), confidence) <= risk)


def _path(
    planning: Answers,
    thresholds: NDArray[np.float64],
    silenced: NDArray[np.bool_],
    risk: float,
    confidence: float,
    scale: float,
) -> NDArray[np.float64]:
    """Vectors from strict to loose through the one planned, beginning where all have most room to pass."""
    own = [
        np.sort(planning.confidence[planning.answerable & (planning.answer == c)])[::-1]
        for c in range(len(thresholds))
    ]
    kept = np.array([(o >= t).mean() if len(o) else 1.0 for o, t in zip(own, thresholds, strict=True)])
    strict = [kept * g for g in np.linspace(0.5, 1.0, _STEPS // 2, endpoint=False)]
    loose = [kept + (1.0 - kept) * h for h in np.linspace(0.0, 1.0, _STEPS)]
    rows = np.array(
        [[_at_share(o, s) for o, s in zip(own, shares, strict=True)] for shares in strict + loose]
    )
    rows[len(strict)] = thresholds
    rows[-1] = 0.0
    rows[:, silenced] = NEVER
    margins = []
    for row in rows[: len(strict) + 1]:
        counts = count_answers(planning, row)
        kept_ones = ~silenced[counts.label]
        cautious = _expected_bounds(counts, silenced, confidence, scale, extra=2)
        margins.append(float(cautious[kept_ones].max(initial=0.0)))
    rows = rows[int(np.argmin(margins)) :]
    return rows[np.append(True, (np.diff(rows, axis=0) != 0).any(axis=1))]


def _at_share(descending: NDArray[np.floating], share: float) -> float:
    """Threshold that keeps a share of the values, sorted from large to small."""
    if not len(descending) or share >= 1.0:
        return 0.0
    return float(descending[max(int(np.ceil(share * len(descending))) - 1, 0)])
