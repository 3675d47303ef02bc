"""The tables below a map: who said what, phase fractions, how the map was made, what could not be read."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ensemble.abstention import STATUS_NAMES, Status
from ensemble.phase_fractions import LEAST_BLOCKS, Fractions
from kikuchi.crystallography.vendor_codes import symbol
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
    for status in (Status.AMBIGUOUS, Status.UNFAMILIAR, Status.UNREADABLE):
        rows.append([f"no solution: {STATUS_NAMES[status]}", int(counts.status_counts[status]), *nothing])
    answered = int(counts.solved_counts.sum())
    return Table(
        "Points per space group, as the map was decided",
        ["Space group", "Ensemble", *phase_map.members],
        rows,
        f"{percent(answered / phase_map.n)} of {count(phase_map.n, 'point')} answered. Members never abstain.",
    )


def fraction_table(
    fractions: Fractions, classes: tuple[int, ...], labels: Sequence[str] | None = None
) -> Table:
    """Phase fractions with their intervals.

    Parameters
    ----------
    fractions
        As `ensemble.phase_fractions.phase_fractions` returns them, of K classes.
    classes
        Space-group numbers, K of them.
    labels
        What they are called; number and symbol by default.

    Returns
    -------
    Table
        A row per space group, in per cent.
    """
    rows = [
        [label, percent(plain), percent(fraction), _interval(low, high)]
        for label, plain, fraction, low, high in zip(
            labels or list(map(_label, classes)),
            fractions.plain,
            fractions.fraction,
            fractions.low,
            fractions.high,
            strict=True,
        )
    ]
    points = fractions.answered + fractions.abstained
    rests = f" Intervals are of the material that the map samples, over {fractions.blocks} independent blocks of it."
    if fractions.blocks is None:
        rests = ""
    elif fractions.blocks < LEAST_BLOCKS:
        rests = f" No interval: the map is worth {fractions.blocks} independent blocks, fewer than {LEAST_BLOCKS}."
    return Table(
        "Phase fractions",
        ["Space group", "Counted", "Corrected", f"{100 * fractions.confidence:.3g} % credible interval"],
        rows,
        f"Counted: of {count(fractions.answered, 'answered point')}. Corrected for what held-out patterns show the "
        f"ensemble confuses and where it abstains, over {count(points, 'readable, familiar point')}.{rests}",
    )


def origin_table(phase_map: PhaseMap) -> Table:
    """How the map was made, as its `meta` says; the promise and the warnings have places of their own.

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


def _interval(low: float, high: float) -> str:
    return f"{percent(low)} to {percent(high)}" if np.isfinite(low) else "not given"


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
