"""Crystals built like real ones: the structure types of point group m-3m, filled with random elements."""

import tomllib
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.random_crystals import (
    CONTACT,
    closest_contact,
    draw_b_iso,
    draw_elements,
    is_plausible,
)
from kikuchi.simulate.crystals.structures import Site, Structure, detected_space_group
from kikuchi.simulate.crystals.wyckoff import snap_to_special

_ATTEMPTS = 500
_SPREAD = 0.006  # of free coordinates, as a share of the cell
_REACH = 0.05  # within which a position goes back to the special one it was moved from


def isotype_groups() -> tuple[int, ...]:
    """Return the space groups that structure types are known of, ascending."""
    return tuple(sorted({kind["space_group"] for kind in _types().values()}))


def random_isotype(space_group: int, rng: np.random.Generator) -> Structure:
    """Draw a crystal of a known structure type: real in its arrangement, random in its elements.

    Common types are drawn more often than rare ones. Free coordinates are moved a little, thermal factors drawn, a
    tenth of the sites left partly empty, and the cell scaled so that the closest atoms touch, as in `random_crystal`.

    Parameters
    ----------
    space_group
        One of `isotype_groups`.
    rng
        The only source of chance.

    Returns
    -------
    Structure
        A structure of that type, with elements drawn.

    Raises
    ------
    InputError
        If no type of the group is known.

    Examples
    --------
    >>> detected_space_group(random_isotype(223, np.random.default_rng(1)), symprec=0.02)
    223
    """
    types = [(name, kind) for name, kind in _types().items() if kind["space_group"] == space_group]
    if not types:
        known = ", ".join(map(str, isotype_groups()))
        raise InputError(f"no structure type of space group {space_group} is known", remedy=f"one of {known}")
    weights = np.array([kind.get("weight", 1) for _, kind in types], float)
    for _ in range(_ATTEMPTS):
        name, kind = types[int(rng.choice(len(types), p=weights / weights.sum()))]
        crystal = _filled(name, kind, rng)
        if is_plausible(crystal) and detected_space_group(crystal, symprec=0.02) == space_group:
            return crystal
    raise InputError(f"the structure types gave no plausible crystal of space group {space_group}")


@lru_cache(maxsize=1)
def _types() -> dict[str, dict[str, Any]]:
    file = Path(__file__).parent / "data" / "structure_types.toml"
    return tomllib.loads(file.read_text(encoding="utf-8"))


def _filled(name: str, kind: dict[str, Any], rng: np.random.Generator) -> Structure:
    """Fill the sites of one structure type."""
    letters = sorted({letter for letter, _ in kind["sites"]})
    elements = dict(zip(letters, draw_elements(len(letters), rng, repeats=False), strict=True))
    group = kind["space_group"]
    sites = []
    for letter, position in kind["sites"]:
        moved = np.asarray(position) + rng.normal(0, _SPREAD, 3)
        moved = snap_to_special(moved, group, np.eye(3), _REACH)
        sites.append(
            Site(
                element=elements[letter],
                position=(float(moved[0]), float(moved[1]), float(moved[2])),
                occupancy=1.0 if rng.random() < 0.9 else round(float(rng.uniform(0.6, 1.0)), 3),
                b_iso=draw_b_iso(rng),
            )
        )
    unit = (1.0, 1.0, 1.0, 90.0, 90.0, 90.0)
    label = "".join(elements[letter] for letter in letters)
    edge = rng.uniform(*CONTACT) / closest_contact(Structure(label, group, unit, tuple(sites)))
    cell = (round(edge, 4),) * 3 + (90.0, 90.0, 90.0)
    return Structure(f"{label}-{name}", group, cell, tuple(sites), source=f"{name}, {kind['prototype']} type")
