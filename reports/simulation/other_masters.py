"""Masters of twins by another program: de-ebsd (pip install de-ebsd), which ports EMsoft's models.

    python -m reports.simulation.other_masters FOLDER
    python -m reports.simulation.other_masters FOLDER --structures A.toml B.toml --half-size 60 --least-spacing 0.8

101 x 101 pixels, beam of 20 kV, solved at 19 keV with its own Monte Carlo depths and spacings down to 0.05 nm. It is
no dependency of the toolkit; its masters are what `masters.py --other FOLDER` compares with.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.crystals.structures import Structure
from reports.simulation.masters import HALF, TWINS, twin_structure


def master(structure: Structure, half_size: int = HALF, least_spacing: float = 0.5) -> np.ndarray:
    """Return the upper hemisphere; spacings in angstrom."""
    from de_ebsd.crystal.lattice import AtomSite, Crystal
    from de_ebsd.sim.microscope import Microscope
    from de_ebsd.sim.montecarlo.depth import DepthDistribution
    from de_ebsd.sim.simulator import MasterPatternSimulator

    crystal = Crystal(
        *(length / 10 for length in structure.lattice[:3]),
        *structure.lattice[3:],
        structure.space_group,
        [AtomSite(s.element, s.position, s.occupancy, s.b_iso / 100) for s in structure.sites],
    )
    depths = DepthDistribution.from_simulation(crystal, 20.0, e_min_kev=10.0, n_electrons=100_000, seed=0)
    simulator = MasterPatternSimulator(
        crystal, Microscope(energy=19_000.0), npx=half_size, dmin=least_spacing / 10, monte_carlo=depths
    )
    return simulator.compute().data[-1, 0].numpy()


def main() -> None:
    """Compute those that are not there yet."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--structures", nargs="+", default=[], help="Structure files; the twins where none is given."
    )
    parser.add_argument("--half-size", type=int, default=HALF)
    parser.add_argument("--least-spacing", type=float, default=0.5)
    options = parser.parse_args()
    folder = options.folder
    folder.mkdir(parents=True, exist_ok=True)
    for given in options.structures or dict.fromkeys(name for twins in TWINS for name in twins):
        name = Path(given).stem
        file = folder / f"{name}.npy"
        if not file.is_file():
            begin = time.process_time()
            structure = load_structure(given) if options.structures else twin_structure(name)
            np.save(file, master(structure, options.half_size, options.least_spacing))
            print(name, round(time.process_time() - begin, 1), "CPU seconds", flush=True)


if __name__ == "__main__":
    main()
