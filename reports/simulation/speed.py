"""Patterns per second of the simulator beside kikuchipy's ``get_patterns``, in one run.

    python -m reports.simulation.speed

Writes ``speed.json`` beside itself. Every case is run several times in turn with the others and its best time
counts, so that a busy machine hurts all alike. Processor seconds stand beside the clock's: on a shared machine
they say what the clock cannot.
"""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import kikuchipy
import numpy as np
from orix.quaternion import Rotation

from kikuchi._support import threads
from kikuchi.simulate.detector.acquisition import simulate_patterns
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.detector.orientations import random_orientations
from kikuchi.simulate.detector.projection import project
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import varied_detector, varied_microscope
from reports._provenance import provenance

SHAPE = (64, 64)
PATTERNS = 2048
ROUNDS = 7


def main() -> None:
    signal = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")
    north, south = signal.data.astype(np.float32)
    master = MasterPattern("Ni", 225, 20.0, north, south, "dynamical")
    rng = np.random.default_rng(1)
    rotations = random_orientations(PATTERNS, rng)
    centres = rng.uniform((0.45, 0.2, 0.45), (0.55, 0.4, 0.75), (PATTERNS, 3))
    one, many = Geometry(SHAPE, centres[0]), Geometry(SHAPE, centres)

    def theirs(centre: np.ndarray) -> np.ndarray:
        return signal.get_patterns(
            Rotation(rotations),
            kikuchipy.detectors.EBSDDetector(shape=SHAPE, pc=centre),
            dtype_out="float32",
            compute=True,
            show_progressbar=False,
        ).data

    def ours(detector: Detector, microscope: Microscope, workers: int) -> None:
        simulate_patterns(master, PATTERNS, microscope, detector=detector, workers=workers)

    cores = threads.cores()
    cases: dict[str, Callable[[], object]] = {
        "kikuchipy, one pattern centre": lambda: theirs(centres[0]),
        "kikuchipy, a pattern centre per pattern": lambda: theirs(centres),
        "project, one pattern centre, one thread": lambda: project(master, rotations, one),
        "project, a pattern centre per pattern, one thread": lambda: project(master, rotations, many),
        "simulate_patterns, one thread": lambda: ours(Detector(shape=SHAPE), Microscope(), 1),
        f"simulate_patterns, {cores} threads": lambda: ours(Detector(shape=SHAPE), Microscope(), cores),
        f"simulate_patterns, everything varied, {cores} threads": lambda: ours(
            varied_detector(SHAPE), varied_microscope(), cores
        ),
    }
    for case in cases.values():
        case()  # compile
    clock: dict[str, list[float]] = {name: [] for name in cases}
    processor: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(ROUNDS):
        for name, case in cases.items():
            wall, cpu = time.perf_counter(), time.process_time()
            case()
            clock[name].append(time.perf_counter() - wall)
            processor[name].append(time.process_time() - cpu)
    expected, seen = theirs(centres), project(master, rotations, many)
    likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(expected, seen, strict=True)]
    result = {
        **provenance(),
        "load_average_after": round(os.getloadavg()[0], 2),
        "pattern": f"{SHAPE[0]} x {SHAPE[1]}",
        "patterns": PATTERNS,
        "rounds": ROUNDS,
        "smallest_correlation_with_kikuchipy": round(float(min(likeness)), 6),
        "patterns_per_second": {
            name: {
                "clock_best": round(PATTERNS / min(clock[name])),
                "clock_median": round(PATTERNS / float(np.median(clock[name]))),
                "per_processor_second": round(PATTERNS / min(processor[name])),
            }
            for name in cases
        },
    }
    out = Path(__file__).with_name("speed.json")
    out.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
