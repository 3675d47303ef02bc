"""Selective risk: errors among the answered against the share answered."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError
from ensemble.validation import as_flags, as_scores, as_share


class RiskCoverage(NamedTuple):
    """Selective risk at every coverage that a threshold can reach, from strict to loose.

    Attributes
    ----------
    coverage
        Share answered, shape (T,), rising to 1.
    risk
        Error rate among the answered, shape (T,).
    threshold
        Largest uncertainty answered, shape (T,).
    """

    coverage: NDArray[np.float64]
    risk: NDArray[np.float64]
    threshold: NDArray[np.float64]


def risk_coverage(uncertainty: ArrayLike, wrong: ArrayLike) -> RiskCoverage:
    """Risk-coverage curve (El-Yaniv & Wiener, JMLR 2010).

    Parameters
    ----------
    uncertainty
        Higher = answered later, shape (N,). For confidences give their negative.
    wrong
        Whether the answer is wrong, shape (N,).

    Returns
    -------
    RiskCoverage
        The curve, from the first to the last answered.

    Raises
    ------
    InputError
        If the arrays are empty, differ in length or hold NaN.

    Examples
    --------
    >>> curve = risk_coverage([0.1, 0.2, 0.3, 0.4], [False, False, False, True])
    >>> curve.risk.tolist()
    [0.0, 0.0, 0.0, 0.25]
    """
    u, w = _sorted(uncertainty, wrong)
    # Equal scores are answered together: a threshold cannot part them.
    last = np.append(np.flatnonzero(np.diff(u)), len(u) - 1)
    answered = last + 1.0
    return RiskCoverage(answered / len(u), np.cumsum(w)[last] / answered, u[last])


def aurc(uncertainty: ArrayLike, wrong: ArrayLike) -> float:
    """Area under the risk-coverage curve (Geifman, Uziel & El-Yaniv, ICLR 2019).

    Mean selective risk over the N coverages 1/N ... 1; equal scores in random order.

    Parameters
    ----------
    uncertainty, wrong
        See `risk_coverage`.

    Returns
    -------
    float
        In [0, 1]; lower is better.
    """
    errors = _expected_errors(uncertainty, wrong)
    return float((errors / np.arange(1, len(errors) + 1)).mean())


def excess_aurc(uncertainty: ArrayLike, wrong: ArrayLike) -> float:
    """AURC less that of a perfect order, in which every error comes last (E-AURC, same paper).

    Parameters
    ----------
    uncertainty, wrong
        See `risk_coverage`.

    Returns
    -------
    float
        In [0, 1]; 0 where no right answer is less certain than a wrong one.
    """
    w = as_flags(wrong, "outcomes")
    return aurc(uncertainty, w) - aurc(w.astype(float), w)


def augrc(uncertainty: ArrayLike, wrong: ArrayLike) -> float:
    """Area under the generalised risk-coverage curve (Traub et al., NeurIPS 2024).

    The generalised risk counts the errors among the answered against all N, so that it reads as the mean
    risk of an undetected error; trapezoids between the N + 1 coverages 0 ... 1.

    Parameters
    ----------
    uncertainty, wrong
        See `risk_coverage`.

    Returns
    -------
    float
        In [0, 0.5]; lower is better.
    """
    errors = np.append(0.0, _expected_errors(uncertainty, wrong))
    n = len(errors) - 1
    return float((errors[1:] + errors[:-1]).sum() / (2.0 * n * n))


def coverage_at_risk(uncertainty: ArrayLike, wrong: ArrayLike, risk: float) -> float:
    """Largest share that can be answered with at most this error rate; 0 where none can.

    Seen on these data after the fact: a promise about new ones is `ensemble.abstention.risk_control`.

    Parameters
    ----------
    uncertainty, wrong
        See `risk_coverage`.
    risk
        Allowed error rate among the answered, in [0, 1].

    Returns
    -------
    float
        In [0, 1].
    """
    as_share(risk, "the allowed risk", zero=True, one=True)
    curve = risk_coverage(uncertainty, wrong)
    return float(curve.coverage[curve.risk <= risk].max(initial=0.0))


def risk_at_coverage(uncertainty: ArrayLike, wrong: ArrayLike, coverage: float) -> float:
    """Error rate among the answered where at least this share is answered.

    Parameters
    ----------
    uncertainty, wrong
        See `risk_coverage`.
    coverage
        Share answered, in [0, 1].

    Returns
    -------
    float
        In [0, 1].
    """
    as_share(coverage, "the coverage", zero=True, one=True)
    curve = risk_coverage(uncertainty, wrong)
    return float(curve.risk[np.searchsorted(curve.coverage, coverage - 1e-12)])


def _sorted(uncertainty: ArrayLike, wrong: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    u = as_scores(uncertainty, "uncertainties")
    w = as_flags(wrong, "outcomes", (len(u),)).astype(np.float64)
    if len(u) == 0:
        raise InputError("no patterns to score")
    order = np.argsort(u, kind="stable")
    return u[order], w[order]


def _expected_errors(uncertainty: ArrayLike, wrong: ArrayLike) -> NDArray[np.float64]:
    """Errors among the first 1 ... N, in expectation over the order of equal scores."""
    u, w = _sorted(uncertainty, wrong)
    last = np.append(np.flatnonzero(np.diff(u)), len(u) - 1)
    answered = np.append(0, last + 1)
    return np.interp(np.arange(1, len(u) + 1), answered, np.append(0.0, np.cumsum(w)[last]))
