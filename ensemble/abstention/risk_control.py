"""A promise about the answered patterns: Learn-then-Test with exact binomial bounds.

Angelopoulos, Bates, Candès, Jordan & Lei, "Learn then Test", Ann. Appl. Stat. 2025 (arXiv:2110.01052):
thresholds are tested in a fixed order, each against "its selective risk is above what was asked", and the
first that cannot be rejected ends the sequence; the family-wise error is then at most 1 - confidence.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_count, as_flags, as_indices, as_number, as_scores, as_share

_MOST_THRESHOLDS = 200
_NEVER = 10**9
_ROUND_OFF = 1e-3


@dataclass(frozen=True)
class Certificate:
    """Target risk, and the risk that the held-out data can certify.

    Attributes
    ----------
    target_risk
        Largest error rate among the answered that the user allows.
    confidence
        Probability, over the draw of the held-out data, with which the certified risk holds.
    certified
        Whether the target risk is certified.
    certified_risk
        What is certified: the target risk, or else the smallest that can be; 1 where nothing can.
    threshold
        Smallest confidence that is answered.
    n_tested
        Held-out patterns the test used (one per group where groups were given).
    n_answered
        How many of them the rule answers.
    n_errors
        How many of those answers are wrong.
    bound
        Exact upper bound (Clopper-Pearson) on the selective risk at the threshold.
    more_without_errors
        Further answered held-out patterns, all right, that would certify the target risk; 0 if it is.
    more_at_seen_rate
        The same if errors go on at the rate seen; None where that rate can never certify it.
    message
        One line for people.
    untested
        Class indices that no held-out pattern of the test belongs to: nothing is promised of them.
    """

    target_risk: float
    confidence: float
    certified: bool
    certified_risk: float
    threshold: float
    n_tested: int
    n_answered: int
    n_errors: int
    bound: float
    more_without_errors: int
    more_at_seen_rate: int | None
    message: str
    untested: tuple[int, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Everything, as plain JSON."""
        return asdict(self) | {"untested": list(self.untested)}


def risk_bound(errors: ArrayLike, answered: ArrayLike, confidence: float = 0.95) -> NDArray[np.float64]:
    """Exact upper bound on an error rate (Clopper & Pearson 1934, one-sided).

    Parameters
    ----------
    errors, answered
        Wrong answers among independent answers, whole numbers, broadcast together.
    confidence
        Probability with which the bound holds, in (0, 1).

    Returns
    -------
    numpy.ndarray
        In (0, 1]; 1 where nothing was answered or all was wrong.

    Raises
    ------
    InputError
        The counts are no counts, there are more errors than answers, or the confidence is out of range.

    Examples
    --------
    The 299 answers without an error that certify one per cent:

    >>> bool(risk_bound(0, 299) <= 0.01 < risk_bound(0, 298))
    True
    """
    as_share(confidence, "the confidence")
    k = as_scores(errors, "the number of errors", None, low=0)
    n = as_scores(answered, "the number of answers", None, low=0)
    if (np.mod(k, 1) != 0).any() or (np.mod(n, 1) != 0).any():
        raise InputError("errors and answers must be whole numbers")
    if np.any(k > n):
        raise InputError("there cannot be more errors than answers")
    return expected_bound(k, n, confidence)


def expected_bound(errors: ArrayLike, answered: ArrayLike, confidence: float) -> NDArray[np.float64]:
    """Return `risk_bound` of counts that are only expected: fractions, and errors beyond the answers, are taken too."""
    from scipy.special import betaincinv

    k, n = np.broadcast_arrays(np.asarray(errors, dtype=float), np.asarray(answered, dtype=float))
    bound = betaincinv(k + 1.0, np.maximum(n - k, 1.0), confidence)
    return np.where(n - k <= 0, 1.0, bound)


def answers_needed(
    risk: float, confidence: float, *, errors: int = 0, answered: int = 0, rate: float = 0.0
) -> int | None:
    """Further answers that would certify a risk, if errors come at a given rate.

    Parameters
    ----------
    risk, confidence
        What is to be certified.
    errors, answered
        What was seen so far.
    rate
        Error rate of the further answers, in [0, 1); 0 for none.

    Returns
    -------
    int | None
        How many, or None where no number of answers at that rate is enough.

    Examples
    --------
    >>> answers_needed(0.02, 0.95)
    149
    """
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    as_count(errors, "the number of errors", least=0)
    as_count(answered, "the number of answers", least=errors)
    as_share(rate, "the error rate", zero=True, one=True)

    def enough(more: int) -> bool:
        return bool(expected_bound(errors + np.ceil(rate * more - 1e-9), answered + more, confidence) <= risk)

    if enough(0):
        return 0
    if rate >= risk:
        return None
    high = 1
    while not enough(high):
        high *= 2
        if high > _NEVER:
            return None
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


def threshold_sequence(
    confidences: ArrayLike,
    wrong: ArrayLike,
    risk: float,
    confidence: float,
    scale: float = 1.0,
    *,
    safest: bool = False,
) -> NDArray[np.float64]:
    """Order in which thresholds are to be tested: from strict to loose, beginning where the test has power.

    Parameters
    ----------
    confidences, wrong
        Confidence of the answerable patterns of the *planning* half and whether each answer is wrong,
        shape (n,). The test itself must use other patterns.
    risk, confidence
        What is to be certified.
    scale
        Size of the testing half over the size of the planning half.
    safest
        Begin at the threshold with the smallest expected bound, not at the strictest that is expected to pass: the
        first test fails less often, at the price of stricter thresholds where all later ones fail.

    Returns
    -------
    numpy.ndarray
        Thresholds in descending order, at least one, the last 0 (answer everything answerable).

    Notes
    -----
    The strictest thresholds answer so little that no error at all is needed to fail them, and a failure ends
    the sequence. It begins at the strictest threshold that the planning half expects to pass with room to
    spare, or, where there is none, at the one with the smallest expected bound.
    """
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    as_number(scale, "the scale", low=0)
    c, w = _checked(confidences, wrong)
    order = np.argsort(-c, kind="stable")
    c, w = c[order], w[order]
    steps = np.unique(np.linspace(0, len(c) - 1, min(_MOST_THRESHOLDS, len(c))).astype(int))
    thresholds = np.unique(np.append(c[steps], 0.0))[::-1]
    answered = np.searchsorted(-c, -thresholds, side="right")
    errors = np.concatenate([[0], np.cumsum(w)])[answered]
    # Half an error is added to what was seen: no errors among few are no proof of none.
    rate = (errors + 0.5) / (answered + 1.0)
    n_expected = np.floor(scale * answered)
    expected = expected_bound(np.round(rate * n_expected), n_expected, confidence)
    cautious = expected_bound(np.round(rate * n_expected) + 2, n_expected, confidence)
    passing = np.flatnonzero(cautious <= risk)
    start = int(np.argmin(cautious if safest else expected))
    if len(passing) and not safest:
        start = int(passing[0])
    return thresholds[start:]


def certify(
    confidences: ArrayLike,
    wrong: ArrayLike,
    thresholds: ArrayLike,
    risk: float = 0.02,
    confidence: float = 0.95,
    *,
    n_tested: int | None = None,
) -> Certificate:
    """Loosest threshold whose selective risk is certified, or the smallest risk that is.

    Parameters
    ----------
    confidences, wrong
        Confidence of the answerable held-out patterns and whether each answer is wrong, shape (n,):
        independent of each other and of how the thresholds and their order were found.
    thresholds
        In the order of testing, as `threshold_sequence` returns them.
    risk
        Allowed error rate among the answered, in (0, 1).
    confidence
        Probability with which it must hold, in (0, 1).
    n_tested
        Held-out patterns behind these, answerable or not; n where not given.

    Returns
    -------
    Certificate
        The certificate. Where the wish fails at the first threshold, the Clopper-Pearson bound there is
        certified instead; that keeps the probability of any false certificate at 1 - confidence, because a false
        bound and a false pass of the first threshold are one event.

    Raises
    ------
    InputError
        If risk or confidence is not in (0, 1).

    Examples
    --------
    >>> import numpy as np
    >>> good = certify(np.full(200, 0.9), np.zeros(200, bool), [0.5], risk=0.02)
    >>> good.certified, good.n_answered
    (True, 200)
    >>> certify(np.full(100, 0.9), np.zeros(100, bool), [0.5], risk=0.02).more_without_errors
    49
    """
    as_share(risk, "the risk")
    as_share(confidence, "the confidence")
    c, w = _checked(confidences, wrong)
    t = np.atleast_1d(as_scores(thresholds, "the thresholds", None, low=0))
    if t.ndim != 1 or not len(t):
        raise InputError(f"expected at least one threshold in a row, not shape {t.shape}")
    if n_tested is not None:
        as_count(n_tested, "the number of tested patterns", least=len(c))
    answers = c[None, :] >= t[:, None]
    answered = answers.sum(axis=1)
    errors = (answers & w).sum(axis=1)
    bounds = risk_bound(errors, answered, confidence)
    failed = np.flatnonzero(bounds > risk)
    passed = int(failed[0]) if len(failed) else len(t)
    chosen = max(passed - 1, 0)
    certified = passed > 0
    n, k, bound = int(answered[chosen]), int(errors[chosen]), float(bounds[chosen])
    # Computed even when certified, where both are 0.
    bare = answers_needed(risk, confidence, errors=k, answered=n)
    seen = answers_needed(risk, confidence, errors=k, answered=n, rate=k / n if n else 0.0)
    return Certificate(
        target_risk=risk,
        confidence=confidence,
        certified=certified,
        certified_risk=risk if certified else bound,
        threshold=float(t[chosen]),
        n_tested=len(c) if n_tested is None else n_tested,
        n_answered=n,
        n_errors=k,
        bound=bound,
        more_without_errors=_NEVER if bare is None else bare,
        more_at_seen_rate=seen,
        message=_message(risk, confidence, certified, bound, n, k, bare, seen),
    )


def not_tested(certificate: Certificate, untested: ArrayLike, names: Sequence[str]) -> Certificate:
    """Say in a certificate which classes it never tested.

    Parameters
    ----------
    certificate
        As `certify` returns it.
    untested
        Class indices.
    names
        Of all classes.

    Returns
    -------
    Certificate
        The certificate, its message complete.
    """
    missing = as_indices(untested, "untested classes", high=len(names) - 1).tolist()
    if not missing:
        return certificate
    words = ", ".join(names[c] for c in missing)
    return replace(
        certificate,
        untested=tuple(missing),
        message=f"{certificate.message}; never tested on {words}, of which nothing is promised",
    )


def _checked(confidences: ArrayLike, wrong: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    c = as_scores(confidences, "confidences", low=0, high=1 + _ROUND_OFF)
    return c, as_flags(wrong, "outcomes", (len(c),))


def _message(
    risk: float,
    confidence: float,
    certified: bool,
    bound: float,
    n: int,
    k: int,
    bare: int | None,
    seen: int | None,
) -> str:
    surely = f"with {100 * confidence:g} % confidence ({k} wrong of {n} answered held-out patterns)"
    if certified:
        return f"at most {as_percent(risk)} of the answers are wrong, {surely}"
    if n == 0:
        return (
            f"{as_percent(risk)} cannot be certified: no held-out pattern is answered; "
            f"{bare} answered without an error would be enough"
        )
    more = f"it would take {bare} more answers without an error"
    if k and seen is None:
        more += ", and at the error rate seen no number of answers would do"
    elif k:
        more += f", or {seen} more that err as often as those seen"
    return (
        f"{as_percent(risk)} cannot be certified; at most {as_percent(bound)} of the answers are wrong, "
        f"{surely}; {more}"
    )


def as_percent(value: float) -> str:
    """Say a risk in words, rounded up: the text never promises more than the number.

    Returns
    -------
    str
        Such as ``2 %``.

    Examples
    --------
    >>> as_percent(0.02), as_percent(0.05281)
    ('2 %', '5.29 %')
    """
    return f"{np.ceil(value * 1e4 - 1e-9) / 100:g} %"
