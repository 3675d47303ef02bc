"""An evaluation as CSV files: every number for people with a spreadsheet."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from kikuchi._support import atomic
from kikuchi._support.cells import cells
from kikuchi.evaluation.classes import MEASURES, REASONS

Row = Mapping[str, Any]


def write_tables(evaluation: Row, out: Path) -> list[Path]:
    """Write every number of an evaluation as CSV; a number that does not exist is an empty cell.

    ``rules.csv`` (scores of everybody), ``against_best_single.csv``, ``classes.csv``, ``materials.csv``,
    ``status.csv``, ``promise.csv``,
    ``promise_parts.csv`` (each true material, each answered class), ``calibration.csv``,
    ``reliability.csv``, ``diversity.csv``, and where there are
    unknown space groups ``unfamiliar.csv``. ``confusion_<rule>.csv`` counts patterns by truth (rows) and by the class
    put first (columns), answered or not; ``decisions_<rule>.csv`` counts them by what became of them.

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
    everybody = list(evaluation["scores"])
    tables: dict[str, list[Row]] = {
        "rules.csv": [_scores(evaluation, name) for name in everybody],
        "against_best_single.csv": [
            {"rule": rule} | _wide(row) for rule, row in evaluation["against_best_single"].items()
        ],
        "classes.csv": [
            _who(evaluation, name) | row
            for name in everybody
            for row in evaluation["classes_of"][name]["rows"]
        ],
        "materials.csv": [
            _who(evaluation, name) | row for name in everybody for row in evaluation["materials_of"][name]
        ],
        "status.csv": [
            {"who": name} | _wide(row) for name, rows in evaluation["statuses"].items() for row in rows
        ],
        "promise.csv": [_promise(name, held) for name, held in evaluation["promises"].items()],
        "promise_parts.csv": [_wide(row) for row in evaluation["promise_parts"]],
        "diversity.csv": _pairs(evaluation["bundle"]["members"], evaluation["diversity"]),
    }
    judged = {name: found for name, found in evaluation["calibration"].items() if found is not None}
    if judged:
        tables["calibration.csv"] = [
            {"who": name, "calibration": when, "method": found["method"]}
            | _wide(found[when]["scores"])
            | {f"netcal_{score}": number for score, number in found[when].get("netcal", {}).items()}
            for name, found in judged.items()
            for when in ("before", "after")
        ]
        tables["reliability.csv"] = [
            row
            for name, found in judged.items()
            for when in ("before", "after")
            for row in _bins(name, found, when)
        ]
    if evaluation["unfamiliar"]:
        tables["unfamiliar.csv"] = [_wide(row) for row in evaluation["unfamiliar"]["separation"]]
    if evaluation.get("strangers") and evaluation["strangers"]["auroc"]:
        tables["strangers.csv"] = [
            {"score": name, "auroc": value} for name, value in evaluation["strangers"]["auroc"].items()
        ]
    groups = [str(g) for g in evaluation["space_groups"]]
    for name, matrices in evaluation["matrices"].items():
        tables[f"confusion_{name}.csv"] = _matrix(matrices["confusion"], groups)
        tables[f"decisions_{name}.csv"] = _matrix(matrices["decisions"], [*groups, *REASONS])
    return [write_csv(out / name, rows) for name, rows in tables.items()]


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows that share their columns, at least one; None becomes an empty cell."""
    with atomic.replaced(path) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(cells(rows[0])))
        writer.writeheader()
        writer.writerows(map(cells, rows))
    return path


def _who(evaluation: Row, name: str) -> dict[str, Any]:
    return {"who": name, "kind": evaluation["kinds"][name]}


def _scores(evaluation: Row, name: str) -> Row:
    weighted = evaluation["classes_of"][name]["weighted"]
    return (
        _who(evaluation, name)
        | _wide(evaluation["scores"][name])
        | {f"weighted_{m}": weighted[m] for m in MEASURES}
        | {"enrichment": evaluation["enrichment"][name]}
    )


def _promise(name: str, held: Row) -> Row:
    certificate = held["certificate"]
    asked = {key: certificate[key] for key in ("target_risk", "confidence", "certified", "certified_risk")}
    measured = {k: v for k, v in held.items() if k not in ("certificate", "remark")}
    return {"who": name} | asked | _wide(measured)


def _wide(row: Row) -> dict[str, Any]:
    """Spread every number with an interval over three columns: x, x_low, x_high."""
    wide: dict[str, Any] = {}
    for name, found in row.items():
        if isinstance(found, Mapping):
            wide |= {name if end == "value" else f"{name}_{end}": number for end, number in found.items()}
        else:
            wide[name] = found
    return wide


def _bins(who: str, found: Row, when: str) -> list[Row]:
    bins = found[when]["reliability"]
    columns = ("count", "confidence", "accuracy", "low", "high")
    rows = zip(bins["edges"], bins["edges"][1:], *(bins[c] for c in columns), strict=False)
    names = ("from", "to", "patterns", "confidence", "accuracy", "accuracy_low", "accuracy_high")
    return [{"who": who, "calibration": when} | dict(zip(names, row, strict=True)) for row in rows]


def _pairs(members: Sequence[str], matrices: Mapping[str, Sequence[Sequence[float]]]) -> list[Row]:
    return [
        {"member": a, "other": b} | {name: matrix[i][j] for name, matrix in matrices.items()}
        for i, a in enumerate(members)
        for j, b in enumerate(members)
    ]


def _matrix(counts: Sequence[Sequence[int]], columns: Iterable[str]) -> list[Row]:
    named = list(columns)
    truths = [*named[: len(counts) - 1], "unknown"]
    return [
        {"truth": truth} | dict(zip(named, row, strict=True))
        for truth, row in zip(truths, counts, strict=True)
    ]
