"""The workflow of `demo`: simulate, fit, map, and compare with the truth that was simulated."""

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.abstention import Status
from kikuchi._support.lock import locked
from kikuchi._support.progress import SILENT, Progress, Whole
from kikuchi.inference.predictor import Predictor
from kikuchi.maps import PhaseMap
from kikuchi.simulate import simulate
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.workflows.fit import fit
from kikuchi.workflows.map import map_scan

if TYPE_CHECKING:
    import pandas


#: About how many seconds the steps take, and how often each comes: what the bar of the whole goes by.
COSTS = {
    "simulating labelled": (20.0, 1),
    "simulating map": (2.0, 1),
    "training": (45.0, 4),
    "held-out patterns": (15.0, 1),
    "mapping": (15.0, 1),
}


#: What the demo's members know.
MATERIALS = ("Ni3Al", "Ni", "Fe")

#: Crystals that show them what a stranger is: of nine other space groups, none of them that of the silicon in the map.
STRANGERS = ("Al4Ni3", "Corundum", "Cr3Si", "Cu2O", "Mg", "NaZn13", "Quartz", "Sn", "TiO2")


@dataclass(frozen=True)
class Demonstration:
    """Result of the demo.

    Attributes
    ----------
    bundle, phase_map
        What it fitted and mapped.
    data
        The comparison with the truth, plain numbers.
    text
        The same for people.
    """

    bundle: Predictor
    phase_map: PhaseMap
    data: dict[str, Any]
    text: str

    def to_dict(self) -> dict[str, Any]:
        """Return the comparison with the truth as plain data."""
        return dict(self.data)

    def summary(self) -> str:
        """Return the comparison with the truth in words, and where to look."""
        return self.text


def demo(out: str | Path = "demo", *, seed: int = 0, progress: Progress = SILENT) -> Demonstration:
    """Simulate labelled scans and a dual-phase map, fit four members, map, and compare with the truth.

    Parameters
    ----------
    out
        Folder; the specifications and the recipe are put there too, to start from.
    seed
        The same seed gives the same numbers.
    progress
        Listener of the work.

    Returns
    -------
    Demonstration
        The bundle, the map, and how they compare with the truth.

    Raises
    ------
    InputError
        The folder cannot be written, or holds the demo of another seed.
    """
    folder = Path(out)
    with locked(folder):
        for name in ("labelled.toml", "map.toml", "recipe.toml"):
            text = (resources.files("kikuchi.workflows") / "demos" / name).read_text(encoding="utf-8")
            _put(folder / name, text, seed)
        put_masters(folder)
        with Whole(progress, "the whole demo", COSTS).begun() as progress:
            scan = folder / "scans" / "nickel_superalloy.h5"
            if not scan.is_file():
                for spec, where in (("labelled.toml", folder / "scans"), ("map.toml", scan)):
                    simulate(folder / spec, where, progress=progress)
            bundle = fit(
                folder / "scans" / "dataset.toml",
                folder / "recipe.toml",
                folder / "run",
                seed=seed,
                progress=progress,
            )
            phase_map = map_scan(scan, bundle, folder / "map", progress=progress)
    import pandas

    truth = pandas.read_csv(scan.with_suffix(".truth.csv"))
    data = compare(phase_map, truth)
    return Demonstration(bundle, phase_map, data, _text(data, phase_map, folder))


def put_masters(folder: Path) -> None:
    """Write the master patterns that members learn from, and those of strangers, below a folder; keeps what is there.

    Parameters
    ----------
    folder
        Of the demo; ``masters`` and ``strangers`` are made in it.
    """
    for place, names in (("masters", MATERIALS), ("strangers", STRANGERS)):
        (folder / place).mkdir(parents=True, exist_ok=True)
        for name in names:
            path = folder / place / f"{name}.npz"
            if not path.is_file():
                structure = load_structure(name)
                save_master(path, kinematical_master(structure, half_size=120), structure)


def compare(phase_map: PhaseMap, truth: "pandas.DataFrame") -> dict[str, Any]:
    """Compare a map with the truth its scan was simulated from.

    Parameters
    ----------
    phase_map
        The map.
    truth
        What `kikuchi.simulate` wrote beside the scan, one row a pattern.

    Returns
    -------
    dict
        ``known``, ``foreign``, ``unreadable`` and ``overlap``: points of each kind of truth, how many of them got each
        status; for known points also the share that was answered and the error rate of the answers, beside that of
        always answering.
    """
    d = phase_map.decision
    space_group = np.array(phase_map.classes)[np.maximum(d.winner, 0)]
    wrong = space_group != truth["space_group"].fillna(0).to_numpy().astype(int)
    result: dict[str, Any] = {}
    for kind in ("known", "overlap", "foreign", "unreadable"):
        here = (truth["status_truth"] == kind).to_numpy()
        counts = {s.name.lower(): int((d.status[here] == s).sum()) for s in Status}
        result[kind] = {"points": int(here.sum())} | counts
    known = (truth["status_truth"] == "known").to_numpy()
    answered = known & (d.status == Status.SOLVED)
    result["coverage"] = float(answered.sum() / max(known.sum(), 1))
    result["selective_risk"] = float(wrong[answered].mean()) if answered.any() else None
    result["risk_of_always_answering"] = float(wrong[known].mean()) if known.any() else None
    result["promised_risk"] = phase_map.meta["promised_risk"]["certified_risk"]
    return result


def _put(path: Path, text: str, seed: int) -> None:
    """Write a file of the demo, its seed set; what is already there stays as it is."""
    if path.is_file():
        return
    lines = [
        f"seed = {int(line.split('=')[1]) + 1000 * seed}" if line.startswith("seed =") else line
        for line in text.splitlines()
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _text(data: dict[str, Any], phase_map: PhaseMap, folder: Path) -> str:
    def share(kind: str, *statuses: str) -> str:
        points = data[kind]["points"]
        return f"{sum(data[kind][s] for s in statuses) / max(points, 1):.0%} of {points}"

    risk = data["selective_risk"]
    answered = "nothing was answered" if risk is None else f"{risk:.1%} of the answers are wrong"
    promised = data["promised_risk"]
    promise = "nothing is promised" if promised >= 1 else f"promised: at most {promised:.1%}"
    return "\n".join(
        [
            "what the demo found, against the truth it simulated:",
            f"  known phases: answered {data['coverage']:.0%} of {data['known']['points']} points, {answered}",
            f"    (always answering would be wrong at {data['risk_of_always_answering']:.1%}; {promise})",
            "  silicon, which no member has seen: no answer for "
            f"{share('foreign', 'ambiguous', 'unfamiliar', 'unreadable')}, of which unfamiliar "
            f"{data['foreign']['unfamiliar']}",
            f"  damaged patch: called unreadable {share('unreadable', 'unreadable')}",
            f"  {phase_map.meta['promised_risk']['message']}",
            f"look at {folder / 'map' / 'report.html'}; scans, recipe and bundle are in {folder}",
        ]
    )
