"""One check for each kind of argument that the statistics take: every public function goes through these.

A bad number that is let in comes out as a good-looking one. So each kind is checked once, here, with one message.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ensemble.errors import InputError

_SUM_TOLERANCE = 1e-3
"""Rows may have been stored in half precision."""


def as_numbers(values: ArrayLike, what: str, shape: tuple[int | None, ...] | None = None) -> NDArray[Any]:
    """Check that values are real numbers in an array of the wanted shape; nothing about their size.

    Parameters
    ----------
    values
        Anything that makes an array.
    what
        Its name, for the message.
    shape
        Wanted lengths; None for any length, and None altogether for any shape.

    Raises
    ------
    InputError
        They are text, objects, complex, ragged, or of another shape.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:  # rows of different lengths
        raise InputError(f"{what} must be an array of numbers, not rows of different lengths") from error
    if array.dtype.kind not in "biuf" and array.size:
        raise InputError(f"{what} must be numbers, not {array.dtype}")
    if shape is not None and (
        array.ndim != len(shape) or any(w not in (None, h) for w, h in zip(shape, array.shape, strict=True))
    ):
        wanted = ", ".join("any" if w is None else str(w) for w in shape)
        raise InputError(f"{what} must have shape ({wanted}), not {array.shape}")
    return array


def as_scores(
    values: ArrayLike,
    what: str,
    shape: tuple[int | None, ...] | None = (None,),
    *,
    missing: bool = False,
    infinite: bool = False,
    low: float = -math.inf,
    high: float = math.inf,
) -> NDArray[np.float64]:
    """Check real numbers within bounds: a float64 array.

    Parameters
    ----------
    values, what, shape
        As in `as_numbers`.
    missing, infinite
        Let NaN through; let infinity through.
    low, high
        Bounds, inclusive.

    Raises
    ------
    InputError
        A value is missing, infinite or out of bounds.
    """
    array = as_numbers(values, what, shape).astype(np.float64, copy=False)
    nan = np.isnan(array)
    if not missing and nan.any():
        raise InputError(f"{what} must not hold NaN", remedy="leave those patterns out")
    if not infinite and np.isinf(array).any():
        raise InputError(f"{what} must be finite")
    with np.errstate(invalid="ignore"):
        outside = (array < low) | (array > high)
    if outside.any():
        bounds = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise InputError(f"{what} must be {bounds}, not {array[outside].flat[0]:g}")
    return array


def as_flags(
    values: ArrayLike, what: str, shape: tuple[int | None, ...] | None = (None,)
) -> NDArray[np.bool_]:
    """Check yes-or-no values: booleans, or numbers that are 0 or 1.

    Raises
    ------
    InputError
        A value is something else, as a NaN or a probability is.
    """
    array = as_numbers(values, what, shape)
    if array.dtype.kind != "b" and array.size and not np.isin(array, (0, 1)).all():
        raise InputError(f"{what} must be true or false, or 0 or 1")
    return array.astype(bool)


def as_indices(
    values: ArrayLike,
    what: str,
    shape: tuple[int | None, ...] | None = (None,),
    *,
    low: int = 0,
    high: int | None = None,
) -> NDArray[np.intp]:
    """Check whole numbers within bounds, such as class indices: an integer array.

    Parameters
    ----------
    values, what, shape
        As in `as_numbers`. Floats are refused even where they are whole: an index that went through arithmetic is
        better looked at.
    low, high
        Bounds, inclusive.

    Raises
    ------
    InputError
        A value is no whole number or out of bounds.
    """
    array = as_numbers(values, what, shape)
    if array.size == 0:
        return array.astype(np.intp)
    top = np.iinfo(np.intp).max if high is None else high
    if array.dtype.kind not in "iu" or array.min() < low or array.max() > top:
        bounds = f"from {low} on" if high is None else f"from {low} to {high}"
        raise InputError(f"{what} must be whole numbers {bounds}")
    return array.astype(np.intp)


def as_probabilities(
    probabilities: ArrayLike, *, finite: bool = True, what: str = "the probabilities"
) -> NDArray[np.float64]:
    """Check probabilities: a float64 array of shape (N, K), every row a distribution.

    Parameters
    ----------
    probabilities
        Shape (N, K), rows summing to 1.
    finite
        Refuse NaN rows; otherwise they are let through.
    what
        Their name, for the message.

    Raises
    ------
    InputError
        If the shape is wrong, a value lies outside [0, 1] or a row does not sum to 1.
    """
    p = as_numbers(probabilities, what)
    if p.ndim != 2 or p.shape[1] < 1:
        raise InputError(f"{what} must have shape (patterns, classes), not {p.shape}")
    return as_distributions(p, finite=finite, what=what)


def as_distributions(
    probabilities: ArrayLike, *, finite: bool = True, what: str = "the probabilities"
) -> NDArray[np.float64]:
    """Check probabilities of any leading shape, (..., K): every last axis a distribution.

    Raises
    ------
    InputError
        If there is no class, a value lies outside [0, 1] or a row does not sum to 1.
    """
    p = as_numbers(probabilities, what).astype(np.float64, copy=False)
    if p.ndim < 1 or p.shape[-1] < 1:
        raise InputError(f"{what} must have at least one class on the last axis, not shape {p.shape}")
    sums = p.sum(axis=-1)
    bad = ~(np.abs(sums - 1.0) <= _SUM_TOLERANCE) | ~(p.min(axis=-1) >= 0.0)
    if not finite:
        bad &= ~np.isnan(sums)
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        where = f"row {place[0]}" if len(place) == 1 else f"row {place}" if place else "the row"
        raise InputError(
            f"{where} of {what} is not a distribution (sum {sums[place]:.4g}, smallest {p[place].min():.4g})",
            remedy="leave out patterns without a prediction",
        )
    return p


def as_logits(logits: ArrayLike, what: str = "logits") -> NDArray[np.floating]:
    """Check logits of members: shape (M, N, K), at least one member and one class; NaN is a pattern without them.

    Their type is kept: a million patterns in single precision are not copied.

    Raises
    ------
    InputError
        If the shape is wrong or they are no numbers.
    """
    z = as_numbers(logits, what)
    if z.ndim != 3:
        raise InputError(f"{what} must have shape (members, patterns, classes), not {z.shape}")
    if z.shape[0] < 1 or z.shape[2] < 1:
        raise InputError(
            f"an ensemble needs at least one member and one class, not {z.shape[0]} and {z.shape[2]}"
        )
    return z if z.dtype.kind == "f" else z.astype(np.float64)


def as_labels(labels: ArrayLike, n: int, n_classes: int, what: str = "labels") -> NDArray[np.intp]:
    """Check true class indices: an integer array of shape (N,) with values below K.

    Raises
    ------
    InputError
        If there are not N whole numbers in 0..K-1.
    """
    y = as_numbers(labels, what)
    if y.shape != (n,):
        raise InputError(f"expected one of the {what} for each of {n} patterns, not shape {y.shape}")
    if n and (y.dtype.kind not in "iu" or y.min() < 0 or y.max() >= n_classes):
        raise InputError(f"{what} must be class indices from 0 to {n_classes - 1}")
    return y.astype(np.intp)


def as_weights(weights: ArrayLike | None, members: int) -> NDArray[np.float64]:
    """Check weights of the members: shape (M,), summing to 1; equal where none are given.

    Raises
    ------
    InputError
        They are negative, not finite, all zero or of another number.
    """
    if weights is None:
        return np.full(members, 1.0 / members)
    w = as_numbers(weights, "weights").astype(np.float64)
    if w.shape != (members,) or not np.isfinite(w).all() or (w < 0).any() or w.sum() <= 0:
        raise InputError(f"weights must be {members} non-negative numbers, not all zero")
    return w / w.sum()


def as_groups(groups: ArrayLike, n: int, what: str = "groups") -> NDArray[np.intp]:
    """Check what patterns belong together, (N,) numbers or names: group numbers from 0 on.

    Raises
    ------
    InputError
        There is not one for each pattern, or one is missing.
    """
    g = np.asarray(groups)
    if g.shape != (n,):
        raise InputError(f"{what}: expected one group for each of {n} patterns, not shape {g.shape}")
    if g.dtype.kind in "fc" and np.isnan(g).any():
        raise InputError(f"{what} must not hold NaN")
    return np.unique(g, return_inverse=True)[1].reshape(-1).astype(np.intp)


def as_order(order: Sequence[int], members: int) -> tuple[int, ...]:
    """Check an order of members: each of 0..M-1 once.

    Raises
    ------
    InputError
        A member is missing, repeated or not there.
    """
    given = as_indices(list(order), "the order of members", (None,))
    if sorted(given.tolist()) != list(range(members)):
        raise InputError(
            f"the order of members must name each of 0 to {members - 1} once, not {given.tolist()}"
        )
    return tuple(int(m) for m in given)


def as_features(features: Sequence[ArrayLike], what: str = "features") -> list[NDArray[np.floating]]:
    """Check features of every member: M tables of shape (N, F_m) with one N; NaN is a pattern without them.

    Raises
    ------
    InputError
        There is no member, a table has another shape, or members differ in the number of patterns.
    """
    tables = [as_numbers(f, f"{what} of a member", (None, None)) for f in features]
    if not tables or len({len(t) for t in tables}) != 1:
        raise InputError(f"{what} must be a table of the same patterns for each member, at least one")
    return tables


def as_share(value: float, what: str, *, zero: bool = False, one: bool = False) -> float:
    """Check a share such as a risk or a confidence: a number between 0 and 1.

    Parameters
    ----------
    value, what
        The number and its name.
    zero, one
        Whether 0 and 1 themselves are allowed.

    Raises
    ------
    InputError
        It is no number, NaN or out of range.
    """
    x = as_number(value, what)
    if not (0.0 < x < 1.0 or (zero and x == 0.0) or (one and x == 1.0)):
        raise InputError(f"{what} must lie between 0 and 1, not {value}", remedy="e.g. 0.02 for 2 %")
    return x


def as_number(value: float, what: str, *, low: float = -math.inf, high: float = math.inf) -> float:
    """Check one finite number within bounds, inclusive.

    Raises
    ------
    InputError
        It is something else.
    """
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iuf" or not np.isfinite(number):
        raise InputError(f"{what} must be a number, not {value!r}")
    if not low <= float(number) <= high:
        bounds = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
        raise InputError(f"{what} must be {bounds}, not {value}")
    return float(number)


def as_count(value: int, what: str, *, least: int = 1) -> int:
    """Check a whole number that is at least so large.

    Raises
    ------
    InputError
        It is something else.
    """
    number = np.asarray(value)
    if number.ndim or number.dtype.kind not in "iu" or number < least:
        raise InputError(f"{what} must be a whole number, at least {least}, not {value!r}")
    return int(number)


def as_names(names: Sequence[str] | None, n_classes: int) -> tuple[str, ...]:
    """Check names of the classes, for messages: K words, ``class 0`` and so on where none are given.

    Raises
    ------
    InputError
        There is another number of them.
    """
    if names is None:
        return tuple(f"class {c}" for c in range(n_classes))
    if len(names) != n_classes:
        raise InputError(f"{len(names)} names for {n_classes} classes")
    return tuple(str(name) for name in names)


def as_choice(value: str, choices: Sequence[str], what: str) -> str:
    """Check one of several words.

    Raises
    ------
    InputError
        It is another.
    """
    if not isinstance(value, str) or value not in choices:
        raise InputError(f"unknown {what} {value!r}", remedy=f"choose one of {', '.join(choices)}")
    return value
