"""The losses of a bundle's members as a picture beside them."""

from pathlib import Path

from kikuchi._support import atomic
from kikuchi.members.history import read_history


def draw_losses(folder: Path, members: list[str]) -> Path:
    """Draw the losses of all members, mean and one standard deviation per kind: ``losses.png``.

    Returns
    -------
    pathlib.Path
        The picture.
    """
    from kikuchi.html.figures import loss_history

    kinds: dict[str, list[tuple[list[float], list[float]]]] = {}
    for name in members:
        epochs = read_history(folder / "members" / name).epochs
        losses = ([e.loss for e in epochs], [e.validation_loss for e in epochs])
        kinds.setdefault(name.rsplit("-", 1)[0], []).append(losses)
    figure = loss_history(kinds)
    with atomic.replaced(folder / "losses.png") as partial:
        figure.savefig(partial)
    return folder / "losses.png"
