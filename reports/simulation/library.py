"""Fill a library of dynamical master patterns: the paper's materials first, then random crystals group by group.

    python reports/simulation/library.py OUT [--count 600] [--half-size 50] [--seed 2021]

One file per crystal, ``<group>_<index>.npz`` or ``<name>.npz``, readable with `kikuchi.simulate.load_master`.
Crystals depend on the seed, their group and their index only: stopped and started again, the run goes on where it
was, and two runs with the same seed agree crystal by crystal. What a crystal cost, or why it failed, is one line of
``log.jsonl``.

Without a GPU, let ebsdsim find Mesa's software Vulkan: ``VK_DRIVER_FILES=.../lvp_icd.x86_64.json``, and
``LP_NUM_THREADS=0`` keeps it to one core.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.dynamical import dynamical_master
from kikuchi.simulate.master_file import save_master
from kikuchi.simulate.random_crystals import random_crystal
from kikuchi.simulate.structure_factors import reflectors
from kikuchi.simulate.structures import PAPER_MATERIALS, Structure, load_structure

FIRST_GROUPS = (221, 223, 225, 227, 229, 230)
OTHER_GROUPS = (222, 224, 226, 228)
SHARE_OF_OTHERS = 4  # one crystal of every other group in so many rounds of the first six
MAX_REFLECTORS = 350  # one of each Friedel pair; the cost grows with the square of the beams


def plan(count: int) -> list[tuple[str, int]]:
    """Return group and index of the random crystals, in the order in which they are computed."""
    order: list[tuple[str, int]] = []
    for index in range(count):
        order += [(str(group), index) for group in FIRST_GROUPS]
        if index % SHARE_OF_OTHERS == SHARE_OF_OTHERS - 1:
            order += [(str(group), index // SHARE_OF_OTHERS) for group in OTHER_GROUPS]
    return order[:count]


def smallest_spacing(structure: Structure) -> float:
    """Return the smallest spacing from 0.8 angstrom upwards that leaves a number of beams one can afford."""
    spacing = 0.8
    while len(reflectors(structure, min_dspacing=spacing, min_relative=0.03).hkl) > MAX_REFLECTORS:
        spacing *= 1.1
    return round(spacing, 3)


def compute(structure: Structure, file: Path, half_size: int) -> None:
    """Compute one master pattern, unless it is there, and note what it cost."""
    if file.exists():
        return
    started = time.perf_counter()
    spacing = smallest_spacing(structure)
    note = {"file": file.name, "atoms": len(structure.atoms.numbers), "min_dspacing": spacing}
    try:
        master = dynamical_master(structure, half_size=half_size, min_dspacing=spacing)
        save_master(file, master, structure)
    except InputError as error:
        note["error"] = str(error)
    note |= {"seconds": round(time.perf_counter() - started, 1)}
    with (file.parent / "log.jsonl").open("a", encoding="utf-8") as log:
        log.write(json.dumps(note) + "\n")


def failed_before(folder: Path) -> set[str]:
    """Return the files whose crystals could not be computed, so that they are not tried forever."""
    log = folder / "log.jsonl"
    lines = log.read_text(encoding="utf-8").splitlines() if log.exists() else []
    return {note["file"] for note in map(json.loads, lines) if "error" in note}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=600, help="random crystals")
    parser.add_argument("--half-size", type=int, default=50)
    parser.add_argument("--max-atoms", type=int, default=60, help="of the groups that allow so few")
    parser.add_argument("--seed", type=int, default=2021)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    failed = failed_before(options.out)
    for name in PAPER_MATERIALS:
        if f"{name}.npz" not in failed:
            compute(load_structure(name), options.out / f"{name}.npz", options.half_size)
    for group, index in plan(options.count):
        file = options.out / f"{group}_{index:04d}.npz"
        if file.exists() or file.name in failed:
            continue
        rng = np.random.default_rng([options.seed, int(group), index])
        # The smallest crystals of 226 and 228 that are not of a higher group have 96 atoms.
        max_atoms = 128 if group in ("226", "228") else options.max_atoms
        compute(random_crystal(int(group), rng, max_atoms=max_atoms), file, options.half_size)


if __name__ == "__main__":
    main()
