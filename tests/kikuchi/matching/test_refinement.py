"""Patterns by kikuchipy, from its own nickel master pattern: another projection than the one that is tested."""

import numpy as np
import pytest

from kikuchi.matching.dictionary import fundamental_orientations
from kikuchi.matching.geometry_fit import Sample, fit_geometry
from kikuchi.matching.search import CentrePlane, Matching, Search
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import texture_of
from kikuchi.simulate import MasterPattern
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations

CENTRE = (0.46, 0.27, 0.57)
SHAPE = (60, 60)


@pytest.fixture(scope="module")
def signal():
    kikuchipy = pytest.importorskip("kikuchipy")
    return kikuchipy.data.nickel_ebsd_master_pattern_small(projection="lambert", hemisphere="both")


@pytest.fixture(scope="module")
def texture(signal):
    north, south = np.asarray(signal.data, np.float32)
    return texture_of(MasterPattern("Ni", 225, 20.0, north, south, "dynamical"))


@pytest.fixture(scope="module")
def truth():
    return random_orientations(16, np.random.default_rng(5))


@pytest.fixture(scope="module")
def patterns(signal, truth):
    import kikuchipy
    from orix.quaternion import Rotation

    detector = kikuchipy.detectors.EBSDDetector(shape=SHAPE, pc=CENTRE, sample_tilt=70)
    made = signal.get_patterns(
        Rotation(truth), detector, dtype_out="float32", compute=True, show_progressbar=False
    )
    clean = np.asarray(made.data, float)
    clean = (clean - clean.mean()) / clean.std()
    return 1 + 0.05 * clean + 0.05 * np.random.default_rng(6).standard_normal(clean.shape)


def misorientation(found, truth):
    from orix.quaternion import Orientation
    from orix.quaternion.symmetry import Oh

    return np.rad2deg((Orientation(found, symmetry=Oh) - Orientation(truth, symmetry=Oh)).angle)


@pytest.mark.slow
def test_orientations_are_found_to_a_tenth_of_a_degree(texture, patterns, truth):
    spectrum = Spectrum(SHAPE, 40.0)
    matching = Matching(
        texture,
        225,
        spectrum.whitened(spectrum.of_patterns(patterns)),
        Geometry(SHAPE, np.array(CENTRE)),
        CentrePlane(np.array(CENTRE), np.zeros((2, 3))),
        Search(resolution=4.0, entries=6),
    )
    found, scores = matching.match(patterns, np.zeros((16, 2)))
    assert np.median(misorientation(found, truth)) < 0.1
    assert (misorientation(found, truth) < 0.5).mean() > 0.95
    assert scores.min() > 0.3
    again, better = matching.refined(patterns, np.zeros((16, 2)), found)
    assert np.all(better >= scores - 1e-6) and misorientation(again, found).max() < 0.1


@pytest.mark.slow
def test_the_pattern_centre_is_found_from_the_patterns(texture, patterns):
    fit = fit_geometry(
        Sample(patterns, np.zeros((16, 2))),
        [(texture, 225)],
        Spectrum(SHAPE, 40.0),
        Geometry(SHAPE, np.array([0.5, 0.5, 0.5])),
        centre=np.array([0.49, 0.23, 0.62]),
        keep=2,
        few=8,
        careful=Search(resolution=5.0, entries=6, shorter=30, highest=18.0),
    )
    assert np.abs(fit.plane.middle - CENTRE).max() < 2e-3


@pytest.mark.parametrize(("group", "size"), [(225, 24), (194, 12), (62, 4), (2, 1)])
def test_a_fundamental_zone_is_a_share_of_all_orientations(group, size):
    everything = len(fundamental_orientations(1, 12.0))
    assert len(fundamental_orientations(group, 12.0)) == pytest.approx(everything / size, rel=0.25)
