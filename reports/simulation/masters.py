"""How close masters computed here come to EMsoft's, whole and in what order changes, and what one takes.

    python -m reports.simulation.masters MASTERS [--other FOLDER]
    python -m reports.simulation.masters MASTERS --other FOLDER --twins    # that part of the results alone, anew
    python -m reports.simulation.masters MASTERS --pixels [NAME ...]       # means over pixels alone, if not there

Correlation of the upper hemispheres at 101 x 101 pixels, 20 kV: in the directions of the pixels' middles, and of means
over the pixels. Lines of light crystals are finer than a pixel and than what EMsoft's files hold (0.47 degrees), and in
single directions two programs meet them by chance. EMsoft's files hold the crystal that was simulated,
and that crystal is simulated here: four of the public ones are not what their names say. The difference of two twins is
of masters scaled to one standard deviation; EMsoft's own is known only up to what its three-fold axis says of it, which
is given beside. FOLDER holds masters of another program (`other_masters.py` makes them with de-ebsd) for twins that the
public database lacks. Writes ``masters.json`` and ``masters.png``.
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.ndimage import convolve1d, map_coordinates

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.crystals.structures import Site, Structure
from kikuchi.simulate.masters.bloch_waves import Scattering, bloch_wave_master
from kikuchi.simulate.masters.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.masters.lambert import lambert_coordinates, lambert_directions
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.sht import read_sht
from reports._provenance import provenance

HALF = 50
#: Directions along a side of a pixel whose mean is compared.
FINER = 4
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
#: What is measured: the default, and one with more beams and energies.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "finer": {"excitation": 60.0, "far": 600.0, "scattering": Scattering(energies=4)},
}
#: Larger cells get the default only: the other takes a minute and more.
MOST_ATOMS = 8
#: An ordered crystal after its twin.
TWINS = (
    ("Ni", "Ni3Al"),
    ("Austenite", "Fe3Ni"),
    ("Fe", "NiAl"),
    ("Ni3Al mixed", "Ni3Al"),
    ("Fe3Ni mixed", "Fe3Ni"),
    ("NiAl mixed", "NiAl"),
)


def twin_structure(name: str) -> Structure:
    """Load a structure, or mix the atoms of one over all its sites where the name ends in ``mixed``."""
    if not name.endswith(" mixed"):
        return load_structure(name)
    ordered = load_structure(name.removesuffix(" mixed"))
    numbers = ordered.atoms
    shares = {
        site.element: float((numbers.site == index).sum()) / len(numbers.site)
        for index, site in enumerate(ordered.sites)
    }
    sites = tuple(
        Site(element, site.position, share, site.b_iso)
        for site in ordered.sites
        for element, share in shares.items()
    )
    return Structure(name, ordered.space_group, ordered.lattice, sites)


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Correlate two arrays of the same size."""
    return round(float(np.corrcoef(a.ravel(), b.ravel())[0, 1]), 3)


def over_pixels(fine: np.ndarray) -> np.ndarray:
    """Return the means over pixels at `HALF` of a master of four times as many; a pixel ends amid two of its own."""
    weights = np.array([1, 2, 2, 2, 1]) / 8
    for axis in (0, 1):
        fine = convolve1d(fine.astype(float), weights, axis=axis, mode="nearest")
    return fine[::FINER, ::FINER]


def pixels(masters: Path, structure: Structure, name: str, kv: int = 20) -> float:
    """Correlate the means over pixels of a master computed here with EMsoft's."""
    half = FINER * HALF
    truth = load_master(masters / f"{PUBLIC[name]}_{kv}kV.sht", half_size=half).north
    return correlation(
        over_pixels(bloch_wave_master(structure, kv, half_size=half).north), over_pixels(truth)
    )


def difference(plain: np.ndarray, ordered: np.ndarray) -> np.ndarray:
    """Return what order changes in a master of one standard deviation."""
    return ordered / ordered.std() - plain / plain.std()


def turned(north: np.ndarray) -> list[np.ndarray]:
    """Return the hemisphere and what it becomes by a third and two thirds of a turn about [111], at `HALF`."""
    directions = lambert_directions(2 * HALF + 1)
    images = []
    for axes in ([0, 1, 2], [1, 2, 0], [2, 0, 1]):
        there = directions[..., axes]
        there = np.where(there[..., 2:] < 0, -there, there)
        rows = (lambert_coordinates(there)[..., ::-1] + 1) * (len(north) // 2)
        images.append(map_coordinates(north.astype(float), np.moveaxis(rows, -1, 0), order=3, mode="nearest"))
    return images


def whole(masters: Path, rows: dict[str, dict], kept: Path) -> None:
    """Compare the masters of every phase of the public database that is listed here and not yet compared."""
    for name, public in PUBLIC.items():
        if name in rows:
            continue
        file = masters / f"{public}_20kV.sht"
        structure = read_sht(file).structure
        assert structure is not None
        truth = load_master(file, half_size=HALF).north
        row: dict[str, Any] = {"atoms": len(structure.atoms.numbers)}
        for label, settings in SETTINGS.items():
            if label == "finer" and row["atoms"] > MOST_ATOMS:
                continue
            begin = time.process_time()
            north = bloch_wave_master(structure, 20, half_size=HALF, **settings).north
            row[label] = {
                "correlation": correlation(north, truth),
                "cpu_seconds": round(time.process_time() - begin, 2),
            }
        bands = kinematical_master(structure, 20, half_size=HALF, profile=BandProfile(1, 1, 1)).north
        row["kinematical"] = correlation(bands, truth)
        rows[name] = row
        kept.write_text(json.dumps(rows), encoding="utf-8")
        print(name, row, flush=True)


def order(masters: Path, figure: Path) -> dict[str, Any]:
    """Compare what order changes between nickel and Ni3Al with EMsoft's, and draw it."""
    names = ("Ni", "Ni3Al")
    files = [masters / f"{PUBLIC[name]}_20kV.sht" for name in names]
    images = [turned(load_master(file, half_size=8 * HALF).north) for file in files]
    theirs = difference(images[0][0], images[1][0])
    symmetric = difference(np.mean(images[0], axis=0), np.mean(images[1], axis=0))
    found: dict[str, Any] = {
        "emsoft_with_itself_turned": correlation(theirs, difference(images[0][1], images[1][1])),
        "settings": {},
    }
    for label, settings in SETTINGS.items():
        ours = difference(
            *(bloch_wave_master(load_structure(name), 20, half_size=HALF, **settings).north for name in names)
        )
        found["settings"][label] = {
            "with_emsoft": correlation(ours, theirs),
            "with_emsoft_averaged_over_its_threefold_axis": correlation(ours, symmetric),
        }
    print(found, flush=True)
    draw(ours, symmetric, figure)
    return found


def draw(ours: np.ndarray, theirs: np.ndarray, file: Path) -> None:
    """Draw both differences side by side."""
    from matplotlib.figure import Figure

    page = Figure(figsize=(8.4, 4.4), layout="constrained")
    for axes, image, title in zip(page.subplots(1, 2), (ours, theirs), ("here", "EMsoft"), strict=True):
        axes.imshow(image - image.mean(), cmap="gray", vmin=-0.8, vmax=0.8)
        axes.set_title(f"Ni3Al - Ni, {title}")
        axes.set_axis_off()
    page.savefig(file, dpi=110)


def other_program(folder: Path) -> dict[str, dict]:
    """Compare twins with those of another program."""
    rows = {}
    for plain, ordered in TWINS:
        files = [folder / f"{name}.npy" for name in (plain, ordered)]
        if not all(file.is_file() for file in files):
            continue
        theirs = [np.load(file) for file in files]
        row: dict[str, Any] = {}
        for label, settings in SETTINGS.items():
            begin = time.process_time()
            ours = [
                bloch_wave_master(twin_structure(name), 20, half_size=HALF, **settings).north
                for name in (plain, ordered)
            ]
            row[label] = {
                "difference": correlation(difference(*ours), difference(*theirs)),
                "whole": [correlation(a, b) for a, b in zip(ours, theirs, strict=True)],
                "cpu_seconds": round(time.process_time() - begin, 2),
            }
        # How large the difference is, in standard deviations of a master: a small one drowns in any program's error.
        row["size_of_the_difference"] = round(float(difference(*theirs).std()), 3)
        rows[f"{ordered} - {plain}"] = row
        print(ordered, plain, rows[f"{ordered} - {plain}"], flush=True)
    return rows


def add_pixels(masters: Path, names: list[str], file: Path) -> None:
    """Add the means over pixels of phases that lack them to the results."""
    result = json.loads(file.read_text(encoding="utf-8"))
    kept = result.setdefault("over_pixels", {"made_by": provenance()})
    for name in names:
        structure = read_sht(masters / f"{PUBLIC[name]}_20kV.sht").structure
        if name not in kept and structure is not None:
            kept[name] = pixels(masters, structure, name)
            file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
            print(name, kept[name], flush=True)


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("--other", type=Path)
    parser.add_argument("--twins", action="store_true", help="Only compare with the other program.")
    parser.add_argument(
        "--pixels", nargs="*", choices=list(PUBLIC), help="Only means over pixels; all by default."
    )
    options = parser.parse_args()
    here = Path(__file__)
    if options.pixels is not None:
        add_pixels(options.masters, options.pixels or list(PUBLIC), here.with_suffix(".json"))
        return
    if options.twins:
        result = json.loads(here.with_suffix(".json").read_text(encoding="utf-8"))
        result["other_program"] = {"made_by": provenance()} | other_program(options.other)
        here.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
        return
    # Stopped and started again, the same command goes on with the phases that are left.
    kept = here.with_name(".masters_unfinished.json")
    rows = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
    whole(options.masters, rows, kept)
    result = provenance() | {
        "order": order(options.masters, here.with_suffix(".png")),
        "materials": rows,
    }
    if options.other:
        result["other_program"] = other_program(options.other)
    here.with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    kept.unlink()


if __name__ == "__main__":
    main()
