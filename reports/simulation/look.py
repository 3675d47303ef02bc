"""Simulated patterns beside real ones, to be judged by eye: nothing is subtracted from either.

    python reports/simulation/look.py

Writes ``look.png`` beside itself. The nickel patterns come with kikuchipy; those of silicon from the folder named
in ``KIKUCHI_SHARED`` (``../shared`` by default).
"""

import os
from pathlib import Path

import h5py
import kikuchipy
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from skimage.transform import resize

from kikuchi.simulate.acquisition import simulate_patterns
from kikuchi.simulate.distribution import constant
from kikuchi.simulate.kinematical import kinematical_master
from kikuchi.simulate.master import MasterPattern
from kikuchi.simulate.microscope import Microscope
from kikuchi.simulate.stream import varied_detector, varied_microscope
from kikuchi.simulate.structures import load_structure

COLUMNS = 8


def main() -> None:
    nickel = kikuchipy.data.nickel_ebsd_small().data.reshape(-1, 60, 60)[:5]
    shared = Path(os.environ.get("KIKUCHI_SHARED", "../shared"))
    silicon = []
    for file in sorted(shared.glob("real/silicon_moving_screen/*.h5")):
        with h5py.File(file) as scan:
            silicon.append(resize(scan["Scan 1/EBSD/Data/patterns"][0], (64, 64), anti_aliasing=True))
    signal = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")
    north, south = signal.data.astype(np.float32)
    dynamical = MasterPattern("Ni", 225, 20.0, north, south, "dynamical")
    structures = {name: kinematical_master(load_structure(name)) for name in ("Ni", "Si", "NiAl", "Fe3C")}
    plain, round_screen = Microscope(), Microscope(screen_radius=constant(1.0))
    rows: dict[str, np.ndarray | list[np.ndarray]] = {
        "real: nickel, silicon at three distances": [*nickel, *silicon],
        "simulated, dynamical: nickel": simulate_patterns(dynamical, COLUMNS, plain, 5)[0],
        "simulated, kinematical: nickel": simulate_patterns(structures["Ni"], COLUMNS, plain, 1)[0],
        "simulated, kinematical: silicon, round screen": simulate_patterns(
            structures["Si"], COLUMNS, round_screen, 2
        )[0],
        "simulated, kinematical: NiAl": simulate_patterns(structures["NiAl"], COLUMNS, plain, 3)[0],
        "simulated, kinematical: cementite": simulate_patterns(structures["Fe3C"], COLUMNS, plain, 4)[0],
        "to train on: nickel, dynamical, everything varied": simulate_patterns(
            dynamical, COLUMNS, varied_microscope(), 6, detector=varied_detector()
        )[0],
    }
    figure = Figure(figsize=(COLUMNS, 1.13 * len(rows)), dpi=100)
    axes = figure.subplots(len(rows), COLUMNS)
    for axis in axes.flat:
        axis.axis("off")
    for line, (title, patterns) in zip(axes, rows.items(), strict=True):
        line[0].set_title(title, fontsize=7, loc="left", pad=2)
        for axis, pattern in zip(line, patterns, strict=False):
            axis.imshow(pattern, cmap="gray")
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.97, 0.03, 0.14)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    grey = Image.frombuffer("RGBA", canvas.get_width_height(), canvas.buffer_rgba()).convert("L")
    grey.save(Path(__file__).with_name("look.png"), optimize=True)


if __name__ == "__main__":
    main()
