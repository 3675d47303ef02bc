"""Tables as the templates print them: text made here, escaped there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ensemble.errors import InputError

_NOTHING = "\N{EN DASH}"


class Cell(NamedTuple):
    """Text of one cell, and whether it is a number: columns of numbers are aligned to the right."""

    text: str
    number: bool


@dataclass(frozen=True)
class Table:
    """A table of a page.

    Attributes
    ----------
    caption
        What the table shows.
    columns
        Headings.
    rows
        Cells, one sequence per row, as long as ``columns``: text, numbers, None for nothing, or
        (estimate, low, high) for a number with its interval.
    note
        A remark below the table.

    Raises
    ------
    InputError
        If a row is not as long as the headings.
    """

    caption: str
    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]
    note: str = ""
    cells: tuple[tuple[Cell, ...], ...] = field(init=False, repr=False)
    numeric: tuple[bool, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        cells = tuple(tuple(cell_of(value) for value in row) for row in self.rows)
        if any(len(row) != len(self.columns) for row in cells):
            raise InputError(f"a row of the table {self.caption!r} does not have {len(self.columns)} cells")
        columns = [[row[c] for row in cells if row[c].text != _NOTHING] for c in range(len(self.columns))]
        object.__setattr__(self, "cells", cells)
        object.__setattr__(
            self, "numeric", tuple(bool(c) and all(cell.number for cell in c) for c in columns)
        )


def cell_of(value: Any) -> Cell:
    """Text of a table's cell.

    Parameters
    ----------
    value
        Text, a whole number, a real number, None, or (estimate, low, high).

    Returns
    -------
    Cell
        Whole numbers grouped, real numbers to four significant digits.

    Examples
    --------
    >>> [cell_of(value).text for value in (12345, 0.98765, (0.5, 0.25, 0.75), None, "Ni", float("nan"))]
    ['12,345', '0.9877', '0.5 [0.25, 0.75]', '–', 'Ni', '–']
    """
    if value is None:
        return Cell(_NOTHING, False)
    if isinstance(value, tuple | list) and len(value) == 3:
        estimate, low, high = (_real(number) for number in value)
        return Cell(f"{estimate} [{low}, {high}]", True)
    if isinstance(value, bool | np.bool_):
        return Cell("yes" if value else "no", False)
    if isinstance(value, Integral):
        return Cell(f"{int(value):,}", True)
    if isinstance(value, Real):
        return Cell(_real(value), True)
    return Cell(str(value), False)


def percent(fraction: float) -> str:
    """Return a fraction in per cent.

    Examples
    --------
    >>> percent(0.125), percent(float("nan"))
    ('12.50 %', '–')
    """
    return f"{100 * fraction:.2f} %" if np.isfinite(fraction) else _NOTHING


def count(number: int, noun: str) -> str:
    """Return a count with its noun.

    Examples
    --------
    >>> count(1, "point"), count(1200, "point")
    ('1 point', '1,200 points')
    """
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def sentence(clause: str) -> str:
    """Return a clause as a sentence.

    Examples
    --------
    >>> sentence("at most 2 % of the answers are wrong"), sentence("Nothing.")
    ('At most 2 % of the answers are wrong.', 'Nothing.')
    """
    text = clause.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def _real(value: Any) -> str:
    number = float(value)
    return f"{number:.4g}" if np.isfinite(number) else _NOTHING
