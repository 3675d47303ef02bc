"""A map in memory: its data, and the same in the objects that other libraries work with."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from ensemble.abstention import Status
from ensemble.errors import InputError
from kikuchi.maps.crystal_map import crystal_map_of
from kikuchi.maps.csv_file import columns_of
from kikuchi.maps.frame import draw_map
from kikuchi.maps.map_data import MapData
from kikuchi.maps.raster import decision_pixels, status_pixels
from kikuchi.maps.summary_file import summarise
from kikuchi.maps.summary_text import summary_text

if TYPE_CHECKING:
    import pandas as pd
    from orix.crystal_map import CrystalMap


@dataclass(frozen=True, repr=False)
class PhaseMap(MapData):
    """Decisions on a grid (see `MapData`), for orix, pandas and matplotlib."""

    def __repr__(self) -> str:
        """Say in a line what was mapped and what came of it."""
        solved = int((self.decision.status == Status.SOLVED).sum())
        return (
            f"PhaseMap({self.name!r}, {self.shape[0]} x {self.shape[1]}, {self.n} points, {solved} solved, "
            f"classes {', '.join(self.words)}, {len(self.members)} members)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return what ``summary.json`` holds, without phase fractions, as plain data."""
        return summarise(self)

    def summary(self) -> str:
        """Return points by class and by status, the guarantee, and where to look."""
        return summary_text(self)

    def to_crystal_map(self) -> "CrystalMap":
        """Return the crystal map that ``map.h5`` holds, R C points; phase -1 is no solution."""
        return crystal_map_of(self)[0]

    def to_dataframe(self) -> "pd.DataFrame":
        """Return the table that ``map.csv`` holds, one row a pattern (N)."""
        import pandas as pd

        return pd.DataFrame(columns_of(self))

    def plot(
        self, what: Literal["phase", "status", "confidence", "entropy"] = "phase", axes: Any = None
    ) -> Any:
        """Draw the map on matplotlib's axes, in micrometres.

        Parameters
        ----------
        what
            The answers, why there is none, the calibrated probability of the class put first, or the entropy (nats).
        axes
            Where to draw; new ones where None.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        InputError
            `what` is none of these.
        """
        if axes is None:
            import matplotlib.pyplot as plt

            axes = plt.subplots(layout="constrained")[1]
        if what == "phase":
            draw_map(axes, self, decision_pixels(self))
        elif what == "status":
            draw_map(axes, self, status_pixels(self))
        elif what in ("confidence", "entropy"):
            values = getattr(self.decision, what).astype(float).copy()
            values[self.decision.status == Status.UNREADABLE] = float("nan")
            shown = draw_map(axes, self, self.image(values), cmap="viridis")
            axes.figure.colorbar(shown, ax=axes, label=what + (" (nats)" if what == "entropy" else ""))
        else:
            raise InputError(f"no picture of {what!r}", remedy="phase, status, confidence or entropy")
        axes.set_title(f"{self.name}: {what}")
        return axes
