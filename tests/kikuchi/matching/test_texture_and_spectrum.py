import numpy as np
import pytest
from scipy.fft import dctn

from kikuchi.matching.spectrum import Spectrum, cosines
from kikuchi.matching.texture import plain_views, texture_of, views
from kikuchi.simulate import MasterPattern
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations, rotation_matrices
from kikuchi.simulate.masters.lambert import lambert_directions


def analytic_master(size=201):
    """Intensity 2 x y + z^2 - z, of which everything is known; z is negative in the south."""
    up = lambert_directions(size)
    halves = []
    for sign in (1, -1):
        x, y, z = np.moveaxis(up * (1, 1, sign), -1, 0)
        halves.append((2 * x * y + z**2 - z).astype(np.float32))
    return MasterPattern("analytic", 1, 20.0, halves[0], halves[1], "kinematical")


def test_texture_holds_the_derivatives_by_a_turn():
    master = analytic_master()
    geometry = Geometry((20, 24), np.array([0.45, 0.6, 0.5]))
    rotations = random_orientations(6, np.random.default_rng(0))
    seen = views(texture_of(master), rotations, geometry)
    v = np.einsum("nij,yxj->nyxi", rotation_matrices(rotations), geometry.directions()[0])
    x, y, z = np.moveaxis(v, -1, 0)
    gradient = np.stack([2 * y, 2 * x, 2 * z - 1], axis=-1)
    expected = np.moveaxis(np.cross(v, gradient), -1, 1)
    both = np.concatenate([master.north.ravel(), master.south.ravel()])
    # Where the square's diagonals fold it, interpolation is a little off.
    assert np.quantile(np.abs(seen[:, 1:] * both.std() - expected), 0.98) < 0.02
    off = np.abs(seen[:, 0] * both.std() + both.mean() - (2 * x * y + z**2 - z))
    assert np.quantile(off, 0.98) < 2e-3


def test_cosines_are_scipys():
    image = np.random.default_rng(1).random((12, 17))
    ours = cosines(12, 12) @ image @ cosines(17, 17).T
    assert np.allclose(ours, dctn(image, norm="ortho"), atol=1e-5)


@pytest.mark.parametrize("mask", [None, np.hypot(*np.mgrid[-15:16, -15:16]) < 14])
def test_features_of_a_pattern_are_those_of_its_model_up_to_scale(mask):
    clean = plain_views(
        texture_of(analytic_master()),
        random_orientations(3, np.random.default_rng(2)),
        Geometry((31, 31), np.array([0.5, 0.5, 0.4])),
    )
    waves = np.cos(np.arange(31)[:, None] * 0.9) * np.cos(np.arange(31) * 0.7)
    clean = clean + waves.astype(np.float32)
    spectrum = Spectrum((31, 31), 20.0, blur=0.0, mask=mask)
    recorded = 500 * (1 + 0.001 * clean)
    alike = spectrum.of_patterns(recorded)
    model = spectrum.of_models(clean)
    model /= np.linalg.norm(model, axis=1, keepdims=True)
    assert np.all((alike * model).sum(axis=1) > 0.99)


def test_ceiling_is_the_share_of_signal():
    rng = np.random.default_rng(3)
    spectrum = Spectrum((60, 60), 40.0)
    place = (np.arange(60) + 0.5) / 60
    signal = sum(
        np.cos(np.pi * k * place)[:, None] * np.cos(np.pi * (20 - k) * place) for k in range(3, 18, 2)
    )
    signal = signal / signal.std()
    patterns = 1 + 0.01 * signal + 0.01 * rng.standard_normal((50, 60, 60))
    # White noise of equal power has D of its 3600 numbers among the features.
    expected = np.sqrt(1 / (1 + spectrum.size / 3600))
    assert abs(spectrum.ceiling(patterns).mean() - expected) < 0.02


def test_a_matched_filter_is_measured():
    rng = np.random.default_rng(4)
    spectrum = Spectrum((40, 40), 30.0, blur=0.0)
    models = rng.standard_normal((200, spectrum.size)).astype(np.float32)
    gain = np.where(spectrum.radius < 15, 1.0, 0.3)
    features = models * gain + rng.standard_normal(models.shape) * np.where(spectrum.radius < 15, 2.0, 0.5)
    features = (features / np.linalg.norm(features, axis=1, keepdims=True)).astype(np.float32)
    found = spectrum.measured(features, models)
    rings = np.arange(len(found.transfer))
    inner, outer = (rings > 5) & (rings < 12), (rings > 18) & (rings < 27)
    assert found.transfer[outer].mean() / found.transfer[inner].mean() == pytest.approx(0.3, rel=0.1)
    assert found.weights[outer].mean() / found.weights[inner].mean() == pytest.approx(4.0, rel=0.1)
