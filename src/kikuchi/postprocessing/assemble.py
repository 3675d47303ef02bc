"""Decisions and members' outputs on the scan's grid; patterns as the members saw them."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ensemble.abstention import Decision, Status
from ensemble.candidates import restricted_logits
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import Bundle
from kikuchi.inference.logits_store import LogitsStore
from kikuchi.maps import PhaseMap
from kikuchi.scans import Scan, background_for, prepare

#: What a pattern that cannot be read has no value of.
_MEASURES = (
    "confidence",
    "entropy",
    "expected_entropy",
    "mutual_information",
    "variation_ratio",
    "unfamiliarity",
)


def assembled(
    scan: Scan, bundle: Bundle, store: LogitsStore, decision: Decision, meta: dict[str, Any]
) -> PhaseMap:
    """Put decisions and members' outputs on the scan's grid."""
    return PhaseMap(
        name=scan.name,
        classes=bundle.classes,
        members=tuple(m.name for m in bundle.members),
        member_kinds=tuple(m.kind for m in bundle.members),
        shape=scan.shape,
        row=scan.row,
        col=scan.col,
        x=scan.x,
        y=scan.y,
        step=scan.step,
        decision=without_unreadable(decision),
        member_probabilities=softmax(_own_logits(bundle, store.logits)).astype(np.float32),
        orientations=_orientations(scan) if store.identity.poses is False else _matched(store, decision),
        phases=bundle.phases,
        problems=dict(scan.problems),
        meta=meta,
    )


def without_unreadable(decision: Decision) -> Decision:
    """Take the measures of unreadable points out of a decision: NaN, so that no layer draws them as certain ones.

    A constant pattern is answered with much confidence by every network; the members' outputs for it stays in the
    probabilities and the votes.
    """
    unreadable = decision.status == Status.UNREADABLE
    if not unreadable.any():
        return decision
    masked = {name: np.where(unreadable, np.nan, getattr(decision, name)) for name in _MEASURES}
    return replace(decision, **masked)


def as_seen(scan: Scan, bundle: Bundle, side: int = 64) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function that gives patterns as the first member saw them, small, for the report.

    Parameters
    ----------
    scan, bundle
        As mapped.
    side
        Pixels.

    Returns
    -------
    callable
        From indices (n,) to (n, side, side) uint8.
    """
    preparation = bundle.preparation(bundle.members[0]).model_copy(update={"size": side})
    background = background_for(scan, preparation)

    def read(indices: np.ndarray) -> np.ndarray:
        prepared = prepare(scan.read(indices), preparation, background)
        return np.round((prepared + 1) * 127.5).astype(np.uint8)

    return read


def _orientations(scan: Scan) -> np.ndarray | None:
    """Return the user's orientations of the same scan as unit quaternions (N, 4), where the file has them."""
    if scan.xmap is None:
        return None
    quaternions = np.asarray(scan.xmap.rotations.data, float).reshape(scan.n, -1, 4)[:, 0]
    identity = np.allclose(np.abs(quaternions), [1, 0, 0, 0])
    return None if identity else quaternions


def _matched(store: LogitsStore, decision: Decision) -> np.ndarray:
    """Return the matcher's orientations of each point's winning phase, unit quaternions (N, 4)."""
    poses = store.outputs().poses
    assert poses is not None
    winner = np.maximum(decision.winner, 0)
    return np.asarray(poses[np.arange(len(winner)), winner], float)


def _own_logits(bundle: Bundle, logits: np.ndarray) -> np.ndarray:
    chosen = bundle.candidates
    return logits if chosen is None else restricted_logits(logits, chosen.columns)
