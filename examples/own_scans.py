"""Your own labelled scans: two folders of images, one TOML that names them, an ensemble, and how good it is.

The images are written here so that the example runs anywhere; yours are a vendor's file or a folder of TIFFs.
"""

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import skimage.io
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import ConfusionMatrixDisplay

import kikuchi
from kikuchi.simulate import Detector, Microscope, kinematical_master, load_structure
from kikuchi.simulate.detector.acquisition import simulate_patterns
from kikuchi.simulate.detector.distribution import between, constant

here = Path("examples-output") / "own-scans"

# %% [markdown]
# Single images, as a camera writes them: 220 of nickel and 220 of silicon.


# %%
def recorded(structure: str, n: int, seed: int) -> np.ndarray:
    """Return simulated patterns (n, 48, 48)."""
    master = kinematical_master(load_structure(structure), half_size=100)
    microscope = Microscope(contrast=between(0.3, 0.4), dose=constant(4000))
    return np.asarray(simulate_patterns(master, n, microscope, seed, detector=Detector(shape=(48, 48)))[0])


for structure, name, seed in (("Ni", "nickel", 1), ("Si", "silicon", 2)):
    (here / name).mkdir(parents=True, exist_ok=True)
    for number, pattern in enumerate(recorded(structure, 220, seed)):
        skimage.io.imsave(here / name / f"{number:04}.png", pattern, check_contrast=False)

# %% [markdown]
# The dataset says which scan shows which material, the recipe what to fit.

# %%
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
(here / "dataset.toml").write_text(DATASET, encoding="utf-8")
(here / "recipe.toml").write_text(RECIPE, encoding="utf-8")
run = kikuchi.fit(here / "dataset.toml", here / "recipe.toml", here / "run", seed=1, progress=kikuchi.bars())

# %%
found = kikuchi.evaluate(run, None, here / "evaluation", progress=kikuchi.bars())
print(found.summary())

# %% [markdown]
# The ensemble is a classifier as scikit-learn has them: its displays judge it on patterns that are new.

# %%
patterns = np.concatenate([recorded("Ni", 100, seed=3), recorded("Si", 100, seed=4)])
labels = np.repeat([225, 227], 100)
probabilities = run.predict_proba(patterns, static_background=False)
ConfusionMatrixDisplay.from_predictions(labels, run.predict(patterns, static_background=False))
CalibrationDisplay.from_predictions(
    labels == 227, probabilities[:, list(run.classes_).index(227)], n_bins=5, name="silicon"
)
plt.show()
