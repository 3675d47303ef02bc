"""Two crystals in one pattern: the second is named, and its share is that of the mixture."""

import numpy as np
import pytest

from kikuchi.matching.matcher import Matcher
from kikuchi.matching.overlap import second_crystal
from kikuchi.matching.search import CentrePlane, Search
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import plain_views, texture_of
from kikuchi.simulate import kinematical_master, load_structure
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations


@pytest.fixture(scope="module")
def phases():
    return tuple(
        texture_of(kinematical_master(load_structure(name), half_size=60, min_dspacing=0.8))
        for name in ("Fe", "Si")
    )


@pytest.mark.parametrize("first", [0, 1])
def test_a_mixture_is_taken_apart(phases, first):
    rng = np.random.default_rng(4)
    centre = np.array([0.5, 0.3, 0.6])
    base = Geometry((40, 40), centre)
    share = np.array([0.0, 0.2, 0.3, 0.4] * 3)
    one, other = random_orientations(12, rng), random_orientations(12, rng)
    signal = (1 - share)[:, None, None] * plain_views(phases[first], one, base)
    signal = signal + share[:, None, None] * plain_views(phases[1 - first], other, base)
    patterns = 1 + 0.05 * signal + 0.01 * rng.standard_normal(signal.shape)
    matcher = Matcher(
        phases,
        (229, 227),
        Spectrum((40, 40), 26.0),
        base,
        CentrePlane(centre, np.zeros((2, 3))),
        Search(resolution=4.0, entries=6, shorter=30, highest=18.0),
    )
    found = second_crystal(matcher, patterns, np.zeros((12, 2)), np.full(12, first), one)
    assert (found.phase == 1 - first).all()
    # A dictionary of four degrees misses an orientation now and then: the middle of three must be right.
    median = np.median(found.share.reshape(3, 4), axis=0)
    assert median == pytest.approx([0.0, 0.2, 0.3, 0.4], abs=0.06)
