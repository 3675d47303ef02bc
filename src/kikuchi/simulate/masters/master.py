"""A master pattern: the intensity of every direction of a crystal, on two Lambert squares."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MasterPattern:
    """The diffracted intensity of every direction in the crystal frame.

    Both hemispheres are square Lambert (equal-area) projections in kikuchipy's layout: row index grows with the
    second projected coordinate, column index with the first, pole in the middle.

    Parameters
    ----------
    name
        Name of the material, as shown to people.
    space_group
        Number of the space group, 1 to 230.
    voltage_kv
        Accelerating voltage, kV.
    north
        Upper hemisphere, shape (h, h) with odd h, float32, any positive scale.
    south
        Lower hemisphere, shape (h, h), seen through the crystal from above: with an inversion centre it is
        ``north[::-1, ::-1]``, which is `north` itself where there is also a two-fold axis along z or a mirror across.
    kind
        ``"kinematical"`` or ``"dynamical"``.
    source
        Where it comes from: a file, a database entry or the structure's reference.
    """

    name: str
    space_group: int
    voltage_kv: float
    north: np.ndarray
    south: np.ndarray
    kind: str
    source: str = ""
