"""The answer on every level of diffraction: crystal system, Laue class, extinction class, space group.

Where two space groups cannot be decided, their Laue class may still be sure. Temperatures and thresholds are fitted
on the bundle's held-out patterns when a map is made, which takes moments and changes nothing in the bundle.

Probabilities are among the bundle's own space groups. One that knows groups of m-3m only says "cubic" and "m-3m" with
probability 1, as far as the pattern is familiar: such a level is in the columns, but it is never the promised answer.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import AbstentionRule, Decision, Status
from ensemble.abstention.hierarchical import LevelRule, answer_levels, fit_levels
from ensemble.errors import InputError
from ensemble.hierarchy import HierarchyCalibration, fit_hierarchy
from kikuchi.bundle.bundle import Bundle
from kikuchi.crystallography.extinction import LEVELS, diffraction_hierarchy, same_extinction
from kikuchi.maps import PhaseMap
from kikuchi.maps.map_data import coded_words


@dataclass(frozen=True)
class Levels:
    """Decision on the levels of diffraction.

    Attributes
    ----------
    calibration
        A temperature a level, and the tree over the bundle's space groups.
    rule
        How sure a level must be to be the answer, with its certificate; None where too little was held out.
    """

    calibration: HierarchyCalibration
    rule: LevelRule | None

    def columns(self, decision: Decision) -> dict[str, NDArray[Any]]:
        """Return the columns that a map carries beside its decisions, N values each.

        For each level above the space group its likeliest node (a word) and the node's probability,
        ``<level>_probability``; then ``answer``, the likeliest node of the deepest level that is sure enough, and
        ``answer_level``. Words are empty where no level is answered: patterns that are unreadable or unfamiliar are not
        answered on any level.
        """
        tree = self.calibration.tree
        probabilities = self.calibration.apply(decision.probabilities)
        unread = np.isnan(decision.confidence)
        columns: dict[str, NDArray[Any]] = {}
        for level, p in zip(LEVELS[:-1], probabilities[:-1], strict=True):
            names = np.array(tree.nodes[LEVELS.index(level)], dtype=object)
            columns[level] = np.where(unread, "", names[np.where(unread, 0, p.argmax(axis=1))])
            columns[f"{level}_probability"] = p.max(axis=1).astype(np.float32)
        answer = np.full(len(unread), "", dtype=object)
        answered_at = answer.copy()
        if self.rule is not None:
            allowed = np.isin(decision.status, (Status.SOLVED, Status.AMBIGUOUS))
            depth, node = answer_levels(probabilities, self.rule.thresholds, allowed)
            for number, name in enumerate(LEVELS):
                here = depth == number
                answer[here] = np.array(tree.nodes[number], dtype=object)[node[here]]
                answered_at[here] = name
        return columns | {"answer": answer, "answer_level": answered_at}

    def summary(self) -> dict[str, Any]:
        """Return what ``summary.json`` says of the levels, as plain JSON."""
        tree = self.calibration.tree
        return self.calibration.to_dict() | {
            "nodes": dict(zip(tree.levels, map(list, tree.nodes), strict=True)),
            "rule": None if self.rule is None else self.rule.to_dict(),
            "indistinguishable": {name: list(same_extinction(int(name))) for name in tree.nodes[-1]},
        }


def fit_bundle_levels(bundle: Bundle, rule: str, abstention: AbstentionRule) -> Levels:
    """Fit the levels of a bundle on its members' outputs for held-out patterns.

    Parameters
    ----------
    bundle
        With the calibration to be used for `rule`.
    rule
        How the members are combined.
    abstention
        Says what is readable and familiar, and which risk is asked for.
    """
    held_out = bundle.held_out
    tree = diffraction_hierarchy(bundle.classes)
    first, second = held_out.calibration, held_out.certification
    calibration = fit_hierarchy(tree, bundle.calibrated(first.outputs, rule)[1], first.labels)
    flat = bundle.calibrated(second.outputs, rule)[1]
    chosen = abstention.gate(
        flat,
        unfamiliarity=second.outputs.unfamiliarity,
        quality=second.outputs.quality,
        confident=False,
    )
    try:
        levels = fit_levels(
            calibration.apply(flat),
            [tree.labels(second.labels, level) for level in range(len(LEVELS))],
            answerable=chosen.readable & chosen.familiar,
            risk=abstention.certificate.target_risk,
            confidence=abstention.certificate.confidence,
            groups=second.group,
        )
    except InputError:
        # Fewer than two groups held out: probabilities on every level, and no promise.
        levels = None
    return Levels(calibration, levels)


def with_levels(phase_map: PhaseMap, bundle: Bundle, rule: str, abstention: AbstentionRule) -> PhaseMap:
    """Return a map with its answers on every level, in columns and in what ``summary.json`` says."""
    levels = fit_bundle_levels(bundle, rule, abstention)
    columns = phase_map.columns | levels.columns(phase_map.decision)
    words, codes = coded_words(columns["answer_level"])
    record = levels.summary() | {"points": dict(zip(words, np.bincount(codes).tolist(), strict=True))}
    return replace(phase_map, columns=columns, meta=phase_map.meta | {"levels": record})
