"""Dynamical master patterns by Bloch waves on the CPU: a third of a second for nickel, no GPU needed.

ebsdsim (`kikuchi.simulate.masters.dynamical`) solves the same problem with fewer approximations, on a GPU; without
one it takes half a minute a crystal, too long to show a network thousands of them. What makes this quick is that
only the beams that are excited take part, that a crystal with an inversion centre has a real symmetric structure
matrix, and that absorption is a perturbation, so that one symmetric eigenproblem a direction is all there is to solve.
"""

from dataclasses import dataclass

import numpy as np

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structures import Structure
from kikuchi.simulate.crystals.symmetry import is_centrosymmetric
from kikuchi.simulate.masters.equivalent_pixels import equivalent_pixels
from kikuchi.simulate.masters.lambert import lambert_directions
from kikuchi.simulate.masters.master import MasterPattern
from kikuchi.simulate.masters.structure_factors import electron_wavelength, structure_factors, sum_over_atoms

# h^2 / (2 m e), volt square angstrom: a potential in volt divided by it is one in reciprocal square angstrom.
_VOLT_TO_RECIPROCAL = 150.41204
_REST_ENERGY_KEV = 510.99895
_MOST_DIFFERENCES = 4_000_000


@dataclass(frozen=True)
class Scattering:
    """What the crystal structure does not say about the electrons in it.

    Parameters
    ----------
    depth
        Mean depth from which electrons come that still diffract, angstrom; they get fewer exponentially.
    absorption
        Imaginary part of the potential as a share of the real one; 0.1 is the usual rule (Hashimoto, Howie & Whelan,
        Proc. R. Soc. A 269, 80, 1962).
    """

    depth: float = 50.0
    absorption: float = 0.1

    def __post_init__(self) -> None:
        if not (self.depth > 0 and self.absorption >= 0):
            raise InputError(f"{self} is not possible", remedy="a positive depth, no negative absorption")


def bloch_wave_master(
    structure: Structure,
    voltage_kv: float = 20.0,
    *,
    half_size: int = 50,
    min_dspacing: float = 0.7,
    max_beams: int = 150,
    excitation: float = 100.0,
    scattering: Scattering | None = None,
) -> MasterPattern:
    """Compute a dynamical master pattern by many-beam Bloch waves.

    The intensity that leaves in a direction is, by reciprocity, what a plane wave coming in along it does at the atoms,
    each weighted by the square of its atomic number (Winkelmann et al., Ultramicroscopy 107, 414, 2007).
    One energy takes part, the beam's own.

    Parameters
    ----------
    structure
        The crystal.
    voltage_kv
        Accelerating voltage, kV.
    half_size
        Pixels from the pole to the edge; a hemisphere has 2 x half_size + 1 pixels along a side.
    min_dspacing
        Smallest interplanar spacing that takes part, angstrom.
    max_beams
        Most beams in one direction; the time grows with its cube.
    excitation
        Beams are taken up to this ratio of excitation error to coupling, |K^2 - |K + g|^2| / |U_g|.
    scattering
        Depth and absorption.

    Returns
    -------
    master
        Both hemispheres, float32.

    Raises
    ------
    InputError
        If the cell is too large for the smallest spacing, or a number is out of range.
    """
    if max_beams < 2 or not excitation > 0:
        raise InputError("Bloch waves take at least two beams and a positive excitation limit")
    waves = _Waves(structure, voltage_kv, min_dspacing, scattering or Scattering())
    centric = is_centrosymmetric(structure.space_group)
    size = 2 * half_size + 1
    representatives, sets = equivalent_pixels(structure, size, friedel=centric)
    directions = lambert_directions(size).reshape(-1, 3)[representatives]

    def hemisphere(turned: np.ndarray) -> np.ndarray:
        values = np.array([waves.intensity(d, max_beams, excitation) for d in turned], dtype=np.float32)
        return values[sets].reshape(size, size)

    north = hemisphere(directions)
    if centric:
        south = north[::-1, ::-1]
        south = north if np.array_equal(north, south) else south
    else:
        south = hemisphere(directions * (1, 1, -1))
    return MasterPattern(
        name=structure.name,
        space_group=structure.space_group,
        voltage_kv=float(voltage_kv),
        north=north,
        south=south,
        kind="dynamical",
        source=structure.source,
    )


class _Waves:
    """Fourier coefficients of one crystal, and the intensity they give in a direction."""

    def __init__(
        self, structure: Structure, voltage_kv: float, min_dspacing: float, scattering: Scattering
    ) -> None:
        if not min_dspacing > 0:
            raise InputError(f"min_dspacing {min_dspacing} must be a positive length in angstrom")
        self.wave_number = 1 / electron_wavelength(voltage_kv)
        self.scattering = scattering
        # Beams g couple through the coefficient of g - h, which reaches twice as far.
        limits = 2 * np.floor(np.array(structure.lattice[:3]) / min_dspacing).astype(int)
        if np.prod(2.0 * limits + 1) > _MOST_DIFFERENCES:
            raise InputError(f"{structure.name} has too many reflectors", remedy="raise min_dspacing")
        axes = [np.arange(-limit, limit + 1) for limit in limits]
        hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        self._origin = len(hkl) // 2
        half = hkl[self._origin :]
        mass = 1 + voltage_kv / _REST_ENERGY_KEV
        potential = structure_factors(structure, half) * mass / _VOLT_TO_RECIPROCAL
        # Backscattering happens at the atoms, by the square of their number.
        emission = sum_over_atoms(structure, half, lambda number, _: float(number) ** 2)
        # The mean potential refracts all beams alike; it is not part of their coupling.
        potential[0] = 0
        self._potential, self._emission = _both_halves(potential), _both_halves(emission)
        if is_centrosymmetric(structure.space_group) and np.abs(self._potential.imag).max() < 1e-9:
            # With the inversion centre at the origin everything is real, and the eigenproblem four times as quick.
            self._potential, self._emission = self._potential.real.copy(), self._emission.real.copy()
        vectors = hkl @ structure.reciprocal_matrix
        lengths = np.linalg.norm(vectors, axis=1)
        strength = np.abs(self._potential)
        beams = np.flatnonzero((lengths <= 1 / min_dspacing) & (strength > 1e-3 * strength.max()))
        strides = np.array([(2 * limits[1] + 1) * (2 * limits[2] + 1), 2 * limits[2] + 1, 1])
        self._vectors, self._squares = vectors[beams], lengths[beams] ** 2
        self._strengths = strength[beams]
        self._offsets = hkl[beams] @ strides

    def intensity(self, direction: np.ndarray, max_beams: int, excitation: float) -> float:
        """Return the intensity that leaves in a direction, a unit vector in the crystal frame."""
        wave_number = self.wave_number
        # A wave that comes in along the detected direction runs against it: K = -wave_number * direction.
        mismatch = 2 * wave_number * (self._vectors @ direction) - self._squares
        ratio = np.abs(mismatch) / self._strengths
        chosen = np.flatnonzero(ratio < excitation)
        if len(chosen) > max_beams - 1:
            chosen = chosen[np.argpartition(ratio[chosen], max_beams - 1)[: max_beams - 1]]
        offsets = np.concatenate([[0], self._offsets[chosen]])
        pairs = self._origin + offsets[:, None] - offsets
        coupling = self._potential[pairs]
        matrix = coupling.copy()
        np.fill_diagonal(matrix, np.concatenate([[0], mismatch[chosen]]))
        values, waves = np.linalg.eigh(matrix)
        # Damping of each Bloch wave, first order in the imaginary potential.
        damping = (waves.conj() * (coupling @ waves)).sum(axis=0).real
        depth = 2 * np.pi * self.scattering.depth / (2 * wave_number)
        damping = depth * self.scattering.absorption * damping
        values = depth * values
        excited = waves[0].conj()
        at_atoms = waves.conj().T @ self._emission[pairs] @ waves
        # The depth integral of two waves' interference, exp(-z / depth) exp(2 pi i (gamma_j - gamma_k) z) / depth.
        integral = 1 / (1 + damping[:, None] + damping - 1j * (values - values[:, None]))
        return float((excited.conj() @ (at_atoms * integral) @ excited).real)


def _both_halves(half: np.ndarray) -> np.ndarray:
    """Append to the coefficients from the origin on those of the opposite vectors, their conjugates, in front."""
    return np.concatenate([half[:0:-1].conj(), half])
