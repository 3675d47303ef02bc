"""Results of the verbs of `kikuchi`: plain data for programs, a few lines for people."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable


@runtime_checkable
class Result(Protocol):
    """Contract of everything that a verb returns. Results are frozen."""

    def to_dict(self) -> dict[str, Any]:
        """Return the result as plain data, ready for JSON."""

    def summary(self) -> str:
        """Return the result in a few lines of text, as the command prints it."""


@dataclass(frozen=True, eq=False)
class Findings(Mapping[str, Any]):
    """A result that is a table of numbers, read by key: ``found["scores"]``.

    A subclass adds `summary`.

    Attributes
    ----------
    data
        Plain data by name.

    Examples
    --------
    >>> found = Findings({"patterns": 3})
    >>> found["patterns"], found == {"patterns": 3}, found.to_dict()
    (3, True, {'patterns': 3})
    """

    data: Mapping[str, Any]

    def __getitem__(self, key: str) -> Any:
        return self.data[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def to_dict(self) -> dict[str, Any]:
        """Return the table as plain data, ready for JSON."""
        return dict(self.data)
