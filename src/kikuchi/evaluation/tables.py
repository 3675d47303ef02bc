"""An evaluation as CSV files: every number for people with a spreadsheet."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kikuchi import files
from kikuchi.evaluation.classes import REASONS

CLASS_COLUMNS = ("precision", "recall", "f1", "support", "answered", "risk_answered")


def write_tables(evaluation: Mapping[str, Any], out: Path) -> list[Path]:
    """Write ``rules.csv``, ``classes.csv``, ``materials.csv``, ``status.csv`` and the matrices of each rule.

    ``confusion_<rule>.csv`` counts patterns by truth (rows) and by the class put first (columns), answered or not;
    ``decisions_<rule>.csv`` counts them by what became of them. A number that does not exist is an empty cell.

    Parameters
    ----------
    evaluation
        As `kikuchi.evaluate` returns it.
    out
        Folder, which exists.

    Raises
    ------
    InputError
        A file cannot be written.
    """
    names = list(evaluation["scores"])
    written = {
        "rules.csv": [_scores(evaluation, name) for name in names],
        "classes.csv": [
            _who(evaluation, name) | row for name in names for row in evaluation["classes_of"][name]["rows"]
        ],
        "materials.csv": [
            _who(evaluation, name) | row for name in names for row in evaluation["materials_of"][name]
        ],
        "status.csv": [
            {"who": name} | {k: v for k, v in row.items() if k != "error_rate"} | _wide(row, "error_rate")
            for name, rows in evaluation["statuses"].items()
            for row in rows
        ],
    }
    groups = [str(g) for g in evaluation["space_groups"]]
    for name, matrices in evaluation["matrices"].items():
        written[f"confusion_{name}.csv"] = _matrix(matrices["confusion"], groups)
        written[f"decisions_{name}.csv"] = _matrix(matrices["decisions"], [*groups, *REASONS])
    return [write_csv(out / name, rows) for name, rows in written.items()]


def write_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    """Write rows of one set of columns; None becomes an empty cell."""
    with files.replaced(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]) if rows else [])
        writer.writeheader()
        writer.writerows(rows)
    return path


def _who(evaluation: Mapping[str, Any], name: str) -> dict[str, str]:
    return {"who": name, "kind": evaluation["kinds"][name]}


def _scores(evaluation: Mapping[str, Any], name: str) -> dict[str, Any]:
    row: dict[str, Any] = dict(_who(evaluation, name))
    for score in evaluation["scores"][name]:
        row |= _wide(evaluation["scores"][name], score)
    weighted = evaluation["classes_of"][name]["weighted"]
    row |= {f"weighted_{m}": weighted.get(m) for m in ("precision", "recall", "f1")}
    return row | {"enrichment": evaluation["enrichment"][name]}


def _wide(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    found = row[name]
    return {name: found["value"], f"{name}_low": found["low"], f"{name}_high": found["high"]}


def _matrix(counts: Sequence[Sequence[int]], columns: Iterable[str]) -> list[dict[str, Any]]:
    named = list(columns)
    truths = [*named[: len(counts) - 1], "unknown"]
    return [
        {"truth": truth} | dict(zip(named, row, strict=True))
        for truth, row in zip(truths, counts, strict=True)
    ]
