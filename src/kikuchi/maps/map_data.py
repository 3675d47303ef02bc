"""The data of a map: what an ensemble decided at every point of a scan, and where the points are."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.abstention import STATUS_NAMES, Decision, Status
from ensemble.errors import InputError, printable
from kikuchi.crystallography.named_phase import NamedPhase
from kikuchi.crystallography.vendor_codes import symbol


@dataclass(frozen=True)
class MapData:
    """Decisions on a grid. N patterns in scan order, K classes, M members.

    Attributes
    ----------
    name
        Name of the scan.
    classes
        Space-group numbers in ascending order, K of them.
    members, member_kinds
        Name and kind of each member, M of them.
    shape
        Rows and columns (R, C) of the grid. Points may be missing (a cropped map): N <= R C.
    row, col
        Place of each pattern on the grid, shape (N,).
    x, y
        Position of each pattern, shape (N,), micrometres.
    step
        Distance of neighbours (dy, dx), micrometres; 0 or NaN where it is not known.
    decision
        What was decided for each pattern.
    member_probabilities
        Probabilities of each member before pooling, shape (M, N, K).
    orientations
        Unit quaternions, lab to crystal, shape (N, 4), taken over from a map of the same scan; or None.
    meta
        How the map was made: ``rule``, ``calibration``, ``abstention``, ``promised_risk``, ``measured_risk``,
        ``timings``, ``versions`` and whatever else belongs into `summary.json`.
    problems
        Why a pattern could not be used, by its index in scan order.
    columns
        Further columns of the tables by name, numbers or words, shape (N,) each.
    phases
        The classes as phases by the user's names, K of them, where they are that: two may share a space group. Else
        empty, and the classes ascend.
    folder
        Where the map was written; None of a map in memory alone.

    Raises
    ------
    InputError
        If positions, decisions and grid do not belong together.
    """

    name: str
    classes: tuple[int, ...]
    members: tuple[str, ...]
    member_kinds: tuple[str, ...]
    shape: tuple[int, int]
    row: NDArray[np.integer]
    col: NDArray[np.integer]
    x: NDArray[np.floating]
    y: NDArray[np.floating]
    step: tuple[float, float]
    decision: Decision
    member_probabilities: NDArray[np.float32]
    orientations: NDArray[np.floating] | None = None
    meta: dict[str, Any] = field(default_factory=dict)
    problems: dict[int, str] = field(default_factory=dict)
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)
    phases: tuple[NamedPhase, ...] = ()
    folder: Path | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", printable(self.name))
        n, k, m = len(self.row), len(self.classes), len(self.members)
        d = self.decision
        if not (
            len(self.col) == len(self.x) == len(self.y) == len(d.status) == n > 0
            and d.probabilities.shape == (n, k)
            and d.votes.shape == (m, n)
            and len(self.member_kinds) == m
            and len(self.phases) in (0, k)
            and (self.orientations is None or np.shape(self.orientations) == (n, 4))
            and all(np.shape(column) == (n,) for column in self.columns.values())
        ):
            raise InputError(
                f"a map of {n} points, {k} classes and {m} members does not fit {len(d.status)} decisions, "
                f"probabilities {d.probabilities.shape} and votes {d.votes.shape}"
            )
        if (
            self.row.min() < 0
            or self.col.min() < 0
            or np.any((self.row.max(), self.col.max()) >= np.array(self.shape))
        ):
            raise InputError(f"some points lie outside the grid of {self.shape[0]} x {self.shape[1]}")

    @property
    def n(self) -> int:
        """Number of patterns."""
        return len(self.row)

    @property
    def words(self) -> tuple[str, ...]:
        """Names of the classes in tables: the phase's name, else the space group's number."""
        return tuple(p.name for p in self.phases) or tuple(map(str, self.classes))

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the classes for people: phase name where there is one, number and symbol of the space group."""
        groups = [f"{number} {symbol(number)}" for number in self.classes]
        if not self.phases:
            return tuple(groups)
        return tuple(f"{p.name} ({group})" for p, group in zip(self.phases, groups, strict=True))

    def image(self, values: ArrayLike, fill: Any = np.nan) -> NDArray[Any]:
        """Lay values of patterns out on the grid.

        Parameters
        ----------
        values
            One value or vector per pattern, shape (N, ...).
        fill
            What stands where no pattern was recorded.

        Returns
        -------
        numpy.ndarray
            Shape (R, C, ...), of a type that holds both.
        """
        array = np.asarray(values)
        image = np.full((*self.shape, *array.shape[1:]), fill, dtype=np.result_type(array, fill))
        image[self.row, self.col] = array
        return image


def solved_space_groups(phase_map: MapData) -> NDArray[np.int16]:
    """Return the space group of each pattern, shape (N,); 0 where there is no solution."""
    d = phase_map.decision
    numbers = np.asarray(phase_map.classes, dtype=np.int16)
    return np.where(d.status == Status.SOLVED, numbers[d.winner], 0).astype(np.int16)


def voted_space_groups(phase_map: MapData) -> NDArray[np.int16]:
    """Return the space group each member puts first, shape (M, N); 0 where it did not answer."""
    votes = phase_map.decision.votes
    numbers = np.asarray(phase_map.classes, dtype=np.int16)
    return np.where(votes >= 0, numbers[votes], 0).astype(np.int16)


def coded_words(column: ArrayLike) -> tuple[list[str], NDArray[np.intp]]:
    """Return the words of a column in order, each once, and the place of every point's word among them.

    By hashing, not by sorting a million words.

    Examples
    --------
    >>> words, codes = coded_words(np.array(["m-3m", "", "m-3m"], dtype=object))
    >>> words, codes.tolist()
    (['', 'm-3m'], [1, 0, 1])
    """
    import pandas as pd

    codes, words = pd.factorize(np.asarray(column, dtype=object), sort=True)
    return [str(word) for word in words], codes


def status_names(status: ArrayLike) -> NDArray[np.str_]:
    """Return the words for status codes.

    Examples
    --------
    >>> status_names([0, 2]).tolist()
    ['solved', 'unfamiliar']
    """
    return np.asarray(STATUS_NAMES)[np.asarray(status, dtype=int)]


def candidate_texts(candidates: ArrayLike, classes: tuple[int, ...] | tuple[str, ...]) -> NDArray[np.object_]:
    """Return each set of classes as one word.

    Parameters
    ----------
    candidates
        Which classes are in the set, shape (N, K).
    classes
        Their space-group numbers, or names.

    Returns
    -------
    numpy.ndarray
        Strings, shape (N,); empty for an empty set.

    Examples
    --------
    >>> candidate_texts([[True, True], [False, True], [False, False]], (221, 225)).tolist()
    ['221|225', '225', '']
    """
    sets, which = np.unique(np.asarray(candidates, dtype=bool), axis=0, return_inverse=True)
    words = ["|".join(str(classes[k]) for k in np.flatnonzero(chosen)) for chosen in sets]
    return np.array(words, dtype=object)[which.ravel()]
