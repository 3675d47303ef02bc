"""Lattice planes whose kinematical strengths differ most between two phases: for people, unused by the matcher."""

from dataclasses import dataclass

import numpy as np

from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.structure_factors import reflectors

#: Spacings that differ by less than this share are one for a pattern of some sixty pixels.
_SAME_SPACING = 0.02


@dataclass(frozen=True)
class Family:
    """Planes of one spacing.

    Attributes
    ----------
    hkl
        One of them.
    spacing
        Angstrom.
    share
        Of the amplitude of all planes of the phase, 0 to 1.
    """

    hkl: tuple[int, int, int]
    spacing: float
    share: float

    def __str__(self) -> str:
        """Say it as ``(1 1 0) 2.52 A``."""
        return f"({' '.join(map(str, self.hkl))}) {self.spacing:.2f} A"


def families(structure: Structure, min_dspacing: float = 1.0) -> list[Family]:
    """Return the plane families of a phase down to a spacing (angstrom), the widest first."""
    found = reflectors(structure, min_dspacing=min_dspacing)
    amplitude = np.abs(found.structure_factors)
    key = np.round(np.log(found.spacings) / np.log1p(1e-4)).astype(int)
    made = []
    for one in np.unique(key)[::-1]:
        here = np.flatnonzero(key == one)
        # The one that people write: no negative index where that can be, the largest first.
        hkl = max((tuple(int(i) for i in found.hkl[i]) for i in here), key=lambda h: (min(h), h))
        made.append(
            Family(hkl, float(found.spacings[here[0]]), float(amplitude[here].sum() / amplitude.sum()))  # type: ignore[arg-type]
        )
    return made


def telling_planes(one: Structure, other: Structure, most: int = 3) -> list[Family]:
    """Return the families of `one` that are the strongest beyond what `other` has at the same spacing.

    Parameters
    ----------
    one, other
        Two crystals.
    most
        How many, the strongest difference first.

    Examples
    --------
    >>> from kikuchi.simulate import load_structure
    >>> [f.hkl for f in telling_planes(load_structure("Ni3Al"), load_structure("Ni"), 1)]
    [(2, 1, 0)]
    """
    theirs = families(other)
    beyond = []
    for family in families(one):
        there = sum(f.share for f in theirs if abs(f.spacing / family.spacing - 1) < _SAME_SPACING)
        beyond.append((family.share - there, family))
    beyond.sort(key=lambda pair: -pair[0])
    return [family for gain, family in beyond[:most] if gain > 0]
