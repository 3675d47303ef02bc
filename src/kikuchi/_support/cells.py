"""Cells of CSV files, which people open with spreadsheets: words from files are no formulas there."""

from collections.abc import Mapping
from typing import Any

from ensemble.errors import printable

#: What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection").
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def cell(value: Any, *, exact: bool = False) -> Any:
    """Return a value as it may stand in a CSV file: a word that would begin a formula is given an apostrophe.

    Numbers stay as they are.

    Parameters
    ----------
    value
        Of the cell.
    exact
        Whether `word` must give back what was written: control characters of a word are kept, as in a path.

    Examples
    --------
    >>> cell("=cmd|' /C calc'!A0"), cell("Ni"), cell(-3)
    ("'=cmd|' /C calc'!A0", 'Ni', -3)
    """
    if not isinstance(value, str):
        return value
    text = value if exact else printable(value)
    return f"'{text}" if text.lstrip("'").startswith(_FORMULA) else text


def cells(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row with every name and value as `cell` has them."""
    return {cell(name): cell(value) for name, value in row.items()}


def word(text: str) -> str:
    """Return the word that `cell` wrote.

    Examples
    --------
    >>> word("'=1"), word("'tis")
    ('=1', "'tis")
    """
    return text[1:] if text.startswith("'") and text.lstrip("'").startswith(_FORMULA) else text
