"""Why gallium arsenide and germanium were told apart worse than by a guess: what their masters differ by, and in what.

    python -m reports.adapt.gallium_arsenide --shared ../shared

EMsoft's masters of the public database against ours, with forbidden beams and without them (as until 2026-11-28), and
with one property of gallium arsenide at a time made germanium's. Writes ``gallium_arsenide.json``.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.simulate import MasterPattern, bloch_wave_master, load_master, load_structure
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters import fourier_coefficients
from kikuchi.simulate.masters.sht import read_sht
from reports._provenance import provenance
from reports.adapt.recorded_maps import KV, master_file

HALF = 50
PUBLIC = {"GaAs": "GaAs_gallium_arsenide_sg216", "Ge": "Ge_germanium_sg227"}


def sphere(master: MasterPattern) -> np.ndarray:
    """Return both hemispheres, mean 0 and standard deviation 1, shape (2, h, h)."""
    both = np.stack([master.north, master.south]).astype(float)
    return (both - both.mean()) / both.std()


def inverted(both: np.ndarray) -> np.ndarray:
    """Return what is seen in opposite directions."""
    return np.stack([both[1][::-1, ::-1], both[0][::-1, ::-1]])


def quarter_turned(both: np.ndarray) -> np.ndarray:
    """Turn about z by a quarter."""
    return np.stack([np.rot90(half) for half in both])


def alike(a: np.ndarray, b: np.ndarray) -> float:
    """Return the correlation of two spheres."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


def ours(structure: Structure) -> np.ndarray:
    """Simulate as `adapt` does by default, at half its pixels."""
    return sphere(bloch_wave_master(structure, KV, half_size=HALF))


def strong_only(near: np.ndarray, origin: int, strength: np.ndarray) -> np.ndarray:
    """Choose beams as before: those that scatter by themselves."""
    return near[strength[near] > 1e-3 * strength.max()]


def compared(made: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> dict[str, Any]:
    """Say how alike four masters are, and what the two of one program differ by."""

    def even(both: np.ndarray) -> np.ndarray:
        return (both + inverted(both)) / 2

    difference = even(made["GaAs"]) - even(made["Ge"])
    of_theirs = even(theirs["GaAs"]) - even(theirs["Ge"])
    return {
        "correlation_with_emsoft": {
            f"EMsoft's {one}": {f"our {other}": alike(theirs[one], made[other]) for other in made}
            for one in theirs
        },
        "gaas_less_ge_without_polarity": {
            "ours": float(difference.std()),
            "emsoft": float(of_theirs.std()),
            "correlation": alike(difference, of_theirs),
        },
    }


def main() -> None:
    """Simulate, compare and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shared", type=Path, default=Path("../shared"))
    shared = parser.parse_args().shared
    theirs = {n: sphere(load_master(master_file(shared, f), half_size=HALF)) for n, f in PUBLIC.items()}
    structures = {name: load_structure(name) for name in PUBLIC}
    made = {name: ours(structure) for name, structure in structures.items()}
    beams = fourier_coefficients._beams
    fourier_coefficients._beams = strong_only
    before = {name: ours(structure) for name, structure in structures.items()}
    fourier_coefficients._beams = beams

    gaas, ge = structures["GaAs"], structures["Ge"]
    cell = replace(gaas, lattice=ge.lattice)
    motion = replace(gaas, sites=tuple(replace(s, b_iso=ge.sites[0].b_iso) for s in gaas.sites))
    atoms = replace(gaas, sites=tuple(replace(s, element="Ge") for s in gaas.sites))
    odd = {who: (both - inverted(both)) / 2 for who, both in
           {"ours": made["GaAs"], "emsoft": theirs["GaAs"]}.items()}  # fmt: skip
    results = {
        "made_by": provenance(),
        "half_size": HALF,
        "in_the_public_files": {
            name: {"lattice": s.lattice[0], "b_iso": [site.b_iso for site in s.sites]}
            for name, f in PUBLIC.items()
            if (s := read_sht(master_file(shared, f)).structure) is not None
        },
        "ours": {
            name: {"lattice": s.lattice[0], "b_iso": [site.b_iso for site in s.sites]}
            for name, s in structures.items()
        },
        "forbidden_beams_left_out": compared(before, theirs),
        "now": compared(made, theirs),
        "gaas_changes_by": {
            "cell of Ge": float((ours(cell) - made["GaAs"]).std()),
            "Debye-Waller factors of Ge": float((ours(motion) - made["GaAs"]).std()),
            "atoms of Ge": float((ours(atoms) - made["GaAs"]).std()),
        },
        "polarity": {
            "odd_part_ours": float(odd["ours"].std()),
            "odd_part_emsoft": float(odd["emsoft"].std()),
            "correlation_of_odd_parts": alike(odd["ours"], odd["emsoft"]),
            "the_same_after_a_quarter_turn": alike(quarter_turned(odd["ours"]), odd["emsoft"]),
            "inverted_against_turned_by_a_quarter": alike(
                inverted(made["GaAs"]), quarter_turned(made["GaAs"])
            ),
        },
    }
    text = json.dumps(results, indent=1, default=float) + "\n"
    Path(__file__).with_suffix(".json").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
