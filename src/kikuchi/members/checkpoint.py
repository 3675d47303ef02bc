"""The state of an unfinished training in one file that is replaced whole after every epoch."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kikuchi._support import atomic
from kikuchi._support.archive import read_archive

if TYPE_CHECKING:
    import keras

    from kikuchi.members.backend import Steps

NAME = "checkpoint.npz"


def save(
    work: Path, model: "keras.Model", steps: "Steps", best: list[np.ndarray], rows: list[list[float]]
) -> None:
    """Write the weights, the optimizer's state, the best weights so far and the history of losses.

    Parameters
    ----------
    work
        Folder, made if missing.
    model, steps
        The member and what trains it, after a whole epoch.
    best
        Weights of the best epoch.
    rows
        One row of numbers per finished epoch.
    """
    arrays = {f"weight_{i:04d}": np.asarray(w) for i, w in enumerate(model.get_weights())}
    arrays |= {f"optimizer_{i:04d}": a for i, a in enumerate(steps.state())}
    arrays |= {f"best_{i:04d}": w for i, w in enumerate(best)}
    arrays["rows"] = np.asarray(rows, np.float64)
    with atomic.replaced(work / NAME) as partial:
        np.savez(partial, allow_pickle=False, **arrays)


def load(work: Path, model: "keras.Model", steps: "Steps") -> tuple[list[np.ndarray], np.ndarray] | None:
    """Fill a member and what trains it from a checkpoint.

    Returns
    -------
    best, rows
        As `save` got them; None where there is no checkpoint, or one of another model or other steps.
    """
    path = work / NAME
    if not path.is_file():
        return None
    stored = read_archive(
        path, remedy="delete it: the member is then trained from its first epoch", most=2**36
    )
    groups = {
        kind: [stored[k] for k in sorted(stored) if k.startswith(f"{kind}_")]
        for kind in ("weight", "optimizer", "best")
    }
    rows = stored["rows"]
    if [w.shape for w in groups["weight"]] != [tuple(w.shape) for w in model.weights]:
        return None
    begun = model.get_weights()
    model.set_weights(groups["weight"])
    if not steps.restore(groups["optimizer"]):
        model.set_weights(begun)
        return None
    return groups["best"], rows


def remove(work: Path) -> None:
    """Delete the checkpoint of a finished training."""
    (work / NAME).unlink(missing_ok=True)
