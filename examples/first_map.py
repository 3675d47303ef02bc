"""Your first map: simulate a small nickel superalloy, fit an ensemble, map, and look. About two minutes on two cores.

Nothing is needed but this package. With scans of your own, leave the simulations out and begin at `kikuchi.fit`.
"""

# %%
from pathlib import Path

import matplotlib.pyplot as plt

import kikuchi

folder = Path("examples-output")
folder.mkdir(exist_ok=True)

# %% [markdown]
# Scans of one known phase each, to learn from: 300 patterns a material.

# %%
LABELLED = """
seed = 1
half_size = 100
[[material]]
name = "Ni3Al"
count = 300
[[material]]
name = "Ni"
count = 300
[detector]
shape = [48, 48]
[microscope]
contrast = { uniform = [0.3, 0.4] }
dose = { loguniform = [2000, 6000] }
"""
(folder / "labelled.toml").write_text(LABELLED, encoding="utf-8")
if not (folder / "labelled" / "dataset.toml").is_file():
    kikuchi.simulate(folder / "labelled.toml", folder / "labelled", progress=kikuchi.bars())

# %% [markdown]
# The scan to map: grains of nickel with Ni3Al precipitates, silicon that no member has seen, and a damaged patch.

# %%
UNKNOWN = """
seed = 2
half_size = 100
[[material]]
name = "Ni"
[[material]]
name = "Ni3Al"
[[material]]
name = "Si"
[detector]
shape = [48, 48]
[microscope]
contrast = { uniform = [0.3, 0.4] }
dose = { loguniform = [2000, 6000] }
[map]
shape = [30, 40]
step = 0.5
grain_size = 8.0
boundary_width = 0.3
vary = "pattern"
phase = [{ material = "Ni" }]
precipitate = [{ material = "Ni3Al", matrix = "Ni", fraction = 0.3, radius = 1.5 }]
foreign = [{ material = "Si", centre = [0.8, 0.25], radius = 0.2 }]
unreadable = [{ centre = [0.15, 0.85], radius = 0.12 }]
"""
(folder / "superalloy.toml").write_text(UNKNOWN, encoding="utf-8")
if not (folder / "superalloy.h5").is_file():
    kikuchi.simulate(folder / "superalloy.toml", folder / "superalloy.h5", progress=kikuchi.bars())

# %% [markdown]
# Two members that start from weights which learned on simulated crystals: they need few patterns.

# %%
RECIPE = """
[[member]]
kind = "transfer"
count = 2
architecture = "small"
size = 48
dropout = 0.3
weights = "kikuchi"
[train]
epochs = 4
batch = 32
flip_augmentation = true
cosine_decay = true
[split]
train_per_class = 100
validation_per_class = 20
[abstain]
risk = 0.05
"""
(folder / "recipe.toml").write_text(RECIPE, encoding="utf-8")
run = kikuchi.fit(
    folder / "labelled" / "dataset.toml",
    folder / "recipe.toml",
    folder / "run",
    seed=1,
    progress=kikuchi.bars(),
)

# %%
phase_map = kikuchi.map_scan(folder / "superalloy.h5", run, folder / "maps", progress=kikuchi.bars())
print(phase_map.summary())
print(f"look at {folder / 'maps' / 'report.html'}")

# %% [markdown]
# The map is a crystal map of orix, which draws it: the phases that were answered, and how sure each answer is.

# %%
crystal_map = phase_map.to_crystal_map()
crystal_map.plot()
crystal_map.plot("confidence", colorbar=True, colorbar_label="confidence")
plt.show()

# %% [markdown]
# It is a table of pandas too. What became of the points, by the space groups that could be right:

# %%
table = phase_map.to_dataframe()
points = table.groupby(["candidates", "status"]).size().unstack(fill_value=0)
points.plot.barh(stacked=True, xlabel="points", ylabel="could be")
plt.show()
