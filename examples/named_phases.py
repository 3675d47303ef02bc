"""Named phases: you know which ones may be there, and nothing is labelled. A minute on two cores.

Simulates a small scan of nickel and ferrite, adapts to it by their names alone, maps it, and compares with what was
simulated. With a scan of your own, leave the simulation out; a phase may be a CIF or a master pattern too.
"""

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from orix.plot import IPFColorKeyTSL
from orix.vector import Vector3d
from sklearn.metrics import ConfusionMatrixDisplay

import kikuchi

folder = Path("examples-output")
folder.mkdir(exist_ok=True)

# %% [markdown]
# Nickel and ferrite on one map, recorded as one scan is: one pattern centre, one voltage.

# %%
SCAN = """
seed = 5
half_size = 100
[[material]]
name = "Ni"
[[material]]
name = "Fe"
[detector]
shape = [60, 60]
pcx = 0.49
pcy = 0.3
pcz = 0.6
[microscope]
contrast = 0.3
dose = 4000
[map]
shape = [16, 20]
step = 0.5
grain_size = 3.0
boundary_width = 0.1
phase = [{ material = "Ni" }, { material = "Fe" }]
"""
scan = folder / "two-phases.h5"
(folder / "two-phases.toml").write_text(SCAN, encoding="utf-8")
if not scan.is_file():
    kikuchi.simulate(folder / "two-phases.toml", scan, progress=kikuchi.bars())

# %% [markdown]
# From here on it is as with a real scan: the phases by name, then the map.

# %%
bundle = kikuchi.adapt(scan, ["Ni", "Fe"], folder / "adapted", seed=1, progress=kikuchi.bars())
phase_map = kikuchi.map_scan(scan, bundle, folder / "named", progress=kikuchi.bars())
print(phase_map.summary())

# %% [markdown]
# A matcher gives orientations too. orix draws its crystal map: phases, then orientations in the colours of the inverse
# pole figure of the map's normal.

# %%
crystal_map = phase_map.to_crystal_map()
crystal_map.plot()
colours = np.zeros((crystal_map.size, 3))
for number, phase in crystal_map.phases_in_data:
    if phase.point_group is None:  # points without a solution
        continue
    key = IPFColorKeyTSL(phase.point_group, direction=Vector3d.zvector())
    of_phase = crystal_map.phase_id == number
    colours[of_phase] = key.orientation2color(crystal_map[of_phase].orientations)
crystal_map.plot(colours)
plt.show()

# %% [markdown]
# What was simulated is known: scikit-learn draws which phase was taken for which.

# %%
truth = pd.read_csv(scan.with_suffix(".truth.csv"))
table = phase_map.to_dataframe()
answered = table["status"] == "solved"
ConfusionMatrixDisplay.from_predictions(truth["phase"][answered], table["phase"][answered])
print(
    f"answered {answered.sum()} of {len(table)}, right {(truth['phase'] == table['phase'])[answered].sum()}"
)
plt.show()
