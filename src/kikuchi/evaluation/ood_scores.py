"""Separation of unfamiliar patterns from familiar ones by scores."""

from typing import Any

import numpy as np

from ensemble.abstention import energy, generalised_entropy
from ensemble.metrics import auroc, bootstrap_interval, fpr_at
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.evaluation.test_sets import Labelled

_RESAMPLES = 400


def unfamiliar_scores(
    outputs: MemberOutputs, quality_threshold: float, *, gated: bool = False
) -> dict[str, np.ndarray]:
    """Scores of unfamiliarity, each (N,), higher = stranger: the one decided by, and two to stand beside it.

    NaN where the quality is at or below the threshold: a pattern without bands is unreadable before anybody asks
    whether it is familiar. With `gated` the one decided by is a bundle's gate, see `kikuchi.bundle.strangers`.
    """
    scores = {
        "gate" if gated else "k-nearest-neighbour distance": np.asarray(outputs.unfamiliarity, dtype=float),
        "energy": energy(outputs.logits),
        "GEN": generalised_entropy(outputs.logits),
    }
    readable = np.asarray(outputs.quality) > quality_threshold
    return {name: np.where(readable, values, np.nan) for name, values in scores.items()}


def separation(scores: dict[str, np.ndarray], unknown: np.ndarray) -> list[dict[str, Any]]:
    """Measure how well scores separate unknown patterns from known ones.

    Parameters
    ----------
    scores
        Each (N,), higher = stranger; NaN does not count.
    unknown
        Whether a pattern is of a space group that no member saw, (N,).

    Returns
    -------
    list of dict
        ``score``, ``auroc`` and ``fpr95`` (share of unknown patterns let through where 95 % of the known are),
        each with its 95 % bootstrap interval; None where known or unknown patterns are missing.
    """
    rows: list[dict[str, Any]] = []
    for name, values in scores.items():
        finite = ~np.isnan(values)
        v, s = values[finite], unknown[finite]
        row: dict[str, Any] = {"score": name}
        for measure, function in (("auroc", auroc), ("fpr95", fpr_at)):
            row[measure] = {"value": None, "low": None, "high": None}
            if s.any() and not s.all():
                found = bootstrap_interval(
                    lambda x, stranger, function=function: function(x[~stranger], x[stranger]),
                    v,
                    s,
                    n_resamples=_RESAMPLES,
                )
                row[measure] = found._asdict()
        rows.append(row)
    return rows


def unfamiliar(bundle: Bundle, patterns: Labelled, answered: np.ndarray) -> dict[str, Any] | None:
    """Judge `unfamiliar` on space groups that the bundle does not know; None where there are none.

    Parameters
    ----------
    bundle, patterns
        What is judged, and on what.
    answered
        Whether the bundle's own rule answered, (N,).

    Returns
    -------
    dict
        ``unknown`` patterns, ``called_unfamiliar`` and ``answered`` shares among them, and their ``separation``
        from the known ones.
    """
    unknown = patterns.labels < 0
    if not unknown.any():
        return None
    rule = bundle.abstentions[bundle.rule]
    threshold = rule.familiarity_threshold
    caught = (
        None if threshold is None else float((patterns.outputs.unfamiliarity[unknown] > threshold).mean())
    )
    return {
        "unknown": int(unknown.sum()),
        "called_unfamiliar": caught,
        "answered": float(answered[unknown].mean()),
        "separation": separation(
            unfamiliar_scores(patterns.outputs, rule.quality_threshold, gated=bundle.gate is not None),
            unknown,
        ),
    }
