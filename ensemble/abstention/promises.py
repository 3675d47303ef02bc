"""Promises about the answers: for the held-out mixture, for any mixture of materials, or class by class.

- ``mixture``: of all answers at most the target risk is wrong, *if the scan is mixed as the held-out patterns are*.
- ``material``: of the answers to each true material; so whatever the mixture (`ensemble.abstention.stratified`).
- ``class``: of the answers with each class, for the scan's own mixture, which must be estimated
  (`ensemble.abstention.answered_class`).
"""

from collections.abc import Sequence
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention.answered_class import AnsweredVerdict, certify_answers
from ensemble.abstention.risk_control import Certificate, answers_needed, as_percent
from ensemble.abstention.stratified import NEVER, Answers, ClassVerdict, certify_materials, plan_thresholds
from ensemble.choices import PromiseName
from ensemble.errors import InputError
from ensemble.validation import as_scores, as_share

PROMISES: tuple[str, ...] = get_args(PromiseName)


class Promise(NamedTuple):
    """Thresholds per class (K,), the certificate over all of them, and the verdict of each class."""

    thresholds: NDArray[np.float64]
    certificate: Certificate
    verdicts: tuple[ClassVerdict, ...] | tuple[AnsweredVerdict, ...]
    complete: bool


def check_promise(promise: str) -> str:
    """Return a known promise.

    Raises
    ------
    InputError
        It is none.
    """
    if promise not in PROMISES:
        raise InputError(f"unknown promise {promise!r}", remedy=f"one of {', '.join(PROMISES)}")
    return promise


def promise_materials(
    planning: Answers, testing: Answers, names: Sequence[str], risk: float, confidence: float
) -> Promise:
    """Certify the risk of every true material, with thresholds per class.

    Parameters
    ----------
    planning, testing
        Held-out units that plan and that test.
    names
        Of the K classes, for people.
    risk, confidence
        What is asked.

    Returns
    -------
    Promise
        `complete` where every class is kept.
    """
    scale = len(testing.answer) / max(len(planning.answer), 1)
    path = plan_thresholds(planning, len(names), risk, confidence, scale)
    verdicts = certify_materials(testing, path, risk, confidence)
    kept = [v for v in verdicts if v.verdict == "kept"]
    thresholds = np.array([v.threshold for v in verdicts])
    worst = max(kept, key=lambda v: v.bound, default=None)
    fewest = min(verdicts, key=lambda v: v.n_tested)
    if worst is None:
        needed = answers_needed(risk, confidence)
        message = (
            f"{as_percent(risk)} cannot be certified for any material by itself; it takes {needed} independent "
            f"held-out answers of each without an error, and of {names[fewest.index]} {fewest.n_tested} were held out"
        )
    else:
        message = (
            f"of the answers to each material at most {as_percent(risk)} are wrong, whatever the mixture, "
            f"with {100 * confidence:g} % confidence (worst: {names[worst.index]}, {worst.n_errors} wrong of "
            f"{worst.n_answered} answered held-out patterns){_not_kept(verdicts, names)}"
        )
    certificate = _certificate(testing, thresholds, risk, confidence, worst, message)
    return Promise(thresholds, certificate, verdicts, len(kept) == len(names))


def promise_classes(
    planning: Answers,
    testing: Answers,
    names: Sequence[str],
    risk: float,
    confidence: float,
    shares: tuple[ArrayLike, ArrayLike] | None = None,
) -> Promise:
    """Certify the risk of the answers with each class, for the mixture of a scan.

    Parameters
    ----------
    planning, testing, names, risk, confidence
        As in `promise_materials`.
    shares
        Lower and upper ends of the shares of the classes in the scan, (K,) each; the held-out mixture where None.

    Returns
    -------
    Promise
        Thresholds, certificate and the verdict of each class.
    """
    verdicts = certify_answers(planning, testing, len(names), risk, confidence, shares=shares)
    kept = [v for v in verdicts if v.kept]
    thresholds = np.array([v.threshold for v in verdicts])
    worst = max(kept, key=lambda v: v.bound, default=None)
    mixture = "the scan's own mixture" if shares is not None else "the mixture of the held-out patterns"
    if worst is None:
        message = f"{as_percent(risk)} cannot be certified for the answers with any class, at {mixture}"
    else:
        others = [names[v.index] for v in verdicts if not v.kept]
        never = f"; not certified, and not answered: {_listed(others)}" if others else ""
        message = (
            f"of the answers with each class at most {as_percent(risk)} are wrong, at {mixture}, with "
            f"{100 * confidence:g} % confidence (worst: {names[worst.index]}, {worst.n_errors} wrong of "
            f"{worst.n_answered} answered held-out patterns){never}"
        )
    certificate = _certificate(testing, thresholds, risk, confidence, worst, message)
    return Promise(thresholds, certificate, verdicts, len(kept) == len(names))


def excess_risk(verdicts: Sequence[ClassVerdict], high: ArrayLike, answered: float) -> float:
    """Bound what the classes that are not kept can add to the risk of a scan.

    Of a class that is never answered right, at most its verdict's bound of points is answered all the same. Where the
    scan may hold so much of it, those answers are a share of all.

    Parameters
    ----------
    verdicts
        Of the K classes.
    high
        Upper end of the share of each class among the scan's points, shape (K,).
    answered
        Share of the scan's points that is answered.

    Returns
    -------
    float
        To be added to the certified risk; 0 where every class is kept or nothing is answered.

    Examples
    --------
    One per cent of the points of a class that may be a tenth of the scan, where half is answered:

    >>> silent = ClassVerdict(0, "silent", NEVER, 0, 500, 0, 0, 0.01)
    >>> round(excess_risk([silent], [0.1], 0.5), 4)
    0.002
    """
    if as_share(answered, "the answered share", zero=True, one=True) == 0:
        return 0.0
    top = as_scores(high, "the upper ends of shares", low=0)
    if any(v.index >= len(top) for v in verdicts):
        raise InputError(f"shares of {len(top)} classes do not fit the verdicts")
    astray = sum(float(top[v.index]) * v.bound for v in verdicts if v.verdict != "kept")
    return min(1.0, astray / answered)


def _not_kept(verdicts: Sequence[ClassVerdict], names: Sequence[str]) -> str:
    silent = [names[v.index] for v in verdicts if v.verdict == "silent"]
    unknown = [names[v.index] for v in verdicts if v.verdict == "unknown"]
    text = ""
    if silent:
        text += f"; not certified, and not answered: {_listed(silent)}"
    if unknown:
        text += f"; not certified, too few or too wrong held-out patterns: {_listed(unknown)}"
    return text


def _listed(names: Sequence[str]) -> str:
    return " and ".join([", ".join(names[:-1]), names[-1]]) if len(names) > 1 else names[0]


def _certificate(
    testing: Answers,
    thresholds: NDArray[np.float64],
    risk: float,
    confidence: float,
    worst: ClassVerdict | AnsweredVerdict | None,
    message: str,
) -> Certificate:
    here = testing.answerable & (testing.confidence >= thresholds[testing.answer])
    errors, answered = int((here & (testing.answer != testing.label)).sum()), int(here.sum())
    least = float(thresholds[thresholds < NEVER].min(initial=1.0))
    bound = 1.0 if worst is None else worst.bound
    n, k = (0, 0) if worst is None else (worst.n_answered, worst.n_errors)
    return Certificate(
        target_risk=risk,
        confidence=confidence,
        certified=worst is not None,
        certified_risk=1.0 if worst is None else risk,
        threshold=least,
        n_tested=len(testing.answer),
        n_answered=answered,
        n_errors=errors,
        bound=bound,
        more_without_errors=0
        if worst is not None
        else int(answers_needed(risk, confidence, errors=k, answered=n) or 0),
        more_at_seen_rate=None,
        message=message,
    )
