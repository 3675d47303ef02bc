"""The dual-phase maps: every network alone and the ensemble's rules against the truth."""

import math
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from ensemble.metrics import bootstrap_interval, expected_calibration_error, log_loss
from ensemble.phase_fractions import outcomes, phase_fractions, square_blocks
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.predictors import BEST_SINGLE, RULE, EvaluatedPredictor
from kikuchi.evaluation.selective_scores import enrichment, error_rate, statuses
from kikuchi.evaluation.test_sets import Labelled, own_test_patterns
from kikuchi.inference.logits_store import LogitsStore
from kikuchi.scans import open_scan
from kikuchi.workflows.map import STORE, map_scan
from reports.paper.parts.config import Map, Study
from reports.paper.parts.everybody import NOT_SINGLE, ONE_APPROACH, everybody
from reports.paper.parts.patterns import map_scan_file, stem, truth_of

#: Blocks along a side of the map that the intervals of the phase fractions are drawn over.
BLOCKS_A_SIDE = 10


def mapped(
    bundle: Bundle, entry: Map, study: Study, work: Path, number: int, progress: Progress
) -> dict[str, Any]:
    """Map a scan with the ensemble and judge everybody on it.

    Parameters
    ----------
    bundle
        The ensemble.
    entry
        The map.
    study, work, number
        Where its scan comes from.

    Returns
    -------
    dict
        By predictor: errors of always answering with their interval over grains, the confusion, what abstaining does,
        and phase fractions against the truth. Without a truth only tallies and fractions.
    """
    scan_file = map_scan_file(entry, study, work, number)
    scan = open_scan(scan_file)
    folder = map_folder(bundle, entry, work)
    map_scan(scan, bundle, folder, progress=progress)
    truth = truth_of(entry, scan_file)
    patterns = as_labelled(bundle, folder, truth, entry.name)
    answering = everybody(bundle, patterns)
    blocks = square_blocks(scan.row, scan.col, max(3, round(math.sqrt(scan.n) / BLOCKS_A_SIDE)))
    result: dict[str, Any] = {
        "name": entry.name,
        "shape": list(scan.shape),
        "points": scan.n,
        "materials": list(entry.materials),
        "rule": bundle.rule,
        "tally": {c.name: tally(c, bundle) for c in answering},
        "fractions": {c.name: fractions(c, bundle, blocks) for c in answering if c.kind == RULE},
    }
    if truth is None:
        return result
    known = patterns.labels >= 0
    pure = known & (truth["status_truth"] == "known") if "status_truth" in truth else known
    grain = truth.get("grain", blocks)
    result |= {
        "known_points": int(known.sum()),
        "pure_points": int(pure.sum()),
        "recorded_as": {
            name: float(np.nanmedian(truth[name])) for name in ("contrast", "dose", "pcz") if name in truth
        },
        "true_fractions": true_fractions(patterns.labels, bundle.classes),
        "contenders": {c.name: judged(c, patterns.labels, pure, bundle) for c in answering},
        "against_best_single": against_best_single(answering, patterns.labels, known, grain),
        "statuses": {c.name: statuses(c, patterns.labels) for c in answering if c.kind in NOT_SINGLE},
    }
    return result


def map_folder(bundle: Bundle, entry: Map, work: Path) -> Path:
    """Return where the map of one scan by one ensemble is."""
    return work / "mapped" / bundle.path.name / stem(entry.name)


def as_labelled(bundle: Bundle, folder: Path, truth: dict[str, np.ndarray] | None, name: str) -> Labelled:
    """Return a map's points as labelled patterns; -1 where the truth is not known or no pattern can be read."""
    outputs = bundle.gated(LogitsStore.read(folder / STORE).outputs())
    n = outputs.logits.shape[1]
    labels = np.full(n, -1)
    if truth is not None:
        group = np.nan_to_num(truth["space_group"].astype(float)).astype(int)
        for k, number in enumerate(bundle.classes):
            labels[group == number] = k
    return Labelled(outputs, labels, np.zeros(n, int), ((name, 0),), name)


def judged(
    predictor: EvaluatedPredictor, labels: np.ndarray, pure: np.ndarray, bundle: Bundle
) -> dict[str, Any]:
    """Score one predictor on a map's points of known truth: always answering, and with its abstentions."""
    known = labels >= 0
    wrong = predictor.wrong(labels)
    answered = known & (predictor.decision.status == 0)
    p = predictor.probabilities[known]
    k = len(bundle.classes)
    confusion = np.zeros((k, k), int)
    np.add.at(confusion, (labels[known], predictor.decision.winner[known]), 1)
    return {
        "kind": predictor.kind,
        "error": error_rate(int(wrong[known].sum()), int(known.sum())),
        "error_away_from_boundaries": error_rate(int(wrong[pure].sum()), int(pure.sum())),
        "log_loss": log_loss(p, labels[known]),
        "ece": expected_calibration_error(p, labels[known]),
        "coverage": float(answered.sum() / known.sum()),
        "selective_risk": error_rate(int(wrong[answered].sum()), int(answered.sum())),
        "enrichment": enrichment(predictor, labels),
        "promised_risk": predictor.abstention.certificate.certified_risk,
        "confusion": confusion.tolist(),
    }


def against_best_single(
    answering: list[EvaluatedPredictor], labels: np.ndarray, known: np.ndarray, grain: np.ndarray
) -> dict[str, Any]:
    """Divide each rule's errors by those of the best single network; the interval resamples grains.

    Two best ones: that with the smallest log-loss on the calibration part, which is what one would have taken, and
    that with the fewest errors on this very map, which nobody could have known.
    """
    singles = [c for c in answering if c.kind not in NOT_SINGLE]
    chosen = next(c for c in answering if c.kind == BEST_SINGLE)
    luckiest = min(singles, key=lambda c: c.wrong(labels)[known].sum())
    result: dict[str, Any] = {"luckiest": luckiest.name}
    for rule in (c for c in answering if c.kind in (RULE, ONE_APPROACH)):
        result[rule.name] = {}
        for name, single in (("chosen", chosen), ("luckiest", luckiest)):
            found = bootstrap_interval(
                lambda ours, theirs: ours.sum() / theirs.sum() if theirs.any() else np.nan,
                rule.wrong(labels)[known],
                single.wrong(labels)[known],
                groups=grain[known],
                n_resamples=400,
            )
            result[rule.name][name] = found._asdict()
    return result


def tally(predictor: EvaluatedPredictor, bundle: Bundle) -> dict[str, dict[str, int]]:
    """Count points by the group put first, and by the group answered: the paper's Table 2."""
    d = predictor.decision
    return {
        "put_first": {str(g): int((d.winner == k).sum()) for k, g in enumerate(bundle.classes)},
        "answered": {
            str(g): int(((d.winner == k) & (d.status == 0)).sum()) for k, g in enumerate(bundle.classes)
        },
    }


def fractions(predictor: EvaluatedPredictor, bundle: Bundle, blocks: np.ndarray) -> dict[str, Any] | None:
    """Return phase fractions with 95 % intervals, corrected by how the same rule errs on held-out test patterns."""
    test = own_test_patterns(bundle)
    alone = bundle.decide(test.outputs, rule=predictor.name)
    d = predictor.decision
    try:
        found = phase_fractions(
            test.labels,
            outcomes(alone.status, alone.winner),
            outcomes(d.status, d.winner),
            len(bundle.classes),
            blocks=blocks,
        )
    except InputError:
        return None
    return {
        str(group): {
            "fraction": float(found.fraction[k]),
            "low": float(found.low[k]),
            "high": float(found.high[k]),
            "as_counted": float(found.plain[k]),
        }
        for k, group in enumerate(bundle.classes)
    }


def true_fractions(labels: np.ndarray, classes: tuple[int, ...]) -> dict[str, float]:
    """Return the share of every known group among the points of known truth.

    Examples
    --------
    >>> true_fractions(np.array([0, 0, 1, -1]), (221, 225))
    {'221': 0.6666666666666666, '225': 0.3333333333333333}
    """
    known = labels[labels >= 0]
    return {str(group): float((known == k).mean()) for k, group in enumerate(classes)}
