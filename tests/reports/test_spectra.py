"""The arithmetic of the study of radial spectra, on waves and noise whose power is known."""

import numpy as np

from reports.simulation.spectra import compared, in_bands, radial_power, stains


def test_a_wave_has_all_its_power_on_the_ring_of_its_frequency():
    x = np.arange(64) / 64
    wave = np.cos(2 * np.pi * 12 * x)[None, None, :] * np.ones((1, 64, 1))
    power = radial_power(wave)[0]
    # Parseval: 64 * 64 / 2 in all, on the modes of the ring from 11.5 to 12.5.
    cycles = np.fft.fftfreq(64) * 64
    modes = (np.rint(np.hypot(cycles[:, None], cycles)) == 12).sum()
    assert power.argmax() == 12
    np.testing.assert_allclose(power[12], 64 * 64 / 2 / modes)


def test_white_noise_has_its_variance_in_every_band():
    noise = 3 * np.random.default_rng(1).standard_normal((200, 64, 64))
    np.testing.assert_allclose(in_bands(radial_power(noise)).mean(axis=0), 9, rtol=0.03)


def test_what_lies_outside_the_span_is_named():
    simulated = np.tile(np.linspace(1, 2, 1001)[:, None], (1, 33))
    real = np.full((2, 33), 1.5)
    real[:, 7], real[:, 20] = 0.5, 2.5
    assert compared(real, simulated)["frequencies outside the span"] == [7, 20]


def test_stains_are_what_a_smooth_surface_leaves():
    y, x = np.indices((96, 96)) / 96 - 0.5
    hill = 200 * np.exp(-2 * (x**2 + y**2))
    assert stains(hill)["relative deviation"] < 1e-3
    speckled = hill * (1 + 0.02 * np.cos(2 * np.pi * 15 * x))
    np.testing.assert_allclose(stains(speckled)["relative deviation"], 0.02 / np.sqrt(2), rtol=0.05)
