"""Easy patterns for the Xception members, simulated once."""

from pathlib import Path

import numpy as np

from kikuchi.scans import Preparation, load_dataset, prepare
from kikuchi.simulate import simulate

EASY = """
seed = 7
half_size = 120
diffraction = "kinematical"
[[material]]
name = "Ni"
count = 1500
[[material]]
name = "Fe"
count = 1500
[[material]]
name = "Si"
count = 1500
[detector]
shape = [60, 60]
[microscope]
contrast = { uniform = [0.3, 0.5] }
dose = { loguniform = [2000, 8000] }
"""


def easy(work: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return raw patterns (4500, 60, 60) of nickel, iron and silicon in mixed order, and their classes."""
    dataset = work / "easy-4500" / "dataset.toml"
    if not dataset.is_file():
        dataset.parent.mkdir(parents=True, exist_ok=True)
        (work / "easy-4500.toml").write_text(EASY, encoding="utf-8")
        simulate(work / "easy-4500.toml", dataset.parent)
    data = load_dataset(dataset)
    raw = np.concatenate([patterns for _, _, patterns in data.iter_patterns()])
    order = np.random.default_rng(0).permutation(len(raw))
    return raw[order], data.labels(data.classes)[order]


def prepared(raw: np.ndarray, size: int) -> np.ndarray:
    """Prepare patterns as a recipe without wishes does."""
    return prepare(raw, Preparation(size=size))
