"""Two maps of one scan side by side, with linked cursors: `comparison.html`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES, Status
from kikuchi._support.atomic import write_text
from kikuchi.crystallography.vendor_codes import symbol
from kikuchi.html.columns import pack, quantise
from kikuchi.html.frame import render_page, script_json
from kikuchi.html.glossary import glossary
from kikuchi.html.tables import Table, count, percent
from kikuchi.maps.colours import FLAT_TONES, SPACE_GROUP_COLOURS, STATUS_TONES
from kikuchi.maps.comparison_picture import DIFFERENCES, differences
from kikuchi.maps.point_table import PointTable


def write_comparison_page(
    first: PointTable, second: PointTable, data: Mapping[str, Any], verdict: str, out_file: str | Path
) -> Path:
    """Write the page.

    Parameters
    ----------
    first, second
        Of the same points, as `kikuchi.maps.point_table.common_points` returns them.
    data
        As `kikuchi.workflows.compare.measure` returns it.
    verdict
        One sentence.
    out_file
        The HTML file. Where points have no row and column it holds the tables alone.
    """
    html = render_page(
        "comparison.html",
        scripts=["map/basics.js", "map/columns.js", "compare.js"] if first.place is not None else [],
        styles=["map.css", "compare.css"],
        title=f"{first.name} and {second.name}",
        kicker="Two maps of one scan, point by point"
        if not second.is_truth
        else "A map and the truth, point by point",
        subtitle=count(data["points"], "common point"),
        verdict=verdict,
        names=(first.name, second.name),
        drawn=first.place is not None,
        tables=_tables(data),
        payload=script_json(_payload(first, second, data) if first.place is not None else {}),
    )
    write_text(Path(out_file), html)
    return Path(out_file)


def _tables(data: Mapping[str, Any]) -> list[Table]:
    names = (data["first"], data["second"])
    choice, answered = data["first_choice"], data["answered"]
    shares = Table(
        "How far they go together",
        ["What", "Points", "Agreement", "Cohen's kappa"],
        [
            ["answered by both", answered["both"], _percent(data["agreement"]), data["kappa"]],
            ["first choices", choice["points"], _percent(choice["agreement"]), choice["kappa"]],
        ],
        f"Answered alone: {percent(answered['first'])} by {names[0]}, {percent(answered['second'])} "
        + (f"have a crystal in {names[1]}." if data["truth"] else f"by {names[1]}."),
    )
    confusion = data["confusion"]
    tables = [
        shares,
        Table(
            f"Confusion: rows {names[1]}, columns {names[0]}",
            ["", *confusion["columns"]],
            [[row, *counts] for row, counts in zip(confusion["rows"], confusion["counts"], strict=True)],
        ),
    ]
    if data["truth"] and data["kinds"]:
        tables.append(
            Table(
                "What became of each kind of point that the simulation knows",
                ["Kind", "Points", *STATUS_NAMES, "Wrong answers"],
                [
                    [row["kind"], row["points"], *(row[name] for name in STATUS_NAMES), row["wrong_answers"]]
                    for row in data["kinds"]
                ],
            )
        )
    return tables


def _percent(share: float | None) -> str | None:
    return None if share is None else percent(share)


def _payload(first: PointTable, second: PointTable, data: Mapping[str, Any]) -> dict[str, Any]:
    assert first.place is not None
    groups = data["space_groups"]
    row, col = first.place.T
    rows, columns = int(row.max()) + 1, int(col.max()) + 1
    cells = row * columns + col
    return {
        "n": len(row),
        "rows": rows,
        "columns": columns,
        "cells": None if np.array_equal(cells, np.arange(rows * columns)) else pack(cells, "u4"),
        "index": pack(first.index, "u4"),
        "statuses": list(STATUS_NAMES),
        "glossary": glossary(),
        "groups": [{"label": f"{g} {symbol(g)}", "colour": SPACE_GROUP_COLOURS[g]} for g in groups],
        "tones": [
            {"colour": FLAT_TONES[s], "stripes": STATUS_TONES[s].stripes, "slope": STATUS_TONES[s].slope}
            for s in Status
        ],
        "differences": [{"label": label, "colour": colour} for label, colour in DIFFERENCES],
        "difference": pack(differences(first, second), "u1"),
        "sides": [_side(record, groups) for record in (first, second)],
    }


def _side(record: PointTable, groups: list[int]) -> dict[str, Any]:
    solved = (record.status == 0) & (record.answer > 0)
    answer = np.where(solved, _codes(record.answer, groups), len(groups) + np.maximum(record.status, 1) - 1)
    first = np.where(
        record.first > 0, _codes(record.first, groups), len(groups) + np.maximum(record.status, 1) - 1
    )
    return {
        "name": record.name,
        "truth": record.is_truth,
        "answer": pack(answer, "u1"),
        "first": pack(first, "u1"),
        "confidence": quantise(-np.log10(np.clip(1 - record.confidence, 1e-7, 1))),
        "kinds": None if record.kind is None else sorted({str(k) for k in record.kind}),
        "kind": None
        if record.kind is None
        else pack(np.unique(record.kind.astype(str), return_inverse=True)[1], "u1"),
    }


def _codes(space_groups: NDArray[np.int16], groups: list[int]) -> NDArray[np.intp]:
    return np.minimum(np.searchsorted(groups, space_groups), max(len(groups) - 1, 0))
