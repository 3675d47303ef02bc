"""Phases that no member knows: what is said of them, and what slips through."""

from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES
from ensemble.metrics import auroc
from ensemble.softmax import softmax
from kikuchi._support.progress import Progress
from kikuchi.bundle.bundle import Bundle
from kikuchi.evaluation.ood_scores import separation, unfamiliar_scores
from kikuchi.evaluation.predictors import best_single
from kikuchi.evaluation.test_sets import Labelled, own_test_patterns
from kikuchi.inference.predictor import Predictor
from reports.paper.parts.shift import outputs_of, together


def unknown(bundle: Predictor, dataset: Path, progress: Progress) -> dict[str, Any]:
    """Show patterns of unknown space groups to the ensemble.

    Returns
    -------
    dict
        ``materials``: the share of each status per unknown material, and what the answered ones were taken for;
        ``separation``: AUROC and FPR95 of every score against the known test patterns, over all unknown ones and per
        material.
    """
    strange = outputs_of(bundle, dataset, progress)
    known = own_test_patterns(bundle)
    both = together([known, strange])
    is_strange = np.arange(both.n) >= known.n
    threshold = bundle.abstentions[bundle.rule].quality_threshold
    scores = unfamiliar_scores(both.outputs, threshold) | _confidences(bundle, both)
    result: dict[str, Any] = {
        "rule": bundle.rule,
        "known_patterns": known.n,
        "unknown_patterns": strange.n,
        "known": statuses(bundle, known, np.ones(known.n, bool)),
        "all": statuses(bundle, strange, np.ones(strange.n, bool)),
        "separation": separation(scores, is_strange),
        "materials": [],
    }
    for number, (name, group) in enumerate(strange.materials):
        here = strange.material == number
        theirs = np.flatnonzero(is_strange)[here]
        result["materials"].append(
            {"material": name, "space_group": group}
            | statuses(bundle, strange, here)
            | {"auroc": {score: _auroc(v[~is_strange], v[theirs]) for score, v in scores.items()}}
        )
    return result


def statuses(bundle: Bundle, patterns: Labelled, here: np.ndarray) -> dict[str, Any]:
    """Return the share of each status among some patterns, and what those that were answered were taken for."""
    d = bundle.decide(patterns.outputs)
    answered = here & (d.status == 0)
    taken = {str(g): int((d.winner[answered] == k).sum()) for k, g in enumerate(bundle.classes)}
    shares = {name: float((d.status[here] == code).mean()) for code, name in enumerate(STATUS_NAMES)}
    return {"patterns": int(here.sum())} | shares | {"taken_for": {g: n for g, n in taken.items() if n}}


def _auroc(known: np.ndarray, strange: np.ndarray) -> float | None:
    """Return the AUROC of scores, patterns without one left out; None where none is left."""
    known, strange = known[~np.isnan(known)], strange[~np.isnan(strange)]
    return auroc(known, strange) if len(known) and len(strange) else None


def _confidences(bundle: Bundle, patterns: Labelled) -> dict[str, np.ndarray]:
    """Return one minus the largest probability, of the ensemble and of the best single network."""
    single = softmax(patterns.outputs.logits[best_single(bundle.held_out)])
    combined, calibrated = bundle.calibrated(patterns.outputs)
    return {
        "1 - confidence, ensemble": 1 - calibrated.max(axis=1),
        "1 - confidence, best single": 1 - single.max(axis=1),
        "mutual information": combined.mutual_information,
    }
