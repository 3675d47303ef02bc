"""Space group and status at every point of a map or of a truth, read back from its file for a comparison."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ensemble.abstention import STATUS_NAMES, Status
from ensemble.errors import InputError, printable
from kikuchi.maps.map_data import MapData, solved_space_groups

if TYPE_CHECKING:
    import pandas as pd

_REMEDY = "the folder that `ensemble map` wrote, its map.csv, or a CSV with space_group and row, col or index"


@dataclass(frozen=True)
class PointTable:
    """Space group and status of N points.

    Attributes
    ----------
    name
        Of the map or of the file.
    place
        Row and column of each point, shape (N, 2); None where the table has only an index.
    index
        Number of each point in scan order, shape (N,).
    answer, first
        Space group that is answered and that is put first, shape (N,); 0 where none is.
    status
        Code of `ensemble.abstention.Status`, shape (N,); a truth is solved where it has a space group.
    confidence
        Calibrated probability of the first choice, shape (N,); NaN where it is not known.
    is_truth
        Whether it is a truth and no map: it has no status of its own.
    kind
        What a simulation says of the point (``known``, ``foreign``, ...), shape (N,); None where it says nothing.
    """

    name: str
    place: NDArray[np.intp] | None
    index: NDArray[np.intp]
    answer: NDArray[np.int16]
    first: NDArray[np.int16]
    status: NDArray[np.int8]
    confidence: NDArray[np.float64]
    is_truth: bool
    kind: NDArray[np.object_] | None = None

    def take(self, points: NDArray[np.intp]) -> "PointTable":
        """Return some points, in the order given."""
        return PointTable(
            self.name,
            None if self.place is None else self.place[points],
            self.index[points],
            self.answer[points],
            self.first[points],
            self.status[points],
            self.confidence[points],
            self.is_truth,
            None if self.kind is None else self.kind[points],
        )


def read_point_table(path: str | Path) -> PointTable:
    """Read a map, or a truth, from a folder or a CSV file.

    Parameters
    ----------
    path
        A folder that `kikuchi.map_scan` wrote, its ``map.csv``, or any CSV with a column ``space_group`` and either
        ``row`` and ``col`` or ``index``, as ``kikuchi.simulate`` writes beside a scan.

    Raises
    ------
    InputError
        There is no such file, or it has no such columns.
    """
    path = Path(path)
    file = path / "map.csv" if path.is_dir() else path
    if not file.is_file():
        raise InputError("nothing to compare", path=file, remedy=_REMEDY)
    table = _table(file)
    if "space_group" not in table or not ({"row", "col"} <= set(table) or "index" in table):
        raise InputError(
            "has no column space_group, or no row and col, nor an index", path=file, remedy=_REMEDY
        )
    answer = _groups(table["space_group"], file)
    n = len(table)
    place = None
    if {"row", "col"} <= set(table):
        place = np.stack([_whole(table[name], name, file) for name in ("row", "col")], axis=1)
    index = _whole(table["index"], "index", file) if "index" in table else np.arange(n)
    kind = table["status_truth"].fillna("").to_numpy(object) if "status_truth" in table else None
    if "status" not in table:
        status = np.where(answer > 0, 0, Status.UNREADABLE).astype(np.int8)
        name = f"the truth ({_name(path).removesuffix('.csv').removesuffix('.truth')})"
        return PointTable(name, place, index, answer, answer, status, np.full(n, np.nan), True, kind)
    codes = {name: code for code, name in enumerate(STATUS_NAMES)}
    known = table["status"].map(codes)
    if known.isna().any():
        raise InputError(
            f"an unknown status {table['status'][known.isna()].iloc[0]!r}", path=file, remedy=_REMEDY
        )
    first = _first(table, answer, _phases(path))
    confidence = table["confidence"].to_numpy(float) if "confidence" in table else np.full(n, np.nan)
    return PointTable(
        _name(path), place, index, answer, first, known.to_numpy(np.int8), confidence, False, kind
    )


def point_table(phase_map: MapData) -> PointTable:
    """Return what a map in memory says, as `read_point_table` reads it from its folder."""
    d = phase_map.decision
    numbers = np.asarray(phase_map.classes, dtype=np.int16)
    answer = solved_space_groups(phase_map)
    return PointTable(
        phase_map.name,
        np.stack([phase_map.row, phase_map.col], axis=1).astype(np.intp),
        np.arange(phase_map.n),
        answer,
        np.where(d.winner >= 0, numbers[d.winner], 0).astype(np.int16),
        np.asarray(d.status, dtype=np.int8),
        np.asarray(d.confidence, dtype=np.float64),
        False,
    )


def common_points(first: PointTable, second: PointTable) -> tuple[PointTable, PointTable]:
    """Return the points that both have, in the order of the first: by row and column, else by their index.

    Raises
    ------
    InputError
        They share no point, or a point occurs twice.
    """
    if first.place is not None and second.place is not None:
        width = 1 + max(int(first.place[:, 1].max(initial=0)), int(second.place[:, 1].max(initial=0)))
        keys = [
            record.place[:, 0] * width + record.place[:, 1]
            for record in (first, second)
            if record.place is not None
        ]
    else:
        keys = [first.index, second.index]
    for record, key in zip((first, second), keys, strict=True):
        if len(np.unique(key)) < len(key):
            raise InputError(f"{record.name} names a point twice")
    shared, mine, theirs = np.intersect1d(keys[0], keys[1], return_indices=True)
    if not len(shared):
        raise InputError(f"{first.name} and {second.name} share no point", remedy="give maps of one scan")
    order = np.argsort(mine)
    return first.take(mine[order]), second.take(theirs[order])


def _table(file: Path) -> "pd.DataFrame":
    import pandas as pd

    wanted = {"index", "row", "col", "space_group", "status", "confidence", "status_truth"}
    try:
        return pd.read_csv(
            file, usecols=lambda name: name in wanted or name.startswith("p_"), dtype={"status": str}
        )
    except (OSError, ValueError, UnicodeError) as error:
        raise InputError(f"cannot be read as CSV: {error}", path=file, remedy=_REMEDY) from error


def _groups(column: Any, file: Path) -> NDArray[np.int16]:
    import pandas as pd

    numbers = pd.to_numeric(column, errors="coerce")
    wrong = column.notna() & (numbers.isna() | (numbers < 1) | (numbers > 230) | (numbers % 1 != 0))
    if wrong.any():
        raise InputError(
            f"{column[wrong].iloc[0]!r} is no space group", path=file, remedy="1 to 230, or empty"
        )
    return numbers.fillna(0).to_numpy(np.int16)


def _whole(column: Any, name: str, file: Path) -> NDArray[np.intp]:
    values = column.to_numpy()
    if values.dtype.kind not in "iu" or (len(values) and values.min() < 0):
        raise InputError(f"the column {name} does not hold whole numbers from 0 on", path=file)
    return values.astype(np.intp)


def _first(table: "pd.DataFrame", answer: NDArray[np.int16], phases: dict[str, int]) -> NDArray[np.int16]:
    """Group put first: of the largest probability, where the table has them, else the answer."""
    names = [name for name in table if name.startswith("p_")]
    groups = [phases.get(name[2:]) or (int(name[2:]) if name[2:].isdecimal() else 0) for name in names]
    if not names or not all(groups):
        return answer
    shares = table[names].to_numpy(float)
    best = np.array(groups, np.int16)[np.nan_to_num(shares, nan=-1).argmax(axis=1)]
    return np.where(np.isnan(shares).all(axis=1), 0, best).astype(np.int16)


def _phases(path: Path) -> dict[str, int]:
    """Space groups of phases by name, as the map's summary has them."""
    summary = (path if path.is_dir() else path.parent) / "summary.json"
    try:
        record = json.loads(summary.read_text(encoding="utf-8"))
        return {str(p["name"]): int(p["space_group"]) for p in record.get("phases", [])}
    except (OSError, ArithmeticError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _name(path: Path) -> str:
    resolved = path.resolve()
    return printable(resolved.name if path.is_dir() or path.name != "map.csv" else resolved.parent.name)
