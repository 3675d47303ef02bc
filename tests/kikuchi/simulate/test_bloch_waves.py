"""Many-beam Bloch waves, against the wave equation integrated another way, symmetry, and another program."""

from pathlib import Path

import numpy as np
import pytest
from scipy.linalg import expm, solve_sylvester

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters import bloch_waves
from kikuchi.simulate.masters.bloch_waves import Scattering, Waves, bloch_wave_master
from kikuchi.simulate.masters.electron_transport import Backscattered
from kikuchi.simulate.masters.fourier_coefficients import fourier_coefficients
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.load import load_master
from kikuchi.simulate.masters.scattering_factors import absorptive_amplitude, elastic_amplitude
from kikuchi.simulate.masters.structure_factors import electron_wavelength

ALL = 10_000  # no limit on beams or excitation


def beams(structure, min_dspacing):
    """Every reciprocal lattice vector up to the limit, whether it scatters by itself or not, the origin first."""
    limit = int(max(structure.lattice[:3]) / min_dspacing)
    axis = np.arange(-limit, limit + 1)
    hkl = np.stack(np.meshgrid(axis, axis, axis, indexing="ij"), axis=-1).reshape(-1, 3)
    near = np.linalg.norm(hkl @ structure.reciprocal_matrix, axis=1) <= 1 / min_dspacing
    hkl = hkl[near]
    return np.concatenate([[[0, 0, 0]], hkl[(hkl != 0).any(axis=1)]])


def over_atoms(structure, hkl, amplitude):
    """Sum amplitude(number, g, b_iso) exp(-2 pi i g.r) over the atoms of a cell, one by one."""
    atoms, g = structure.atoms, np.linalg.norm(hkl @ structure.reciprocal_matrix, axis=1)
    rows = zip(atoms.positions, atoms.numbers, atoms.b_iso, strict=True)
    return sum(amplitude(int(n), g, b) * np.exp(-2j * np.pi * (hkl @ r)) for r, n, b in rows)


def equation(structure, hkl, direction, voltage_kv, absorption):
    """The matrix A of d phi / dz = 2 pi i A phi / (2 K) and that of the emission at the atoms."""
    g = hkl @ structure.reciprocal_matrix
    wave_number = 1 / electron_wavelength(voltage_kv)
    differences = (hkl[:, None] - hkl[None]).reshape(-1, 3)

    def motion(g, b_iso):
        return np.exp(-b_iso * g**2 / 4)

    # U = 2 m e V / h^2 with the relativistic mass; amplitudes in angstrom give it over pi times the volume.
    coupling = over_atoms(structure, differences, lambda n, g, b: elastic_amplitude(n, g) * motion(g, b))
    damping = over_atoms(structure, differences, lambda n, g, b: absorptive_amplitude(n, g, b, voltage_kv))
    emission = over_atoms(structure, differences, lambda n, g, b: n**2 * motion(g, b))
    coupling, damping, emission = (m.reshape(len(hkl), -1) for m in (coupling, damping, emission))
    coupling = (
        (coupling + 1j * absorption * damping) * (1 + voltage_kv / 510.999) / (np.pi * structure.volume)
    )
    excitation = wave_number**2 - ((g - wave_number * direction) ** 2).sum(axis=1)
    return coupling - np.diag(coupling.diagonal()) + np.diag(excitation), emission


def integrated(structure, direction, voltage_kv, min_dspacing, depth, absorption):
    """The same intensity from the wave equation in depth, all depths at once."""
    hkl = beams(structure, min_dspacing)
    matrix, emission = equation(structure, hkl, direction, voltage_kv, absorption)
    # X = integral of phi phi^H exp(-z / depth) / depth over z solves a Sylvester equation: no eigenvectors needed.
    step = 2j * np.pi * matrix * electron_wavelength(voltage_kv) / 2 - np.eye(len(hkl)) / (2 * depth)
    start = np.zeros_like(step)
    start[0, 0] = 1 / depth
    waves = solve_sylvester(step, step.conj().T, -start)
    return np.trace(emission @ waves).real


def waves_of(structure, min_dspacing, depth=50.0, absorption=1.0):
    """The solver's waves at 20 keV, from one exponential distribution of depths."""
    one = Backscattered(np.array([20.0]), np.ones(1), np.ones((1, 1)), np.full((1, 1), depth))
    return Waves(fourier_coefficients(structure, min_dspacing), one, 0, absorption=absorption)


@pytest.mark.parametrize("absorption", [0.0, 1.0, 2.0])
@pytest.mark.parametrize(("name", "min_dspacing"), [("W", 1.1), ("GaAs", 1.4), ("Ge", 1.4), ("Ni3Al", 1.2)])
def test_intensities_solve_the_wave_equation(name, min_dspacing, absorption, monkeypatch):
    monkeypatch.setattr(bloch_waves, "_LEAST_EXCITED", 1e-9)
    structure = load_structure(name)
    waves = waves_of(structure, min_dspacing, 60, absorption)
    for direction in ([0, 0, 1], [0.5, 0.31, 0.7]):
        direction = np.array(direction) / np.linalg.norm(direction)
        expected = integrated(structure, direction, 20, min_dspacing, 60, absorption)
        assert waves.intensity(direction, ALL, ALL * 1e6) == pytest.approx(expected, rel=1e-3)


def test_a_least_depth_shifts_every_depth(monkeypatch):
    monkeypatch.setattr(bloch_waves, "_LEAST_EXCITED", 1e-9)
    # Electrons from one depth only: an exponential of vanishing length begun there, against the matrix exponential.
    structure, depth = load_structure("Al"), 70.0
    hkl = beams(structure, 1.2)
    one = Backscattered(np.array([20.0]), np.ones(1), np.ones((1, 1)), np.full((1, 1), 1e-6))
    waves = Waves(fourier_coefficients(structure, 1.2), one, 0, least_depth=depth)
    direction = np.array([0.1, 0.2, 1]) / np.linalg.norm([0.1, 0.2, 1])
    matrix, emission = equation(structure, hkl, direction, 20, 1)
    wave = expm(2j * np.pi * matrix * depth * electron_wavelength(20) / 2)[:, 0]
    expected = (wave.conj() @ emission @ wave).real
    assert waves.intensity(direction, ALL, ALL * 1e6) == pytest.approx(expected, rel=2e-3)


def test_waves_that_hold_little_of_the_incoming_one_are_left_out_at_little_cost():
    structure = load_structure("Ni3Al")
    waves, direction = waves_of(structure, 1.0), np.array([0.1, 0.33, 1]) / np.linalg.norm([0.1, 0.33, 1])
    expected = integrated(structure, direction, 20, 1.0, 50, 1)
    assert waves.intensity(direction, ALL, ALL * 1e6) == pytest.approx(expected, rel=0.005)


def test_beams_that_act_by_perturbation_bring_the_intensity_nearer_to_all_beams():
    waves, rng = waves_of(load_structure("Ni3Al"), 0.8), np.random.default_rng(3)
    directions = rng.normal(size=(40, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]

    def intensities(*limits):
        return np.array([waves.intensity(d, ALL, *limits) for d in directions])

    every = intensities(1000.0)
    without, folded = (np.abs(intensities(*limits) - every).mean() for limits in ((30.0,), (30.0, 1000.0)))
    assert folded < without / 2


def test_the_threefold_axis_that_no_pixel_was_copied_by_is_there():
    waves = waves_of(load_structure("Ni"), 1.0)
    direction = np.array([0.3, 0.12, 0.8]) / np.linalg.norm([0.3, 0.12, 0.8])
    values = [waves.intensity(np.roll(direction, k), 80, 60) for k in range(3)]
    np.testing.assert_allclose(values, values[0], rtol=1e-6)


def test_without_an_inversion_centre_opposite_directions_differ_but_the_crystal_class_holds():
    waves = waves_of(load_structure("GaAs"), 1.2)
    x, y, z = np.array([0.5, 0.45, 0.6]) / np.linalg.norm([0.5, 0.45, 0.6])
    here = waves.intensity(np.array([x, y, z]), 80, 60)
    # -43m: the four-fold rotoinversion about z, and the mirror that swaps x and y, but no inversion.
    np.testing.assert_allclose(waves.intensity(np.array([y, -x, -z]), 80, 60), here, rtol=1e-6)
    np.testing.assert_allclose(waves.intensity(np.array([y, x, z]), 80, 60), here, rtol=1e-6)
    assert abs(waves.intensity(-np.array([x, y, z]), 80, 60) / here - 1) > 1e-3


def test_closer_than_kinematical_bands_to_an_independent_program(shared: Path):
    path = shared / "masters" / "Ni_nickel_sg225_20kV.sht"
    other = load_master(path, half_size=30).north.ravel()
    nickel = load_structure("Ni")
    dynamical = bloch_wave_master(nickel, 20, half_size=30).north.ravel()
    bands = kinematical_master(nickel, 20, half_size=30).north.ravel()
    assert np.corrcoef(dynamical, other)[0, 1] > 0.95 > 0.85 > np.corrcoef(bands, other)[0, 1]


def test_what_order_changes_is_what_it_changes_in_an_independent_program(shared: Path):
    names = {"Ni": "Ni_nickel_sg225", "Ni3Al": "Ni3Al_gamma_prime_sg221"}
    paths = [shared / "masters" / f"{public}_20kV.sht" for public in names.values()]
    theirs = [load_master(path, half_size=30).north for path in paths]
    ours = [bloch_wave_master(load_structure(name), 20, half_size=30).north for name in names]

    def difference(pair):
        plain, ordered = (m.ravel() / m.std() for m in pair)
        return ordered - plain

    assert np.corrcoef(difference(ours), difference(theirs))[0, 1] > 0.7


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
