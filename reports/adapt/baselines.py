"""What maps of named phases are judged by, and what laboratories have today: a dictionary, and Hough indexing."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ensemble.errors import InputError
from ensemble.metrics import bootstrap_interval
from kikuchi.matching.dictionary import build_dictionary, fundamental_orientations
from kikuchi.matching.matcher import flattened
from kikuchi.matching.search import base_at
from kikuchi.matching.storage import load_matcher
from kikuchi.postprocessing.labelled_division import divide_by_labels
from kikuchi.scans import Scan
from reports.paper.parts.peers import geometry, hough

#: Points that a person labels.
LABELS = 10


def share(wrong: np.ndarray, groups: np.ndarray) -> dict[str, float]:
    """Return an error rate with its 95 % interval over grains."""
    found = bootstrap_interval(lambda w: w.mean(), wrong.astype(float), groups=groups, n_resamples=400)
    return {"value": float(wrong.mean()), "low": float(found.low), "high": float(found.high)}


def dictionary_alone(run: Path, scan: Scan, background: np.ndarray | None) -> np.ndarray:
    """Return the phase of the better best entry of a dictionary of each, told the pattern centre; (N,)."""
    member = load_matcher(run / "members" / "matcher-1")
    found = []
    coarse = member.matcher.phases[0].coarse
    features = np.concatenate(
        [coarse.of_patterns(flattened(p, background)) for _, p in scan.iter_chunks(512)]
    )
    for phase in member.matcher.phases:
        rotations = fundamental_orientations(phase.space_group, 3.0)
        geometry = base_at(phase.base, coarse, phase.plane.middle)
        found.append(build_dictionary(phase.texture, rotations, geometry, coarse).best(features, 1)[1][:, 0])
    return np.argmax(found, axis=0)


def divided_by_labels(order: np.ndarray, second: np.ndarray, pure: np.ndarray, seed: int) -> dict[str, Any]:
    """Say how many pure points are wrong when ten of them, labelled rightly, set the threshold.

    Ten spread over the ranks, as `ensemble label` suggests them, and 300 draws of ten at random.
    """
    here = np.flatnonzero(pure & np.isfinite(order))
    ranked = here[np.argsort(order[here], kind="stable")]
    spread = ranked[((np.arange(LABELS) + 0.5) / LABELS * len(ranked)).astype(int)]
    rng = np.random.default_rng(seed)
    drawn = [rng.choice(here, LABELS, replace=False) for _ in range(300)]

    def error(points: np.ndarray) -> float:
        try:
            division = divide_by_labels(order[points], second[points])
        except InputError:
            return np.nan
        return float((division.upper(order) != second)[here].mean())

    errors = np.array([error(points) for points in drawn])
    return {
        "labels": LABELS,
        "spread_over_the_ranks": error(spread),
        "at_random": {
            "mean": float(np.nanmean(errors)),
            "95_percent_below": float(np.nanquantile(errors, 0.95)),
            "draws_refused": int(np.isnan(errors).sum()),
        },
        "best_threshold": min(float(((order > cut) != second)[here].mean()) for cut in order[here]),
    }


def truth_of(file: Path) -> pd.DataFrame:
    """Return what is true of a simulated map."""
    return pd.read_csv(file.with_name(f"{file.stem}.truth.csv"))


def by_hough(file: Path, names: list[str]) -> dict[str, np.ndarray]:
    """Index by PyEBSDIndex through kikuchipy with both orders of the phase list, at the exact pattern centre."""
    import kikuchipy

    signal = kikuchipy.load(file, lazy=False)
    detector = geometry(signal)
    signal.remove_dynamic_background(show_progressbar=False)
    found = {}
    for order in (names, names[::-1]):
        phase = hough(signal, detector, order)
        inside = (phase >= 0) & (phase < len(order))
        found[f"Hough [{', '.join(order)}]"] = np.where(inside, np.array(order)[np.clip(phase, 0, 1)], "none")
    return found


def judged_overlaps(table: pd.DataFrame, truth: pd.DataFrame) -> dict[str, Any]:
    """Count which overlaps of two phases were named, and how far their shares are off."""
    two = (truth["status_truth"] == "overlap").to_numpy()
    looked = table["second_share"].notna().to_numpy()
    named = table["second_phase"].notna().to_numpy()
    alone = (truth["mix"] < 0.02).to_numpy()
    both = two & named
    # A share of the second crystal; the first may be the one that the truth calls second.
    off = np.minimum(table["second_share"], 1 - table["second_share"])[both] - truth["mix"][both]
    return {
        "overlaps_of_two_phases": int(two.sum()),
        "looked_at": int((two & looked).sum()),
        "called_mixed": int(both.sum()),
        "points_of_one_crystal": int(alone.sum()),
        "of_these_looked_at": int((alone & looked).sum()),
        "of_these_called_mixed": int((alone & named).sum()),
        "share_off": {"median": float(off.median()), "median_size": float(off.abs().median())},
    }
