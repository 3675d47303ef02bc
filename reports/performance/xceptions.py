"""Five Xception members for the study: trained, if briefly, since how often members agree decides what stops save.

One network is trained from scratch; every member begins from it with a head of its own and sees all training patterns
once more in an order of its own, at a learning rate that lets it go its own way.
"""

import shutil
from pathlib import Path

import numpy as np

from kikuchi.inference.onnx_export import export_member
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    build_member,
    copy_backbone,
    load_member,
    save_member,
    train_member,
)

SIZE = 96
MEMBERS = 5
FIRST = Training(epochs=4, batch=32, patience=4, flip_augmentation=True, cosine_decay=True)
OWN = Training(epochs=1, batch=32, learning_rate=5e-4, flip_augmentation=True)

Patterns = tuple[np.ndarray, np.ndarray]


def spec(name: str, classes: int, seed: int) -> MemberSpec:
    """Return what a member is built from."""
    return MemberSpec(name, "scratch", "xception", SIZE, classes, dropout=0.3, seed=seed)


def members(work: Path, train: Patterns, watched: Patterns, classes: int) -> list[Path]:
    """Train, save and export the members; what is there already stays, what was interrupted goes on.

    Parameters
    ----------
    work
        Folder, one sub-folder a member with its weights and ``member.onnx``.
    train, watched
        Prepared patterns (n, 96, 96) and class indices (n,): to learn from, and to choose the epoch by.
    classes
        K.
    """
    first = _trained(work / "first", spec("first", classes, 0), train, watched, FIRST)
    folders = [work / f"xception-{i + 1}" for i in range(MEMBERS)]
    for i, folder in enumerate(folders):
        if (folder / "member.onnx").is_file():
            continue
        model = _trained(folder, spec(folder.name, classes, i + 1), train, watched, OWN, first)
        export_member(model, folder / "partial.onnx")
        (folder / "partial.onnx").replace(folder / "member.onnx")
    return folders


def keras_members(folders: list[Path]) -> list:
    """Load the members as Keras models."""
    return [load_member(folder)[0] for folder in folders]


def _trained(folder: Path, what: MemberSpec, train: Patterns, watched: Patterns, how: Training, start=None):
    """Return a trained network from its folder, or train it, from another's backbone where one is given."""
    if (folder / "member.json").is_file():
        return load_member(folder)[0]
    model = build_member(what)
    if start is not None:
        copy_backbone(start.get_layer("backbone"), model.get_layer("backbone"))

    def told(e: Epoch) -> None:
        print(
            f"{what.name} epoch {e.epoch}: {e.loss:.3f}, {e.accuracy:.1%}, on others {e.validation_loss:.3f}, "
            f"{e.validation_accuracy:.1%}, {e.seconds:.0f} s",
            flush=True,
        )

    unfinished = folder / "training"
    unfinished.mkdir(parents=True, exist_ok=True)
    train_member(model, train, watched, how, seed=what.seed, work=unfinished, on_epoch=told)
    save_member(model, what, folder)
    shutil.rmtree(unfinished)
    return model
