"""Strangers and overlaps in `fit`: run once by the fitted members, and kept by what they say."""

import numpy as np

from kikuchi._support.progress import Progress
from kikuchi.bundle.outputs import MemberOutputs, Part
from kikuchi.bundle.strangers import Strangers
from kikuchi.inference import Runner
from kikuchi.scans import Dataset, background_for

#: Superpositions of two held-out patterns.
OVERLAPS = 400

#: Patterns of one stranger that are looked at, evenly over its scan.
MOST_OF_ONE = 1000


def strangers_of(data: Dataset, runner: Runner, progress: Progress) -> Strangers | None:
    """Run every member on a dataset's strangers.

    Parameters
    ----------
    data
        Its strangers are none of its classes.
    runner
        The members, ready to run.
    progress
        Listener of the work.

    Returns
    -------
    Strangers
        What the members say of them; None where the dataset has none.
    """
    if not data.strangers:
        return None
    preparation = runner.recipe.preparation(runner.specs[0].size)
    outputs: list[MemberOutputs] = []
    material: list[np.ndarray] = []
    with progress.bar("strangers", len(data.strangers)) as step:
        for number, stranger in enumerate(data.strangers):
            own = stranger.indices
            if len(own) > MOST_OF_ONE:
                own = own[np.linspace(0, len(own) - 1, MOST_OF_ONE).astype(int)]
            background = background_for(stranger.scan, preparation)
            outputs.append(runner.outputs(stranger.scan.read(own), background))
            material.append(np.full(len(own), number))
            step(1)
    names = tuple(stranger.name for stranger in data.strangers)
    return Strangers.of(MemberOutputs.join(outputs), np.concatenate(material), names)


def overlaps_of(data: Dataset, part: np.ndarray, runner: Runner, seed: int) -> np.ndarray | None:
    """Run every member on superpositions, half and half, of two patterns of different classes that calibrate.

    Parameters
    ----------
    data
        Whose patterns; two of detectors that differ are not superposed.
    part
        `Part` of each pattern, (N,); negative for those that were not held out.
    runner
        The members, ready to run.
    seed
        Of the pairs.

    Returns
    -------
    numpy.ndarray
        Logits (M, S, K); None where there is no such pair.
    """
    rng = np.random.default_rng([seed, 5])
    held = np.flatnonzero(part == Part.CALIBRATION)
    one, other = rng.choice(held, (2, 4 * OVERLAPS))
    shape = np.array([hash(material.scan.signal_shape) for material in data.materials])[data.material]
    fits = (data.space_group[one] != data.space_group[other]) & (shape[one] == shape[other])
    one, other = one[fits][:OVERLAPS], other[fits][:OVERLAPS]
    preparation = runner.recipe.preparation(runner.specs[0].size)
    backgrounds = [background_for(material.scan, preparation) for material in data.materials]
    found = []
    pairs = np.stack([data.material[one], data.material[other]], axis=1)
    for a, b in np.unique(pairs, axis=0):
        here = (pairs == (a, b)).all(axis=1)
        patterns = [
            data.materials[m].scan.read(data.index[which[here]]).astype(np.float64)
            for m, which in ((a, one), (b, other))
        ]
        known = [background for background in (backgrounds[a], backgrounds[b]) if background is not None]
        background = np.mean(known, axis=0) if len(known) == 2 else None
        found.append(runner.outputs(0.5 * (patterns[0] + patterns[1]), background).logits)
    return np.concatenate(found, axis=1) if found else None
