"""What a laboratory has today: Hough indexing with a phase list, and one dictionary per candidate."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi._support import atomic
from kikuchi.evaluation.selective_scores import error_rate
from kikuchi.simulate import MasterPattern, load_structure
from reports.paper.parts.config import Map, Study
from reports.paper.parts.patterns import map_scan_file, master, stem, truth_of

if TYPE_CHECKING:
    from kikuchipy.detectors import EBSDDetector
    from kikuchipy.signals import EBSD


def peers_file(entry: Map, work: Path) -> Path:
    """Return where the phase that each method gave to every point is kept."""
    return work / "maps" / f"{stem(entry.name)}.peers.npz"


def peers(entry: Map, study: Study, work: Path, number: int) -> dict[str, Any]:
    """Let Hough indexing and dictionary indexing say which of the two phases every point of a map is.

    Both are given what the ensemble is not: the two phases, their cells, and the exact geometry of the scan.

    Returns
    -------
    dict
        By method (Hough with the one order of the phase list and with the other, dictionaries) its error, confusion and
        shares, where the truth is known. The phase of every point is kept in `peers_file`.
    """
    import kikuchipy

    scan = map_scan_file(entry, study, work, number)
    signal = kikuchipy.load(scan, lazy=False)
    detector = geometry(signal)
    signal.remove_dynamic_background(show_progressbar=False)
    truth = truth_of(entry, scan)
    names = list(entry.materials)
    answers = {
        f"Hough [{names[0]}, {names[1]}]": hough(signal, detector, names),
        f"Hough [{names[1]}, {names[0]}]": 1 - hough(signal, detector, names[::-1]),
        "dictionaries": dictionaries(
            signal, detector, [master(n, study.masters, work) for n in names], study
        ),
    }
    answers = {name: np.where((phase < 0) | (phase > 1), -1, phase) for name, phase in answers.items()}
    with atomic.replaced(peers_file(entry, work)) as partial:
        np.savez_compressed(partial, allow_pickle=False, **answers)
    return {
        "name": entry.name,
        "materials": names,
        "dictionary_resolution_deg": study.peers.resolution,
        "methods": {
            name: tally(phase, names) if truth is None else against_truth(phase, truth, names)
            for name, phase in answers.items()
        },
    }


def geometry(signal: "EBSD") -> "EBSDDetector":
    """Return the scan's detector with one pattern centre."""
    detector = signal.detector.deepcopy()
    detector.pc = detector.pc_average
    return detector


def hough(signal: "EBSD", detector: "EBSDDetector", names: list[str]) -> np.ndarray:
    """Index by PyEBSDIndex through kikuchipy, and return which of the listed phases each point is, (N,)."""
    from orix.crystal_map import PhaseList

    phases = PhaseList([load_structure(name).to_phase() for name in names])
    indexer = detector.get_indexer(phases)
    found = signal.hough_indexing(phases, indexer, verbose=0)
    return np.asarray(found.phase_id)


def dictionaries(
    signal: "EBSD", detector: "EBSDDetector", masters: list[MasterPattern], study: Study
) -> np.ndarray:
    """Match every pattern with a dictionary of each phase, and return the phase of the better best match, (N,).

    Normalised cross-correlation by kikuchipy's dictionary indexing; the patterns of the dictionaries are treated like
    those of the scan.
    """
    from orix.sampling import get_sample_fundamental

    scores = []
    for one in masters:
        phase = load_structure(one.name).to_phase()
        rotations = get_sample_fundamental(study.peers.resolution, point_group=phase.point_group)
        dictionary = master_signal(one, phase).get_patterns(
            rotations,
            detector,
            dtype_out="float32",
            compute=True,
            show_progressbar=False,
        )
        dictionary.remove_dynamic_background(show_progressbar=False)
        found = signal.dictionary_indexing(
            dictionary, metric="ncc", keep_n=1, n_per_iteration=len(rotations.data)
        )
        scores.append(np.asarray(found.scores).reshape(found.size, -1)[:, 0])
    return np.argmax(scores, axis=0)


def master_signal(one: MasterPattern, phase: Any) -> Any:
    """Hand a master pattern to kikuchipy."""
    import kikuchipy

    return kikuchipy.signals.EBSDMasterPattern(
        np.stack([one.north, one.south]),
        axes=[
            {"size": 2, "name": "hemisphere"},
            {"size": len(one.north), "name": "height"},
            {"size": len(one.north), "name": "width"},
        ],
        projection="lambert",
        hemisphere="both",
        phase=phase,
    )


def tally(phase: np.ndarray, names: list[str]) -> dict[str, Any]:
    """Return the share of points given to each phase, where nobody knows the truth."""
    return {"share": {name: float((phase == i).mean()) for i, name in enumerate(names)}}


def against_truth(phase: np.ndarray, truth: dict[str, np.ndarray], names: list[str]) -> dict[str, Any]:
    """Score phases chosen for a map's points.

    Parameters
    ----------
    phase
        Index into `names`, -1 for none, (N,).
    truth
        With the column ``phase``.
    names
        The two phases.

    Returns
    -------
    dict
        ``error`` over points of a known phase, a point not indexed counting as wrong; ``confusion`` of shape (2, 3),
        the last column not indexed; and the ``share`` given to each phase.
    """
    confusion = np.zeros((2, 3), int)
    for i, name in enumerate(names):
        here = truth["phase"] == name
        confusion[i] = [int((phase[here] == j).sum()) for j in (0, 1, -1)]
    n = int(confusion.sum())
    return {
        "error": error_rate(n - int(confusion[0, 0] + confusion[1, 1]), n),
        "confusion": confusion.tolist(),
        "share": {name: float(confusion[:, i].sum() / n) for i, name in enumerate(names)},
    }
