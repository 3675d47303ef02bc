"""Space-group operations in the standard settings of the International Tables."""

from functools import lru_cache

import numpy as np

from ensemble.errors import InputError

# Standard settings: origin at the inversion centre, unique axis b with cell choice 1, hexagonal axes.
_STANDARD_CHOICES = ("", "2", "b", "b1", "H")


@lru_cache(maxsize=1)
def _hall_numbers() -> dict[int, int]:
    import spglib

    numbers: dict[int, int] = {}
    for hall_number in range(1, 531):
        kind = spglib.get_spacegroup_type(hall_number)
        assert kind is not None  # every Hall number below 531 exists
        if kind.number not in numbers and kind.choice in _STANDARD_CHOICES:
            numbers[kind.number] = hall_number
    return numbers


def standard_hall_number(space_group: int) -> int:
    """Return the number, 1 to 530, by which spglib knows the standard setting of a space group.

    Examples
    --------
    >>> standard_hall_number(227)
    526
    """
    if space_group not in _hall_numbers():
        raise InputError(f"space group {space_group!r} does not exist", remedy="use a number from 1 to 230")
    return _hall_numbers()[space_group]


@lru_cache(maxsize=256)
def space_group_operations(space_group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return every operation of a space group, centrings included.

    Standard settings of the International Tables, volume A: origin choice 2 (inversion centre at the origin),
    unique axis b with cell choice 1, and hexagonal axes for rhombohedral groups.

    Parameters
    ----------
    space_group
        Number of the space group, 1 to 230.

    Returns
    -------
    rotations
        Integer matrices acting on fractional coordinates, shape (n, 3, 3).
    translations
        Fractional translations in [0, 1), shape (n, 3).

    Raises
    ------
    InputError
        If there is no such space group.

    Examples
    --------
    >>> rotations, translations = space_group_operations(225)
    >>> rotations.shape, translations.shape
    ((192, 3, 3), (192, 3))
    """
    import spglib

    database = spglib.get_symmetry_from_database(standard_hall_number(space_group))
    assert database is not None
    rotations = database["rotations"].astype(np.int64)
    translations = database["translations"] % 1.0
    rotations.setflags(write=False)
    translations.setflags(write=False)
    return rotations, translations


def point_group_operations(space_group: int) -> np.ndarray:
    """Return the rotation parts of a space group, each once, shape (n, 3, 3), on fractional coordinates.

    Examples
    --------
    >>> len(point_group_operations(230)), len(point_group_operations(216))
    (48, 24)
    """
    return np.unique(space_group_operations(space_group)[0], axis=0)


def is_centrosymmetric(space_group: int) -> bool:
    """Whether the point group has an inversion centre.

    Examples
    --------
    >>> is_centrosymmetric(225), is_centrosymmetric(216)
    (True, False)
    """
    return bool((point_group_operations(space_group) == -np.eye(3, dtype=int)).all(axis=(1, 2)).any())


def orbit(position: np.ndarray, space_group: int, tolerance: float = 1e-4) -> np.ndarray:
    """Return all symmetry-equivalent positions of one position in the conventional cell.

    Parameters
    ----------
    position
        Fractional coordinates, shape (3,).
    space_group
        Number of the space group, 1 to 230.
    tolerance
        Fractional distance under which two images are the same position.

    Returns
    -------
    positions
        Fractional coordinates in [0, 1), shape (multiplicity, 3).

    Examples
    --------
    >>> len(orbit([0.25, 0.25, 0.25], 225)), len(orbit([0.11, 0.21, 0.32], 225))
    (8, 192)
    """
    rotations, translations = space_group_operations(space_group)
    images = (rotations @ np.asarray(position, dtype=float) + translations) % 1.0
    # Images that differ by rounding must meet, also across the cell's border.
    keys = np.round(images / tolerance).astype(np.int64) % round(1.0 / tolerance)
    _, first = np.unique(keys, axis=0, return_index=True)
    kept: list[int] = []
    for index in np.sort(first):
        shift = images[kept] - images[index]
        if not kept or np.abs(shift - np.round(shift)).max(axis=1).min() > tolerance:
            kept.append(int(index))
    return images[kept]


def origin_shift(space_group: int, rotations: np.ndarray, translations: np.ndarray) -> np.ndarray:
    """Return the shift that takes positions of the standard setting into another origin choice.

    Parameters
    ----------
    space_group
        Number of the space group, 1 to 230.
    rotations, translations
        The same group's operations on the other origin, shapes (n, 3, 3) and (n, 3).

    Returns
    -------
    shift
        Fractional shift, shape (3,): position there = position here + shift.

    Raises
    ------
    InputError
        If no shift in eighths of the cell relates the two, as when the axes differ.
    """
    here = _as_codes(*space_group_operations(space_group))
    eighths = np.stack(np.meshgrid(*[np.arange(8)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    for shift in eighths[np.argsort(eighths.sum(axis=1), kind="stable")] / 8.0:
        moved = translations - (np.eye(3) - rotations) @ shift
        if here == _as_codes(rotations, moved):
            return shift
    raise InputError(f"space group {space_group} is set up on other axes there")


def _as_codes(rotations: np.ndarray, translations: np.ndarray) -> set[tuple[int, ...]]:
    steps = np.round(np.asarray(translations) * 48).astype(int) % 48
    return {(*r.ravel().tolist(), *t.tolist()) for r, t in zip(rotations.astype(int), steps, strict=True)}
