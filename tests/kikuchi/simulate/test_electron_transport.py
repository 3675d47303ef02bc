"""The Monte Carlo model of backscattering, against measured yields and distributions known in closed form."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.electron_transport import backscattered, exponentials, mean_atom, trajectories


@pytest.mark.parametrize(("name", "measured"), [("Al", 0.155), ("Cu", 0.31), ("Au", 0.49)])
def test_yields_at_normal_incidence_are_those_measured(name, measured):
    # Heinrich (1966) and Neubert & Rogaschewski (1980), 20 keV; Rutherford's cross-section gives heavy elements more.
    energies, _ = trajectories(*mean_atom(load_structure(name)), 20, 0.5, tilt=0, electrons=1500)
    assert len(energies) / 1500 == pytest.approx(measured, abs=0.075)


def test_depths_scale_with_the_inverse_density():
    thin = trajectories(28, 58.7, 8.9, 20, 10, electrons=2000)
    light = trajectories(28, 58.7, 8.9 / 2, 20, 10, electrons=2000)
    np.testing.assert_allclose(light[0], thin[0])
    np.testing.assert_allclose(light[1], 2 * thin[1])


def test_groups_descend_in_energy_and_share_the_electrons():
    found = backscattered(load_structure("Ni"), 20, 3, electrons=4000)
    assert (np.diff(found.energies_kev) < 0).all()
    assert found.energies_kev[0] < 20 and found.energies_kev[-1] > 14
    np.testing.assert_allclose(found.weights, 1 / 3, atol=1e-3)
    np.testing.assert_allclose(found.shares.sum(axis=1), 1)
    assert found.weights.sum() == pytest.approx(1)


def test_an_exponential_distribution_of_depths_is_found_again():
    depths = 40 * np.random.default_rng(1).standard_exponential(20_000)
    shares, lengths = exponentials(depths)
    for z in (5, 20, 60, 120):
        assert (shares * np.exp(-z / lengths)).sum() == pytest.approx(np.exp(-z / 40), abs=0.02)


def test_the_mean_atom_of_a_compound():
    # Ni3Al, a = 3.57 angstrom: (3 x 28 + 13) / 4, (3 x 58.693 + 26.982) / 4, and 203.06 u in 45.499 cubic angstrom.
    assert mean_atom(load_structure("Ni3Al")) == pytest.approx((24.25, 50.765, 7.411), rel=1e-3)


def test_numbers_out_of_range_are_refused():
    nickel = load_structure("Ni")
    for bad in ({"groups": 0}, {"groups": 1, "least_energy": 0.1}, {"groups": 1, "tilt": 90}):
        with pytest.raises(InputError, match="backscattered"):
            backscattered(nickel, 20, **bad)
