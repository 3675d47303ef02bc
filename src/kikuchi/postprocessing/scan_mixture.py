"""Probabilities of every point at the scan's own mixture, beside the decisions: Saerens' correction, where it holds."""

from dataclasses import replace
from typing import Any

import numpy as np

from ensemble.abstention import Status
from ensemble.label_shares import reweighted
from kikuchi.maps import PhaseMap
from kikuchi.postprocessing.scan_check import ScanCheck

#: Classes that the scan holds at most so much of have no column of their own.
_LEAST_SHARE = 0.005


def with_scan_mixture(phase_map: PhaseMap, check: ScanCheck) -> PhaseMap:
    """Add the probabilities of every point at the scan's own mixture; no decision is changed.

    Calibrated probabilities are right at the mixture of the held-out patterns. Where the scan's mixture can be
    estimated (Saerens, Latinne & Decaestecker 2002), Bayes' rule carries them over. Adds the columns
    ``corrected_space_group`` (put first then; empty for points that are unreadable, unfamiliar or mixed),
    ``corrected_confidence``, and ``corrected_p_<class>`` of every class that the scan may hold. No threshold was
    certified at this mixture, so that nothing is promised about them.

    Parameters
    ----------
    phase_map
        As decided.
    check
        Of the scan. Where its mixture is not identified no column is added, and a note says why.

    References
    ----------
    M. Saerens, P. Latinne & C. Decaestecker, Neural Computation 14, 21 (2002).
    """
    shift = check.shift
    if shift is None or not shift.identified:
        why = "the scan has no readable, familiar point" if shift is None else shift.why
        said: dict[str, Any] = {"identified": False, "why": why}
        notes = [
            *phase_map.meta.get("notes", []),
            f"probabilities are not corrected for the scan's mixture: {why}",
        ]
        return replace(phase_map, meta=phase_map.meta | {"at_scan_mixture": said, "notes": notes})
    d = phase_map.decision
    p = reweighted(d.probabilities, shift.prior, shift.shares)
    judged = np.isin(d.status, (Status.SOLVED, Status.AMBIGUOUS)) & (d.winner >= 0)
    p = np.where(judged[:, None], p, np.nan)
    first = np.nan_to_num(p).argmax(axis=1)
    words = np.array([str(word) for word in phase_map.words], dtype=object)
    shown = [k for k in range(len(words)) if shift.high[k] > _LEAST_SHARE]
    columns = {
        "corrected_space_group": np.where(judged, words[first], ""),
        "corrected_confidence": p.max(axis=1).astype(np.float32),
    } | {f"corrected_p_{words[k]}": p[:, k].astype(np.float32) for k in shown}
    said = {
        "identified": True,
        "points": int(judged.sum()),
        "other_first_choice": int((judged & (first != d.winner)).sum()),
        "answers_of_another_first_choice": int(
            ((d.status == Status.SOLVED) & judged & (first != d.winner)).sum()
        ),
    }
    return replace(
        phase_map,
        columns=phase_map.columns | columns,
        meta=phase_map.meta | {"at_scan_mixture": said},
    )
