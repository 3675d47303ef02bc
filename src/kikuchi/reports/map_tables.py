"""The tables below a map: who said what, phase fractions, how the map was made, what could not be read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi.maps.crystal_symmetry import symbol
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.tally import tally
from kikuchi.reports.tables import Table, share

_MOST_PROBLEMS = 50


def tally_table(phase_map: PhaseMap) -> Table:
    """Points per space group: what the ensemble answered, and what each member alone would say.

    Parameters
    ----------
    phase_map
        What was decided.

    Returns
    -------
    Table
        A row per space group that anybody named, and one per reason not to answer (the paper's Table 2).
    """
    counts = tally(phase_map)
    named = np.flatnonzero(counts.solved_counts + counts.member_counts.sum(axis=0))
    rows: list[list[Any]] = [
        [_label(counts.classes[k]), int(counts.solved_counts[k]), *map(int, counts.member_counts[:, k])]
        for k in named
    ]
    nothing = [None] * len(phase_map.members)
    for status in (Status.AMBIGUOUS, Status.UNFAMILIAR, Status.UNREADABLE):
        rows.append([f"no solution: {STATUS_NAMES[status]}", int(counts.status_counts[status]), *nothing])
    answered = int(counts.solved_counts.sum())
    return Table(
        "Points per space group, as the map was decided",
        ["Space group", "Ensemble", *phase_map.members],
        rows,
        f"{share(answered, phase_map.n)} of {phase_map.n:,} points answered. Members never abstain.",
    )


def fraction_table(fractions: Sequence[Mapping[str, Any]]) -> Table:
    """Phase fractions with their intervals.

    Parameters
    ----------
    fractions
        One mapping per space group: ``space_group``, ``counted`` (share of the answered points), ``estimate``,
        ``low`` and ``high`` (fraction corrected for misclassification and abstention, and its 95 % credible
        interval), all fractions in 0..1.

    Returns
    -------
    Table
        A row per space group, in per cent.
    """
    rows = []
    for entry in fractions:
        counted, estimate, low, high = (
            f"{100 * entry[key]:.2f} %" for key in ("counted", "estimate", "low", "high")
        )
        rows.append([_label(entry["space_group"]), counted, estimate, f"{low} to {high}"])
    return Table(
        "Phase fractions",
        ["Space group", "Of the answered points", "Corrected", "95 % credible interval"],
        rows,
        "Corrected for misclassification and abstention as they were seen on held-out patterns.",
    )


def origin_table(phase_map: PhaseMap) -> Table:
    """How the map was made, as its `meta` says.

    Parameters
    ----------
    phase_map
        What was decided.

    Returns
    -------
    Table
        A row per entry; entries within entries are named by both names.
    """
    rows: list[list[Any]] = [["members", _listed(phase_map)]]
    for name, value in phase_map.meta.items():
        if isinstance(value, Mapping):
            rows += [[f"{_words(name)}: {_words(inner)}", _plain(item)] for inner, item in value.items()]
        else:
            rows.append([_words(name), _plain(value)])
    return Table("How this map was made", ["What", "Value"], rows)


def problem_table(phase_map: PhaseMap) -> Table:
    """Patterns that could not be used, and why.

    Parameters
    ----------
    phase_map
        What was decided.

    Returns
    -------
    Table
        The first 50 of them.
    """
    problems = sorted(phase_map.problems.items())
    more = len(problems) - _MOST_PROBLEMS
    return Table(
        f"Patterns that could not be used: {len(problems):,}",
        ["Point", "Why"],
        [[int(index), why] for index, why in problems[:_MOST_PROBLEMS]],
        f"and {more:,} more, listed in summary.json" if more > 0 else "",
    )


def _label(space_group: int) -> str:
    return f"{space_group} {symbol(space_group)}"


def _listed(phase_map: PhaseMap) -> str:
    kinds = phase_map.member_kinds
    return ", ".join(f"{kinds.count(kind)} {kind}" for kind in dict.fromkeys(kinds))


def _words(name: Any) -> str:
    return str(name).replace("_", " ")


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return ", ".join(f"{_words(name)} {_plain(item)}" for name, item in value.items())
    if isinstance(value, list | tuple | np.ndarray):
        return ", ".join(str(_plain(item)) for item in value)
    return f"{value:.4g}" if isinstance(value, float) else value
