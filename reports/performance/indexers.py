"""Hough and dictionary indexing of the same patterns, as kikuchipy runs them."""

from pathlib import Path
from typing import Any

import kikuchipy
from orix.crystal_map import PhaseList
from orix.sampling import get_sample_fundamental

from reports.performance import timing
from reports.performance.compact import some


def measure(work: Path, patterns: int | None, rounds: int, seed: int) -> dict[str, Any]:
    """Time both on the patterns that the compact members are timed on.

    They answer another question (orientations of phases that are named beforehand), so there is no agreement to give.
    """
    n = patterns or 1000
    raw, _ = some(work / "gain" / "scans" / "dataset.toml", n, seed)
    detector = kikuchipy.detectors.EBSDDetector(shape=raw.shape[1:], pc=(0.5, 0.3, 0.6), sample_tilt=70)
    signal = kikuchipy.signals.EBSD(raw.reshape(1, n, *raw.shape[1:]), detector=detector)
    master = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")
    phases = PhaseList(master.phase)
    indexer = detector.get_indexer(phases)
    rotations = get_sample_fundamental(resolution=4, point_group=master.phase.point_group)
    dictionary = master.get_patterns(
        rotations, detector, energy=20, dtype_out="float32", compute=True, show_progressbar=False
    )
    cases = {
        "Hough (PyEBSDIndex through kikuchipy)": lambda: signal.hough_indexing(phases, indexer, verbose=0),
        f"dictionary of {rotations.size}": lambda: signal.dictionary_indexing(dictionary, keep_n=1),
    }
    found = timing.rates(cases, n, rounds, "Hough (PyEBSDIndex through kikuchipy)")
    return {"patterns": n, "pattern_shape": list(raw.shape[1:]), "indexers": found}
