"""What makes our masters differ from EMsoft's: one thing of the model changed at a time, at three voltages.

    python -m reports.simulation.model MASTERS [NAME ...]
    python -m reports.simulation.model MASTERS --twins FOLDER

Intensities in 16 directions of each of 60 pixels of a master of 101 x 101, drawn at random, against those of the public
files (`MASTERS`), whose crystals are simulated here. "direction": correlation over single directions. "pixel":
correlation of the means over pixels. A file holds harmonics below 384, 0.47 degrees, which single directions of light
crystals pass by: their lines are finer. Settings were compared on the phases of `CHOSEN`; those of `APART` are only
reported. All settings at 20 kV, `FEW` at the others and for those apart. Writes ``model.json`` after every
setting; what is there is not computed again. With ``--twins``, order's differences against masters of de-ebsd
(`other_masters.py`), which are of one energy, 19 keV.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.masters.bloch_waves import Waves
from kikuchi.simulate.masters.electron_transport import (
    Backscattered,
    exponentials,
    mean_atom,
    trajectories,
)
from kikuchi.simulate.masters.fourier_coefficients import FourierCoefficients, fourier_coefficients
from kikuchi.simulate.masters.lambert import lambert_directions
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.scattering_factors import elastic_amplitude
from kikuchi.simulate.masters.sht import read_sht
from reports._provenance import provenance
from reports.simulation.masters import HALF, correlation, difference, twin_structure

VOLTAGES = (20, 10, 30)
CHOSEN = ("Si_silicon", "Al_aluminum", "Ni_nickel", "Fe_alpha", "Au_gold", "W_tungsten")
APART = (
    "NaCl_halite", "CaF2_fluorite", "SrTiO3_tausonite", "GaAs_gallium", "Ge_germanium", "Cu_copper", "Cu2O_cuprite",
    "Ni3Al_gamma", "Fe_gamma", "Ti_alpha", "Mo_molybdenum", "Sn_beta", "Ta_tantalum",
)  # fmt: skip
PIXELS, SUB = 60, 4
SEED = 0
#: EMsoft's limits, as the public files say them: strong and weak beams, and beams at all.
STRONG, WEAK, ANY = 8, 50, 100

#: What is changed, one at a time; `electrons` and `solver` take these.
SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "depths halved": {"depth": 0.5},
    "depths x 0.7": {"depth": 0.7},
    "depths x 1.4": {"depth": 1.4},
    "no depth beyond 100 nm": {"cut": 1000.0},
    "electrons of half the energy too": {"least_energy": 0.5},
    "energies counted twice": {"twice": True},
    "six energies": {"groups": 6},
    "absorption x 0.7": {"absorption": 0.7},
    "absorption x 1.4": {"absorption": 1.4},
    "thermal motion x 1.4": {"debye_waller": 1.4},
    "twice the beams": {"limits": (300, 60.0, 600.0)},
    "EMsoft's beams": {"as_emsoft": True},
    "EMsoft's beams, energies counted twice": {"as_emsoft": True, "twice": True},
}
#: Against masters of one energy.
AGAINST_ONE: dict[str, dict[str, Any]] = {
    "default": {},
    "one energy": {"only": 19.0},
    "one energy, twice the beams": {"only": 19.0, "limits": (300, 60.0, 600.0)},
}
TWINS = (("Fe", "NiAl"), ("Austenite", "Fe3Ni"), ("Ni", "Ni3Al"))
#: At other voltages, and for the phases apart.
FEW = ("default", "depths halved", "EMsoft's beams", "EMsoft's beams, energies counted twice")


def electrons(
    structure: Structure,
    kv: float,
    *,
    groups: int = 3,
    least_energy: float = 0.7,
    cut: float = np.inf,
    twice: bool = False,
    only: float | None = None,
) -> Backscattered:
    """Group backscattered electrons by energy, as `backscattered` does, with what EMsoft does to them by choice.

    Its file programs weight each energy by its number of electrons, and intensities hold that number already. `only`
    leaves one energy, keV, with the depths of electrons within half a keV of it.
    """
    if only is not None:
        energies, depths = trajectories(*mean_atom(structure), kv, only - 1, electrons=60_000)
        shares, lengths = exponentials(depths[np.abs(energies - only) < 0.5])
        return Backscattered(np.array([only]), np.ones(1), shares[None], lengths[None])
    energies, depths = trajectories(*mean_atom(structure), kv, least_energy * kv)
    energies, depths = energies[depths < cut], depths[depths < cut]
    order = np.argsort(energies)[::-1]
    if twice:
        bins = np.rint(20 * energies[order] / kv).astype(int)
        chances = np.cumsum(np.bincount(bins)[bins])
        order = order[np.searchsorted(chances, chances[-1] * (np.arange(len(order)) + 0.5) / len(order))]
    parts = np.array_split(order, groups)
    fits = [exponentials(depths[part]) for part in parts]
    return Backscattered(
        energies_kev=np.array([energies[part].mean() for part in parts]),
        weights=np.full(groups, 1 / groups),
        shares=np.stack([shares for shares, _ in fits]),
        lengths=np.stack([lengths for _, lengths in fits]),
    )


class EMsoftBeams(Waves):
    """The same waves of the beams that EMsoft takes.

    Strong ones by their excitation error over the mean potential; weak ones are folded into the complex potential and
    nowhere else, so that they emit nothing.
    """

    def __init__(self, crystal: FourierCoefficients, mean: float, *rest: Any, **options: Any) -> None:
        super().__init__(crystal, *rest, **options)
        self._mean = mean
        self._strength = np.abs(self._potential[crystal.origin + crystal.offsets])

    def intensity(self, direction: np.ndarray, max_beams: int, excitation: float, far: float = 0.0) -> float:
        """Return the intensity; the limits are EMsoft's and not the given ones."""
        crystal = self._crystal
        mismatch = 2 * self._wave_number * (crystal.vectors @ direction) - crystal.squares
        size = np.abs(mismatch) / 2
        taken = size <= ANY * self._strength
        strong = np.flatnonzero(taken & (size <= STRONG * self._mean))
        weak = np.flatnonzero(taken & (size > STRONG * self._mean) & (size <= WEAK * self._mean))
        offsets = np.concatenate([[0], crystal.offsets[strong]])
        pairs = crystal.origin + offsets[:, None] - offsets
        matrix = self._potential[pairs] + 1j * self._absorbing[pairs]
        np.fill_diagonal(matrix, np.concatenate([[0], mismatch[strong]]).astype(complex))
        across = offsets[:, None] - crystal.offsets[weak]
        there, back = (
            self._potential[crystal.origin + o] + 1j * self._absorbing[crystal.origin + o]
            for o in (across, -across.T)
        )
        folded = (there / mismatch[weak]) @ back
        np.fill_diagonal(folded, (np.abs(there) ** 2 / mismatch[weak]).sum(axis=1))
        values, waves = np.linalg.eig(matrix - folded)
        amplitudes = np.linalg.solve(waves, np.eye(len(offsets))[0])
        phase = np.pi * 1j / self._wave_number * (values.conj()[:, None] - values)
        integral = sum(
            share / (1 + length * phase) for share, length in zip(self._shares, self._lengths, strict=True)
        )
        at_atoms = waves.conj().T @ crystal.emission[pairs] @ waves
        integral = integral * np.exp(-self._least_depth * phase)
        return float((amplitudes.conj() @ (at_atoms * integral) @ amplitudes).real)


def solver(structure: Structure, kv: float, setting: dict[str, Any]) -> Callable[[np.ndarray], float]:
    """Return a function from directions to intensities."""
    setting = dict(setting)
    limits = setting.pop("limits", (150, 30.0, 300.0))
    as_emsoft = setting.pop("as_emsoft", False)
    waves = {name: setting.pop(name) for name in ("depth", "absorption") if name in setting}
    crystal = fourier_coefficients(structure, 0.5, setting.pop("debye_waller", 1.0))
    found = electrons(structure, kv, **setting)
    parts: list[Waves] = []
    for group, energy in enumerate(found.energies_kev):
        rest = (found, group)
        if as_emsoft:
            parts.append(
                EMsoftBeams(crystal, mean_potential(structure, energy), *rest, least_depth=10, **waves)
            )
        else:
            parts.append(Waves(crystal, *rest, least_depth=10, **waves))
    return lambda direction: sum(
        w * part.intensity(direction, *limits) for w, part in zip(found.weights, parts, strict=True)
    )


def mean_potential(structure: Structure, energy_kev: float) -> float:
    """Return the mean inner potential as a coefficient, 1/square angstrom, with the relativistic mass."""
    atoms = structure.atoms
    amplitudes = [elastic_amplitude(int(number), np.array([0.0]))[0] for number in atoms.numbers]
    mass = 1 + energy_kev / 510.99895
    return float(mass * (atoms.occupancies * amplitudes).sum() / (np.pi * structure.volume))


def places() -> np.ndarray:
    """Return flat indices into a fine master of the directions of each pixel, shape (PIXELS, SUB^2)."""
    coarse = 100
    rows, columns = np.divmod(np.random.default_rng(SEED).permutation(coarse**2)[:PIXELS], coarse)
    step = np.arange(SUB)
    rows = SUB * rows[:, None, None] + step[:, None]
    return ((SUB * coarse + 1) * rows + SUB * columns[:, None, None] + step).reshape(PIXELS, -1)


def compare(file: Path, kv: float, setting: dict[str, Any]) -> dict[str, float]:
    """Return the two correlations with a file."""
    structure = read_sht(file).structure
    assert structure is not None
    index = places()
    directions = lambert_directions(100 * SUB + 1).reshape(-1, 3)[index]
    truth = load_master(file, half_size=50 * SUB).north.ravel()[index]
    intensity = solver(structure, kv, setting)
    values = np.array([[intensity(direction) for direction in pixel] for pixel in directions])
    return {
        "direction": correlation(values, truth),
        "pixel": correlation(values.mean(axis=1), truth.mean(axis=1)),
    }


def against_one_energy(folder: Path) -> dict[str, Any]:
    """Compare twins with masters of de-ebsd in single directions, 500 pixels drawn at random."""
    size = 2 * HALF + 1
    drawn = np.random.default_rng(SEED).choice(size**2, 500, replace=False)
    directions = lambert_directions(size).reshape(-1, 3)[drawn]
    names = [name for pair in TWINS for name in pair]
    theirs = {name: np.load(folder / f"{name}.npy").ravel()[drawn] for name in names}
    found: dict[str, Any] = {"made_by": provenance(seed=SEED)}
    for label, setting in AGAINST_ONE.items():
        ours = {}
        for name in names:
            intensity = solver(twin_structure(name), 20, setting)
            ours[name] = np.array([intensity(direction) for direction in directions])
        found[label] = {
            "whole": {name: correlation(ours[name], theirs[name]) for name in names},
            "difference": {
                f"{b} - {a}": correlation(difference(ours[a], ours[b]), difference(theirs[a], theirs[b]))
                for a, b in TWINS
            },
        }
        print(label, found[label], flush=True)
    return found


def main() -> None:
    """Compare and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("masters", type=Path)
    parser.add_argument("--voltages", nargs="+", type=int, choices=VOLTAGES, default=VOLTAGES)
    parser.add_argument("names", nargs="*", help="How files' names begin; all that are listed by default.")
    parser.add_argument("--twins", type=Path, metavar="FOLDER")
    options = parser.parse_args()
    if options.twins:
        keep("twins", value=against_one_energy(options.twins))
        return
    for part, names in (("chosen", CHOSEN), ("apart", APART)):
        for name in names if not options.names else [name for name in names if name in options.names]:
            for kv in options.voltages:
                settings = FEW if kv != 20 or part == "apart" else dict.fromkeys((*FEW, *SETTINGS))
                (file,) = options.masters.glob(f"{name}*_{kv}kV.sht")
                for label in settings:
                    place = (part, name, f"{kv} kV", label)
                    if keep(*place) is None:
                        print(
                            name,
                            kv,
                            label,
                            keep(*place, value=compare(file, kv, SETTINGS[label])),
                            flush=True,
                        )


def keep(*place: str, value: Any = None) -> Any:
    """Return what stands at a place of the results, after putting a value there if one is given."""
    target = Path(__file__).with_suffix(".json")
    found: dict[str, Any] = {"made_by": provenance(seed=SEED)}
    if target.is_file():
        found = json.loads(target.read_text(encoding="utf-8"))
    inner = found
    for step in place[:-1]:
        inner = inner.setdefault(step, {})
    if value is not None:
        inner[place[-1]] = value
        target.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return inner.get(place[-1])


if __name__ == "__main__":
    main()
