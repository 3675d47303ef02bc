"""Refinement here and kikuchipy's, on the same patterns: same master, same start, same pattern centre.

    KIKUCHI_CORES=1 OMP_NUM_THREADS=1 python -m reports.adapt.kikuchipy_refinement --shared ../shared --work /tmp/adapt

Nickel patterns of `small`'s superalloy (EMsoft's master), begun a degree and a half from the truth, refined with our
master. Processor seconds of one thread; what Numba compiles is compiled before. Writes ``kikuchipy_refinement.json``.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.matching.matcher import flattened
from kikuchi.matching.phases import candidates
from kikuchi.matching.refine import turned
from kikuchi.matching.search import CentrePlane
from kikuchi.matching.storage import load_matcher
from kikuchi.scans import open_scan
from kikuchi.simulate import load_structure
from reports._provenance import provenance
from reports.adapt.baselines import truth_of
from reports.adapt.recorded_maps import KV
from reports.adapt.small import SCENES, recorded
from reports.paper.parts.peers import master_signal

SEED, OFF_DEG = 11, 1.5
WARM = 8


def away(found: np.ndarray, true: np.ndarray) -> np.ndarray:
    """Return misorientations of cubic crystals, degrees, shape (n,)."""
    from orix.quaternion import Orientation
    from orix.quaternion.symmetry import Oh

    return np.rad2deg((Orientation(found, symmetry=Oh) - Orientation(true, symmetry=Oh)).angle)


def correlation(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return normalised correlations of patterns (n, rows, columns), shape (n,)."""
    a, b = (x.reshape(len(x), -1) - x.mean(axis=(1, 2))[:, None] for x in (a, b))
    return np.einsum("nd,nd->n", a, b) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def main() -> None:
    """Measure and write."""
    import dask
    import kikuchipy
    from orix.crystal_map import CrystalMap, PhaseList
    from orix.quaternion import Rotation

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--count", type=int, default=200)
    options = parser.parse_args()
    dask.config.set(scheduler="synchronous")

    file = recorded("super", options.shared, options.work)
    truth = truth_of(file)
    nickel = np.flatnonzero((truth["phase"] == SCENES["super"]["Ni"]) & (truth["status_truth"] == "known"))
    some = nickel[np.unique(np.linspace(0, len(nickel) - 1, options.count + WARM).astype(int))]
    centre = truth.loc[some, ["pcx", "pcy", "pcz"]].median().to_numpy(float)
    true = Rotation.from_euler(np.deg2rad(truth.loc[some, ["phi1", "Phi", "phi2"]].to_numpy())).data
    axes = np.random.default_rng(SEED).standard_normal((len(true), 3))
    start = turned(true, np.deg2rad(OFF_DEG) * axes / np.linalg.norm(axes, axis=1, keepdims=True))
    raw = open_scan(file).read(some)
    last = slice(WARM, None)

    member = load_matcher(options.work / "super_run" / "members" / "matcher-1")
    plane = CentrePlane(centre, np.zeros((2, 3)))
    ours = replace(member.matcher.phases[0], plane=plane)
    flat = flattened(raw, member.background)
    place = np.zeros((len(some), 2))
    ours.refined(flat[:WARM], place[:WARM], start[:WARM])
    clock = time.process_time()
    here, _ = ours.refined(flat[last], place[last], start[last])
    seconds = {"here, orientation": time.process_time() - clock}
    found = {"here, orientation": here}

    clock = time.process_time()
    shape = raw.shape[1:]
    detector = kikuchipy.detectors.EBSDDetector(shape=shape, pc=centre, sample_tilt=70)
    corrected = kikuchipy.signals.EBSD(flat.astype(np.float32), detector=detector)
    corrected.remove_dynamic_background(show_progressbar=False)
    background = (time.process_time() - clock) / len(some)
    (phase,) = candidates(["Ni", "Si"])[:1]
    master = master_signal(phase.master(KV), load_structure("Ni").to_phase())

    def refined(part: slice, centres: bool) -> Any:
        n = len(some[part])
        signal = kikuchipy.signals.EBSD(corrected.data[part], detector=detector)
        xmap = CrystalMap(Rotation(start[part]), x=np.arange(n), phase_list=PhaseList(master.phase))
        fixed = detector.deepcopy()
        if centres:
            fixed.pc = np.tile(centre, (n, 1))
            signal.detector = fixed
            return signal.refine_orientation_projection_center(xmap, fixed, master, energy=KV)
        return signal.refine_orientation(xmap, fixed, master, energy=KV)

    moved, reached = np.zeros(3), {}
    for centres, who in ((False, "kikuchipy, orientation"), (True, "kikuchipy, orientation and centre")):
        refined(slice(0, WARM), centres)
        clock = time.process_time()
        made = refined(last, centres)
        seconds[who] = time.process_time() - clock
        if centres:
            moved = np.abs(np.asarray(made[1].pc).reshape(-1, 3) - centre)
        xmap = made[0] if centres else made
        found[who] = np.asarray(xmap.rotations.data).reshape(-1, 4)
        reached[who] = float(np.asarray(xmap.scores).mean())

    one = kikuchipy.detectors.EBSDDetector(shape=shape, pc=centre, sample_tilt=70)
    patterns = corrected.data[last].reshape(-1, *shape)
    features = ours.spectrum.of_patterns(flat[last])

    def scores(rotations: np.ndarray) -> dict[str, float]:
        made = master.get_patterns(
            Rotation(rotations), one, energy=KV, dtype_out="float32", compute=True, show_progressbar=False
        )
        models = ours.models(rotations, place[last], ours.spectrum)
        own = np.einsum("nd,nd->n", features, models) / np.linalg.norm(models, axis=1)
        pixels = correlation(patterns, np.asarray(made.data).reshape(-1, *shape))
        return {"of_pixels": float(pixels.mean()), "of_spectra": float(own.mean())}

    n = len(some) - WARM
    results: dict[str, Any] = {
        "made_by": provenance(seed=SEED),
        "patterns": n,
        "pattern_shape": list(shape),
        "begun_off_by_deg": OFF_DEG,
        "background_by_kikuchipy_cpu_seconds_of_1000": round(1000 * background, 2),
        "centre_moved_by_median": np.median(moved, axis=0).tolist(),
        "mean_correlation_at_the_truth": scores(true[last]),
        "refined": {
            who: {
                "patterns_per_cpu_second": n / seconds[who],
                "off_deg": {q: float(np.quantile(away(found[who], true[last]), s)) for q, s in
                            (("median", 0.5), ("95_percent_below", 0.95), ("largest", 1.0))},
                # At the true centre; the last row has its own, and kikuchipy's score at it.
                **({} if who.endswith("centre") else {"mean_correlation": scores(found[who])}),
                **({"mean_score_by_kikuchipy": reached[who]} if who in reached else {}),
                "from_here_deg_median": float(np.median(away(found[who], here))),
            }
            for who in found
        },
    }  # fmt: skip
    text = json.dumps(results, indent=1, default=float) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
