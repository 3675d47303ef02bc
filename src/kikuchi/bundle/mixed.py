"""Overlaps of two known phases in one pattern, told by networks: a gate, kept only where it can tell them."""

from typing import Any

import numpy as np

from ensemble.abstention.strangers import (
    StrangerGate,
    fit_stranger_gate,
    gate_features,
    overlap_features,
)
from ensemble.errors import InputError
from ensemble.metrics import auroc
from ensemble.pooling import combine
from kikuchi.bundle.outputs import HeldOut

#: In a bundle: the gate of overlaps.
MIXED = "mixed.json"

#: Of the overlaps set aside so many must be caught, and of other strangers at most so many, or there is no gate.
LEAST_CAUGHT = 0.5
MOST_STRANGERS = 0.2


def mixed_features(logits: np.ndarray) -> np.ndarray:
    """Return what tells two known classes in one pattern from one, shape (N, 5), from logits (M, N, K).

    How the two likeliest share what there is, what the others have, disagreement; energy and spread, see
    `ensemble.abstention.strangers`.
    """
    pooled = combine(logits, "average")
    distance = np.ones(pooled.probabilities.shape[0])
    both = overlap_features(pooled.probabilities, pooled.mutual_information)
    return np.hstack([both, gate_features(logits, distance)[:, 1:3]])


def fit_mixed(
    held_out: HeldOut, overlaps: np.ndarray, strangers: np.ndarray | None, false_alarm: float, seed: int
) -> tuple[StrangerGate | None, dict[str, Any]]:
    """Weigh a gate with superpositions of held-out patterns, and keep it where it tells them.

    Parameters
    ----------
    held_out
        Its calibration part weighs and sets the threshold.
    overlaps
        What the members say of superpositions of two classes, logits (M, S, K); every second one is set aside.
    strangers
        What they say of crystals outside the classes, logits (M, T, K), where there are any.
    false_alarm
        Share of new familiar groups that may be called mixed.
    seed
        Of the division of the familiar groups.

    Returns
    -------
    gate, record
        None where too few overlaps are caught, too many strangers are, or too little is held out; and what was seen,
        as plain JSON.
    """
    record: dict[str, Any] = {"overlaps": overlaps.shape[1], "false_alarm": false_alarm, "kept": False}
    first = held_out.calibration
    x, z = mixed_features(first.outputs.logits), mixed_features(overlaps)
    x_finite, z = np.isfinite(x).all(axis=1), z[np.isfinite(z).all(axis=1)]
    x, group = x[x_finite], first.group[x_finite]
    try:
        gate = fit_stranger_gate(x, z[::2], groups=group, false_alarm=false_alarm, seed=seed)
    except InputError as error:
        return None, record | {"why": error.what}
    aside = z[1::2]
    record["auroc"] = float(auroc(gate.score(x), gate.score(aside))) if len(aside) else None
    record["caught"] = float(gate.flag(aside).mean()) if len(aside) else 0.0
    record["strangers_called_mixed"] = (
        None if strangers is None else float(gate.flag(mixed_features(strangers)).mean())
    )
    if record["caught"] < LEAST_CAUGHT:
        return None, record | {"why": f"{record['caught']:.0%} of the overlaps set aside were caught"}
    if (record["strangers_called_mixed"] or 0.0) > MOST_STRANGERS:
        return None, record | {
            "why": f"{record['strangers_called_mixed']:.0%} of other strangers were called mixed"
        }
    return gate, record | {"kept": True}


def mixed_words(record: dict[str, Any]) -> str:
    """Say in one line whether overlaps of two classes are told.

    Examples
    --------
    >>> mixed_words({"kept": False, "why": "32% of the overlaps set aside were caught"})
    'mixed: not offered, 32% of the overlaps set aside were caught'
    """
    if not record["kept"]:
        return f"mixed: not offered, {record['why']}"
    return (
        f"mixed: {record['caught']:.0%} of superpositions set aside are told, at "
        f"{100 * record['false_alarm']:.3g} % of new familiar crystals or grains"
    )
