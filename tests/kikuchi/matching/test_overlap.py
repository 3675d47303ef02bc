"""Two crystals in one pattern: the second is named, and its share is that of the mixture."""

from dataclasses import replace

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


@pytest.fixture(scope="module")
def matcher(phases):
    centre = np.array([0.5, 0.3, 0.6])
    return Matcher(
        phases,
        (229, 227),
        Spectrum((40, 40), 26.0),
        Geometry((40, 40), centre),
        CentrePlane(centre, np.zeros((2, 3))),
        Search(resolution=4.0, entries=6, shorter=30, highest=18.0),
    )


@pytest.mark.parametrize("first", [0, 1])
def test_a_mixture_is_taken_apart(phases, matcher, first):
    rng = np.random.default_rng(4)
    base = matcher.base
    share = np.array([0.0, 0.2, 0.3, 0.4] * 3)
    one, other = random_orientations(12, rng), random_orientations(12, rng)
    signal = (1 - share)[:, None, None] * plain_views(phases[first], one, base)
    signal = signal + share[:, None, None] * plain_views(phases[1 - first], other, base)
    patterns = 1 + 0.05 * signal + 0.01 * rng.standard_normal(signal.shape)
    found = second_crystal(matcher, patterns, np.zeros((12, 2)), np.full(12, first), one)
    assert (found.phase == 1 - first).all()
    # A dictionary of four degrees misses an orientation now and then: the middle of three must be right.
    median = np.median(found.share.reshape(3, 4), axis=0)
    assert median == pytest.approx([0.0, 0.2, 0.3, 0.4], abs=0.06)


def recorded(signal):
    return 1 + 0.05 * signal + 0.01 * np.random.default_rng(0).standard_normal(signal.shape)


def test_a_second_grain_of_the_same_phase_is_not_another_phase(phases, matcher):
    rng = np.random.default_rng(5)
    one, other = random_orientations(9, rng), random_orientations(9, rng)
    signal = 0.6 * plain_views(phases[0], one, matcher.base) + 0.4 * plain_views(
        phases[0], other, matcher.base
    )
    found = second_crystal(matcher, recorded(signal), np.zeros((9, 2)), np.zeros(9, int), one)
    assert (found.phase == 0).mean() > 0.7


def test_what_looks_like_the_first_crystal_is_none(phases):
    """Two cells in one orientation explain together what neither does: bands of two widths at the same places."""
    nickel = load_structure("Ni")
    cells = [replace(nickel, lattice=(a, a, a, 90.0, 90.0, 90.0)) for a in (3.52, 4.47)]
    pair = tuple(texture_of(kinematical_master(cell, half_size=60)) for cell in cells)
    centre = np.array([0.5, 0.3, 0.6])
    matcher = Matcher(
        pair,
        (225, 225),
        Spectrum((40, 40), 26.0),
        Geometry((40, 40), centre),
        CentrePlane(centre, np.zeros((2, 3))),
        Search(resolution=4.0, entries=6, shorter=30, highest=18.0),
    )
    turns = random_orientations(9, np.random.default_rng(6))
    patterns = recorded(sum(0.5 * plain_views(texture, turns, matcher.base) for texture in pair))
    found = second_crystal(matcher, patterns, np.zeros((9, 2)), np.zeros(9, int), turns)
    assert not ((found.phase == 1) & (found.share >= 0.25)).any()
