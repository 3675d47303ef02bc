"""One number per question for everybody who answers, with intervals from one common bootstrap."""

from collections.abc import Callable, Iterator

import numpy as np

from ensemble.metrics import (
    augrc,
    aurc,
    coverage_at_risk,
    excess_aurc,
    expected_calibration_error,
)
from ensemble.metrics.proper import brier_per_pattern, log_loss_per_pattern
from kikuchi._support.progress import Progress
from kikuchi.evaluation.predictors import BEST_SINGLE, RULE, EvaluatedPredictor
from kikuchi.evaluation.selective_scores import error_rate

#: Scores of the probabilities (over patterns of known space groups), then of abstaining (over all patterns).
SCORES = (
    "log_loss",
    "brier",
    "ece",
    "accuracy",
    "aurc",
    "excess_aurc",
    "augrc",
    "coverage_at_risk",
    "coverage",
)

#: ``value``, ``low`` and ``high``; NaN or None where there is none.
Scored = dict[str, float | None]

_MOST_RESAMPLES, _FEWEST_RESAMPLES = 1000, 200
_DRAWN_PATTERNS = 2_000_000
"""More patterns need fewer resamples for the same time; their intervals are narrow anyway."""


def resamples_for(n: int) -> int:
    """Return the number of bootstrap resamples for so many patterns: 200 to 1000."""
    return int(np.clip(_DRAWN_PATTERNS // max(n, 1), _FEWEST_RESAMPLES, _MOST_RESAMPLES))


def bootstrap_counts(n: int, n_resamples: int, seed: int = 0) -> Iterator[np.ndarray]:
    """Yield how often each of N patterns is in each resample, (N,); the same ones for everybody who is scored."""
    rng = np.random.default_rng(seed)
    for _ in range(n_resamples):
        yield np.bincount(rng.integers(0, n, n), minlength=n)


def score_draws(
    predictor: EvaluatedPredictor, labels: np.ndarray, risk: float, n_resamples: int
) -> tuple[np.ndarray, np.ndarray]:
    """Score one predictor on all patterns and on every resample.

    Parameters
    ----------
    predictor
        Who answers.
    labels
        True class indices, (N,); -1 for a space group that is not known, where every answer is wrong.
    risk
        Error rate allowed among the answered, for `coverage_at_risk`.
    n_resamples
        How often to resample; B.

    Returns
    -------
    values, draws
        (S,) and (B, S), columns as in `SCORES`; NaN where a score is undefined.
    """
    # Sorted once by confidence: sorting what is sorted costs a resample next to nothing.
    order = np.argsort(-predictor.confidence, kind="stable")
    measure = _scorer(predictor, labels, risk)
    counts = bootstrap_counts(len(labels), n_resamples)
    return measure(order), np.array([measure(np.repeat(order, count[order])) for count in counts])


def _scorer(
    predictor: EvaluatedPredictor, labels: np.ndarray, risk: float
) -> Callable[[np.ndarray], np.ndarray]:
    p = predictor.probabilities
    judged = (labels >= 0) & ~np.isnan(p).any(axis=1)
    losses, squares = np.full((2, len(labels)), np.nan)
    losses[judged] = log_loss_per_pattern(p[judged], labels[judged])
    squares[judged] = brier_per_pattern(p[judged], labels[judged])
    wrong, uncertainty = predictor.wrong(labels), -predictor.confidence
    answered = predictor.decision.status == 0

    def measure(rows: np.ndarray) -> np.ndarray:
        known = rows[judged[rows]]
        u, w = uncertainty[rows], wrong[rows]
        of_probabilities = (
            (
                losses[known].mean(),
                squares[known].mean(),
                expected_calibration_error(p[known], labels[known]),
                1.0 - wrong[known].mean(),
            )
            if len(known)
            else (np.nan,) * 4
        )
        of_abstention = (
            aurc(u, w),
            excess_aurc(u, w),
            augrc(u, w),
            coverage_at_risk(u, w, risk),
            answered[rows].mean(),
        )
        return np.array([*of_probabilities, *of_abstention])

    return measure


def interval(value: float, draws: np.ndarray) -> Scored:
    """Value with the 95 % percentile interval of what is defined among the draws; NaN where nothing is."""
    defined = draws[np.isfinite(draws)]
    low, high = np.quantile(defined, [0.025, 0.975]) if len(defined) else (np.nan, np.nan)
    return {"value": float(value), "low": float(low), "high": float(high)}


def score_all(
    everybody: list[EvaluatedPredictor], labels: np.ndarray, risk: float, progress: Progress
) -> tuple[dict[str, dict[str, Scored]], dict[str, dict[str, Scored]]]:
    """Score everybody on the same resamples, and every rule against the best single member.

    Parameters
    ----------
    everybody
        Of `kikuchi.evaluation.predictors.evaluated_predictors`.
    labels
        True class indices, (N,), -1 where unknown.
    risk
        Error rate allowed among the answered.
    progress
        Listener of the work.

    Returns
    -------
    scores
        Of everybody, by name and score: `SCORES`, and ``risk_answered`` and ``risk_abstained``, error rates after
        abstaining with exact intervals, because a bootstrap of few answers without an error proves nothing.
    against_best_single
        Of every rule: its log-loss and E-AURC over the best single member's (below 1 is better), its accuracy and
        coverage less the best single member's (above 0 is better). The intervals are of the paired difference.
    """
    n_resamples = resamples_for(len(labels))
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    with progress.bar("scores and their intervals", len(everybody)) as step:
        for predictor in everybody:
            found[predictor.name] = score_draws(predictor, labels, risk, n_resamples)
            step(1)
    scores = {
        name: {score: interval(values[i], draws[:, i]) for i, score in enumerate(SCORES)}
        for name, (values, draws) in found.items()
    }
    for predictor in everybody:
        answered, wrong = predictor.decision.status == 0, predictor.wrong(labels)
        for name, here in (("risk_answered", answered), ("risk_abstained", ~answered)):
            scores[predictor.name][name] = error_rate(int(wrong[here].sum()), int(here.sum()))
    single = next(c.name for c in everybody if c.kind == BEST_SINGLE)
    rules = [c.name for c in everybody if c.kind == RULE]
    return scores, {rule: _against(found[rule], found[single]) for rule in rules}


def _against(rule: tuple[np.ndarray, np.ndarray], single: tuple[np.ndarray, np.ndarray]) -> dict[str, Scored]:
    compared = {}
    for name in ("log_loss", "excess_aurc"):
        (ours, our_draws), (theirs, their_draws) = _column(rule, name), _column(single, name)
        with np.errstate(divide="ignore", invalid="ignore"):
            compared[f"{name}_ratio"] = interval(ours / theirs, our_draws / their_draws)
    for name in ("accuracy", "coverage"):
        (ours, our_draws), (theirs, their_draws) = _column(rule, name), _column(single, name)
        compared[f"{name}_gain"] = interval(ours - theirs, our_draws - their_draws)
    return compared


def _column(found: tuple[np.ndarray, np.ndarray], name: str) -> tuple[np.float64, np.ndarray]:
    i = SCORES.index(name)
    return found[0][i], found[1][:, i]
