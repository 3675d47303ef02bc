"""The simulated patterns that the studies of this folder share: made once, kept in the work folder.

Kinematical master patterns recorded clearly, 60 x 60: the paper's six groups with its eighteen materials, the other
four groups of m-3m, crystals outside m-3m, and the six groups again under other conditions.
"""

from pathlib import Path

import numpy as np

from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.simulate.crystals.random_crystals import random_crystal
from kikuchi.simulate.crystals.structure_files import PAPER_MATERIALS, load_structure
from kikuchi.simulate.detector.distribution import between, log_between
from kikuchi.simulate.detector.microscope import Detector, Microscope
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.training.batches import labelled_batch

SHAPE = (60, 60)
CLEAR = Microscope(contrast=between(0.2, 0.4), dose=log_between(1000, 4000))
#: Noisier, blurred, and from another camera position: a shift that a map may bring.
SHIFTED = Microscope(contrast=between(0.12, 0.25), dose=log_between(400, 1200), blur=between(0.8, 1.3))
SHIFTED_DETECTOR = Detector(shape=SHAPE, pcx=between(0.4, 0.6), pcy=between(0.15, 0.5), pcz=between(0.7, 0.9))

#: Structures where data files exist, else random crystals: nobody has samples of 222 and 228.
NEW = {222: ("", "", ""), 224: ("Cu2O", "Ag2O"), 226: ("NaZn13", "UBe13"), 228: ("", "", "")}
FOREIGN = ("Fe3C", "Corundum", "Ti", "Mg", "TiO2", "Quartz", "Sn")


def six_masters() -> list[tuple[str, MasterPattern]]:
    """Return the paper's materials."""
    return [(name, _master(load_structure(name))) for name in PAPER_MATERIALS]


def new_masters() -> list[tuple[str, MasterPattern]]:
    """Return crystals of the four groups of m-3m that the paper had no samples of."""
    masters = []
    for group, names in NEW.items():
        for number, name in enumerate(names):
            crystal = (
                load_structure(name)
                if name
                else random_crystal(group, np.random.default_rng([group, number]))
            )
            masters.append((name or f"{group}-{number}", _master(crystal)))
    return masters


def foreign_masters() -> list[tuple[str, MasterPattern]]:
    """Return crystals outside m-3m."""
    return [(name, _master(load_structure(name))) for name in FOREIGN]


def _master(structure) -> MasterPattern:
    return kinematical_master(structure, half_size=120)


def recorded(
    masters: list[tuple[str, MasterPattern]],
    per_group: int,
    seed: int,
    *,
    detector: Detector | None = None,
    microscope: Microscope = CLEAR,
) -> Dataset:
    """Record so many patterns of every space group, divided evenly over its crystals."""
    groups = [master.space_group for _, master in masters]
    detector = detector or Detector(shape=SHAPE)
    materials = []
    for number, (name, master) in enumerate(masters):
        count = per_group // groups.count(master.space_group)
        patterns, _ = labelled_batch(
            [master], np.zeros(1, int), count, detector, microscope, [seed, number], workers=1
        )
        materials.append(Material(name, master.space_group, scan_from_array(patterns[None], name)))
    return Dataset(materials)


def kept(work: Path, name: str, masters, per_group: int, seed: int, **how) -> Dataset:
    """Return a recorded dataset from the work folder, or record it and keep it."""
    path = work / f"{name}-{per_group}-{seed}.npz"
    if not path.is_file():
        work.mkdir(parents=True, exist_ok=True)
        data = recorded(masters(), per_group, seed, **how)
        raw = np.concatenate([p for _, _, p in data.iter_patterns()])
        names = np.array([m.name for m in data.materials])[data.material]
        np.savez_compressed(path, patterns=raw, names=names, groups=data.space_group)
    with np.load(path) as stored:
        patterns, names, groups = stored["patterns"], stored["names"], stored["groups"]
    materials = []
    for one in dict.fromkeys(names.tolist()):
        here = names == one
        scan = scan_from_array(patterns[here][None], one)
        materials.append(Material(one, int(groups[here][0]), scan))
    return Dataset(materials)


def all_of(work: Path, seed: int) -> dict[str, Dataset]:
    """Return the four populations: ``six``, ``new``, ``foreign``, ``shifted``."""
    return {
        "six": kept(work, "six", six_masters, 1200, seed),
        "new": kept(work, "new", new_masters, 600, seed + 1),
        "foreign": kept(work, "foreign", foreign_masters, 200, seed + 2),
        "shifted": kept(
            work, "shifted", six_masters, 200, seed + 3, detector=SHIFTED_DETECTOR, microscope=SHIFTED
        ),
    }
