"""The tables below a map: the members' votes, how the map was made, what could not be read."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi.html.tables import Table, count, percent
from kikuchi.maps.phase_map import PhaseMap
from kikuchi.maps.tally import tally

_MOST_PROBLEMS = 50
_ELSEWHERE = {"promised_risk", "warnings", "notes", "scan_check"}


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
        [phase_map.labels[k], int(counts.solved_counts[k]), *map(int, counts.member_counts[:, k])]
        for k in named
    ]
    nothing = [None] * len(phase_map.members)
    for status in (Status.AMBIGUOUS, Status.MIXED, Status.UNFAMILIAR, Status.UNREADABLE):
        if not counts.status_counts[status]:
            continue
        rows.append([f"no solution: {STATUS_NAMES[status]}", int(counts.status_counts[status]), *nothing])
    answered = int(counts.solved_counts.sum())
    return Table(
        "Points per space group, as the map was decided",
        ["Space group", "Ensemble", *phase_map.members],
        rows,
        f"{percent(answered / phase_map.n)} of {count(phase_map.n, 'point')} answered. Members never abstain.",
    )


def origin_table(phase_map: PhaseMap) -> Table:
    """Provenance of the map, from its `meta`; the promise and the warnings have places of their own.

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
        if name in _ELSEWHERE:
            continue
        if isinstance(value, Mapping) and name != "versions":
            # What is deeper than this is for programs, and summary.json gives it to them.
            inner = {key: item for key, item in value.items() if not isinstance(item, Mapping)}
            rows += [[f"{_words(name)}: {_words(key)}", _plain(item)] for key, item in inner.items()]
        else:
            rows.append([_words(name), _plain(value)])
    return Table("How this map was made", ["What", "Value"], rows, "In full in summary.json.")


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
        [[str(index), why] for index, why in problems[:_MOST_PROBLEMS]],
        f"and {more:,} more, listed in summary.json" if more > 0 else "",
    )


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
    return f"{value:.3g}" if isinstance(value, float) else value
