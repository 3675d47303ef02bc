"""The losses of every epoch: stored with each member, and summed up as the paper's Fig. 1 does."""

import csv
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi.members import Epoch, History

NAME = "history.csv"
_COLUMNS = [f.name for f in fields(Epoch)]


def write_history(folder: Path, history: History) -> None:
    """Write a member's losses as CSV, one row an epoch."""
    with atomic.replaced(folder / NAME) as partial, partial.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(astuple(epoch) for epoch in history.epochs)


def read_history(folder: Path) -> History:
    """Read a member's losses.

    Raises
    ------
    InputError
        The file is missing or not such a table.
    """
    path = folder / NAME
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        return History([Epoch(int(r["epoch"]), *(float(r[c]) for c in _COLUMNS[1:])) for r in rows])
    except (OSError, KeyError, OverflowError, TypeError, ValueError) as error:
        raise InputError("not a history of losses", path=path, remedy="copy the bundle again") from error


def convergence(folder: Path, members: list[str], min_delta: float, guess: float | None = None) -> list[str]:
    """Say per kind how many epochs its members took to converge: mean and standard deviation, as the paper.

    Parameters
    ----------
    folder
        Of the bundle.
    members
        Their names; the kind is what stands before the last hyphen.
    min_delta
        A fall of the validation loss that counts.
    guess
        Loss of a guess, log K: a member that never came below it by 2 % did not converge, whatever its losses did.
    """
    kinds: dict[str, list[int]] = {}
    lines = []
    for name in members:
        history = read_history(folder / "members" / name)
        if guess is not None and history.epochs and _learned_nothing(history, guess):
            lines.append(
                f"warning: {name} has learned nothing: its validation loss never fell below that of a guess, "
                f"{guess:.2f}; train longer, or with more patterns"
            )
            continue
        kinds.setdefault(name.rsplit("-", 1)[0], []).append(history.converged_at(min_delta))
    for kind, epochs in kinds.items():
        spread = f" +- {np.std(epochs, ddof=1):.0f}" if len(epochs) > 1 else ""
        count = f"{len(epochs)} member" + ("s" if len(epochs) > 1 else "")
        lines.append(f"{kind}: {np.mean(epochs):.0f}{spread} epochs to converge ({count})")
    return lines


def _learned_nothing(history: History, guess: float) -> bool:
    losses = np.array([epoch.validation_loss for epoch in history.epochs])
    return not bool((losses < 0.98 * guess).any())
