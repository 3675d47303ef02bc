"""Scores of abstention: errors caught, and whether the promise was kept."""

from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES
from ensemble.abstention.conformal import conformal_sets
from kikuchi.evaluation.predictors import EvaluatedPredictor

#: Said wherever a promise is printed.
NO_TRANSFER = (
    "The promise holds for patterns drawn like the held-out ones of the fit. It survives no change of sample, "
    "voltage or detector: after such a change nothing is promised until the bundle is calibrated there again."
)


def error_rate(errors: int, n: int) -> dict[str, float | None]:
    """Share of errors with its exact two-sided 95 % interval (Clopper & Pearson 1934); None where n is 0.

    Examples
    --------
    >>> {k: round(v, 4) for k, v in error_rate(0, 10).items()}
    {'value': 0.0, 'low': 0.0, 'high': 0.3085}
    """
    from scipy.stats import binomtest

    if n == 0:
        return {"value": None, "low": None, "high": None}
    found = binomtest(errors, n).proportion_ci(0.95, "exact")
    return {"value": errors / n, "low": float(found.low), "high": float(found.high)}


def statuses(predictor: EvaluatedPredictor, labels: np.ndarray) -> list[dict[str, Any]]:
    """Say what each status caught.

    Returns
    -------
    list of dict
        One per status: ``status``, ``count``, ``share``, ``unknown`` (patterns of unknown space groups among
        them), ``errors`` (how many answers are or would have been wrong) and ``error_rate`` with its interval.
    """
    wrong = predictor.wrong(labels)
    rows = []
    for code, name in enumerate(STATUS_NAMES):
        here = predictor.decision.status == code
        count, errors = int(here.sum()), int(wrong[here].sum())
        rows.append(
            {
                "status": name,
                "count": count,
                "share": count / len(labels),
                "unknown": int((here & (labels < 0)).sum()),
                "errors": errors,
                "error_rate": error_rate(errors, count),
            }
        )
    return rows


def enrichment(predictor: EvaluatedPredictor, labels: np.ndarray) -> float | None:
    """Error rate among the abstained over that among the answered; None where either is undefined or none errs."""
    answered, wrong = predictor.decision.status == 0, predictor.wrong(labels)
    if answered.all() or not wrong[answered].any():
        return None
    return float(wrong[~answered].mean() / wrong[answered].mean())


def promise(predictor: EvaluatedPredictor, labels: np.ndarray) -> dict[str, Any]:
    """Hold the certificate against what was measured.

    Returns
    -------
    dict
        ``certificate`` as fitted; ``answered``, ``errors`` and ``measured_risk`` with its exact interval;
        ``verdict``, ``"kept"`` (the measured risk is not above the certified one), ``"within chance"`` (above it,
        but the interval reaches down to it), ``"broken"``, ``"nothing promised"`` or ``"nothing answered"``;
        ``set_coverage``, how often the conformal set of a known pattern holds the truth, beside
        ``target_set_coverage``; ``mean_set_size``; ``familiar_share``, the share of known patterns not called
        unfamiliar, beside ``target_familiar_share``.
    """
    rule, d = predictor.abstention, predictor.decision
    answered = d.status == 0
    errors, count = int(predictor.wrong(labels)[answered].sum()), int(answered.sum())
    measured = error_rate(errors, count)
    known = (labels >= 0) & ~np.isnan(d.probabilities).any(axis=1)
    sets = conformal_sets(d.probabilities[known], rule.set_thresholds)
    held = int(sets[np.arange(len(sets)), labels[known]].sum())
    passed = None
    if rule.familiarity_threshold is not None and known.any():
        passed = float((d.unfamiliarity[known] <= rule.familiarity_threshold).mean())
    return {
        "certificate": rule.certificate.to_dict(),
        "answered": count,
        "errors": errors,
        "measured_risk": measured,
        "verdict": verdict_of(measured, rule.certificate.certified_risk),
        "set_coverage": error_rate(held, len(sets)),
        "target_set_coverage": rule.coverage,
        "mean_set_size": float(sets.sum(axis=1).mean()) if len(sets) else None,
        "familiar_share": passed,
        "target_familiar_share": rule.familiar,
        "remark": NO_TRANSFER,
    }


def verdict_of(measured: dict[str, float | None], certified_risk: float) -> str:
    """Say in words how a measured risk lies against a certified one; see `promise`."""
    value, low = measured["value"], measured["low"]
    if value is None or low is None:
        return "nothing answered"
    if certified_risk >= 1:
        return "nothing promised"
    if value <= certified_risk:
        return "kept"
    return "within chance" if low <= certified_risk else "broken"
