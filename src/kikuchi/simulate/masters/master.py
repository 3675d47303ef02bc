"""A master pattern: the intensity of every direction of a crystal, on two Lambert squares."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kikuchi.simulate.crystals.structures import Structure


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
    simulator
        What computed it, as `kikuchi.simulate.masters.simulator_names` names it; empty where nobody knows.
    """

    name: str
    space_group: int
    voltage_kv: float
    north: np.ndarray
    south: np.ndarray
    kind: str
    source: str = ""
    simulator: str = ""

    @classmethod
    def of(
        cls,
        structure: "Structure",
        voltage_kv: float,
        north: np.ndarray,
        south: np.ndarray | None = None,
        *,
        kind: str,
        simulator: str = "",
    ) -> "MasterPattern":
        """Return the master pattern of a structure; without `south`, that of an inversion centre (Friedel's law)."""
        if south is None:
            # I(x, y, -z) = I(-x, -y, z), which is the upper hemisphere turned by half a turn.
            turned = north[::-1, ::-1]
            south = north if np.array_equal(north, turned) else turned
        return cls(
            structure.name,
            structure.space_group,
            float(voltage_kv),
            north,
            south,
            kind,
            structure.source,
            simulator,
        )
