"""Radial power spectra of prepared patterns: real scans against simulated ones, as recorded before and now.

    python -m reports.simulation.spectra MASTERS REAL

MASTERS is a folder of public master patterns (.sht), REAL one with ``silicon_moving_screen``, ``inconel718_map``,
``cementite`` and ``aztec_tiff``; nickel comes with kikuchipy. Writes ``spectra.json`` (the ratios of real to simulated
power, whether every real spectrum lies within the span of simulated ones, and what the stains and the noise of real
scans look like) and ``spectra.png``.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import kikuchipy
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kikuchi.scans import Preparation, open_scan, prepare
from kikuchi.simulate.detector.distribution import Distribution, between, log_between
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.training.batches import (
    labelled_batch,
    real_detector,
    real_microscope,
    varied_microscope,
)
from reports._provenance import provenance

PREPARATION = Preparation(size=64)
PATTERNS = 4096
#: Cycles a side; the bands in which real and simulated power are compared.
BANDS = ((2, 4), (5, 7), (11, 14), (26, 32))
#: Share of simulated patterns beyond each end of what is called their span.
BEYOND = 0.001
SEED = 17

#: How the patterns of the shipped members of 2026-11-26 were recorded.
DETECTOR_BEFORE = Detector(
    shape=(64, 64),
    pcx=between(0.4, 0.6),
    pcy=between(0.12, 0.48),
    pcz=between(0.45, 0.75),
    sample_tilt=Distribution(kind="normal", values=(70, 1)),
    tilt=between(-5, 10),
    azimuthal=between(-3, 3),
)
MICROSCOPE_BEFORE = varied_microscope().model_copy(
    update={"contrast": log_between(0.03, 0.4), "dose": log_between(1000, 40_000)}
)

Shown = tuple[np.ndarray, np.ndarray | None]


def real_patterns(real: Path) -> dict[str, Shown]:
    """Return patterns as recorded, and a static background where one is subtracted."""
    nickel = open_scan(Path(kikuchipy.__file__).parent / "data" / "kikuchipy_h5ebsd" / "patterns.h5")
    found: dict[str, Shown] = {
        "nickel": (nickel.read(slice(None)), nickel.static_background),
        "nickel, nothing subtracted": (nickel.read(slice(None)), None),
    }
    for name in ("in", "out5mm", "out10mm"):
        scan = open_scan(real / "silicon_moving_screen" / f"si_{name}.h5")
        found[f"silicon, {name}"] = (scan.read(slice(None)), scan.static_background)
    inconel, background = inconel_patterns(real)
    some = slice(0, None, 17)
    found["Inconel 718"] = (inconel[some] - background, None)
    found["Inconel 718, nothing subtracted"] = (inconel[some], None)
    found["cementite"] = (open_scan(real / "cementite" / "Fe3C.tif").read(slice(None)), None)
    found["AZtec export"] = (open_scan(real / "aztec_tiff" / "sample_ebsd.tiff").read(slice(None)), None)
    return found


def inconel_patterns(real: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return the map's patterns (2500, 120, 120) on their common scale, darkest grey 0, and their static background."""
    folder = real / "inconel718_map"
    raw = open_scan(folder / "inconel718_50x50.h5").read(slice(None)).astype(np.float32)
    with np.load(folder / "scaling.npz", allow_pickle=False) as scaling:
        low, high = scaling["ranges"].reshape(-1, 2).T[:, :, None, None]
        background = scaling["static_background"]
    dark = background.min()
    return low + raw * ((high - low) / 255) - dark, background - dark


def radial_power(patterns: np.ndarray) -> np.ndarray:
    """Mean power on rings of whole frequencies, (n, size / 2 + 1), of square patterns."""
    size = patterns.shape[-1]
    power = np.abs(np.fft.fft2(patterns)) ** 2 / size**2
    cycles = np.fft.fftfreq(size) * size
    ring = np.rint(np.hypot(cycles[:, None], cycles)).astype(int).ravel()
    modes = np.bincount(ring)
    return np.stack([np.bincount(ring, p.ravel()) / modes for p in power])[:, : size // 2 + 1]


def in_bands(power: np.ndarray) -> np.ndarray:
    """Mean power in each of `BANDS`, last axis."""
    return np.stack([power[..., low : high + 1].mean(axis=-1) for low, high in BANDS], axis=-1)


def compared(real: np.ndarray, simulated: np.ndarray) -> dict[str, Any]:
    """Hold a scan's mean spectrum against simulated spectra."""
    low, high = np.quantile(simulated, [BEYOND, 1 - BEYOND], axis=0)
    mean = real.mean(axis=0)
    asked = np.arange(1, len(mean) - 1)
    outside = asked[(mean[asked] < low[asked]) | (mean[asked] > high[asked])]
    return {
        "real over simulated power": np.round(in_bands(mean) / in_bands(simulated.mean(axis=0)), 2).tolist(),
        "frequencies outside the span": outside.tolist(),
    }


def stains(background: np.ndarray) -> dict[str, float]:
    """Relative deviation of a static background from a smooth surface; exponent of its amplitude at 4-24 cycles."""
    side = min(background.shape)
    level = np.log(np.maximum(background[:side, :side].astype(float), 1e-3 * background.max()))
    y, x = (np.indices(level.shape) - (side - 1) / 2) / (side / 2)
    circle = np.hypot(x, y) < 0.9
    surfaces = np.polynomial.legendre.legvander2d(x[circle], y[circle], [6, 6])
    surfaces = surfaces[:, [7 * i + j for i in range(7) for j in range(7 - i)]]
    rest = np.zeros(level.shape)
    rest[circle] = level[circle] - surfaces @ np.linalg.lstsq(surfaces, level[circle], rcond=None)[0]
    amplitude = np.sqrt(radial_power(rest[None])[0])
    at = np.arange(4, 25)
    slope = np.polyfit(np.log(at), np.log(amplitude[at]), 1)[0]
    return {"relative deviation": round(float(rest[circle].std()), 4), "exponent": round(float(-slope), 2)}


def noise(real: Path) -> dict[str, Any]:
    """Colour of the noise in the Inconel map: half the difference of neighbours that are most alike."""
    inconel, _ = inconel_patterns(real)
    grid = inconel.reshape(50, 50, 120, 120)
    y, x = np.indices((120, 120)) - 59.5
    apart = (grid[:, 1:] - grid[:, :-1]).reshape(-1, 120, 120) / np.sqrt(2) * (np.hypot(x, y) < 50)
    alike = apart[np.argsort(apart.std(axis=(1, 2)))[:1000]]
    power = radial_power(alike).mean(axis=0)
    at = [5, 10, 20, 30, 40, 50, 59]
    return {"cycles": at, "power relative to 5 cycles": np.round(power[at] / power[5], 2).tolist()}


def draw(
    spectra: dict[str, np.ndarray],
    simulated: dict[str, np.ndarray],
    real: np.ndarray,
    fresh: np.ndarray,
    file: Path,
) -> None:
    """Draw spectra within their spans, and below them real and simulated patterns as members see them."""
    figure = Figure(figsize=(12, 9.5), layout="constrained")
    FigureCanvasAgg(figure)
    halves: Any = figure.subfigures(2, 1, height_ratios=(1.35, 1))
    top, bottom = halves
    axes = top.subplots(1, 2, sharey=True)
    f = np.arange(1, 32)
    for ax, (name, power) in zip(axes, simulated.items(), strict=True):
        low, high = np.quantile(power, [BEYOND, 1 - BEYOND], axis=0)
        ax.fill_between(f, low[f], high[f], color="0.85", label="99.8 % of simulated patterns")
        ax.plot(f, np.median(power, axis=0)[f], color="0.55", lw=1.5)
        for number, (scan, found) in enumerate(spectra.items()):
            ax.plot(f, found.mean(axis=0)[f], lw=1.2, color=f"C{number}", label=scan)
        ax.set(xscale="log", yscale="log", xlabel="cycles a side", xlim=(1, 31), ylim=(1e-5, 5))
        ax.set_title(name, loc="left")
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("power after preparation")
    axes[0].legend(frameon=False, fontsize=8, loc="lower center")
    cells = bottom.subplots(2, len(real))
    for row, patterns, name in ((0, real, "real"), (1, fresh, "simulated")):
        for cell, pattern in zip(cells[row], patterns, strict=False):
            cell.imshow(pattern, cmap="gray", vmin=-1, vmax=1)
            cell.set_axis_off()
        cells[row, 0].set_title(name, loc="left", fontsize=10)
    figure.savefig(file, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("real", type=Path)
    options = parser.parse_args()
    masters = [load_master(p, half_size=50) for p in sorted(options.masters.glob("*_20kV.sht"))]
    masters = [m for m in masters if 221 <= m.space_group <= 230]
    labels = np.array([m.space_group for m in masters])

    def simulated(detector: Detector, microscope: Microscope) -> np.ndarray:
        raw, _ = labelled_batch(masters, labels, PATTERNS, detector, microscope, [SEED, 0])
        return prepare(raw, PREPARATION)

    before = simulated(DETECTOR_BEFORE, MICROSCOPE_BEFORE)
    now = simulated(real_detector(), real_microscope())
    powers = {"recorded as before": radial_power(before), "recorded as real scans are": radial_power(now)}
    shown = {
        name: prepare(patterns, PREPARATION, background)
        for name, (patterns, background) in real_patterns(options.real).items()
    }
    spectra = {name: radial_power(patterns) for name, patterns in shown.items()}
    nickel = open_scan(Path(kikuchipy.__file__).parent / "data" / "kikuchipy_h5ebsd" / "patterns.h5")
    backgrounds = {"nickel": nickel.static_background, "Inconel 718": inconel_patterns(options.real)[1]}
    for path in sorted((options.real / "silicon_moving_screen").glob("*.h5")):
        backgrounds[f"silicon, {path.stem}"] = open_scan(path).static_background
    result = provenance(seed=SEED) | {
        "bands, cycles a side": BANDS,
        "simulated patterns": PATTERNS,
        "span": f"all but {BEYOND:.1%} at either end",
        "scans": {
            scan: {"patterns": len(found)} | {name: compared(found, power) for name, power in powers.items()}
            for scan, found in spectra.items()
        },
        "stains of static backgrounds": {name: stains(b) for name, b in backgrounds.items() if b is not None},
        "noise of Inconel 718": noise(options.real),
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    examples = np.stack([patterns[0] for patterns in shown.values()])
    draw(spectra, powers, examples, now[: len(examples)], Path(__file__).with_suffix(".png"))
    print(json.dumps(result["scans"], indent=1))


if __name__ == "__main__":
    main()
