"""The comparison of masters with EMsoft's: means over pixels, and what that program does to beams and energies."""

import numpy as np
import pytest

from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters import bloch_waves
from kikuchi.simulate.masters.bloch_waves import Waves
from kikuchi.simulate.masters.electron_transport import Backscattered, mean_atom, trajectories
from kikuchi.simulate.masters.fourier_coefficients import fourier_coefficients
from reports.simulation import model
from reports.simulation.masters import FINER, HALF, over_pixels


def test_the_mean_over_a_pixel_is_that_of_its_area():
    # Of x^2 over a pixel of side h about x0: x0^2 + h^2 / 12; the trapezoidal rule with step h / n adds h^2 / (6 n^2).
    x = np.arange(2 * FINER * HALF + 1) / FINER - HALF
    means = over_pixels(np.broadcast_to(x**2, (len(x), len(x))))
    middle = np.arange(-HALF, HALF + 1.0)
    assert means.shape == (2 * HALF + 1, 2 * HALF + 1)
    expected = middle**2 + 1 / 12 + 1 / (6 * FINER**2)
    np.testing.assert_allclose(means[50, 1:-1], expected[1:-1], rtol=1e-9)


def test_a_pattern_finer_than_a_pixel_is_gone_in_the_means_and_not_in_single_directions():
    wave = np.cos(np.pi * np.arange(2 * FINER * HALF + 1) / 2)[:, None] * np.ones(2 * FINER * HALF + 1)
    assert np.abs(over_pixels(wave)[1:-1]).max() < 1e-12
    assert np.abs(wave[::FINER]).min() > 0.99


def test_energies_counted_twice_follow_the_squared_spectrum():
    nickel = load_structure("Ni")
    energies, _ = trajectories(*mean_atom(nickel), 20, 10)
    counts, edges = np.histogram(energies, bins=np.arange(9.5, 21.5))
    middles = (edges[1:] + edges[:-1]) / 2
    expected = (counts**2 * middles).sum() / (counts**2).sum()
    found = model.electrons(nickel, 20, groups=5, least_energy=0.5, twice=True)
    plain = model.electrons(nickel, 20, groups=5, least_energy=0.5)
    # Bins of one keV stand for what is in them.
    assert found.energies_kev.mean() == pytest.approx(expected, abs=0.2)
    assert plain.energies_kev.mean() == pytest.approx(energies.mean(), abs=0.02)
    assert expected > energies.mean() + 0.5


def test_the_mean_inner_potential_of_aluminium():
    # 47.878 V angstrom^2 times 4 atoms of 5.889 angstrom (International Tables C, 4.3.1) in 66.4 cubic angstrom: 17 V;
    # 1 / 150.412 of it is the coefficient, times 1 + 20/511.
    expected = 17.0 / 150.412 * (1 + 20 / 510.999)
    assert model.mean_potential(load_structure("Al"), 20) == pytest.approx(expected, rel=0.03)


def test_where_every_beam_is_strong_both_solvers_give_one_intensity(monkeypatch):
    monkeypatch.setattr(bloch_waves, "_LEAST_EXCITED", 1e-9)
    for name in ("STRONG", "ANY"):
        monkeypatch.setattr(model, name, 1e9)
    crystal = fourier_coefficients(load_structure("Al"), 1.1)
    one = Backscattered(np.array([20.0]), np.ones(1), np.ones((1, 1)), np.full((1, 1), 60.0))
    direction = np.array([0.1, 0.33, 1]) / np.linalg.norm([0.1, 0.33, 1])
    every = Waves(crystal, one, 0, least_depth=10).intensity(direction, 10_000, 1e12)
    found = model.EMsoftBeams(crystal, 0.1, one, 0, least_depth=10).intensity(direction, 2, 1.0)
    assert found == pytest.approx(every, rel=1e-4)
