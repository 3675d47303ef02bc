"""A list of labels as a person gives it back, from whatever spreadsheet it went through."""

import csv
import io
from pathlib import Path

from ensemble.errors import InputError
from kikuchi._support.text import decoded

_MAX_ROWS = 1_000_000


def label_rows(path: Path) -> list[dict[str, str]]:
    """Read the rows of a list of labels.

    Raises
    ------
    InputError
        It is no CSV with the columns ``scan``, ``index`` and ``space_group``.
    """
    try:
        file = io.StringIO(decoded(path.read_bytes()), newline="")
        # A spreadsheet of this locale may have written semicolons, and tabs where it says "Unicode text".
        first = file.readline()
        delimiter = max(",;\t", key=first.count)
        reader = csv.DictReader([first, *file], delimiter=delimiter)
        rows = [row for row, _ in zip(reader, range(_MAX_ROWS), strict=False)]
        names = reader.fieldnames or []
    except FileNotFoundError:
        raise InputError("no such list of labels", path=path, remedy="check the spelling") from None
    except (OSError, csv.Error) as error:
        raise InputError(f"cannot be read as CSV: {error}", path=path) from error
    missing = [c for c in ("scan", "index", "space_group") if c not in names]
    if missing:
        raise InputError(
            f"has no column {missing[0]}", path=path, remedy="keep the columns as they were written"
        )
    return rows
