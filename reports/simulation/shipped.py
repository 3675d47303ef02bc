"""Make the shipped ensemble: five members that start from the trunk, calibrated on other materials.

    python -m reports.simulation.trunk WORK
    python -m reports.simulation.shipped WORK MASTERS --publish

Resumable: every stage goes on where it stopped. The bundle is WORK/bundle-half; ``--publish`` copies it to where
`ensemble map` looks when it is given none.
"""

import argparse
import shutil
from pathlib import Path

import h5py
import numpy as np

import kikuchi
from kikuchi.bundle.bundle import SHIPPED_FOLDER
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.simulate.crystals.structure_files import load_structure, structure_names
from kikuchi.simulate.masters.bloch_waves import bloch_wave_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.simulate.masters.structure_factors import affordable_spacing
from kikuchi.simulate.training.batches import labelled_batch
from reports.simulation.trunk import (
    CHANCES,
    CLASSES,
    DETECTOR,
    MICROSCOPE,
    Lines,
    held_out,
    index,
    masters_of,
)

VOLTAGES = (10, 15, 20, 25, 30)  # kV, of the package's own structures
#: Public dynamical masters (EMsoft-org SHTdatabase, BSD-3, doi:10.5281/zenodo.3515408) that the members are shown, with
#: the package's structure of the same phase. All of these groups take part: shown only some, the members took the look
#: of the other program for the groups that had it.
PUBLIC = {
    "Al_aluminum_sg225": "Al",
    "Au_gold_sg225": "Au",
    "Ca3Fe2Si3O12_andradite_garnet_sg230": "Garnet",
    "CaF2_fluorite_sg225": "CaF2",
    "Cr3Si_chromium_silicide_sg223": "Cr3Si",
    "Cu2Mg_laves_phase_sg227": "Cu2Mg",
    "Cu2O_cuprite_sg224": "Cu2O",
    "Cu_copper_sg225": "Cu",
    "Fe_alpha_iron_sg229": "Fe",
    "Fe_gamma_iron_sg225": "Austenite",
    "Ge_germanium_sg227": "Ge",
    "Mo_molybdenum_sg229": "Mo",
    "NaCl_halite_sg225": "NaCl",
    "Ni3Al_gamma_prime_sg221": "Ni3Al",
    "Ni_nickel_sg225": "Ni",
    "Si_silicon_sg227": "Si",
    "SrTiO3_tausonite_sg221": "SrTiO3",
    "Ta_tantalum_sg229": "Ta",
    "W_tungsten_sg229": "W",
}
#: Crystals of each group that the members are shown at the end: isotypes are most of them, as in practice.
SHARE = {"crystals": 100, "isotypes": 1000, "isotypes_finer": 1000}
HELD_OUT_PATTERNS = 20  # of each material

RECIPE = """
[[member]]
kind = "transfer"
count = 5
architecture = "small"
dropout = 0.3
weights = "{trunk}"
[train]
epochs = {epochs}
batch = 64
learning_rate = 0.001
patience = {epochs}
mirror = true
warm_down = true
guidance = 0.5
[split]
train_per_class = 0
validation_per_class = 60
calibration_fraction = 0.75
[stream]
masters = "{masters}"
patterns = 6400
class_sampling = {class_sampling}
detector = {detector}
microscope = {microscope}
[abstain]
groups = "scan"
[keep]
background = 15
reference = 150
exemplars = 5
"""


def fill_structures(folder: Path) -> None:
    """Compute the masters of the package's own structures of these groups, at every voltage of `VOLTAGES`."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in structure_names():
        structure = load_structure(name)
        for voltage in VOLTAGES:
            file = folder / f"{name}_{voltage}.npz"
            if structure.space_group in CLASSES and not file.is_file():
                spacing = affordable_spacing(structure, least=0.5, most_reflectors=2000)
                master = bloch_wave_master(structure, voltage, min_dspacing=spacing)
                save_master(file, master, structure)


def fill_public(folder: Path, masters: Path) -> None:
    """Keep the public masters that take part, thrice: few against the rest, but of another program."""
    folder.mkdir(parents=True, exist_ok=True)
    for public, name in PUBLIC.items():
        for voltage in (10, 20, 30):
            if not (folder / f"{name}_{voltage}2.npz").is_file():
                master = load_master(masters / f"{public}_{voltage}kV.sht", half_size=50)
                for copy in range(3):
                    save_master(folder / f"{name}_{voltage}{copy}.npz", master, load_structure(name))


def held_out_dataset(work: Path) -> Dataset:
    """Simulate one small scan of every held-out material."""
    crystals, isotypes = masters_of(work, True)
    materials = []
    for number, master in enumerate(crystals + isotypes):
        patterns, _ = labelled_batch(
            [master], np.zeros(1, int), HELD_OUT_PATTERNS, DETECTOR, MICROSCOPE, [77, number]
        )
        scan = scan_from_array(patterns[None], f"{master.name}-{number}")
        materials.append(Material(f"{master.name}-{number}", master.space_group, scan))
    return Dataset(materials)


def main() -> None:
    """Run every stage that is not finished."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("masters", type=Path, help="folder of the public masters (.sht)")
    parser.add_argument("--trunk", type=Path, help="folder of a trunk; WORK/trunk-small-1 by default")
    parser.add_argument("--epochs", type=int, default=30, help="of every member")
    parser.add_argument("--publish", action="store_true", help="copy the bundle into the package")
    parser.add_argument("--seed", type=int, default=5)
    options = parser.parse_args()
    work, progress = options.work, Lines()
    trunk = options.trunk or work / "trunk-small-1"
    fill_structures(work / "structures")
    fill_public(work / "public", options.masters)
    mixed = work / "members"
    if not mixed.is_dir():
        partial = work / "members.partial"
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir()
        for folder in ("crystals", "isotypes", "isotypes_finer", "structures", "public"):
            for path in (work / folder).glob("*_*.npz"):
                if folder not in SHARE or (index(path) < SHARE[folder] and not held_out(path)):
                    shutil.copy(path, partial / f"{folder}_{path.name}")
        partial.rename(mixed)
    recipe = parse_recipe(
        RECIPE.format(
            trunk=trunk.absolute(),
            epochs=options.epochs,
            masters=mixed.absolute(),
            class_sampling=list(CHANCES),
            detector=as_toml(DETECTOR.model_dump(mode="json")),
            microscope=as_toml(MICROSCOPE.model_dump(mode="json")),
        ),
        "shipped",
    )
    dataset = held_out_dataset(work)
    trained = kikuchi.fit(dataset, recipe, work / "bundle", seed=options.seed, progress=progress)
    halve(trained.path, work / "bundle-half")
    bundle = kikuchi.fit(dataset, recipe, work / "bundle-half", seed=options.seed, progress=progress)
    size = sum(p.stat().st_size for p in bundle.path.rglob("*") if p.is_file())
    progress.say(f"{bundle.path}: {size / 1e6:.1f} MB")
    if options.publish:
        publish(bundle.path, work, SHIPPED_FOLDER)


def halve(trained: Path, out: Path) -> None:
    """Begin a fit with the trained members of another, their kernels kept in half precision: calibration comes after.

    A package of twelve megabytes has no room for more; kernels are rounded by at most one part in two thousand.
    """
    for folder in sorted((trained / "members").glob("*")):
        target = out / "members" / folder.name
        if (target / "member.json").is_file():
            continue
        target.mkdir(parents=True, exist_ok=True)
        for name in ("history.csv", "member.json"):
            shutil.copy(folder / name, target / name)
        with (
            h5py.File(folder / "member.weights.h5") as source,
            h5py.File(target / "member.weights.h5", "w") as half,
        ):
            source.visititems(lambda name, found, half=half: _half(name, found, half))
    shutil.copy(trained / "fit.json", out / "fit.json")


def _half(name: str, found: h5py.Dataset | h5py.Group, target: h5py.File) -> None:
    """Copy a group, or an array, of two and more axes in half precision."""
    if isinstance(found, h5py.Group):
        target.require_group(name).attrs.update(found.attrs)
    else:
        kernel = found.ndim > 1 and found.dtype == np.float32
        target.create_dataset(name, data=found[()].astype(np.float16) if kernel else found[()])


def publish(bundle: Path, work: Path, target: Path) -> None:
    """Copy a bundle into the package; the folder it was made in is nobody's business."""
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(bundle, target, ignore=shutil.ignore_patterns(".lock", "engines", "losses.png"))
    for name in ("fit.json", "bundle.json"):
        text = (target / name).read_text(encoding="utf-8").replace(str(work.absolute()), "WORK")
        (target / name).write_text(text, encoding="utf-8")


def as_toml(value: object) -> str:
    """Write plain data as an inline TOML value."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k} = {as_toml(v)}" for k, v in value.items() if v is not None) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(as_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value).lower()


if __name__ == "__main__":
    main()
