"""Tables as the templates print them: text made here, escaped there."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np

from ensemble.errors import InputError

_NOTHING = "\N{EN DASH}"
_FIGURE = re.compile(r"[<>+\-]? ?[0-9][0-9.,]*( %)?( to [0-9.,]+( %)?| \[[^\]]*\])?")


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
        Whole numbers grouped, real numbers to three significant digits and no finer than a thousandth. Text that begins
        with a digit (a percentage, an interval) is a number too.

    Examples
    --------
    >>> [cell_of(value).text for value in (12345, 0.98765, (0.5, 0.25, 0.75), None, "Ni", float("nan"), 6.0e-5)]
    ['12,345', '0.988', '0.5 [0.25, 0.75]', '–', 'Ni', '–', '< 0.001']
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
    return Cell(str(value), _FIGURE.fullmatch(str(value)) is not None)


def percent(fraction: float) -> str:
    """Return a fraction in per cent, to two digits of it or, near 1, of what is missing.

    Examples
    --------
    >>> percent(0.125), percent(0.01666), percent(0.99934), percent(0.0), percent(float("nan"))
    ('12 %', '1.7 %', '99.934 %', '0 %', '–')
    """
    if not np.isfinite(fraction):
        return _NOTHING
    if fraction <= 0 or fraction >= 1:
        return f"{100 * fraction:.0f} %"
    rest = min(fraction, 1 - fraction)
    if rest < 1e-6:
        return "< 0.0001 %" if fraction < 0.5 else "> 99.9999 %"
    decimals = 0 if rest >= 0.1 else min(4, math.ceil(-math.log10(rest) - 1e-9) - 1)
    return f"{100 * fraction:.{decimals}f} %"


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
    if not np.isfinite(number):
        return _NOTHING
    if 0 < abs(number) < 1e-3:
        return "< 0.001" if number > 0 else "> -0.001"
    return f"{number:.3g}"
