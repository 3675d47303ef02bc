"""Five Xception members for the study, without days of training: each differs, and each has learned something.

Random backbones whose batch-normalisation statistics are those of real patterns, and heads fitted to their features by
least squares. Speed does not depend on the weights; how often members agree does, and these agree less than trained
ones, which is against us: an early stop saves the less, the less members agree.
"""

from pathlib import Path

import numpy as np

from kikuchi.engines import OnnxEngine
from kikuchi.engines.export import export_member
from kikuchi.engines.keras_engine import head_of
from kikuchi.members import MemberSpec, build_member, load_member, save_member

SIZE = 96
MEMBERS = 5


def members(work: Path, patterns: np.ndarray, labels: np.ndarray, classes: int) -> list[Path]:
    """Build, save and export the members; what is there already stays.

    Parameters
    ----------
    work
        Folder, one sub-folder a member with its weights and ``member.onnx``.
    patterns, labels
        Prepared training patterns (n, 96, 96) and class indices (n,).
    classes
        K.
    """
    folders = []
    for i in range(MEMBERS):
        folder = work / f"xception-{i + 1}"
        folders.append(folder)
        if (folder / "member.onnx").is_file():
            continue
        spec = MemberSpec(f"xception-{i + 1}", "scratch", "xception", SIZE, classes, seed=i)
        model = build_member(spec)
        _settle(model, patterns[i * 32 : i * 32 + 96])
        folder.mkdir(parents=True, exist_ok=True)
        export_member(model, folder / "headless.onnx")
        features = OnnxEngine(folder / "headless.onnx", head_of(model)).predict(patterns)[1].astype(float)
        mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
        x = (features - mean) / scale
        dual = np.linalg.solve(x @ x.T + 300 * np.eye(len(x)), 12 * (np.eye(classes)[labels] - 1 / classes))
        kernel = (x.T @ dual) / scale[:, None]
        model.get_layer("head").set_weights([kernel, -mean @ kernel])
        save_member(model, spec, folder)
        export_member(model, folder / "partial.onnx")
        (folder / "partial.onnx").replace(folder / "member.onnx")
        (folder / "headless.onnx").unlink()
        print(folder.name, flush=True)
    return folders


def keras_members(folders: list[Path]) -> list:
    """Load the members as Keras models."""
    return [load_member(folder)[0] for folder in folders]


def _settle(model, patterns: np.ndarray) -> None:
    """Give every batch normalisation the statistics of these patterns, in one pass."""
    import keras

    backbone = model.get_layer("backbone")
    normalisations = [x for x in backbone.layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in normalisations:
        layer.momentum = 0.0
    model(patterns[..., None], training=True)
    for layer in normalisations:
        layer.momentum = 0.99
