"""The workflow of `compare`: a map against the truth, or against another map of the same scan."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES
from ensemble.errors import InputError
from ensemble.metrics import agreement_table, cohen_kappa
from kikuchi._support.atomic import write_json
from kikuchi._support.json import plain
from kikuchi._support.versions import versions
from kikuchi.evaluation.selective_scores import error_rate
from kikuchi.evaluation.tables import write_csv
from kikuchi.html.comparison_page import write_comparison_page
from kikuchi.html.tables import percent
from kikuchi.maps.comparison_picture import comparison_picture
from kikuchi.maps.map_data import MapData
from kikuchi.maps.picture_files import write_pictures
from kikuchi.maps.point_table import PointTable, common_points, point_table, read_point_table


@dataclass(frozen=True)
class Comparison:
    """Comparison of two maps, or of a map and the truth.

    Attributes
    ----------
    first, second
        What was compared, the common points only; the second is the truth where there is one.
    data
        Plain numbers: ``points``, ``answered`` (share of each, and points that both answer), ``agreement`` and
        ``kappa`` over these, the same for ``first_choice``, the ``confusion``, and for a truth ``wrong_answers`` with
        its interval and ``kinds``, what became of each kind of point that a simulation knows.
    text
        The same for people; its first line is the verdict.
    folder
        Where page and tables lie.
    """

    first: PointTable
    second: PointTable
    data: dict[str, Any]
    text: str
    folder: Path | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        return dict(self.data)

    def summary(self) -> str:
        """Return the verdict, and where to look."""
        look = "" if self.folder is None else f"\nlook at {self.folder / 'comparison.html'}"
        return f"{self.text}{look}"


def compare(
    first: str | Path | MapData, second: str | Path | MapData, out: str | Path = "comparison"
) -> Comparison:
    """Compare a map with the truth, or with another map of the same scan.

    Parameters
    ----------
    first
        A map as `kikuchi.map_scan` returns it, the folder that it wrote, or its ``map.csv``.
    second
        Another one, or the truth: a CSV with ``space_group`` and ``row`` and ``col`` (or ``index``) of each point, such
        as the ``.truth.csv`` that `kikuchi.simulate` writes.
    out
        Folder: ``comparison.html`` (both side by side, with linked cursors), ``comparison.json``, ``confusion.csv``,
        ``comparison.png``, and the picture as SVG and PDF in ``figures``.

    Returns
    -------
    Comparison
        The numbers, and the same for people.

    Raises
    ------
    InputError
        One of them cannot be read, the first is no map, they share no point, or the folder cannot be written.
    """
    one, other = (point_table(m) if isinstance(m, MapData) else read_point_table(m) for m in (first, second))
    if one.is_truth:
        raise InputError(
            f"{one.name} has no column status: it is no map", remedy="give the map first, then the truth"
        )
    mine, theirs = common_points(one, other)
    data = measure(mine, theirs) | {
        "only_first": len(one.index) - len(mine.index),
        "only_second": len(other.index) - len(mine.index),
    }
    folder = Path(out)
    compared = Comparison(mine, theirs, data, _text(data, mine, theirs), folder)
    rows, columns = data["confusion"]["rows"], data["confusion"]["columns"]
    write_csv(
        folder / "confusion.csv",
        [
            {"truth" if theirs.is_truth else "second": row} | dict(zip(columns, counts, strict=True))
            for row, counts in zip(rows, data["confusion"]["counts"], strict=True)
        ],
    )
    if mine.place is not None:
        write_pictures({"comparison": partial(comparison_picture, mine, theirs)}, folder)
    write_comparison_page(mine, theirs, data, compared.text.splitlines()[0], folder / "comparison.html")
    write_json(folder / "comparison.json", plain(data | {"versions": versions()}))
    return compared


def measure(first: PointTable, second: PointTable) -> dict[str, Any]:
    """Measure how two tables of the same points go together.

    Parameters
    ----------
    first, second
        Of the same N points, as `common_points` returns them.

    Returns
    -------
    dict
        As in `Comparison.data`.
    """
    n = len(first.index)
    classes = np.unique(np.concatenate([first.first, first.answer, second.first, second.answer]))
    classes = classes[classes > 0]
    answers = [np.where(record.status == 0, record.answer, 0) for record in (first, second)]
    both = (answers[0] > 0) & (answers[1] > 0)
    chosen = (first.first > 0) & (second.first > 0)
    data: dict[str, Any] = {
        "first": first.name,
        "second": second.name,
        "truth": second.is_truth,
        "points": n,
        "space_groups": classes.tolist(),
        "answered": {
            "first": float((answers[0] > 0).mean()),
            "second": float((answers[1] > 0).mean()),
            "both": int(both.sum()),
        },
        **_agreement(answers[0][both], answers[1][both], classes),
        "first_choice": {"points": int(chosen.sum())}
        | _agreement(first.first[chosen], second.first[chosen], classes),
        "confusion": _confusion(first, second, classes),
    }
    if second.is_truth:
        wrong = int((answers[0][both] != answers[1][both]).sum())
        data["wrong_answers"] = {"count": wrong, "of": int(both.sum())} | error_rate(wrong, int(both.sum()))
        data["kinds"] = _kinds(first, second)
    return data


def _agreement(
    one: NDArray[np.int16], other: NDArray[np.int16], classes: NDArray[np.int16]
) -> dict[str, Any]:
    if not len(one):
        return {"agreement": None, "kappa": None}
    table = agreement_table(np.searchsorted(classes, one), np.searchsorted(classes, other), len(classes))
    kappa = cohen_kappa(table)
    return {
        "agreement": float(np.trace(table) / table.sum()),
        "kappa": None if np.isnan(kappa) else kappa,
    }


def _confusion(first: PointTable, second: PointTable, classes: NDArray[np.int16]) -> dict[str, Any]:
    """Count what the second says (rows) against what the first says (columns), reasons after the groups."""
    k, reasons = len(classes), STATUS_NAMES[1:]

    def coded(record: PointTable) -> NDArray[np.intp]:
        group = np.searchsorted(classes, np.maximum(record.answer, classes[0] if k else 0))
        return np.where(
            (record.status == 0) & (record.answer > 0), group, k + np.maximum(record.status, 1) - 1
        )

    words = [*map(str, classes.tolist()), *reasons]
    size = len(words)
    counts = np.bincount(coded(second) * size + coded(first), minlength=size * size).reshape(size, size)
    kept = np.flatnonzero(counts.sum(axis=1)), np.flatnonzero(counts.sum(axis=0))
    names = [word if not (second.is_truth and word in reasons) else "no crystal" for word in words]
    return {
        "rows": [names[i] for i in kept[0]],
        "columns": [words[i] for i in kept[1]],
        "counts": counts[np.ix_(*kept)].tolist(),
    }


def _kinds(first: PointTable, truth: PointTable) -> list[dict[str, Any]]:
    """Count what the map makes of each kind of point that a simulation knows: known, overlap, foreign, unreadable."""
    if truth.kind is None:
        return []
    rows = []
    for kind in [str(kind) for kind in dict.fromkeys(truth.kind.tolist()) if kind]:
        here = truth.kind == kind
        counts = np.bincount(first.status[here], minlength=len(STATUS_NAMES))
        wrong = here & (first.status == 0) & (first.answer != truth.answer)
        rows.append(
            {"kind": kind, "points": int(here.sum())}
            | dict(zip(STATUS_NAMES, counts.tolist(), strict=True))
            | {"wrong_answers": int(wrong.sum())}
        )
    return rows


def _text(data: dict[str, Any], first: PointTable, second: PointTable) -> str:
    answered, kappa = data["answered"], data["kappa"]
    beyond = "" if kappa is None else f" (Cohen's kappa {kappa:.3g})"
    if second.is_truth:
        wrong = data["wrong_answers"]
        known = int((second.answer > 0).sum())
        share = percent(wrong["of"] / known if known else 0)
        verdict = f"{first.name} answers {share} of {known:,} points with a known truth"
        verdict += (
            f"; {wrong['count']:,} of these {wrong['of']:,} answers are wrong, {percent(wrong['value'])}{beyond}."
            if wrong["of"]
            else "."
        )
    else:
        verdict = (
            f"{first.name} and {second.name} both answer {answered['both']:,} of {data['points']:,} points"
        )
        verdict += (
            f" and agree at {percent(data['agreement'])} of them{beyond}; "
            if data["agreement"] is not None
            else "; "
        )
        verdict += f"alone they answer {percent(answered['first'])} and {percent(answered['second'])}."
    lines = [verdict]
    choice = data["first_choice"]
    if choice["agreement"] is not None:
        lines.append(
            f"first choices, answered or not: {percent(choice['agreement'])} of {choice['points']:,} points agree"
            + ("" if choice["kappa"] is None else f" (kappa {choice['kappa']:.3g})")
        )
    if data["only_first"] or data["only_second"]:
        lines.append(
            f"left out: {data['only_first']:,} points that only {first.name} has, {data['only_second']:,} that only "
            f"{second.name} has"
        )
    return "\n".join(lines)
