"""Tiny scans, a tiny recipe and a tiny bundle: what the reliability studies run on."""

from pathlib import Path

import numpy as np

RECIPE = """
[[member]]
kind = "scratch"
count = 2
size = 32
[train]
engine = "{engine}"
epochs = {epochs}
batch = 8
warm_down = true
[split]
train_per_class = 24
validation_per_class = 8
[combine]
draws = 5
[calibrate]
method = "temperature"
[abstain]
risk = 0.3
"""


def write_inputs(
    folder: Path, *, epochs: int = 6, patterns: int = 96, engine: str = "auto"
) -> tuple[Path, Path]:
    """Write a dataset of two materials whose patterns carry stripes of different direction, and a recipe.

    Returns
    -------
    dataset, recipe
        The two TOML files.
    """
    folder.mkdir(parents=True, exist_ok=True)
    entries = []
    for number, (name, group) in enumerate((("rows", 225), ("columns", 229))):
        write_stripes(folder / f"{name}.h5", patterns, horizontal=number == 0, seed=number)
        entries.append(f'[[material]]\nname = "{name}"\nspace_group = {group}\nscan = "{name}.h5"\n')
    (folder / "dataset.toml").write_text("\n".join(entries))
    (folder / "recipe.toml").write_text(RECIPE.format(epochs=epochs, engine=engine))
    return folder / "dataset.toml", folder / "recipe.toml"


def write_stripes(path: Path, n: int, *, horizontal: bool, seed: int, side: int = 40) -> Path:
    """Write a scan of `n` noisy striped patterns in one row."""
    from kikuchi.simulate.scenes.writer import write_scan

    rng = np.random.default_rng(seed)
    wave = np.sin(np.arange(side) / 2)
    stripes = wave[:, None] if horizontal else wave[None, :]

    def blocks():
        for start in range(0, n, 512):
            count = min(512, n - start)
            noisy = 128 + 25 * stripes + rng.normal(0, 12, (count, side, side))
            yield start, np.clip(noisy, 0, 255).astype(np.uint8)

    return write_scan(
        path,
        blocks(),
        grid=(1, n),
        signal_shape=(side, side),
        dtype=np.uint8,
        step_um=1.0,
        voltage_kv=20.0,
        pattern_centre=np.array([0.5, 0.3, 0.6]),
    )
