"""Amplitudes of single atoms, against defining integrals done numerically and another published parametrisation."""

import numpy as np
import pytest
from diffsims.structure_factor.atomic_scattering_parameters import get_atomic_scattering_parameters
from scipy.integrate import dblquad

from ensemble.errors import InputError
from kikuchi.simulate.masters.scattering_factors import (
    absorptive_amplitude,
    elastic_amplitude,
    inelastic_amplitude,
    thermal_amplitude,
)

BETA_20_KV = 0.27186
"""v/c at 20 keV: sqrt(1 - 1 / (1 + 20/511)^2)."""


@pytest.mark.parametrize("number", [6, 13, 28, 79])
def test_elastic_amplitudes_are_those_of_doyle_and_turner_within_three_percent(number):
    g = np.array([0.3, 0.6, 1.0, 1.6])
    a, b = get_atomic_scattering_parameters(number)
    expected = (a * np.exp(-b * (g[:, None] / 2) ** 2)).sum(axis=1)
    np.testing.assert_allclose(elastic_amplitude(number, g), expected, rtol=0.03)


def test_far_out_the_nucleus_is_bare():
    # Mott-Bethe: f = 2 Z / (a0 q^2) with q = 2 pi g, all electrons left behind.
    g = 12.0
    assert elastic_amplitude(14, np.array([g]))[0] == pytest.approx(
        2 * 14 / (0.529177 * (2 * np.pi * g) ** 2), rel=0.02
    )


def test_thermal_scattering_is_the_integral_of_hall_and_hirsch():
    b_iso, g = 0.54, 0.8

    def integrand(y, x):
        near, far = np.hypot(x - g / 4, y), np.hypot(x + g / 4, y)
        amplitude = elastic_amplitude(13, 2 * np.array([near, far]))
        lost = 1 - np.exp(-2 * b_iso * (x**2 + y**2 - (g / 2) ** 2 / 4))
        return amplitude[0] * amplitude[1] * lost

    total = 4 * dblquad(integrand, 0, 15, 0, 15, epsrel=1e-3)[0] * np.exp(-b_iso * (g / 2) ** 2)
    # Beyond the square f = C / s^2 and everything is lost: the integral of C^2 / s^4 there is small, added as a disc's.
    total += np.pi * (2 * 13 / (0.529177 * (4 * np.pi) ** 2)) ** 2 / 15**2 * np.exp(-b_iso * (g / 2) ** 2)
    expected = 2 * 0.0242631 / BETA_20_KV * total
    assert thermal_amplitude(13, np.array([g]), b_iso, 20)[0] == pytest.approx(expected, rel=0.01)


def test_an_atom_at_rest_scatters_nothing_diffusely():
    np.testing.assert_allclose(thermal_amplitude(28, np.array([0.0, 0.7]), 0.0, 20), 0, atol=1e-12)


def test_inelastic_scattering_is_the_integral_over_its_form_factor():
    number, q = 13, 3.0
    mu = 13 ** (1 / 3) / (0.885 * 0.529177)
    # Momentum of the mean loss, 6 Z eV, at 20 keV: k dE / (2E) (2E + 1022) / (E + 1022), 1/angstrom.
    loss = 2 * np.pi / 0.085885 * 0.078 / 40 * 1062 / 1042

    def integrand(y, x):
        first, second = (x - q / 2) ** 2 + y**2 + loss**2, (x + q / 2) ** 2 + y**2 + loss**2
        form = mu**2 / (mu**2 + q**2) - mu**4 / ((first + mu**2) * (second + mu**2))
        return number * form / (first * second)

    inner = dblquad(integrand, 0, 3, 0, 3, epsrel=1e-4)[0]
    rest = dblquad(integrand, 3, 400, 0, 3)[0] + dblquad(integrand, 0, 400, 3, 400, epsrel=1e-4)[0]
    expected = 2 * 0.0242631 / BETA_20_KV * 4 / 0.529177**2 / (4 * np.pi) ** 2 * 4 * (inner + rest)
    assert inelastic_amplitude(number, np.array([q / (2 * np.pi)]), 20)[0] == pytest.approx(
        expected, rel=0.01
    )


@pytest.mark.parametrize(
    ("number", "b_iso", "expected"),
    [
        (28, 0.364, [0.3296, 0.2256, 0.1066]),
        (13, 0.54, [0.1142, 0.0669, 0.0248]),
        (79, 0.635, [2.1049, 1.5582, 0.6281]),
    ],
)
def test_absorption_is_that_of_weickenmeier_and_kohl(number, b_iso, expected):
    # Their parametrisation (Acta Cryst. A 47, 590, 1991) at 20 kV, g = 0.5, 1 and 2 / angstrom, from another program.
    found = absorptive_amplitude(number, np.array([0.5, 1.0, 2.0]), b_iso, 20)
    np.testing.assert_allclose(found, expected, rtol=0.02)


def test_an_element_without_a_table_is_refused():
    with pytest.raises(InputError, match="element 110"):
        elastic_amplitude(110, np.array([1.0]))
