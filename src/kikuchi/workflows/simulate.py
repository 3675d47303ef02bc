"""The workflow of `simulate`: a specification becomes scans with their truth beside them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kikuchi._support.progress import SILENT, Progress
from kikuchi.simulate.scenes.simulation import simulate as simulate_scans
from kikuchi.simulate.scenes.spec import Spec


@dataclass(frozen=True)
class Simulated:
    """Result of a simulation; a path wherever one is taken.

    Attributes
    ----------
    path
        The map's scan, or the dataset file of the labelled scans.
    """

    path: Path

    def __fspath__(self) -> str:
        """Return the path of what was written."""
        return str(self.path)

    def to_dict(self) -> dict[str, Any]:
        """Return where the scans are, as plain data."""
        return {"written": str(self.path)}

    def summary(self) -> str:
        """Return where the scans are."""
        return f"wrote {self.path}"


def simulate(
    spec: str | Path | Spec,
    out: str | Path,
    *,
    workers: int | None = None,
    progress: Progress = SILENT,
) -> Simulated:
    """Simulate labelled scans, or the scan of a microstructure, with their truth beside them.

    Parameters
    ----------
    spec
        TOML file, or one already read.
    out
        For a map the scan to write, ``.h5``, or a folder for ``map.h5``; otherwise a folder for the scans.
    workers
        Threads; by default one per core.
    progress
        Listener of the work: a bar of every master pattern, one of the patterns, and one of the whole.

    Returns
    -------
    Simulated
        Where the scans are.

    Raises
    ------
    InputError
        The specification or a file that it names is wrong, or `out` cannot be written.
    """
    return Simulated(simulate_scans(spec, out, workers=workers, progress=progress))
