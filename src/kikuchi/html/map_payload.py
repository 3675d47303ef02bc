"""The columns of a map as the report's page reads them."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES, AbstentionRule, Status
from ensemble.abstention.conformal import conformal_sets
from kikuchi.html.columns import pack, quantise
from kikuchi.maps.frame import usable_step
from kikuchi.maps.full_grid import is_hexagonal
from kikuchi.maps.map_data import coded_words
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.tally import mostly_answered

SCORES = {
    "confidence": ("Confidence", "calibrated probability of the winner"),
    "entropy": ("Total entropy", "nats, of the members before calibration"),
    "expected_entropy": ("Expected entropy (aleatoric)", "nats, before calibration"),
    "mutual_information": ("Mutual information (epistemic)", "nats, before calibration"),
    "variation_ratio": ("Variation ratio", "share of members outvoted"),
    "unfamiliarity": ("Unfamiliarity", "about 1 for familiar patterns"),
    "quality": ("Pattern quality", "signal against noise"),
}
NO_CLASS = 255
#: Errors below this are not distinguished.
LEAST_ERROR = 1e-7


def map_payload(phase_map: PhaseMap, rule: AbstentionRule | None) -> dict[str, Any]:
    """Everything per point that the page draws or lists, without patterns and members' probabilities.

    Parameters
    ----------
    phase_map
        What was decided.
    rule
        What it was decided with; None where that is not known.

    Returns
    -------
    dict
        Plain JSON: names, the grid, and packed columns.
    """
    decision = phase_map.decision
    rows, columns = (int(length) for length in phase_map.shape)
    cells = phase_map.row.astype(np.int64) * columns + phase_map.col
    return {
        "name": phase_map.name,
        "n": phase_map.n,
        "rows": rows,
        "columns": columns,
        "step": usable_step(phase_map),
        "shifted": _shifted_parity(phase_map),
        "statuses": list(STATUS_NAMES),
        "open_answered": mostly_answered(phase_map),
        "classes": [int(number) for number in phase_map.classes],
        "members": list(phase_map.members),
        "cells": None if np.array_equal(cells, np.arange(rows * columns)) else pack(cells, "u4"),
        "x": _axis(phase_map.x, phase_map.col),
        "y": _axis(phase_map.y, phase_map.row),
        "status": pack(decision.status, "u1"),
        "winner": pack(_class_codes(decision.winner), "u1"),
        "runner_up": pack(_class_codes(_runner_up(decision.probabilities)), "u1"),
        "candidates": pack(np.packbits(decision.candidates, axis=1, bitorder="little"), "u1"),
        "held": pack(held_back(phase_map, rule), "u1"),
        "votes": pack(_class_codes(decision.votes), "u1"),
        "scores": [
            {"id": key, "title": title, "unit": unit, **_score(key, getattr(decision, key))}
            for key, (title, unit) in SCORES.items()
        ],
        "further": [_further(name, column) for name, column in phase_map.columns.items()],
        "problems": {str(index): why for index, why in sorted(phase_map.problems.items())},
    }


def _score(key: str, values: NDArray[np.floating]) -> dict[str, Any]:
    """Pack a score; of a confidence -log10 of the error, since nearly all of them lie above 0.99."""
    if key != "confidence":
        return {"column": quantise(values)}
    return {"scale": "nines", "column": quantise(-np.log10(np.clip(1 - values, LEAST_ERROR, 1)))}


def _further(name: str, column: NDArray[Any]) -> dict[str, Any]:
    """Pack a further column: words as their number in a list, whole numbers as they are, others quantised."""
    described = {"id": name, "title": name.replace("_", " ").capitalize()}
    if column.dtype == object:
        words, codes = coded_words(column)
        return described | {"words": words, "column": pack(codes, "u2")}
    if np.issubdtype(column.dtype, np.integer):
        return described | {"column": pack(column, "u4")}
    return described | {"column": quantise(column)}


def held_back(phase_map: PhaseMap, rule: AbstentionRule | None) -> NDArray[np.bool_]:
    """Points that no confidence threshold can answer, because another gate holds them back.

    Parameters
    ----------
    phase_map
        What was decided.
    rule
        What it was decided with; without it every point that was not answered is held back, because nothing
        says whether the threshold was the reason.

    Returns
    -------
    numpy.ndarray
        Shape (N,).
    """
    decision = phase_map.decision
    if rule is None:
        return decision.status != Status.SOLVED
    several = conformal_sets(decision.probabilities, rule.set_thresholds).sum(axis=1) > 1
    # A class that is not certified is never answered, however the slider stands.
    several |= rule.thresholds[np.maximum(decision.winner, 0)] > 1
    ambiguous = decision.status == Status.AMBIGUOUS
    other = (Status.UNFAMILIAR, Status.UNREADABLE, Status.MIXED)
    return np.isin(decision.status, other) | (ambiguous & several)


def report_id(phase_map: PhaseMap) -> str:
    """Name the content of a map, so that pieces beside a page are known to be its own.

    Parameters
    ----------
    phase_map
        What was decided.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    digest = hashlib.sha256(repr((phase_map.name, phase_map.members, phase_map.classes)).encode())
    digest.update(phase_map.decision.status.tobytes())
    digest.update(phase_map.decision.probabilities.tobytes())
    return digest.hexdigest()[:16]


def _class_codes(classes: NDArray[np.integer]) -> NDArray[np.integer]:
    return np.where(classes < 0, NO_CLASS, classes)


def _runner_up(probabilities: NDArray[np.floating]) -> NDArray[np.integer]:
    """Class put second, as `decide` completes an ambiguous set with it; -1 where there is none."""
    if probabilities.shape[1] < 2:
        return np.full(len(probabilities), -1)
    second = np.argsort(-probabilities, axis=1, kind="stable")[:, 1]
    return np.where(np.isnan(probabilities).any(axis=1), -1, second)


def _axis(positions: NDArray[np.floating], counts: NDArray[np.integer]) -> dict[str, Any]:
    """Origin and step where positions follow the grid exactly enough, else the positions themselves."""
    if not np.isfinite(positions).all():
        return {"origin": 0.0, "step": 0.0}
    first, last = int(np.argmin(counts)), int(np.argmax(counts))
    span = int(counts[last] - counts[first])
    step = float(positions[last] - positions[first]) / span if span else 0.0
    origin = float(positions[first]) - float(counts[first]) * step
    if np.abs(origin + counts * step - positions).max() <= 1e-6 * max(abs(step), 1e-9):
        return {"origin": origin, "step": step}
    return {"values": pack(positions, "f4")}


def _shifted_parity(phase_map: PhaseMap) -> int | None:
    """0 or 1: which rows of a hexagonal grid lie half a step to the right; None for a square grid."""
    if not is_hexagonal(phase_map):
        return None
    odd = phase_map.row % 2 == 1
    offset = phase_map.x - phase_map.step[1] * phase_map.col
    return int(np.median(offset[odd]) > np.median(offset[~odd]))
