"""A map as comma-separated values: one row a pattern, for everybody."""

from pathlib import Path

import numpy as np

from ensemble.abstention import Status
from kikuchi._support.atomic import replaced
from kikuchi._support.cells import cell, cells
from kikuchi.maps.map_data import (
    MapData,
    candidate_texts,
    solved_space_groups,
    status_names,
    voted_space_groups,
)

MEASURES = (
    "confidence",
    "entropy",
    "expected_entropy",
    "mutual_information",
    "variation_ratio",
    "unfamiliarity",
    "quality",
)


def write_csv(phase_map: MapData, path: str | Path) -> None:
    """Write a map as CSV.

    The columns are index, row, col, x and y (micrometres), space_group (empty where there is no solution), status,
    candidates (such as ``221|225``), confidence, entropies (nats), variation_ratio, unfamiliarity, quality,
    ``p_<space group>`` for each class and ``vote_<member>`` for each member, as a space-group number, then the map's
    own further columns. Where the classes are phases by name, these stand in place of the numbers, and the answer in a
    column ``phase`` beside its space group. A value that does not exist is empty.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    import pandas as pd

    table = columns_of(phase_map)
    with replaced(Path(path)) as temporary:
        pd.DataFrame({name: _safe(column) for name, column in cells(table).items()}).to_csv(
            temporary, index=False
        )


def columns_of(phase_map: MapData) -> dict[str, object]:
    """Return the columns of `write_csv` by name, (N,) each, words as they are."""
    d = phase_map.decision
    columns: dict[str, object] = {
        "index": np.arange(phase_map.n),
        "row": phase_map.row,
        "col": phase_map.col,
        "x": np.round(np.asarray(phase_map.x, dtype=float), 6),
        "y": np.round(np.asarray(phase_map.y, dtype=float), 6),
        "space_group": _or_empty(solved_space_groups(phase_map)),
        "status": status_names(d.status),
        "candidates": candidate_texts(d.candidates, phase_map.words),
    }
    if phase_map.phases:
        columns["phase"] = _names(phase_map, np.where(d.status == Status.SOLVED, d.winner, -1))
    columns |= {name: np.asarray(getattr(d, name), dtype=np.float32) for name in MEASURES}
    probabilities = np.asarray(d.probabilities, dtype=np.float32)
    columns |= {f"p_{word}": probabilities[:, k] for k, word in enumerate(phase_map.words)}
    if phase_map.phases:
        columns |= {f"vote_{name}": _names(phase_map, d.votes[m]) for m, name in enumerate(phase_map.members)}
    else:
        votes = voted_space_groups(phase_map)
        columns |= {f"vote_{name}": _or_empty(votes[m]) for m, name in enumerate(phase_map.members)}
    columns |= phase_map.columns
    return columns


def _safe(column: object) -> object:
    """Return a column whose words are no formulas."""
    words = isinstance(column, np.ndarray) and column.dtype == object
    return [cell(value) for value in column] if words else column  # type: ignore[attr-defined]


def _names(phase_map: MapData, indices: np.ndarray) -> np.ndarray:
    """Return the phases' names by class index, empty where that is negative."""
    return np.array([*phase_map.words, ""], dtype=object)[indices]


def _or_empty(space_groups: np.ndarray) -> object:
    """Return the numbers as a column that is empty where they are 0."""
    import pandas as pd

    return pd.arrays.IntegerArray(space_groups, mask=space_groups == 0)
