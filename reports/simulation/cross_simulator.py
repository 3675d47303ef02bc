"""Nickel or Ni3Al? Templates of one simulator, patterns of another, by matching.

    python -m reports.simulation.cross_simulator MASTERS [--count 100] [--seed 5]
    python -m reports.simulation.cross_simulator MASTERS --fitted    # adds what the matcher of `ensemble adapt` says

Patterns of 60 x 60 pixels with 2 % of diffracted signal on 2500 electrons a pixel, as in real nickel. Orientations
are refined from one degree off; the pattern centre is known, or 0.005 off with the pattern blurred besides. The score
is the correlation with the Ni3Al template less that with the nickel template, after the same high-pass filter; it is
decided at zero, which nobody has tuned. Single patterns, and means of nine of one orientation. Writes
``cross_simulator.json`` and ``cross_simulator.png``.

``--fitted``: the same patterns as one scan, all with one pattern centre 0.005 off (or each with its own), whose centre,
blur and spectrum `kikuchi.matching` finds from 48 of them before it matches all; still decided at zero.
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import gaussian_filter

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations, rotation_matrices, small_turns
from kikuchi.simulate.detector.projection import crystal_basis, project_basis
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.simulator import draw_simulator, simulated_master
from reports._provenance import provenance

NAMES = ("Ni", "Ni3Al")
PUBLIC = ("Ni_nickel_sg225_20kV.sht", "Ni3Al_gamma_prime_sg221_20kV.sht")
SIDE = 60
GEOMETRY = Geometry((SIDE, SIDE), np.array([0.5, 0.3, 0.6]))
ELECTRONS, SIGNAL = 2500, 0.02
STEP = np.deg2rad(0.3)
Pair = tuple[MasterPattern, MasterPattern]

#: Scans whose common pattern centre is off by another draw.
SCANS = 3


def prepared(patterns: np.ndarray) -> np.ndarray:
    """High-pass patterns and scale them to unit length, shape (n, pixels)."""
    flat = patterns - gaussian_filter(patterns, (0, 8, 8))
    flat = gaussian_filter(flat, (0, 0.7, 0.7)).reshape(len(patterns), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def turns(angles: np.ndarray) -> np.ndarray:
    """Return matrices of small turns about x, y and z, radians, shape (n, 3) to (n, 3, 3)."""
    half = angles / 2
    rest = np.sqrt(1 - (half**2).sum(axis=1, keepdims=True))
    return rotation_matrices(np.concatenate([rest, half], axis=1))


def refined(master: MasterPattern, patterns: np.ndarray, basis: np.ndarray, steps: int = 6) -> np.ndarray:
    """Return the best correlation of every prepared pattern with a template near an orientation, by Gauss-Newton."""

    def template(at: np.ndarray) -> np.ndarray:
        return prepared(project_basis(master, at.astype(np.float32), GEOMETRY.shape))

    best = np.full(len(patterns), -1.0)
    for step in range(steps):
        here = template(basis)
        score = (here * patterns).sum(axis=1)
        best = np.maximum(best, score)
        if step == steps - 1:
            break
        slopes = [
            (template(basis @ turns(np.tile(STEP * axis, (len(basis), 1)))) - here) / STEP
            for axis in np.eye(3)
        ]
        jacobian = np.stack(slopes, axis=1)
        # The pattern is the template times its correlation, plus noise.
        target = patterns / np.maximum(score, 0.05)[:, None] - here
        normal = jacobian @ jacobian.transpose(0, 2, 1)
        gain = (jacobian @ target[..., None])[..., 0]
        move = np.linalg.solve(normal, gain[..., None])[..., 0]
        length = np.linalg.norm(move, axis=1, keepdims=True)
        basis = basis @ turns(move * np.minimum(1, np.deg2rad(0.7) / np.maximum(length, 1e-9)))
    return best


def scores(
    templates: Pair, patterns_of: Pair, averaged: int, off: float, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the score of noisy patterns of both crystals, and which they are.

    `off` is how far the true pattern centre lies from the one assumed, in each of its coordinates (standard deviation);
    where it is not zero, patterns are blurred by 0.7 pixels besides, and templates are not.
    """
    rng = np.random.default_rng(seed)
    found, truth = [], []
    for label, master in enumerate(patterns_of):
        rotations = random_orientations(count, rng)
        centres = np.asarray(GEOMETRY.pattern_centre) + off * rng.standard_normal((count, 3))
        true = Geometry(GEOMETRY.shape, centres)
        clean = project_basis(master, crystal_basis(rotations, true), GEOMETRY.shape)
        if off:
            clean = gaussian_filter(clean, (0, 0.7, 0.7))
        clean = (clean - clean.mean(axis=(1, 2), keepdims=True)) / clean.std(axis=(1, 2), keepdims=True)
        electrons = ELECTRONS * averaged
        noisy = prepared(rng.poisson(electrons * np.maximum(1 + SIGNAL * clean, 0)) / electrons)
        start = crystal_basis(rotations, GEOMETRY) @ rotation_matrices(small_turns(np.full(count, 1.0), rng))
        both = [refined(template, noisy, start) for template in templates]
        found.append(both[1] - both[0])
        truth.append(np.full(count, label))
    return np.concatenate(found), np.concatenate(truth)


def scan_of(
    patterns_of: Pair, averaged: int, spread: bool, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return blurred, noisy patterns of a scan (2 count, SIDE, SIDE), their labels, and their pattern centres.

    The centres are off by 0.005 in each coordinate (standard deviation), all alike, or each by itself where `spread`.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], count)
    off = rng.standard_normal((2 * count, 3) if spread else (1, 3))
    centres = np.broadcast_to(np.asarray(GEOMETRY.pattern_centre) + 0.005 * off, (2 * count, 3))
    rotations = random_orientations(2 * count, rng)
    clean = np.empty((2 * count, SIDE, SIDE), np.float32)
    for label, master in enumerate(patterns_of):
        here = labels == label
        basis = crystal_basis(rotations[here], Geometry(GEOMETRY.shape, centres[here]))
        clean[here] = project_basis(master, basis, GEOMETRY.shape)
    clean = gaussian_filter(clean, (0, 0.7, 0.7))
    clean = (clean - clean.mean(axis=(1, 2), keepdims=True)) / clean.std(axis=(1, 2), keepdims=True)
    electrons = ELECTRONS * averaged
    return rng.poisson(electrons * np.maximum(1 + SIGNAL * clean, 0)) / electrons, labels, centres


def fitted(templates: Pair, patterns_of: Pair, averaged: int, spread: bool, count: int, seed: int) -> dict:
    """Find the scan's pattern centre, match every pattern at it, and decide at equal correlation."""
    from kikuchi.matching.geometry_fit import Sample, fit_geometry
    from kikuchi.matching.matcher import Matcher
    from kikuchi.matching.spectrum import Spectrum
    from kikuchi.matching.texture import texture_of

    patterns, labels, centres = scan_of(patterns_of, averaged, spread, count, seed)
    textures, groups = tuple(texture_of(master) for master in templates), (225, 221)
    some = np.unique(np.linspace(0, len(labels) - 1, 48).astype(int))
    told = np.asarray(GEOMETRY.pattern_centre)
    fit = fit_geometry(
        Sample(patterns[some], np.zeros((len(some), 2))),
        list(zip(textures, groups, strict=True)),
        Spectrum(GEOMETRY.shape, 2 / 3 * SIDE),
        GEOMETRY,
        centre=told,
    )
    found = Matcher(textures, groups, fit.spectrum, GEOMETRY, fit.plane).match(patterns)
    score = found.scores[:, 1] - found.scores[:, 0]
    return summary(score, labels, seed) | {
        "centre_error_before": round(float(np.abs(centres.mean(axis=0) - told).max()), 4),
        "centre_error": round(float(np.abs(centres.mean(axis=0) - fit.plane.middle).max()), 4),
    }


def summary(score: np.ndarray, truth: np.ndarray, seed: int) -> dict[str, Any]:
    """Return accuracy and area under the curve with 95 % intervals of a bootstrap over patterns."""
    rng = np.random.default_rng(seed)

    def area(which: np.ndarray) -> float:
        yes, no = score[which][truth[which] == 1], score[which][truth[which] == 0]
        return float((yes[:, None] > no).mean() + (yes[:, None] == no).mean() / 2)

    def accuracy(which: np.ndarray) -> float:
        return float(((score[which] > 0) == truth[which]).mean())

    draws = [rng.integers(0, len(truth), len(truth)) for _ in range(400)]
    result: dict[str, Any] = {}
    measures: dict[str, Callable[[np.ndarray], float]] = {"accuracy": accuracy, "auc": area}
    for name, measure in measures.items():
        low, high = np.quantile([measure(draw) for draw in draws], [0.025, 0.975])
        value = measure(np.arange(len(truth)))
        result[name] = [round(float(number), 3) for number in (value, low, high)]
    result["nickel_right"] = round(float((score[truth == 0] <= 0).mean()), 3)
    return result


def simulators(masters: Path) -> dict[str, Pair]:
    """Return the masters of both crystals by every simulator."""

    def pair(make: Callable[[str], MasterPattern]) -> Pair:
        return make(NAMES[0]), make(NAMES[1])

    public = dict(zip(NAMES, PUBLIC, strict=True))
    return {
        "EMsoft": pair(lambda name: load_master(masters / public[name], half_size=200)),
        "ours, 201 px": pair(lambda name: bloch_wave_master(load_structure(name), half_size=100)),
        "ours, 101 px": pair(lambda name: bloch_wave_master(load_structure(name), half_size=50)),
        "kinematical, 201 px": pair(lambda name: kinematical_master(load_structure(name), half_size=100)),
        "ours, drawn": pair(
            lambda name: simulated_master(load_structure(name), simulator=draw_simulator(1), half_size=100)
        ),
    }


def draw(kept: dict[str, tuple[np.ndarray, np.ndarray]], file: Path) -> None:
    """Draw the scores of both crystals."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(4.2 * len(kept), 3.2), layout="constrained")
    for axes, (title, (score, truth)) in zip(
        page.subplots(1, len(kept), sharey=True), kept.items(), strict=True
    ):
        edges = np.linspace(score.min(), score.max(), 30)
        for label, name in enumerate(NAMES):
            axes.hist(score[truth == label], edges, alpha=0.6, label=f"{name} patterns")
        axes.axvline(0, color="black", linewidth=0.8)
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("correlation with Ni3Al less that with Ni")
    axes.legend(fontsize=8)
    page.savefig(file, dpi=110)


def add_fitted(found: dict[str, Pair], count: int, seed: int, file: Path) -> None:
    """Add the rows of `fitted` that are not there yet."""
    result = json.loads(file.read_text(encoding="utf-8"))
    kept = result.setdefault("fitted", provenance(seed=seed) | {"runs": []})
    there = {tuple(row[key] for key in ("templates", "averaged", "centre", "scan")) for row in kept["runs"]}
    for templates in ("ours, 201 px", "EMsoft", "ours, drawn"):
        for averaged, centre, scan in [
            *((averaged, "one", scan) for averaged in (1, 9) for scan in range(SCANS)),
            (1, "each its own", 0),
        ]:
            if (templates, averaged, centre, scan) in there:
                continue
            begin = time.process_time()
            row: dict[str, Any] = {"templates": templates, "patterns": "EMsoft", "averaged": averaged}
            row |= {"centre": centre, "scan": scan}
            row |= fitted(found[templates], found["EMsoft"], averaged, centre != "one", count, seed + scan)
            row["cpu_seconds"] = round(time.process_time() - begin, 1)
            kept["runs"].append(row)
            print(row, flush=True)
            file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Match and write, after every run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument(
        "--fitted", action="store_true", help="Add the matcher's rows to the file that is there."
    )
    options = parser.parse_args()
    found = simulators(options.masters)
    here = Path(__file__)
    if options.fitted:
        add_fitted(found, options.count, options.seed, here.with_suffix(".json"))
        return
    rows, kept = [], {}
    runs = [("ours, 201 px", "EMsoft"), *((name, "EMsoft") for name in found if name != "ours, 201 px")]
    runs.append(("EMsoft", "ours, 201 px"))
    for templates, patterns in runs:
        for averaged, off in ((1, 0.0), (9, 0.0), (1, 0.005), (9, 0.005)):
            begin = time.process_time()
            score, truth = scores(
                found[templates], found[patterns], averaged, off, options.count, options.seed
            )
            row: dict[str, Any] = {"templates": templates, "patterns": patterns}
            row |= {"averaged": averaged, "centre_off": off} | summary(score, truth, options.seed)
            row["cpu_seconds"] = round(time.process_time() - begin, 1)
            rows.append(row)
            print(row, flush=True)
            if (templates, patterns, averaged) == ("ours, 201 px", "EMsoft", 1):
                known = "centre 0.005 off, blurred" if off else "pattern centre known"
                kept[f"EMsoft by our templates, {known}"] = (score, truth)
            result = provenance(seed=options.seed) | {"patterns_of_each": options.count, "runs": rows}
            here.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        if len(kept) == 2:
            draw(kept, here.with_suffix(".png"))


if __name__ == "__main__":
    main()
