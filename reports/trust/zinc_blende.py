"""How much of the difference between zinc blende (GaAs, 216) and diamond (Ge, 227) is in a pattern at all.

    python -m reports.trust.zinc_blende MASTERS

EMsoft's master patterns at 20 kV (MASTERS): correlations over the whole sphere of GaAs with Ge and, for scale, of other
phases of one space group; the part of GaAs that changes sign under inversion, which is all that tells -43m from m-3m;
and the same for patterns as they are recorded and prepared for the members, without noise and with it. Writes
`zinc_blende.json`.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.scans import prepare
from kikuchi.simulate.detector.distribution import constant
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch
from reports._provenance import provenance
from reports.simulation.trunk import PREPARATION
from reports.trust.gauge_conditions import CAMERA, CENTRE, CONTRAST

HERE = Path(__file__).resolve().parent
GAAS, GE = "GaAs_gallium_arsenide_sg216", "Ge_germanium_sg227"
PAIRS = {
    "GaAs, Ge": (GAAS, GE),
    "Ge, Si": (GE, "Si_silicon_sg227"),
    "Al, Cu": ("Al_aluminum_sg225", "Cu_copper_sg225"),
    "ferrite, W": ("Fe_alpha_iron_sg229", "W_tungsten_sg229"),
    "Ni, Ni3Al": ("Ni_nickel_sg225", "Ni3Al_gamma_prime_sg221"),
}
DOSES = {"1000": 1000.0, "6000": 6000.0, "40000": 40_000.0}
"""Electrons a pixel: the ends of what the members were trained on, and about the middle."""
FREE = 1e9
PATTERNS = 200
SEED = 19


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Pearson's, over all pixels."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def both(master: MasterPattern) -> np.ndarray:
    """Both hemispheres; their pixels cover equal areas."""
    return np.stack([master.north, master.south])


def odd_share(master: MasterPattern) -> float:
    """Share of the variance that changes sign under inversion."""
    sphere = both(master) - both(master).mean()
    inverted = sphere[::-1, ::-1, ::-1]
    return float((((sphere - inverted) / 2) ** 2).sum() / (sphere**2).sum())


def recorded(master: MasterPattern, dose: float) -> np.ndarray:
    """Record the same orientations of a crystal and prepare them for the members, (N, 64 * 64)."""
    detector = Detector(
        shape=(64, 64),
        pcx=constant(CENTRE[0]),
        pcy=constant(CENTRE[1]),
        pcz=constant(CAMERA),
        sample_tilt=constant(70.0),
    )
    light = Microscope(contrast=constant(CONTRAST), dose=constant(dose))
    patterns, _ = labelled_batch([master], np.zeros(1, int), PATTERNS, detector, light, [SEED])
    return prepare(patterns, PREPARATION).reshape(PATTERNS, -1).astype(np.float64)


def mean_correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Mean over the patterns."""
    return float(np.mean([correlation(x, y) for x, y in zip(a, b, strict=True)]))


def main() -> None:
    """Correlate and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("masters", type=Path)
    args = parser.parse_args()
    masters = {
        name: load_master(args.masters / f"{name}_20kV.sht", half_size=100)
        for name in sorted({n for pair in PAIRS.values() for n in pair})
    }
    clean = {name: recorded(masters[name], FREE) for name in (GAAS, GE)}
    strangers = json.loads((HERE / "strangers.json").read_text(encoding="utf-8"))["gate"]
    result: dict[str, Any] = provenance(seed=SEED) | {
        "correlation_of_masters": {
            pair: correlation(both(masters[a]), both(masters[b])) for pair, (a, b) in PAIRS.items()
        },
        "share_that_changes_sign_under_inversion": {n: odd_share(masters[n]) for n in (GAAS, GE)},
        "correlation_of_prepared_patterns": {
            "GaAs with Ge, without noise": mean_correlation(clean[GAAS], clean[GE])
        }
        | {
            f"GaAs with itself without noise, {name} electrons": mean_correlation(
                recorded(masters[GAAS], dose), clean[GAAS]
            )
            for name, dose in DOSES.items()
        },
        "auroc_of_the_gate_on_emsofts_strangers": {
            "all": strangers["emsoft"]["auroc"],
            "without GaAs": strangers["emsoft_without_zinc_blende"]["auroc"],
            "GaAs": strangers["emsoft_by_phase"]["GaAs"]["auroc"],
        },
    }
    (HERE / "zinc_blende.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(
        json.dumps({k: v for k, v in result.items() if "corr" in k or "share" in k or "auroc" in k}, indent=1)
    )


if __name__ == "__main__":
    main()
