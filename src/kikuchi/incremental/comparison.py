"""Gain or loss of every class when a bundle was extended."""

import csv
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi._support.cells import cells
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import HeldOut, Part
from kikuchi.evaluation.selective_scores import error_rate

#: Share with its exact 95 % interval, as `kikuchi.evaluation.selective_scores.error_rate` gives it.
Rate = dict[str, float | None]


@dataclass(frozen=True)
class Change:
    """One class before and after.

    Attributes
    ----------
    space_group
        Its number.
    new
        Whether the older bundle did not know it.
    patterns
        How many it is judged on; no head was fitted to any that judged it.
    accuracy_before, accuracy_after
        Share whose most probable class is right, whether or not it is answered.
    answered_before, answered_after
        Share that gets an answer.
    wrong_before, wrong_after
        Share of the answers that are wrong.
    """

    space_group: int
    new: bool
    patterns: int
    accuracy_before: Rate
    accuracy_after: Rate
    answered_before: Rate
    answered_after: Rate
    wrong_before: Rate
    wrong_after: Rate


def compared(
    old: Bundle, new: Bundle, before: tuple[HeldOut, np.ndarray], after: HeldOut
) -> tuple[Change, ...]:
    """Compare two bundles on the same held-out patterns, class by class.

    Parameters
    ----------
    old, new
        The bundles.
    before
        What the older one says of the patterns, and which of the new columns each of its classes is.
    after
        What the newer one says of them, with their true labels. Of classes that the older one knew, only test patterns
        count; of the others all, there being few.
    """
    outputs, column = before
    first, second = old.decide(outputs.outputs), new.decide(after.outputs)
    named = column[np.maximum(first.winner, 0)]
    changes = []
    for k, group in enumerate(new.classes):
        known = group in old.classes
        here = (after.labels == k) & ((after.part == Part.TEST) | (not known))
        right = {"before": (named == k) & known, "after": second.winner == k}
        rates = {}
        for when, decision in (("before", first), ("after", second)):
            answered = here & (decision.status == 0)
            rates[f"accuracy_{when}"] = _share(right[when], here)
            rates[f"answered_{when}"] = _share(answered, here)
            rates[f"wrong_{when}"] = _share(~right[when], answered)
        changes.append(Change(int(group), not known, int(here.sum()), **rates))
    return tuple(changes)


def write_table(folder: Path, changes: tuple[Change, ...]) -> None:
    """Write the changes as ``extension.csv`` and ``extension.json``."""
    atomic.write_json(folder / "extension.json", [asdict(change) for change in changes])
    rows = [_row(change) for change in changes]
    with (
        atomic.replaced(folder / "extension.csv") as partial,
        partial.open("w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(map(cells, rows))


def read_changes(folder: Path) -> tuple[Change, ...]:
    """Read what `write_table` wrote.

    Raises
    ------
    InputError
        The file is missing or broken.
    """
    path = folder / "extension.json"
    record = atomic.read_json(path, remedy="extend again into another --out")
    try:
        return tuple(Change(**row) for row in record)
    except TypeError as error:
        raise InputError(
            "not the changes of an extension", path=path, remedy="extend again into another --out"
        ) from error


def table_of_changes(changes: tuple[Change, ...]) -> str:
    """Return what was gained and what was forgotten as a table of text, one line a class."""
    lines = ["space group  patterns  right before -> after  answered before -> after  wrong among answers"]
    for c in changes:
        cells = [
            f"{_percent(getattr(c, f'{what}_before'))} -> {_percent(getattr(c, f'{what}_after'))}"
            for what in ("accuracy", "answered", "wrong")
        ]
        lines.append(f"{c.space_group:>7}{' new' if c.new else '    '} {c.patterns:>9}  " + "  ".join(cells))
    return "\n".join(lines)


def _share(chosen: np.ndarray, among: np.ndarray) -> Rate:
    return error_rate(int((chosen & among).sum()), int(among.sum()))


def _percent(rate: Rate) -> str:
    return "-" if rate["value"] is None else f"{rate['value']:.1%}"


def _row(change: Change) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, value in asdict(change).items():
        row |= (
            {f"{name}_{k}".removesuffix("_value"): v for k, v in value.items()}
            if isinstance(value, dict)
            else {name: value}
        )
    return row
