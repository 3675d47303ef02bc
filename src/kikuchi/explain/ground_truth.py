"""Ground truth of a simulated scan's patterns: their bands and zone axes, as a member sees them."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi._support.cells import word
from kikuchi.explain.bands import Physics, Planes, physics_of, planes_of
from kikuchi.explain.faithfulness import share_on
from kikuchi.scans import Preparation, Scan

if TYPE_CHECKING:
    import pandas

_NEEDED = (
    "phase",
    "mix",
    "phi1",
    "Phi",
    "phi2",
    "pcx",
    "pcy",
    "pcz",
    "sample_tilt",
    "tilt",
    "azimuthal",
    "twist",
)

_OVERSAMPLED = 4  # an edge may cross a pixel


class Truth:
    """The truth of a simulated scan.

    Parameters
    ----------
    table
        What `kikuchi.simulate` wrote beside the scan, one row per pattern.
    scan
        The scan.
    """

    def __init__(self, table: "pandas.DataFrame", scan: Scan) -> None:
        self._table, self._scan = table, scan
        self._planes: dict[str, Planes | None] = {}

    @classmethod
    def beside(cls, scan: Scan) -> "Truth | None":
        """Return the truth that lies beside a scan; None where there is none, as with every real one.

        Raises
        ------
        InputError
            The file is there and is not the truth of this scan.
        """
        from kikuchi.simulate.scenes.writer import truth_path

        path = truth_path(scan.path)
        if not path.is_file():
            return None
        import pandas

        try:
            table = pandas.read_csv(path)
        except (OSError, ValueError) as error:
            raise InputError(
                "cannot be read as a table", path=path, remedy="simulate the scan again"
            ) from error
        if len(table) != scan.n or not set(_NEEDED) <= set(table):
            raise InputError("not the truth of this scan", path=path, remedy="remove it or simulate again")
        for name in _NEEDED[1:]:  # empty where a point has no crystal
            numbers = pandas.to_numeric(table[name], errors="coerce")
            if numbers.isna().ne(table[name].isna()).any() or np.isinf(numbers).any():
                raise InputError(
                    f"column {name} has what is no number", path=path, remedy="remove it or simulate again"
                )
            table[name] = numbers.astype(float)
        table["phase"] = table["phase"].map(lambda name: word(str(name)), na_action="ignore")
        return cls(table, scan)

    def physics(self, index: int, preparation: Preparation) -> Physics | None:
        """Return what the pixels of a prepared pattern show, (size, size).

        None where it is not known: no crystal or two of them in the pattern, or a structure that is not shipped.
        """
        row = self._table.iloc[index]
        planes = self._planes_of(row["phase"]) if row["mix"] == 0 else None
        if planes is None:
            return None
        from orix.quaternion import Rotation

        from kikuchi.simulate.detector.geometry import Geometry

        rotation = Rotation.from_euler([row["phi1"], row["Phi"], row["phi2"]], degrees=True).data[0]
        centre = np.array([row["pcx"], row["pcy"], row["pcz"]], float)
        angles = (float(row[name]) for name in ("sample_tilt", "tilt", "azimuthal", "twist"))
        rows, columns = self._scan.signal_shape
        fine = max(1, -(-_OVERSAMPLED * preparation.size // min(rows, columns)))
        seen = physics_of(planes, rotation, Geometry((rows, columns), centre, *angles).scaled(fine))
        return Physics(
            _on_grid(seen.band, preparation) >= 0.5,
            _on_grid(seen.zone_axis, preparation) >= 0.5,
            _on_grid(seen.centre, preparation),
        )

    def phase(self, index: int) -> str:
        """Return the name of the crystal."""
        return str(self._table["phase"].iloc[index])

    def _planes_of(self, phase: Any) -> Planes | None:
        from kikuchi.simulate.crystals.structure_files import load_structure

        name = str(phase)
        if name not in self._planes:
            try:
                planes = planes_of(load_structure(name), self._scan.voltage_kv or 20.0)
            except InputError:  # a structure of the user's own, or no crystal at all
                planes = None
            self._planes[name] = planes
        return self._planes[name]


def shares(attribution: np.ndarray, physics: Physics, seen: np.ndarray) -> dict[str, dict[str, float]]:
    """Return the shares of an attribution's absolute values on bands and zone axes, beside those of the area.

    Parameters
    ----------
    attribution
        (s, s).
    physics
        On the same grid.
    seen
        Pixels that carry a pattern at all, (s, s) bool: nothing outside a round screen can be attributed anything.
    """
    masks = {"bands": physics.band, "zone_axes": physics.zone_axis}
    found = {name: share_on(attribution[seen], mask[seen]) for name, mask in masks.items()}
    return {name: {"attribution": share, "area": area} for name, (share, area) in found.items()}


def _on_grid(values: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Crop and shrink what lies on the detector as a pattern is."""
    from skimage.transform import resize

    rows, columns = values.shape
    if preparation.crop == "centre":
        side = min(rows, columns)
        top, left = (rows - side) // 2, (columns - side) // 2
        values = values[top : top + side, left : left + side]
    size = preparation.size
    return resize(values.astype(float), (size, size), order=1, anti_aliasing=True, mode="edge")
