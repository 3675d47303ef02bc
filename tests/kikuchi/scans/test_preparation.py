import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from skimage.transform import resize

from ensemble.errors import InputError
from kikuchi.scans import Preparation, background_for, open_scan, prepare, scan_from_array
from kikuchi.scans.preparation import gaussian_matrix, resize_matrix

RNG = np.random.default_rng(0)
BARE = {"dynamic_background": 0, "local_contrast": 0, "circular_mask": False, "static_background": "none"}


@pytest.mark.parametrize("shape,size", [((60, 60), 64), ((60, 60), 32), ((200, 200), 64), ((61, 61), 64)])
def test_resize_is_scikit_images_antialiased_one(shape, size):
    image = RNG.normal(size=shape)
    expected = resize(image, (size, size), anti_aliasing=size < shape[0], order=1)
    found = resize_matrix(shape[0], size) @ image @ resize_matrix(shape[1], size).T
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_squeezed_pattern_is_the_standardised_resized_one():
    image = RNG.normal(size=(48, 90)).astype(np.float32)
    expected = resize(image, (32, 32), anti_aliasing=True, order=1)
    expected = np.clip((expected - expected.mean()) / expected.std(), -3, 3) / 3
    found = prepare(image[None], Preparation(size=32, crop="squeeze", **BARE))[0]
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_centre_crop_takes_the_middle_square():
    image = RNG.normal(size=(40, 70))
    whole = prepare(image[None], Preparation(size=40, **BARE))
    middle = prepare(image[None, :, 15:55], Preparation(size=40, **BARE))
    np.testing.assert_allclose(whole, middle, atol=1e-6)


def test_gaussian_weights_are_those_of_the_normal_distribution():
    weights = gaussian_matrix(41, 3.0)[20]
    expected = np.exp(-0.5 * (np.arange(-20, 21) / 3.0) ** 2)
    expected[np.abs(np.arange(-20, 21)) > 12] = 0  # scipy cuts at four standard deviations
    np.testing.assert_allclose(weights, expected / expected.sum(), atol=1e-6)


def test_prepared_patterns_are_standardised_float32_within_one(nickel):
    prepared = prepare(nickel, Preparation())
    assert prepared.dtype == np.float32 and prepared.shape == (9, 64, 64)
    assert np.abs(prepared).max() <= 1
    inside = prepared[0][prepared[0] != 0]
    assert abs(inside.mean()) < 0.02
    assert 0.3 < inside.std() < 0.35  # a third, a little less for what was clipped


def test_outside_of_the_circle_is_zero(nickel):
    prepared = prepare(nickel, Preparation(size=64))
    place = np.arange(64) - 31.5
    assert not prepared[:, np.hypot(place[:, None], place) > 32].any()
    assert np.all(prepare(nickel, Preparation(circular_mask=False))[:, 0, 0] != 0)


def test_brightness_and_contrast_of_the_detector_do_not_matter(nickel):
    one = prepare(nickel.astype(np.float64), Preparation())
    other = prepare(7.0 * nickel + 1000.0, Preparation())
    np.testing.assert_allclose(one, other, atol=2e-3)


def test_smooth_background_vanishes():
    y, x = np.mgrid[:60, :60] / 60
    bands = np.sin(2 * np.pi * 9 * (x + 0.4 * y))
    background = 400 * np.exp(-((x - 0.6) ** 2 + (y - 0.3) ** 2) / (2 * 0.35**2))
    clean, raw = (prepare((10 * bands + b)[None], Preparation())[0] for b in (0, background))
    inside = clean != 0
    assert np.corrcoef(clean[inside], raw[inside])[0, 1] > 0.98


@pytest.mark.parametrize("operation", ["divide", "subtract"])
def test_static_background_is_taken_off(operation, nickel):
    screen = 1 + 0.5 * (RNG.random((60, 60)) > 0.9)  # dust, sharper than any high-pass
    bands = nickel - nickel.mean(axis=(1, 2), keepdims=True)
    dusty = (bands + 500) * screen if operation == "divide" else bands + 500 * screen
    clean = prepare(bands, Preparation())
    cleaned = prepare(dusty, Preparation(static_background="file", static_operation=operation), screen)
    assert np.corrcoef(cleaned.ravel(), clean.ravel())[0, 1] > 0.99
    assert np.corrcoef(prepare(dusty, Preparation()).ravel(), clean.ravel())[0, 1] < 0.5


def test_nan_pixels_are_replaced_and_leave_the_rest_as_it_was(nickel):
    broken = nickel.astype(np.float32)
    broken[:, 30, 30] = np.nan
    broken[:, 10, 40] = np.inf
    whole = prepare(nickel, Preparation())
    mended = prepare(broken, Preparation())
    assert np.all(np.isfinite(mended))
    assert np.corrcoef(whole.ravel(), mended.ravel())[0, 1] > 0.95


@pytest.mark.parametrize("value", [0, 7, 255, np.nan, np.inf, 1e30])
def test_constant_or_empty_pattern_becomes_zeros(value):
    patterns = np.full((2, 60, 60), value, dtype=np.float64)
    assert not prepare(patterns, Preparation()).any()


def test_a_pattern_comes_out_the_same_to_the_bit_in_any_batch(nickel):
    together = prepare(np.tile(nickel, (30, 1, 1)), Preparation())
    np.testing.assert_array_equal(together[9:18], together[:9])
    for i in range(9):
        np.testing.assert_array_equal(prepare(nickel[i : i + 1], Preparation())[0], together[i])


def test_one_bad_pattern_changes_no_other(nickel):
    batch = nickel.astype(np.float32)
    batch[4] = np.nan
    prepared = prepare(batch, Preparation())
    np.testing.assert_allclose(prepared[[0, 8]], prepare(nickel[[0, 8]], Preparation()), atol=1e-6)
    assert not prepared[4].any()


@settings(max_examples=25, deadline=None)
@given(
    shape=st.tuples(st.integers(4, 90), st.integers(4, 90)),
    dtype=st.sampled_from(["u1", "u2", "i4", "f4", "f8"]),
    size=st.sampled_from([16, 33]),
    crop=st.sampled_from(["centre", "squeeze"]),
    seed=st.integers(0, 99),
)
def test_any_size_aspect_and_type_gives_finite_values_within_one(shape, dtype, size, crop, seed):
    patterns = (np.random.default_rng(seed).random((2, *shape)) * 200).astype(dtype)
    prepared = prepare(patterns, Preparation(size=size, crop=crop))
    assert prepared.shape == (2, size, size)
    assert np.all(np.abs(prepared) <= 1)


def test_preparation_survives_json_and_keeps_its_key():
    preparation = Preparation(size=96, local_contrast=0.2)
    again = Preparation.model_validate_json(preparation.model_dump_json())
    assert again == preparation and again.key() == preparation.key()
    assert Preparation(size=97).key() != preparation.key()


@pytest.mark.parametrize("wrong", [{"size": 5000}, {"clip": 0}, {"dynamic_background": -1}, {"colour": True}])
def test_settings_out_of_bounds_or_unknown_are_refused(wrong):
    with pytest.raises(ValidationError):
        Preparation(**wrong)


def test_background_is_the_files_the_mean_or_none(nickel_file, nickel):
    scan, bare = open_scan(nickel_file), scan_from_array(nickel)
    assert background_for(scan, Preparation(static_background="none")) is None
    assert background_for(scan, Preparation(static_background="auto")) is scan.static_background
    assert background_for(bare, Preparation(static_background="auto")) is None
    mean = background_for(bare, Preparation(static_background="mean"))
    np.testing.assert_allclose(mean, nickel.mean(axis=0))
    with pytest.raises(InputError, match="no static background"):
        background_for(bare, Preparation(static_background="file"))


@pytest.mark.parametrize("operation", ["subtract", "divide"])
def test_a_background_taken_off_by_kikuchipy_is_not_taken_off_again(operation, tmp_path):
    import kikuchipy

    signal = kikuchipy.data.nickel_ebsd_small()
    signal.save(tmp_path / "raw.h5")
    signal.remove_static_background(operation, show_progressbar=False)
    signal.save(tmp_path / "corrected.h5")
    signal.remove_dynamic_background(show_progressbar=False)
    signal.save(tmp_path / "flat.h5")
    auto = Preparation(static_background="auto")
    assert background_for(open_scan(tmp_path / "raw.h5"), auto) is not None
    for name in ("corrected.h5", "flat.h5"):
        scan = open_scan(tmp_path / name)
        assert scan.static_background is not None and background_for(scan, auto) is None
        # Who asks for it by name gets it.
        assert background_for(scan, Preparation(static_background="file")) is scan.static_background


@pytest.mark.parametrize("n", [1, 3, 30])
def test_a_scratched_screen_is_seen_in_the_mean_until_it_is_taken_off(n):
    rng = np.random.default_rng(1)
    y, x = np.mgrid[-1:1:40j, -1:1:50j]
    screen = 120 * np.exp(-(x**2 + (y - 0.2) ** 2)) + 20
    screen[:, 20:22] *= 0.6  # a scratch
    bands = np.stack([np.cos(12 * (x * np.cos(a) + y * np.sin(a))) for a in rng.uniform(0, np.pi, n)])
    raw = screen * (1 + 0.1 * bands + rng.normal(0, 0.05, bands.shape))
    assert scan_from_array(raw, static_background=screen).keeps_background
    assert scan_from_array(
        2 * raw + 30, static_background=screen
    ).keeps_background  # another gain and black level
    assert not scan_from_array(raw - screen + 100, static_background=screen).keeps_background
    assert not scan_from_array(raw / screen, static_background=screen).keeps_background


def test_static_background_of_another_size_is_refused(nickel):
    with pytest.raises(InputError, match="static background"):
        prepare(nickel, Preparation(static_background="file"), np.ones((50, 60)))
    with pytest.raises(InputError, match="none was given"):
        prepare(nickel, Preparation(static_background="mean"))
    with pytest.raises(InputError, match="static background"):
        scan_from_array(nickel, static_background=np.ones((50, 60)))


def test_silicon_frames_with_a_round_screen_lose_rim_and_blot(shared):
    """The three camera distances show one crystal: prepared, raw frame and static-corrected frame agree."""
    for path in sorted((shared / "real/silicon_moving_screen").glob("*.h5")):
        scan = open_scan(path)
        raw = prepare(scan.read(0), Preparation(static_background="none"))[0]
        corrected = prepare(scan.read(0), Preparation(static_background="file"), scan.static_background)[0]
        inside = raw != 0
        assert np.corrcoef(raw[inside], corrected[inside])[0, 1] > 0.6
        # No half of the picture is brighter than the other once the background is gone.
        assert np.all(np.abs([raw[:32].mean(), raw[:, :32].mean()]) < 0.05)
