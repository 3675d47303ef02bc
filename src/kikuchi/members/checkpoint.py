"""The state of an unfinished training in one file that is replaced whole after every epoch."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import keras

NAME = "checkpoint.npz"


def save(work: Path, trained: "keras.Model", best: list[np.ndarray], rows: list[list[float]]) -> None:
    """Write the weights, the optimizer's state, the best weights so far and the history of losses.

    Parameters
    ----------
    work
        Folder, made if missing.
    trained
        A compiled model whose optimizer has its variables.
    best
        Weights of the best epoch.
    rows
        One row of numbers per finished epoch.
    """
    work.mkdir(parents=True, exist_ok=True)
    arrays = {f"weight_{i:04d}": np.asarray(w) for i, w in enumerate(trained.get_weights())}
    arrays |= {f"optimizer_{i:04d}": _array(v) for i, v in enumerate(trained.optimizer.variables)}
    arrays |= {f"best_{i:04d}": w for i, w in enumerate(best)}
    arrays["rows"] = np.asarray(rows, np.float64)
    partial = work / f"{NAME}.partial"
    with partial.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(work / NAME)


def load(work: Path, trained: "keras.Model") -> tuple[list[np.ndarray], np.ndarray] | None:
    """Fill a compiled model from its checkpoint.

    Returns
    -------
    best, rows
        As `save` got them; None where there is no checkpoint, or one of another model.
    """
    path = work / NAME
    if not path.is_file():
        return None
    with np.load(path, allow_pickle=False) as stored:
        groups = {
            kind: [stored[k] for k in sorted(stored.files) if k.startswith(f"{kind}_")]
            for kind in ("weight", "optimizer", "best")
        }
        rows = stored["rows"]
    if [w.shape for w in groups["weight"]] != [tuple(w.shape) for w in trained.weights]:
        return None
    trained.set_weights(groups["weight"])
    for variable, value in zip(trained.optimizer.variables, groups["optimizer"], strict=True):
        variable.assign(value)
    return groups["best"], rows


def remove(work: Path) -> None:
    """Delete the checkpoint of a finished training."""
    (work / NAME).unlink(missing_ok=True)


def _array(variable) -> np.ndarray:
    import keras

    return np.asarray(keras.ops.convert_to_numpy(variable.value))
