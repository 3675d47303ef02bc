"""Scattering of electrons by one atom, elastic and out of the diffracted waves: amplitudes by element.

Elastic amplitudes are those of Lobato & Van Dyck, Acta Cryst. A 70, 636 (2014), which fall off as they must at high
angles; thermal diffuse scattering, which takes electrons out of the Bragg beams, is integrated from them after Hall &
Hirsch, Proc. R. Soc. A 286, 158 (1965), and the excitation of the atom's own electrons after Weickenmeier & Kohl,
Acta Cryst. A 47, 590 (1991). All are functions of g = 1/d (reciprocal angstrom, no 2 pi), in angstrom.
"""

from functools import lru_cache

import numpy as np

from ensemble.errors import InputError

_BOHR_RADIUS = 0.529177
_COMPTON_WAVELENGTH = 0.0242631
_REST_ENERGY_KEV = 510.99895
_NODES = 48
"""Absorptive amplitudes are smooth in g: integrated at so many and interpolated by splines."""


def elastic_amplitude(number: int, g: np.ndarray) -> np.ndarray:
    """Return the scattering amplitude of an atom at rest for electrons of low energy (no relativistic factor).

    Parameters
    ----------
    number
        Atomic number, 1 to 103.
    g
        Length of the scattering vector, 1/angstrom, any shape.

    Returns
    -------
    amplitude
        Angstrom, same shape.

    Raises
    ------
    InputError
        If the element is not in the tables.

    Examples
    --------
    Silicon; the International Tables (C, 4.3.1) have 5.828:

    >>> elastic_amplitude(14, np.array([0.0])).round(1)
    array([5.8])
    """
    a, b = _coefficients(number)
    x = b * np.asarray(g, dtype=float)[..., None] ** 2
    return (a * (2 + x) / (1 + x) ** 2).sum(axis=-1)


def absorptive_amplitude(number: int, g: np.ndarray, b_iso: float, voltage_kv: float) -> np.ndarray:
    """Return the imaginary part of the amplitude of an atom that moves: thermal diffuse plus inelastic scattering.

    Its Debye-Waller factor is part of it.

    Parameters
    ----------
    number
        Atomic number, 1 to 103.
    g
        Length of the scattering vector, 1/angstrom, shape (n,).
    b_iso
        Isotropic Debye-Waller factor B, square angstrom.
    voltage_kv
        Energy of the electrons, keV.

    Returns
    -------
    amplitude
        Angstrom, shape (n,); to be multiplied by the same relativistic factor as the elastic one.
    """
    g = np.asarray(g, dtype=float)
    from scipy.interpolate import CubicSpline

    nodes = np.linspace(0, max(float(g.max(initial=0.0)), 0.1), _NODES)
    # The excitation of electrons has a peak of the width of their energy loss at g = 0: no spline could follow it.
    thermal = CubicSpline(nodes, thermal_amplitude(number, nodes, b_iso, voltage_kv))(g)
    return thermal + inelastic_amplitude(number, g, voltage_kv) * np.exp(-b_iso * g**2 / 4)


def thermal_amplitude(number: int, g: np.ndarray, b_iso: float, voltage_kv: float) -> np.ndarray:
    """Return the absorptive amplitude of thermal diffuse scattering of an Einstein atom.

    2h/(m0 v) times the integral over the plane of f(s/2 + s') f(s/2 - s') [exp(-B s^2) - exp(-2 B (s'^2 + s^2/4))],
    with s = g/2 (Bird & King, Acta Cryst. A 46, 202, 1990, eq. 6, with the Debye-Waller factor multiplied in).
    """
    s = np.asarray(g, dtype=float)[:, None, None] / 2
    points, weights = np.polynomial.legendre.leggauss(64)
    t = (points + 1) / 2
    radius = (t / (1 - t))[None, :, None]  # from the half-open interval to the whole plane
    area = weights / 2 / (1 - t) ** 2 * radius[0, :, 0] * 2 * np.pi
    cosine = np.cos((np.arange(16) + 0.5) / 16 * np.pi / 2)
    middle, mixed = radius**2 + s**2 / 4, radius * s * cosine
    near = elastic_amplitude(number, 2 * np.sqrt(np.maximum(middle - mixed, 0)))
    far = elastic_amplitude(number, 2 * np.sqrt(middle + mixed))
    lost = np.exp(-b_iso * s**2) - np.exp(-2 * b_iso * middle)
    return _inverse_velocity(voltage_kv) * ((near * far * lost).mean(axis=2) * area).sum(axis=1)


def inelastic_amplitude(number: int, g: np.ndarray, voltage_kv: float) -> np.ndarray:
    """Return the absorptive amplitude of electronic excitations of a Wentzel atom at rest.

    The mixed dynamic form factor of incoherent scattering, Z [F(g) - F(q) F(q')] with F = mu^2 / (mu^2 + q^2), over
    the two Coulomb propagators; q holds the momentum of the mean energy loss, 6 Z eV (Weickenmeier & Kohl, 1991,
    sec. 3). In partial fractions every term is one two-dimensional bubble integral, known in closed form.
    """
    q = 2 * np.pi * np.asarray(g, dtype=float)
    screening = number ** (1 / 3) / (0.885 * _BOHR_RADIUS)
    wave = 2 * np.pi / _wavelength(voltage_kv)
    loss_kev = 6e-3 * number
    loss = wave * loss_kev / (2 * voltage_kv) * (2 * voltage_kv + 2 * _REST_ENERGY_KEV)
    loss /= voltage_kv + 2 * _REST_ENERGY_KEV
    bare = _bubble(q, loss, loss)
    beyond = float(np.hypot(loss, screening))
    screened = bare - 2 * _bubble(q, loss, beyond) + _bubble(q, beyond, beyond)
    form = screening**2 / (screening**2 + q**2)
    total = number * (form * bare - screened)
    # Two amplitudes of an electron, 2 / (a0 q^2) each, and the area element in s = q / 4 pi.
    return _inverse_velocity(voltage_kv) * 4 / _BOHR_RADIUS**2 / (4 * np.pi) ** 2 * total


def _bubble(q: np.ndarray, a: float, b: float) -> np.ndarray:
    """Integrate 1 / ((p^2 + a^2) ((p + q)^2 + b^2)) over the plane of p."""
    middle = q**2 + a**2 + b**2
    root = np.sqrt(np.maximum(middle**2 - (2 * a * b) ** 2, 0))
    small = root < 1e-6 * middle
    safe = np.where(small, 1.0, root)
    value = 2 * np.pi / safe * np.log((middle + safe) / (2 * a * b))
    return np.where(small, np.pi / (a * b), value)


def _inverse_velocity(voltage_kv: float) -> float:
    """Return 2 h / (m0 v), angstrom."""
    gamma = 1 + voltage_kv / _REST_ENERGY_KEV
    return float(2 * _COMPTON_WAVELENGTH / np.sqrt(1 - gamma**-2))


def _wavelength(voltage_kv: float) -> float:
    gamma = 1 + voltage_kv / _REST_ENERGY_KEV
    return float(_COMPTON_WAVELENGTH / np.sqrt(gamma**2 - 1))


@lru_cache(maxsize=128)
def _coefficients(number: int) -> tuple[np.ndarray, np.ndarray]:
    from diffsims.utils.lobato_scattering_params import ATOMIC_SCATTERING_PARAMS_LOBATO

    rows = list(ATOMIC_SCATTERING_PARAMS_LOBATO.values())
    if not 1 <= number <= len(rows):
        raise InputError(
            f"no scattering factor is known for element {number}", remedy=f"elements 1 to {len(rows)}"
        )
    pairs = np.array(rows[number - 1])
    return pairs[:, 0], pairs[:, 1]
