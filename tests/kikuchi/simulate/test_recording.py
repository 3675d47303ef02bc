"""What real recordings have, held against closed forms and against what stood before."""

import numpy as np
import pytest
from pydantic import ValidationError

from kikuchi.simulate.detector import imaging, recording
from kikuchi.simulate.detector.distribution import Distribution, constant
from kikuchi.simulate.detector.microscope import Microscope, degrade
from kikuchi.simulate.training.batches import real_detector, real_microscope


def cosine(cycles: float, shape: tuple[int, int] = (64, 96)) -> np.ndarray:
    """So many cycles a height from top to bottom, an even wave about both edges."""
    y = (np.arange(shape[0]) + 0.5) / shape[0]
    return np.repeat(np.cos(2 * np.pi * cycles * y)[None, :, None], shape[1], axis=2)


@pytest.mark.parametrize(
    ("cycles", "gain"),
    [
        (1, 0.2),
        (3, 0.2),
        (8, 1.0),
        (16, 3.0),
        # Half way between knots on a logarithmic scale the gain is the geometric mean of theirs.
        (np.sqrt(8 * 16), np.sqrt(3.0)),
        (np.sqrt(16 * 32), np.sqrt(3.0 * 0.5)),
    ],
)
def test_a_cosine_comes_out_times_the_gain_of_its_frequency(cycles, gain):
    wave = cosine(round(2 * cycles) / 2)
    seen = recording.transfer(wave, np.array([0.2]), np.array([3.0]), np.array([0.5]))
    # Whole half cycles are the modes of the transform; the frequencies between knots are the nearest of them.
    near = 0.06 if cycles != int(cycles) else 1e-4
    np.testing.assert_allclose(np.abs(seen).max() / np.abs(wave).max(), gain, rtol=near)


def test_frequencies_are_per_height_along_both_axes():
    x = (np.arange(96) + 0.5) / 64
    wave = np.repeat(np.cos(2 * np.pi * 16 * x)[None, None, :], 64, axis=1)
    seen = recording.transfer(wave, np.array([1.0]), np.array([3.0]), np.array([1.0]))
    np.testing.assert_allclose(seen, 3 * wave, atol=1e-4)


def test_the_transfer_function_keeps_the_mean_of_every_pattern():
    flat = np.full((2, 32, 32), 5.0)
    seen = recording.transfer(flat, np.array([1.0, 0.5]), np.ones(2), np.ones(2))
    np.testing.assert_allclose(seen, 5.0, rtol=1e-5)


def test_stains_have_unit_variance_and_the_power_law_of_their_amplitudes():
    fields = recording.stains((64, 64), 200, np.random.default_rng(1))
    np.testing.assert_allclose(fields.std(axis=(1, 2)), 1, rtol=1e-5)
    np.testing.assert_allclose(fields.mean(axis=(1, 2)), 0, atol=1e-5)
    from scipy.fft import dctn

    power = np.square(dctn(fields, axes=(1, 2), norm="ortho")).mean(axis=0)
    # Modes (2f, 0) have f cycles a height: from 8 to 16 the power falls by 2 ** (2 * exponent).
    low, high = power[14:19, :4].mean(), power[30:35, :4].mean()
    assert low / high == pytest.approx(2 ** (2 * recording.STAIN_EXPONENT), rel=0.15)


def test_real_screens_have_mean_one_and_can_be_mirrored():
    n = len(recording.SCREENS)
    light = recording.screens((60, 80), np.arange(n), np.zeros(n, bool))
    assert light.shape == (n, 60, 80)
    np.testing.assert_allclose(light.mean(axis=(1, 2)), 1, rtol=1e-5)
    assert light.min() >= 0
    turned = recording.screens((60, 80), np.arange(n), np.ones(n, bool))
    np.testing.assert_array_equal(turned[:, :, ::-1], light)


def test_a_round_screen_stands_where_it_is_put():
    seen = imaging.screen((64, 64), np.array([0.5]), np.array([0.75]), np.array([0.25]))[0]
    y, x = np.nonzero(seen)
    assert x.mean() + 0.5 == pytest.approx(48, abs=0.5) and y.mean() + 0.5 == pytest.approx(16, abs=0.5)
    assert seen.sum() == pytest.approx(np.pi * 16**2, rel=0.02)


def test_tables_of_before_record_what_they_recorded():
    """The grey levels are those of the code before transfer, stains, smoothing and screens existed."""
    clean = np.random.default_rng(3).random((4, 40, 40))
    older = Microscope(
        occlusion=Distribution(kind="choice", values=(0, 0.1)),
        screen_radius=constant(1.0),
        gain_variation=constant(0.01),
        dead_pixels=constant(1e-3),
    )
    seen, drawn = degrade(clean, older, np.random.default_rng(4))
    was = [
        [121.283, 124.668, 116.004, 97.457],
        [
            147,
            157,
            183,
            192,
            180,
            174,
            173,
            159,
            132,
            142,
            171,
            178,
            192,
            190,
            186,
            185,
            122,
            143,
            159,
            168,
            159,
            184,
            164,
            145,
            126,
            142,
            146,
            155,
            149,
            143,
            131,
            117,
        ],
    ]
    np.testing.assert_allclose(seen.mean(axis=(1, 2)), was[0], atol=0.01)
    # By one grey level a last bit may round the other way on another processor.
    np.testing.assert_allclose(seen[:, 20, 4:36:4].astype(int).ravel(), was[1], atol=1)
    assert drawn["stains"].max() == 0


def test_smoothing_softens_noise_and_leaves_the_mean():
    flat = np.zeros((8, 64, 64))
    still = Microscope(background_height=constant(0), gradient_x=constant(0), gradient_y=constant(0), bits=16)
    sharp = degrade(flat, still, np.random.default_rng(5))[0].astype(float)
    soft = degrade(flat, still.model_copy(update={"smoothing": constant(0.8)}), np.random.default_rng(5))[0]
    # White noise through a Gaussian of width s: variance times 1 / (4 pi s^2).
    ratio = soft.astype(float).var(axis=(1, 2)) / sharp.var(axis=(1, 2))
    assert ratio.mean() == pytest.approx(1 / (4 * np.pi * 0.8**2), rel=0.1)
    np.testing.assert_allclose(soft.mean(axis=(1, 2)), sharp.mean(axis=(1, 2)), rtol=1e-3)


def test_an_unknown_screen_is_refused():
    for wrong in (constant(99), constant(0.5), Distribution(kind="uniform", values=(0, 2))):
        with pytest.raises(ValidationError, match="screen takes whole numbers"):
            Microscope(screen=wrong)


def test_real_recordings_reach_from_short_to_long_cameras():
    drawn = real_detector().draw(1000, np.random.default_rng(1))
    assert drawn["pcz"].min() < 0.45 and drawn["pcz"].max() > 1.05
    seen = degrade(np.random.default_rng(2).random((70, 64, 64)), real_microscope(), np.random.default_rng(3))
    assert seen[0].dtype == np.uint8 and (seen[1]["screen"] >= 0).any()
