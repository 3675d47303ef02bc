"""Opening of a map's page: a sentence, and the phase fractions."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ensemble.abstention import AbstentionRule, Status
from ensemble.abstention.risk_control import as_percent
from ensemble.phase_fractions import LEAST_BLOCKS, Fractions
from kikuchi.html.tables import count, percent, sentence
from kikuchi.maps.colours import class_colours
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.tally import tally

#: Classes named before the rest is summed up, and the least share of first choices or of the fraction to be named.
_MOST_ROWS = 8
_SMALL = 0.005


@dataclass(frozen=True)
class Row:
    """One space group of the map: its colour, what it is called and of what, and how much of it there is."""

    colour: str
    label: str
    materials: str
    fraction: str
    interval: str
    answered: str
    first: str


@dataclass(frozen=True)
class Composition:
    """Phase fractions of a map, the largest first, and remarks below."""

    rows: tuple[Row, ...]
    interval: str
    note: str

    @property
    def named(self) -> bool:
        """Whether any material is known."""
        return any(row.materials for row in self.rows)


def lead(phase_map: PhaseMap, rule: AbstentionRule | None) -> str:
    """Say in a few words how much is answered, what most of the rest is, and what is promised.

    Parameters
    ----------
    phase_map
        What was decided.
    rule
        What it was decided with; None where that is not known.
    """
    status = phase_map.decision.status
    answered = float(np.mean(status == Status.SOLVED))
    rest = [
        s
        for s in (Status.AMBIGUOUS, Status.MIXED, Status.UNFAMILIAR, Status.UNREADABLE)
        if (status == s).any()
    ]
    named = ", ".join(f"{percent(float(np.mean(status == s)))} {s.name.lower()}" for s in rest)
    text = f"{percent(answered)} of {count(phase_map.n, 'point')} answered" + (f"; {named}" if named else "")
    if rule is None:
        return sentence(text)
    risk = rule.certificate.certified_risk
    if risk >= 1:
        return sentence(f"{text}. Nothing is promised about the answers: see below")
    return sentence(
        f"{text}. Promised with {100 * rule.certificate.confidence:.3g} % confidence: at most {as_percent(risk)} of "
        "the answers are wrong"
    )


def composition(phase_map: PhaseMap, fractions: Fractions | None) -> Composition:
    """List the space groups of a map with their materials and fractions, most of it first.

    Parameters
    ----------
    phase_map
        What was decided. ``meta["bundle"]["materials"]`` names what the bundle learned each group from.
    fractions
        Phase fractions with intervals; without them the answered points are counted.
    """
    counts = tally(phase_map)
    n, k = phase_map.n, len(phase_map.classes)
    share = np.zeros(k) if fractions is None else np.nan_to_num(fractions.fraction)
    weight = np.where(share > 0, share, counts.winner_counts / n)
    named = [
        int(c)
        for c in np.argsort(-weight, kind="stable")
        if counts.solved_counts[c] or share[c] >= _SMALL or counts.winner_counts[c] >= _SMALL * n
    ][:_MOST_ROWS]
    colours = class_colours(phase_map.classes)
    rows = [
        Row(
            colours[c],
            phase_map.labels[c],
            _materials(phase_map, c),
            *_fraction(fractions, c),
            _points(counts.solved_counts[c], n),
            _points(counts.winner_counts[c], n),
        )
        for c in named
    ]
    others = [c for c in range(k) if c not in named and (counts.winner_counts[c] or share[c] > 0)]
    if others:
        rows.append(
            Row(
                "",
                f"{len(others)} other" + ("s" if len(others) > 1 else "") + " together",
                "",
                "" if fractions is None else percent(float(share[others].sum())),
                "",
                _points(int(counts.solved_counts[others].sum()), n),
                _points(int(counts.winner_counts[others].sum()), n),
            )
        )
    confidence = 0.95 if fractions is None else fractions.confidence
    return Composition(tuple(rows), f"{100 * confidence:.3g} % interval", _note(fractions))


def materials_of(materials: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Gather what a bundle learned each space group from: the first four names, and how many there are.

    Examples
    --------
    >>> materials_of([{"name": "Ni", "space_group": 225}, {"name": "Al", "space_group": 225}])
    {'225': {'names': ['Ni', 'Al'], 'count': 2}}
    """
    found: dict[str, dict[str, Any]] = {}
    for material in materials:
        own = found.setdefault(str(material["space_group"]), {"names": [], "count": 0})
        own["count"] += 1
        if len(own["names"]) < 4:
            own["names"].append(str(material["name"]))
    return found


def _materials(phase_map: PhaseMap, c: int) -> str:
    if phase_map.phases:
        return phase_map.phases[c].name
    known = (phase_map.meta.get("bundle") or {}).get("materials") or {}
    own = known.get(str(phase_map.classes[c]))
    if not own:
        return ""
    more = own["count"] - len(own["names"])
    return ", ".join(own["names"]) + (f" and {more:,} more" if more > 0 else "")


def _fraction(fractions: Fractions | None, c: int) -> tuple[str, str]:
    if fractions is None:
        return "", ""
    low, high = float(fractions.low[c]), float(fractions.high[c])
    interval = f"{percent(low)} to {percent(high)}" if np.isfinite(low) else "not given"
    return percent(float(fractions.fraction[c])), interval


def _points(number: int, n: int) -> str:
    return f"{int(number):,} ({percent(number / n)})" if number else "0"


def _note(fractions: Fractions | None) -> str:
    if fractions is None:
        return "No phase fractions: nothing in the map is readable and familiar, or held-out patterns are missing."
    points = fractions.answered + fractions.abstained
    text = (
        "Fractions are corrected for what held-out patterns show the ensemble confuses and where it abstains, over "
        f"{count(points, 'readable, familiar point')}."
    )
    if fractions.blocks is None:
        return text
    if fractions.blocks < LEAST_BLOCKS:
        return f"{text} No interval: the map is worth {fractions.blocks} independent blocks, fewer than {LEAST_BLOCKS}."
    blocks = f"over {fractions.blocks} independent blocks of it"
    return f"{text} Intervals are of the material that the map samples, {blocks}."
