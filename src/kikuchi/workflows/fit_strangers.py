"""Strangers of a dataset in `fit`: run once by the fitted members, and kept by what they say."""

import numpy as np

from kikuchi._support.progress import Progress
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.bundle.strangers import Strangers
from kikuchi.inference import Runner
from kikuchi.scans import Dataset, background_for

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
