"""How close masters computed here come to those of the public database, and what one takes.

    python -m reports.simulation.masters MASTERS [--ebsdsim FOLDER]

Correlation of the upper hemispheres at 101 x 101 pixels, 20 kV. FOLDER may hold masters by ebsdsim
(``<name>.npz``, of `kikuchi.simulate.dynamical_master`). Writes ``masters.json``.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.masters.load import load_master
from reports._provenance import provenance

HALF = 50
PUBLIC = {
    "Ni": "Ni_nickel_sg225",
    "Al": "Al_aluminum_sg225",
    "Au": "Au_gold_sg225",
    "NaCl": "NaCl_halite_sg225",
    "Ni3Al": "Ni3Al_gamma_prime_sg221",
    "SrTiO3": "SrTiO3_tausonite_sg221",
    "Cr3Si": "Cr3Si_chromium_silicide_sg223",
    "Si": "Si_silicon_sg227",
    "Cu2Mg": "Cu2Mg_laves_phase_sg227",
    "W": "W_tungsten_sg229",
    "Fe": "Fe_alpha_iron_sg229",
    "Fe3C": "Fe3C_cementite_sg62",
}


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Correlate two hemispheres of the same size."""
    return round(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]), 3)


def main() -> None:
    """Compare every material, write the JSON and print a line each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("--ebsdsim", type=Path)
    options = parser.parse_args()
    rows = {}
    for name, public in PUBLIC.items():
        structure = load_structure(name)
        spacing = 0.75 if structure.lattice[0] < 6 else 1.0
        truth = load_master(options.masters / f"{public}_20kV.sht", half_size=HALF).north
        begin = time.process_time()
        waves = bloch_wave_master(structure, 20, half_size=HALF, min_dspacing=spacing).north
        row = {"cpu_seconds": round(time.process_time() - begin, 2), "bloch_waves": correlation(waves, truth)}
        bands = kinematical_master(structure, 20, half_size=HALF, profile=BandProfile(1, 1, 1)).north
        row["kinematical"] = correlation(bands, truth)
        file = options.ebsdsim / f"{name}.npz" if options.ebsdsim else None
        if file is not None and file.is_file():
            other = load_master(file).north
            if other.shape == truth.shape:
                row |= {
                    "ebsdsim": correlation(other, truth),
                    "bloch_waves_ebsdsim": correlation(waves, other),
                }
        rows[name] = row
        print(name, row, flush=True)
    result = {
        **provenance(),
        "materials": rows,
    }
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
