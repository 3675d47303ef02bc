"""Simulated patterns beside real ones, to be judged by eye: nothing is subtracted from either.

    python -m reports.simulation.look

Writes ``look.png`` beside itself, and ``look.json`` with what the defaults are set to: how much the real patterns vary
once divided by their static background, how much of it is noise from pixel to pixel, and how much the background
itself varies. The nickel patterns come with kikuchipy; those of silicon from the folder named
in ``KIKUCHI_SHARED`` (``../shared`` by default).
"""

import json
import os
from pathlib import Path

import h5py
import kikuchipy
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from scipy.ndimage import convolve
from skimage.transform import resize

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.detector.acquisition import simulate_patterns
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.microscope import Microscope
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import varied_detector, varied_microscope
from reports._provenance import provenance

COLUMNS = 8


def binned(image: np.ndarray) -> np.ndarray:
    """Sum over 8 x 8 pixels, as a camera does."""
    return image.astype(float).reshape(60, 8, 60, 8).mean(axis=(1, 3))


def variation(pattern: np.ndarray, static: np.ndarray) -> dict[str, float]:
    """Give relative standard deviations within the inscribed circle."""
    y, x = np.indices(pattern.shape) - (len(pattern) - 1) / 2
    circle = np.hypot(y, x) < 0.42 * len(pattern)
    flat = pattern / np.maximum(static, 1)
    # The noise of a pixel is what its four neighbours do not predict; the median ignores the bands' edges.
    unlike = convolve(flat, np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])) / np.sqrt(20)
    mean = flat[circle].mean()
    return {
        "signal and noise": round(float(flat[circle].std() / mean), 4),
        "noise": round(float(1.4826 * np.median(np.abs(unlike[circle])) / mean), 4),
        "background": round(float(static[circle].std() / static[circle].mean()), 4),
    }


def main() -> None:
    scan = kikuchipy.data.nickel_ebsd_small()
    nickel = scan.data.reshape(-1, 60, 60)
    measured = {"nickel": [variation(pattern, scan.static_background) for pattern in nickel]}
    shared = Path(os.environ.get("KIKUCHI_SHARED", "../shared"))
    silicon: list[np.ndarray] = []
    measured["silicon, binned to 60 x 60"] = []
    for file in sorted(shared.glob("real/silicon_moving_screen/*.h5")):
        with h5py.File(file) as content:
            pattern = content["Scan 1/EBSD/Data/patterns"][0]
            static = content["Scan 1/EBSD/Header/static_background"][()]
        silicon.append(resize(pattern, (64, 64), anti_aliasing=True))
        measured["silicon, binned to 60 x 60"].append(variation(binned(pattern), binned(static)))
    text = json.dumps(provenance() | {"relative to the mean": measured}, indent=1)
    Path(__file__).with_name("look.json").write_text(text + "\n", encoding="utf-8")
    signal = kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")
    north, south = signal.data.astype(np.float32)
    dynamical = MasterPattern("Ni", 225, 20.0, north, south, "dynamical")
    structures = {name: kinematical_master(load_structure(name)) for name in ("Ni", "Si", "NiAl", "Fe3C")}
    plain, round_screen = Microscope(), Microscope(screen_radius=constant(1.0))
    rows: dict[str, np.ndarray | list[np.ndarray]] = {
        "real: nickel, silicon at three distances": [*nickel[:5], *silicon],
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
