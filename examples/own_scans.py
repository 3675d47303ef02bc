"""Your own labelled scans: two folders of images, one TOML that names them, an ensemble, and how good it is.

    python examples/own_scans.py [FOLDER]

The images are written here so that the example runs anywhere; yours are a vendor's file or a folder of TIFFs.
"""

import sys
from pathlib import Path

import numpy as np
import skimage.io

import kikuchi
from kikuchi.simulate import load_structure
from kikuchi.simulate.detector.acquisition import simulate_patterns
from kikuchi.simulate.detector.distribution import between, constant
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.kinematical import kinematical_master

DATASET = """
[[material]]
name = "nickel"
space_group = 225
scan = "nickel"          # a folder, a glob such as "ni/*.tif", or a file of any maker

[[material]]
name = "silicon"
space_group = 227
scan = "silicon"
"""

RECIPE = """
[[member]]
kind = "transfer"
count = 2
architecture = "small"
size = 48
dropout = 0.3
weights = "kikuchi"
[train]
epochs = 3
batch = 16
cosine_decay = true
[split]
train_per_class = 60
validation_per_class = 20
[abstain]
risk = 0.05
groups = "pattern"       # every image is a crystal of its own; leave this out for scans, whose neighbours are not
"""


def write_images(folder: Path, structure: str, n: int, seed: int) -> None:
    """Write simulated patterns as single images, as a camera would."""
    folder.mkdir(parents=True, exist_ok=True)
    master = kinematical_master(load_structure(structure), half_size=100)
    detector = Detector(shape=(48, 48))
    microscope = Microscope(contrast=between(0.3, 0.4), dose=constant(4000))
    patterns = simulate_patterns(master, n, microscope, seed, detector=detector)[0]
    for number, pattern in enumerate(patterns):
        skimage.io.imsave(folder / f"{number:04}.png", np.asarray(pattern), check_contrast=False)


def main(folder: Path) -> None:
    """Write images and the dataset, fit, and evaluate on patterns that no member saw."""
    here = folder / "own-scans"
    if not (here / "silicon" / "0219.png").is_file():
        write_images(here / "nickel", "Ni", 220, seed=1)
        write_images(here / "silicon", "Si", 220, seed=2)
    (here / "dataset.toml").write_text(DATASET, encoding="utf-8")
    (here / "recipe.toml").write_text(RECIPE, encoding="utf-8")
    kikuchi.fit(here / "dataset.toml", here / "recipe.toml", here / "run", seed=1)
    kikuchi.evaluate(here / "run", None, here / "evaluation")
    print(f"look at {here / 'evaluation' / 'report.html'}")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("examples-output"))
