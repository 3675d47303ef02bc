"""A promise for every answered class by itself: of the answers "this class", at most so many are wrong.

Unlike the risk of a true material, the risk of an answered class depends on the mixture: where a class is not in the
scan at all, every answer with it is wrong. So its certificate is weighted (Podkopaev & Ramdas, UAI 2021): held-out
units are thinned by rejection sampling until their classes are mixed as in the scan (Si, Park, Lee, Sobczyk & Lee,
"PAC prediction sets under label shift", 2023), and the exact binomial bound is taken on what is left. What is not known
of the scan's mixture is taken at its worst: the class itself at the lower end of its interval, all others at the upper.
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.risk_control import certify, threshold_sequence
from ensemble.abstention.stratified import NEVER, Answers
from ensemble.errors import InputError
from ensemble.validation import as_count, as_indices, as_scores, as_share

# What rounding leaves above 1.
_LOOSE = 1e-3


@dataclass(frozen=True)
class AnsweredVerdict:
    """Promise about the answers with one class.

    Attributes
    ----------
    index
        Class index.
    kept
        Whether the target risk is certified, and the class answered.
    threshold
        Smallest confidence that is answered with it; `NEVER` where it is not.
    n_answered, n_errors
        Held-out units answered with the class at the threshold, mixed as in the scan, and how many of them wrongly.
    bound
        Exact upper bound of the class's risk, at its share of the family-wise level.
    """

    index: int
    kept: bool
    threshold: float
    n_answered: int
    n_errors: int
    bound: float

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self)


def thinned(labels: ArrayLike, weights: ArrayLike, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Draw units so that the classes of those kept are mixed by other weights: rejection sampling.

    Parameters
    ----------
    labels
        True class of each unit, shape (n,).
    weights
        Of each class, shape (K,), not negative: the wanted share of the class over its share among the units.
    rng
        Source of the draws.

    Returns
    -------
    numpy.ndarray
        Which units are kept, shape (n,): all of the class of largest weight.

    Examples
    --------
    >>> kept = thinned([0] * 1000 + [1] * 1000, [1.0, 0.25], np.random.default_rng(0))
    >>> int(kept[:1000].sum()), bool(200 < kept[1000:].sum() < 300)
    (1000, True)
    """
    w = as_scores(weights, "weights of classes", low=0)
    y = as_indices(labels, "labels", high=len(w) - 1)
    most = w[np.unique(y)].max(initial=0.0)
    if most == 0:
        return np.zeros(len(y), dtype=bool)
    return rng.random(len(y)) * most < w[y]


def certify_answers(
    planning: Answers,
    testing: Answers,
    n_classes: int,
    risk: float = 0.02,
    confidence: float = 0.95,
    *,
    shares: tuple[ArrayLike, ArrayLike] | None = None,
    seed: int = 0,
) -> tuple[AnsweredVerdict, ...]:
    """Certify every answered class by itself, each with a threshold of its own.

    Parameters
    ----------
    planning, testing
        Held-out units that plan the thresholds, and others that test them.
    n_classes
        K.
    risk
        Allowed error rate among the answers with each class, in (0, 1).
    confidence
        Probability with which all certificates hold together (Bonferroni over the classes that are answered).
    shares
        Lower and upper ends of the share of each class in the scan, shape (K,) each; the held-out units' own
        mixture where None.
    seed
        Of the thinning.

    Returns
    -------
    tuple[AnsweredVerdict, ...]
        A verdict for each class, in order. A class that may be absent from the scan is never kept.
    """
    as_count(n_classes, "the number of classes")
    for values in (planning.answer, planning.label, testing.answer, testing.label):
        as_indices(values, "answers and labels", high=n_classes - 1)
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    as_count(seed, "the seed", least=0)
    if shares is not None:
        ends = tuple(
            as_scores(s, "shares of the classes", (n_classes,), low=0, high=1 + _LOOSE) for s in shares
        )
        if len(ends) != 2 or (ends[0] > ends[1] + _LOOSE).any():
            raise InputError("shares must be the lower and the upper end of each class, in this order")
    everything = np.concatenate([planning.label, testing.label])
    held = np.bincount(everything, minlength=n_classes) / max(len(everything), 1)
    offered = [c for c in range(n_classes) if (planning.answerable & (planning.answer == c)).any()]
    level = 1.0 - (1.0 - confidence) / max(len(offered), 1)
    verdicts = []
    for c in range(n_classes):
        if c not in offered:
            verdicts.append(AnsweredVerdict(c, False, NEVER, 0, 0, 1.0))
            continue
        plan, test = planning, testing
        if shares is not None:
            low, high = (np.asarray(s, dtype=np.float64) for s in shares)
            wanted = np.where(np.arange(n_classes) == c, low, high)
            weights = np.divide(wanted, held, out=np.zeros(n_classes), where=held > 0)
            # One stream a class, so that what is answered with one does not hang on another.
            rng = np.random.default_rng([seed, c])
            plan = plan.select(thinned(plan.label, weights, rng))
            test = test.select(thinned(test.label, weights, rng))
        verdicts.append(_verdict(c, plan, test, risk, level))
    return tuple(verdicts)


def _verdict(c: int, plan: Answers, test: Answers, risk: float, level: float) -> AnsweredVerdict:
    mine, yours = (a.select(a.answerable & (a.answer == c)) for a in (plan, test))
    if not len(mine.answer) or not len(yours.answer):
        return AnsweredVerdict(c, False, NEVER, 0, 0, 1.0)
    scale = len(test.answer) / len(plan.answer)
    sequence = threshold_sequence(mine.confidence, mine.label != c, risk, level, scale, safest=True)
    found = certify(yours.confidence, yours.label != c, sequence, risk, level)
    return AnsweredVerdict(
        c,
        found.certified,
        found.threshold if found.certified else NEVER,
        found.n_answered,
        found.n_errors,
        found.bound,
    )
