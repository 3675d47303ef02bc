"""Fill a library of dynamical master patterns: random crystals and isotypes of the ten groups of m-3m.

    python -m reports.simulation.library OUT [--count 3960] [--half-size 50] [--seed 2021] [--part 0/1]

One file per crystal, ``<group>_<index>.npz``, readable with `kikuchi.simulate.load_master`; even indices are isotypes
where structure types of the group are known, all others random crystals. Voltage (10-30 kV) and the simulator's
settings are drawn with them and kept in the file; crystals of the elements and the group of a structure that comes with
the package are left out, since the studies test with those. Crystals depend on the seed, their group and their index
only: stopped and started again, the run goes on where it was, several runs (``--part 0/2`` and ``--part 1/2``) share
the work, and two runs with the same seed agree crystal by crystal. So those that `trunk.held_out` keeps can be computed
alone (``--only 7/8``, of isotypes), or left out (``--but 7/8``). What a crystal cost, or why it failed, is one line of
``log.jsonl``.
"""

import argparse
import json
import time
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.isotypes import isotype_groups, random_isotype
from kikuchi.simulate.crystals.random_crystals import random_crystal
from kikuchi.simulate.crystals.structure_files import load_structure, structure_names
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.bloch_waves import Scattering
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.simulate.masters.simulator import Simulator, draw_simulator, simulated_master

FIRST_GROUPS = (221, 223, 225, 227, 229, 230)
OTHER_GROUPS = (222, 224, 226, 228)
#: Groups whose crystals no member is to name: of other Laue classes, or of m-3m's absences without its symmetry.
STRANGERS = (62, 63, 136, 139, 140, 141, 166, 167, 186, 191, 193, 194, 198, 205, 213, 215, 216, 217)
COARSE: dict[str, Any] = {"least_spacing": 0.6, "most_reflectors": 700}
FINER: dict[str, Any] = {"least_spacing": 0.5, "most_reflectors": 2000}
#: What takes half a second a crystal (``--quick``): one energy, few beams. Cells of more atoms need more of them.
QUICK: dict[str, Any] = {"excitation": 15.0, "far": 75.0, "max_beams": 60}
QUICK_ATOMS = 24
#: Settings that `draw_simulator` never draws (``--outside``): a simulator that no member was trained on.
OUTSIDE: dict[str, Any] = {"excitation": 12.0, "far": 120.0, "max_beams": 80}


def plan(count: int, others: int) -> list[tuple[int, int]]:
    """Return group and index of the crystals, in the order in which they are computed."""
    order: list[tuple[int, int]] = []
    for index in range(count):
        order += [(group, index) for group in FIRST_GROUPS]
        if index < others:
            order += [(group, index) for group in OTHER_GROUPS]
        if len(order) >= count:
            break
    return order[:count]


def chosen(order: list[tuple[int, int]], only: str | None, but: str | None) -> list[tuple[int, int]]:
    """Return the crystals whose index leaves a remainder (``7/8``: 7 of 8), or those whose index does not."""
    for share, wanted in ((only, True), (but, False)):
        if share is not None:
            rest, of = map(int, share.split("/"))
            order = [(group, index) for group, index in order if (index % of == rest) == wanted]
    return order


def plan_strangers(count: int) -> list[tuple[int, int]]:
    """Return group and index of the strangers, in the order in which they are computed."""
    return [(STRANGERS[n % len(STRANGERS)], n // len(STRANGERS)) for n in range(count)]


def draw_crystal(group: int, index: int, rng: np.random.Generator, isotypes: bool) -> Structure:
    """Draw the crystal of one index."""
    if (isotypes or index % 2 == 0) and group in isotype_groups():
        return random_isotype(group, rng)
    # The smallest crystals of 226 and 228 that are not of a higher group have 96 atoms.
    return random_crystal(group, rng, max_atoms=128 if group in (226, 228) else 60)


def is_real(structure: Structure) -> bool:
    """Whether a structure file of the package has the same elements and space group: the studies test with those."""
    return (structure.space_group, _elements(structure)) in _real_phases()


@lru_cache(maxsize=1)
def _real_phases() -> set[tuple[int, frozenset[str]]]:
    return {(s.space_group, _elements(s)) for s in map(load_structure, structure_names())}


def _elements(structure: Structure) -> frozenset[str]:
    return frozenset(site.element for site in structure.sites)


def quick(drawn: Simulator, structure: Structure) -> Simulator:
    """Return a drawn simulator that takes one energy and few beams, twice as many where the cell is large."""
    beams = QUICK if len(structure.atoms.numbers) <= QUICK_ATOMS else QUICK | {"max_beams": 120}
    return replace(drawn, scattering=replace(drawn.scattering, energies=1), **beams)


def outside(drawn: Simulator, rng: np.random.Generator) -> Simulator:
    """Return a simulator beyond the drawn ones: shallow or deep, hardly or strongly absorbing, one energy."""
    deep = rng.random() < 0.5
    scattering = Scattering(
        depth=round(float(rng.uniform(*((1.8, 2.4) if deep else (0.4, 0.55)))), 3),
        least_depth=round(float(rng.uniform(16, 25)), 2),
        absorption=round(float(rng.uniform(*((0.3, 0.5) if deep else (1.8, 2.4)))), 3),
        debye_waller=round(float(rng.uniform(0.3, 0.5)), 3),
        energies=1,
        least_energy=round(float(rng.uniform(0.87, 0.93)), 3),
    )
    return replace(drawn, scattering=scattering, **OUTSIDE)


def compute(
    group: int, index: int, seed: int, file: Path, half_size: int, isotypes: bool, how: str = "coarse"
) -> dict:
    """Compute one master pattern, write it and return what it cost."""
    rng = np.random.default_rng([seed, group, index])
    started = time.perf_counter()
    note: dict[str, Any] = {"file": file.name}
    try:
        structure = draw_crystal(group, index, rng, isotypes)
        if is_real(structure):
            raise InputError(f"{structure.name} is a phase that the studies test with")
        voltage = rng.uniform(10, 30)
        simulator = draw_simulator(rng, structure, **(FINER if how == "finer" else COARSE))
        if how == "quick":
            simulator = quick(simulator, structure)
        elif how == "outside":
            simulator = outside(simulator, rng)
        note |= {
            "name": structure.name,
            "atoms": len(structure.atoms.numbers),
            "simulator": simulator.to_dict(),
        }
        master = simulated_master(structure, voltage, simulator=simulator, half_size=half_size)
        save_master(file, master, structure, simulator.to_dict())
    except InputError as error:
        note["error"] = str(error)
    return note | {"seconds": round(time.perf_counter() - started, 2)}


def fill(
    out: Path,
    count: int,
    *,
    others: int = 90,
    isotypes: bool = False,
    half_size: int = 50,
    seed: int = 2021,
    part: int = 0,
    parts: int = 1,
    strangers: bool = False,
    how: str = "coarse",
    only: str | None = None,
    but: str | None = None,
) -> None:
    """Compute what is not there yet; one crystal of 226 or 228 takes ten times as long to draw as most."""
    out.mkdir(parents=True, exist_ok=True)
    wanted = plan_strangers(count) if strangers else plan(count, others)
    for group, index in chosen(wanted, only, but)[part::parts]:
        file = out / f"{group}_{index:04d}.npz"
        if not file.exists():
            note = compute(group, index, seed, file, half_size, isotypes, how)
            with (out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(note) + "\n")


def fill_structures(out: Path, *, half_size: int, seed: int) -> None:
    """Compute the package's own structures of m-3m at 10, 20 and 30 kV, each by a simulator of its own."""
    out.mkdir(parents=True, exist_ok=True)
    for voltage in (20, 10, 30):
        for name in structure_names():
            structure, file = load_structure(name), out / f"{name}_{voltage}.npz"
            if not 221 <= structure.space_group <= 230 or file.exists():
                continue
            rng = np.random.default_rng([seed, voltage, *name.encode()])
            simulator = draw_simulator(rng, structure, **COARSE)
            if voltage != 20:
                simulator = quick(simulator, structure)
            master = simulated_master(structure, voltage, simulator=simulator, half_size=half_size)
            save_master(file, master, structure, simulator.to_dict())


def refine(out: Path, of: Path, *, isotypes: bool, seed: int, half_size: int = 50) -> None:
    """Compute crystals of a library again, with more of their planes.

    A large cell with the coarse planes only is smoother than any real pattern, and a network learns to know its group
    by that. Every third crystal is computed again, and those that `trunk.held_out` keeps for calibration and tests.
    """
    out.mkdir(parents=True, exist_ok=True)
    for line in (of / "log.jsonl").read_text(encoding="utf-8").splitlines():
        note = json.loads(line)
        file = out / note["file"]
        group, index = (int(part) for part in file.stem.split("_"))
        wanted = index % 3 == 0 or index % (8 if isotypes else 16) == (7 if isotypes else 15)
        if "error" not in note and wanted and not file.exists():
            made = compute(group, index, seed, file, half_size, isotypes, "finer")
            with (out / "log.jsonl").open("a", encoding="utf-8") as log:
                log.write(json.dumps(made) + "\n")


def main() -> None:
    """Fill the library."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=3960, help="crystals of all groups together")
    parser.add_argument(
        "--others", type=int, default=90, help="crystals of 222, 224, 226 and 228 each, at most"
    )
    parser.add_argument("--isotypes", action="store_true", help="no random crystals where there are types")
    parser.add_argument(
        "--strangers", action="store_true", help="of other groups than m-3m's, random crystals"
    )
    parser.add_argument("--quick", action="store_true", help="half a second a crystal, where the cell allows")
    parser.add_argument("--outside", action="store_true", help="by settings that are never drawn otherwise")
    parser.add_argument("--structures", action="store_true", help="the package's own, of m-3m, instead")
    parser.add_argument("--half-size", type=int, default=50)
    parser.add_argument("--seed", type=int, default=2021)
    parser.add_argument("--part", default="0/1", help="which share of the work, as 0/2 and 1/2")
    parser.add_argument("--only", help="the crystals with such an index, as 7/8: every eighth, from 7 on")
    parser.add_argument("--but", help="all but those, as 7/8")
    parser.add_argument("--finer-than", type=Path, help="compute some of that library again")
    options = parser.parse_args()
    if options.finer_than:
        refine(options.out, options.finer_than, isotypes=options.isotypes, seed=options.seed)
        return
    if options.structures:
        fill_structures(options.out, half_size=options.half_size, seed=options.seed)
        return
    part, parts = map(int, options.part.split("/"))
    fill(
        options.out,
        options.count,
        others=options.others,
        isotypes=options.isotypes,
        half_size=options.half_size,
        seed=options.seed,
        part=part,
        parts=parts,
        strangers=options.strangers,
        how="quick" if options.quick else "outside" if options.outside else "coarse",
        only=options.only,
        but=options.but,
    )


if __name__ == "__main__":
    main()
