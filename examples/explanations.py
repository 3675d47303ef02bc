"""Explanations: where two members look when they disagree, for three points of the first map.

Run `first_map` first, in the same folder: its map is explained here.
"""

# %%
from pathlib import Path

import kikuchi

folder = Path("examples-output")
if not (folder / "maps" / "map.h5").is_file():
    raise SystemExit(f"there is no map in {folder / 'maps'}: run first_map first")

# %%
found = kikuchi.explain(
    folder / "run",
    folder / "why",
    scan=folder / "superalloy.h5",
    map_dir=folder / "maps",
    points=3,
    budget="60s",
    progress=kikuchi.bars(),
)
print(found.summary())

# %% [markdown]
# Every point was kept as an explanation of shap, which draws it: a row for each member, the pattern and what each pixel
# adds to the output, red for it and blue against it. Its values sum to the output less its mean over the background.

# %%
import shap

first = sorted((folder / "why").glob("point_*[0-9].npz"))[0]
explained = kikuchi.read_explanation(first)
print(first.name, explained.instance_names, explained.output_names)
shap.plots.image(explained)
