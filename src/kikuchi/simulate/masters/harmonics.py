"""Evaluate spherical harmonics on the Lambert squares, exactly at every pixel."""

import numpy as np


def synthesise_lambert(
    coefficients: np.ndarray, orders: np.ndarray, half_size: int, *, polar_shift: float = 0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate a real function given by its spherical harmonic coefficients.

    Pixels of a Lambert square that lie on one concentric square have the same polar angle and equally spaced
    azimuths, so that a Legendre recursion per ring and a Fourier transform around it give every pixel exactly
    (Lenthe, Singh & De Graef, Ultramicroscopy 207, 112841 (2019), sec. 2.3).

    Parameters
    ----------
    coefficients
        Coefficients a_lm of the orthonormal harmonics without Condon-Shortley phase for the orders m >= 0 that are
        not zero, complex, shape (n_orders, bandwidth); entries with l < m are ignored.
    orders
        The orders m, ascending, shape (n_orders,).
    half_size
        Pixels from the pole to the edge.
    polar_shift
        Radians by which every pixel's angle to its nearer pole is raised before evaluation, up to the equator.

    Returns
    -------
    north, south
        The function on both hemispheres, shape (2 half_size + 1, 2 half_size + 1), float64.
    """
    ring = np.arange(half_size + 1)
    polar = np.arccos(1 - (ring / half_size) ** 2)
    polar[1:] = np.minimum(polar[1:] + polar_shift, np.pi / 2)
    even, odd = _legendre_sums(coefficients, orders, cosine=np.cos(polar))
    return (
        _around_rings(even + odd, orders, half_size),
        _around_rings(even - odd, orders, half_size),
    )


def _legendre_sums(
    coefficients: np.ndarray, orders: np.ndarray, cosine: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Sum a_lm P_lm over l for every order and polar angle, apart for even and odd l + m.

    Upward recursion in l of the normalised functions (Holmes & Featherstone, J. Geodesy 76, 279 (2002), eq. 11).
    What underflows near the pole is negligible there for every l below the bandwidth.
    """
    bandwidth = coefficients.shape[1]
    m = orders.astype(float)[:, None]
    steps = np.arange(1, orders.max(initial=0) + 1)
    log_sectoral = np.concatenate([[0.0], np.cumsum(np.log1p(1 / (2.0 * steps)))]) / 2
    sine = np.sqrt(np.maximum(1 - cosine**2, 0.0))
    start = np.sqrt(1 / (4 * np.pi)) * np.exp(log_sectoral[orders])[:, None] * sine**m
    previous = np.zeros_like(start)
    current = np.zeros_like(start)
    sums = np.zeros((2, *start.shape), dtype=complex)
    for degree in range(bandwidth):
        # Orders join the recursion when the degree reaches them; they are ascending.
        joined = int(np.searchsorted(orders, degree, side="right"))
        higher = m[:joined] < degree
        with np.errstate(divide="ignore", invalid="ignore"):
            a = np.sqrt((4.0 * degree**2 - 1) / (degree**2 - m[:joined] ** 2))
            b = np.sqrt(((degree - 1.0) ** 2 - m[:joined] ** 2) / (4.0 * (degree - 1) ** 2 - 1))
            recursed = a * (cosine * current[:joined] - b * previous[:joined])
        following = np.where(higher, recursed, start[:joined])
        previous[:joined], current[:joined] = current[:joined].copy(), following
        term = coefficients[:joined, degree, None] * following
        parity = (degree + orders[:joined]) % 2
        sums[0, :joined] += np.where(parity[:, None] == 0, term, 0)
        sums[1, :joined] += np.where(parity[:, None] == 1, term, 0)
    return sums[0], sums[1]


def _around_rings(spectra: np.ndarray, orders: np.ndarray, half_size: int) -> np.ndarray:
    """Turn one Fourier spectrum per ring, shape (n_orders, half_size + 1), into the square's pixels."""
    square = np.empty((2 * half_size + 1, 2 * half_size + 1))
    square[half_size, half_size] = spectra[orders == 0, 0].real.sum()
    for ring in range(1, half_size + 1):
        n = 8 * ring
        # Orders beyond what the ring's samples resolve fold back; at the samples the sum stays exact.
        folded = np.zeros(n, dtype=complex)
        np.add.at(folded, orders % n, np.where(orders > 0, 2.0, 1.0) * spectra[:, ring])
        values = np.fft.ifft(folded).real * n
        rows, columns = _ring_pixels(ring)
        square[half_size + rows, half_size + columns] = values
    return square


def _ring_pixels(ring: int) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, from the centre, of one square ring: anticlockwise, from the x axis."""
    side = np.arange(-ring, ring)
    # The right side is entered at its middle, where the azimuth is 0.
    columns = np.concatenate([np.full(2 * ring, ring), -side, np.full(2 * ring, -ring), side])
    rows = np.concatenate([side, np.full(2 * ring, ring), -side, np.full(2 * ring, -ring)])
    return np.roll(rows, -ring), np.roll(columns, -ring)
