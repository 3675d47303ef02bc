"""What the paper could not say: single networks and ensembles on the same patterns, and how many are enough."""

import warnings
from typing import Any

import numpy as np

from ensemble.abstention.risk_control import certify, risk_bound, threshold_sequence
from ensemble.calibration import fit_calibration
from ensemble.diversity import disagreement, double_fault, q_statistic
from ensemble.metrics import aurc, expected_calibration_error, log_loss
from ensemble.pooling import RULES, combine, log_loss_weights
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import HeldOut
from kikuchi.evaluation.predictors import EvaluatedPredictor, best_single
from kikuchi.evaluation.scores import score_all
from kikuchi.evaluation.selective_scores import enrichment, error_rate, promise, statuses
from kikuchi.evaluation.test_sets import own_test_patterns
from reports.paper.parts.everybody import NOT_SINGLE, everybody
from reports.paper.parts.protocol import spread

#: Different ensembles of one size that are drawn from the trials, at most.
ENSEMBLES_PER_SIZE = 20

#: Error rates among the answered that the pair of groups is certified for.
PAIR_RISKS = (0.01, 0.02, 0.05)


def ensembles(bundle: Bundle, most: int, seed: int, progress: Progress) -> dict[str, Any]:
    """Score everybody on the same test patterns, grow ensembles, and say how differently their members err.

    Parameters
    ----------
    bundle
        All trials of both approaches.
    most
        Largest ensemble of the table of how many are enough.
    seed
        Of the ensembles that are drawn.
    """
    test = own_test_patterns(bundle)
    answering = everybody(bundle, test)
    compared = [c for c in answering if c.kind in NOT_SINGLE]
    scores, against = score_all(compared, test.labels, bundle.recipe.abstain.risk, progress)
    return {
        "test_patterns": test.n,
        "best_single": bundle.members[best_single(bundle.held_out)].name,
        "rule": bundle.rule,
        "scores": scores,
        "against_best_single": against,
        "singles": {c.name: single_scores(c, test.labels) for c in answering if c not in compared},
        "enrichment": {c.name: enrichment(c, test.labels) for c in compared},
        "statuses": {c.name: statuses(c, test.labels) for c in compared},
        "promises": {c.name: promise(c, test.labels) for c in compared},
        "growth": growth(bundle, most, seed),
        "diversity": diversity(bundle),
    }


def single_scores(predictor: EvaluatedPredictor, labels: np.ndarray) -> dict[str, float]:
    """Sum up one predictor on patterns of known groups: error, log-loss, ECE and AURC, calibrated."""
    return point_scores(predictor.probabilities, labels)


def point_scores(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Return error, log-loss, ECE and AURC of probabilities (N, K) without intervals."""
    wrong = probabilities.argmax(axis=1) != labels
    return {
        "error": float(wrong.mean()),
        "log_loss": log_loss(probabilities, labels),
        "ece": expected_calibration_error(probabilities, labels),
        "aurc": aurc(-probabilities.max(axis=1), wrong),
    }


def growth(bundle: Bundle, most: int, seed: int) -> list[dict[str, Any]]:
    """Score ensembles of 1, 2, ... members drawn from the trials, by composition and rule.

    Every ensemble is weighted and calibrated on the calibration part as the recipe says, and scored on the test part.
    Ensembles of one size share members where the trials are few, so that their spread is too small then.

    Returns
    -------
    list of dict
        One row per composition (``"scratch"``, ``"transfer"`` or ``"both"``), size and rule, with mean and standard
        deviation of each score over the ensembles drawn.
    """
    held = bundle.held_out
    calibration, test = held.calibration, held.test
    kinds = np.array([member.kind for member in bundle.members])
    rng = np.random.default_rng(seed)
    rows = []
    for composition in ("scratch", "transfer", "both"):
        pool = np.flatnonzero((kinds == composition) | (composition == "both"))
        for size in range(1, min(most, len(pool)) + 1):
            drawn = draw_ensembles(kinds, pool, size, composition == "both", rng)
            for rule in RULES:
                found = [_score_subset(calibration, test, chosen, rule, bundle) for chosen in drawn]
                rows.append(
                    {"composition": composition, "members": size, "rule": rule, "ensembles": len(drawn)}
                    | {name: _without_values(spread([f[name] for f in found])) for name in found[0]}
                )
    return rows


def draw_ensembles(
    kinds: np.ndarray, pool: np.ndarray, size: int, balanced: bool, rng: np.random.Generator
) -> list[np.ndarray]:
    """Draw different ensembles of one size.

    Parameters
    ----------
    kinds
        Kind of every network, (M,).
    pool
        Networks to draw from.
    size
        Members of an ensemble.
    balanced
        Take as many of each kind as of the other, give or take one.
    rng
        Where chance comes from.

    Returns
    -------
    list of numpy.ndarray
        Sorted indices, at most `ENSEMBLES_PER_SIZE` different ones.
    """
    found: dict[tuple[int, ...], np.ndarray] = {}
    for _ in range(10 * ENSEMBLES_PER_SIZE):
        order = rng.permutation(pool)
        if balanced and size > 1:
            turn = np.array([(kinds[order[:i]] == kinds[order[i]]).sum() for i in range(len(order))])
            order = order[np.argsort(turn, kind="stable")]
        chosen = np.sort(order[:size])
        found[tuple(chosen.tolist())] = chosen
        if len(found) == ENSEMBLES_PER_SIZE:
            break
    return list(found.values())


def _score_subset(
    calibration: HeldOut, test: HeldOut, chosen: np.ndarray, rule: str, bundle: Bundle
) -> dict[str, float]:
    weights = None
    if bundle.recipe.combine.weights == "log-loss" and len(chosen) > 1:
        weights = log_loss_weights(calibration.outputs.logits[chosen], calibration.labels)

    def pooled(part: HeldOut) -> np.ndarray:
        o = part.outputs
        draws = o.draws.of_members(chosen)
        return combine(o.logits[chosen], rule, weights=weights, draws=draws).probabilities

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        fitted = fit_calibration(pooled(calibration), calibration.labels, bundle.recipe.calibrate.method)
    return point_scores(fitted.apply(pooled(test)), test.labels)


def _without_values(found: dict[str, Any]) -> dict[str, float]:
    return {"mean": found["mean"], "sd": found["sd"]}


def diversity(bundle: Bundle) -> dict[str, Any]:
    """Say how differently members err on the test patterns: within each approach, and across.

    Returns
    -------
    dict
        By pairing, the mean over pairs of networks of disagreement, double fault and Yule's Q.
    """
    test = own_test_patterns(bundle)
    votes = test.outputs.logits.argmax(axis=2)
    right = votes == test.labels
    kinds = np.array([member.kind for member in bundle.members])
    same = kinds[:, None] == kinds[None]
    pairs = ~np.eye(len(kinds), dtype=bool)
    pairings = {
        "scratch with scratch": pairs & same & (kinds == "scratch")[None],
        "transfer with transfer": pairs & same & (kinds == "transfer")[None],
        "scratch with transfer": ~same,
    }
    measures = {
        "disagreement": disagreement(votes),
        "double_fault": double_fault(right),
        "q_statistic": q_statistic(right),
    }
    return {
        name: {measure: _mean_of_defined(table[mask]) for measure, table in measures.items()}
        for name, mask in pairings.items()
        if mask.any()
    }


def _mean_of_defined(values: np.ndarray) -> float | None:
    """Yule's Q does not exist for a network without an error."""
    defined = values[np.isfinite(values)]
    return float(defined.mean()) if len(defined) else None


def pair_certificate(
    bundle: Bundle, pair: tuple[int, int], materials: tuple[str, str] | None, rule: str
) -> dict[str, Any] | None:
    """Say with what certainty two space groups are told apart where it is known to be one of them.

    The certification part of the held-out patterns plans, the test part tests: neither trained nor calibrated anything.
    A pattern is given to the group of the pair with the larger calibrated probability; its confidence is the share of
    that group in the sum of the two.

    Parameters
    ----------
    bundle
        Whose ensemble answers.
    pair
        Space-group numbers.
    materials
        Patterns of these two materials only; of all materials of the pair where None.
    rule
        How the members are combined.

    Returns
    -------
    dict
        ``error`` when every pattern is answered, with its exact interval and its one-sided 95 % ``bound``; and for
        every risk of `PAIR_RISKS` the ``certificate`` of answering the more confident ones only. None where the bundle
        does not know both groups.
    """
    if not set(pair) <= set(bundle.classes):
        return None
    held = bundle.held_out
    names = [m["name"] for m in bundle.manifest["materials"]]
    places = [bundle.classes.index(group) for group in pair]
    wanted = np.isin(held.labels, places)
    if materials is not None:
        wanted &= np.isin(held.material, [names.index(name) for name in materials if name in names])
    found = {}
    for name, part in (("plan", 1), ("test", 2)):
        chosen = held.select(wanted & (held.part == part))
        two = bundle.calibrated(chosen.outputs, rule)[1][:, places]
        share = two / np.maximum(two.sum(axis=1, keepdims=True), 1e-300)
        found[name] = (share.max(axis=1), np.array(places)[share.argmax(axis=1)] != chosen.labels)
    (plan_confidence, plan_wrong), (confidence, wrong) = found["plan"], found["test"]
    if not len(wrong) or not len(plan_wrong):
        return None
    certificates = {}
    for risk in PAIR_RISKS:
        sequence = threshold_sequence(plan_confidence, plan_wrong, risk, 0.95, len(wrong) / len(plan_wrong))
        certificates[f"{risk:g}"] = certify(confidence, wrong, sequence, risk, 0.95).to_dict()
    return {
        "pair": list(pair),
        "materials": materials,
        "rule": rule,
        "patterns": len(wrong),
        "errors": int(wrong.sum()),
        "error": error_rate(int(wrong.sum()), len(wrong)),
        "bound": float(risk_bound(int(wrong.sum()), len(wrong))),
        "certificates": certificates,
    }
