"""Crystals and patterns of the hierarchy's study: masters on disk, one file a crystal, drawn once.

    python -m reports.future_work.hierarchy_data FOLDER [--seed 9] [--part 0/1]

writes what is missing and can be stopped and started again; ``--part 1/2`` leaves every other crystal to another
process. A crystal depends on the seed, its space group and its index only.
"""

import argparse
from pathlib import Path

import numpy as np

from kikuchi.simulate.crystals.random_crystals import random_crystal
from kikuchi.simulate.detector.distribution import between, log_between
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.master_file import read_stored_master, save_master

# 48 space groups of 36 extinction classes, all seven crystal systems and eleven Laue classes, the ten groups of
# m-3m among them. Eleven classes have two or three groups here, which no pattern of this kind can tell apart.
TRICLINIC = (1, 2)
MONOCLINIC = (3, 10, 12, 14, 15)
ORTHORHOMBIC = (16, 47, 23, 71, 36, 63, 62, 70)
TETRAGONAL = (87, 99, 123, 136, 139, 141)
TRIGONAL = (148, 164, 155, 166, 167)
HEXAGONAL = (176, 191, 186, 194)
CUBIC = (200, 202, 197, 204, 205, 207, 215, 221, 222, 223, 224, 216, 225, 226, 227, 228, 229, 230)
GROUPS = tuple(sorted((*TRICLINIC, *MONOCLINIC, *ORTHORHOMBIC, *TETRAGONAL, *TRIGONAL, *HEXAGONAL, *CUBIC)))

CRYSTALS = {"calibration": 9, "test": 9, "train": 40}  # of each space group
SLOW = {202: 96, 222: 96, 226: 128, 228: 128}  # most atoms in a cell: these groups have no small crystals
VOLTAGE_KV = 15.0
PROFILE = BandProfile(intensity_exponent=1.0, dynamical=0.4, edge_width=1.0)

# One microscope with moderate noise: what is asked here is what symmetry shows, not what a bad camera hides.
DETECTOR = Detector(shape=(64, 64), pcx=between(0.47, 0.53), pcy=between(0.4, 0.5), pcz=between(0.45, 0.55))
MICROSCOPE = Microscope(contrast=between(0.2, 0.4), dose=log_between(2000, 8000), blur=between(0.3, 0.6))


def indices(part: str) -> range:
    """Return the numbers of a part's crystals: no crystal is in two parts."""
    start = 0
    for name, count in CRYSTALS.items():
        if name == part:
            return range(start, start + count)
        start += count
    raise ValueError(part)


def file_of(folder: Path, group: int, index: int) -> Path:
    return folder / f"{group:03d}_{index:03d}.npz"


def write_master(folder: Path, group: int, index: int, seed: int) -> None:
    """Draw one crystal and write its master pattern, unless it is there."""
    path = file_of(folder, group, index)
    if path.exists():
        return
    crystal = random_crystal(
        group, np.random.default_rng([seed, group, index]), max_atoms=SLOW.get(group, 48)
    )
    master = kinematical_master(
        crystal, VOLTAGE_KV, half_size=50, min_dspacing=1.0, min_relative=0.1, profile=PROFILE
    )
    save_master(path, master, crystal)


def read_masters(folder: Path, part: str) -> list[MasterPattern]:
    """Read the master patterns of one part, those there are."""
    paths = [file_of(folder, group, index) for group in GROUPS for index in indices(part)]
    return [read_stored_master(path).master for path in paths if path.exists()]


def main() -> None:
    """Write the master patterns that are missing, the held-out ones first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=9)
    parser.add_argument("--part", default="0/1", help="i/n: this process writes every n-th crystal from i on")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    first, step = (int(number) for number in given.part.split("/"))
    jobs = [(group, index) for index in range(sum(CRYSTALS.values())) for group in GROUPS]
    for group, index in jobs[first::step]:
        write_master(given.folder, group, index, given.seed)


if __name__ == "__main__":
    main()
