"""Many-beam Bloch waves, against the wave equation integrated another way, symmetry, and another program."""

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import solve_sylvester

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.bloch_waves import Scattering, _Waves, bloch_wave_master
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.structure_factors import electron_wavelength, structure_factors

MASTERS = Path(__file__).parents[4] / "shared" / "masters"
ALL = 10_000  # no limit on beams or excitation


def beams(structure, min_dspacing):
    """Every reciprocal lattice vector up to the limit that scatters at all, the origin first."""
    limit = int(max(structure.lattice[:3]) / min_dspacing)
    axis = np.arange(-limit, limit + 1)
    hkl = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.linalg.norm(hkl @ structure.reciprocal_matrix, axis=1) <= 1 / min_dspacing
    hkl = hkl[near]
    strength = np.abs(structure_factors(structure, hkl))
    origin = (hkl == 0).all(axis=1)
    hkl = hkl[(strength > 1e-3 * strength[~origin].max()) & ~origin]
    return np.concatenate([[[0, 0, 0]], hkl])


def integrated(structure, direction, voltage_kv, min_dspacing, depth, absorption):
    """The same intensity from the wave equation in depth, d phi / dz = 2 pi i A phi / (2 K), all depths at once."""
    hkl = beams(structure, min_dspacing)
    g = hkl @ structure.reciprocal_matrix
    wave_number = 1 / electron_wavelength(voltage_kv)
    differences = (hkl[:, None] - hkl[None]).reshape(-1, 3)
    # U = 2 m e V / h^2 with the relativistic mass: 150.412 V angstrom^2 = h^2 / (2 m e).
    coupling = structure_factors(structure, differences).reshape(len(hkl), -1)
    coupling = coupling * (1 + voltage_kv / 510.999) / 150.412
    np.fill_diagonal(coupling, 0)
    k = -wave_number * direction
    excitation = wave_number**2 - ((k + g) ** 2).sum(axis=1)
    matrix = np.diag(excitation) + (1 + 1j * absorption) * coupling
    atoms = structure.atoms
    s_squared = ((differences @ structure.reciprocal_matrix) ** 2).sum(axis=1) / 4
    emission = (
        atoms.occupancies
        * atoms.numbers.astype(float) ** 2
        * np.exp(-np.outer(s_squared, atoms.b_iso))
        * np.exp(2j * np.pi * (differences @ atoms.positions.T))
    ).sum(axis=1)
    emission = emission.reshape(len(hkl), -1)

    # X = integral of phi phi^H exp(-z / depth) / depth over z solves a Sylvester equation: no eigenvectors needed.
    step = 2j * np.pi * matrix / (2 * wave_number) - np.eye(len(hkl)) / (2 * depth)
    start = np.zeros_like(step)
    start[0, 0] = 1 / depth
    waves = solve_sylvester(step, step.conj().T, -start)
    return (waves * emission).sum().real


@pytest.mark.parametrize(("name", "min_dspacing"), [("W", 1.1), ("GaAs", 1.4)])
def test_intensities_solve_the_wave_equation(name, min_dspacing):
    structure = load_structure(name)
    waves = _Waves(structure, 20, min_dspacing, Scattering(depth=60, absorption=0))
    for direction in ([0, 0, 1], [0.5, 0.31, 0.7]):
        direction = np.array(direction) / np.linalg.norm(direction)
        expected = integrated(structure, direction, 20, min_dspacing, 60, 0)
        assert waves.intensity(direction, ALL, ALL * 1e6) == pytest.approx(expected, rel=1e-4)


def test_weak_absorption_is_a_perturbation():
    structure = load_structure("Al")
    waves = _Waves(structure, 20, 1.2, Scattering(depth=50, absorption=0.05))
    direction = np.array([0.02, 0.01, 1]) / np.linalg.norm([0.02, 0.01, 1])
    expected = integrated(structure, direction, 20, 1.2, 50, 0.05)
    assert waves.intensity(direction, ALL, ALL * 1e6) == pytest.approx(expected, rel=0.01)


def test_the_threefold_axis_that_no_pixel_was_copied_by_is_there():
    waves = _Waves(load_structure("Ni"), 20, 1.0, Scattering())
    direction = np.array([0.3, 0.12, 0.8]) / np.linalg.norm([0.3, 0.12, 0.8])
    values = [waves.intensity(np.roll(direction, k), 80, 60) for k in range(3)]
    np.testing.assert_allclose(values, values[0], rtol=1e-6)


def test_without_an_inversion_centre_opposite_directions_differ_but_the_crystal_class_holds():
    waves = _Waves(load_structure("GaAs"), 20, 1.2, Scattering())
    x, y, z = np.array([0.5, 0.45, 0.6]) / np.linalg.norm([0.5, 0.45, 0.6])
    here = waves.intensity(np.array([x, y, z]), 80, 60)
    # -43m: the four-fold rotoinversion about z, and the mirror that swaps x and y, but no inversion.
    np.testing.assert_allclose(waves.intensity(np.array([y, -x, -z]), 80, 60), here, rtol=1e-6)
    np.testing.assert_allclose(waves.intensity(np.array([y, x, z]), 80, 60), here, rtol=1e-6)
    assert abs(waves.intensity(-np.array([x, y, z]), 80, 60) / here - 1) > 1e-3


def test_closer_than_kinematical_bands_to_an_independent_program():
    path = MASTERS / "Ni_nickel_sg225_20kV.sht"
    if not path.is_file():
        pytest.skip("needs the public master patterns in ../shared")
    other = load_master(path, half_size=30).north.ravel()
    nickel = load_structure("Ni")
    dynamical = bloch_wave_master(nickel, 20, half_size=30).north.ravel()
    bands = kinematical_master(nickel, 20, half_size=30).north.ravel()
    assert np.corrcoef(dynamical, other)[0, 1] > 0.85 > np.corrcoef(bands, other)[0, 1]


def test_numbers_out_of_range_are_refused():
    nickel = load_structure("Ni")
    with pytest.raises(InputError, match="depth"):
        Scattering(depth=0)
    with pytest.raises(InputError, match="two beams"):
        bloch_wave_master(nickel, max_beams=1)
    with pytest.raises(InputError, match="min_dspacing"):
        bloch_wave_master(nickel, min_dspacing=0)
    with pytest.raises(InputError, match="too many reflectors"):
        bloch_wave_master(load_structure("Garnet"), min_dspacing=0.2)
