"""Raw held-out patterns that a bundle keeps, so that its members' logits can be computed again."""

from pathlib import Path

import numpy as np

from kikuchi._support import atomic
from kikuchi.bundle.outputs import HeldOut
from kikuchi.scans import Dataset, Preparation, Split, background_for

#: Raw held-out patterns whose stored logits can be computed again; format 2 of the bundle, absent in format 1.
CHECKS = "checks.npz"

#: So many of them.
CHECKED = 8


def write_checks(
    path: Path, data: Dataset, split: Split, held_out: HeldOut, preparation: Preparation
) -> None:
    """Keep some raw held-out patterns of the first material, and which rows of the held-out outputs they are.

    Parameters
    ----------
    path
        File to write.
    data, split
        What the bundle was fitted on.
    held_out
        Outputs of its members; rows in the order of the dataset.
    preparation
        Of the first member: says whether a static background belongs to the patterns.
    """
    own = np.flatnonzero(held_out.material == held_out.material.min())
    rows = own[np.unique(np.linspace(0, len(own) - 1, CHECKED).astype(int))]
    positions = np.sort(np.concatenate([split.calibration, split.test]))[rows]
    scan = data.materials[data.material[positions[0]]].scan
    kept = {"rows": rows, "patterns": scan.read(data.index[positions])}
    background = background_for(scan, preparation)
    if background is not None:
        kept["background"] = np.asarray(background)
    with atomic.replaced(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **kept)  # type: ignore[arg-type]


def write_simulated_checks(
    path: Path, held_out: HeldOut, flat: np.ndarray, recorded: np.ndarray, place: np.ndarray
) -> None:
    """Keep some simulations whose logits a bundle of named phases can compute again: those it is surest of.

    Parameters
    ----------
    path
        File to write.
    held_out
        The members' outputs for N simulations.
    flat, recorded
        The simulations without and with their background, shapes (N, rows, columns).
    place
        Where in the scan, shape (N, 2).
    """
    logits = np.sort(np.asarray(held_out.outputs.logits)[0], axis=1)
    surest = np.argsort(logits[:, -2] - logits[:, -1], kind="stable")[: len(logits) // 2]
    rows = np.sort(surest[np.unique(np.linspace(0, len(surest) - 1, CHECKED).astype(int))])
    kept = {"rows": rows, "patterns": recorded[rows], "flat": flat[rows], "place": place[rows]}
    with atomic.replaced(path) as partial:
        np.savez_compressed(partial, allow_pickle=False, **kept)  # type: ignore[arg-type]
