"""Bands as wide as the wavelength over the spacing (Bragg's law): crystals of smaller cells ask for longer waves."""

from dataclasses import replace

import numpy as np
import pytest

from kikuchi.matching.band_widths import FACTORS, lean
from kikuchi.matching.search import CentrePlane, Matching
from kikuchi.matching.spectrum import Spectrum
from kikuchi.matching.texture import plain_views, texture_of
from kikuchi.simulate import kinematical_master, load_structure
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import random_orientations
from kikuchi.simulate.masters.structure_factors import electron_wavelength

CENTRE = np.array([0.48, 0.25, 0.55])
SHAPE = (60, 60)


def nickel(voltage=20.0, scale=1.0):
    structure = load_structure("Ni")
    lattice = (*(scale * length for length in structure.lattice[:3]), *structure.lattice[3:])
    return texture_of(kinematical_master(replace(structure, lattice=lattice), voltage, half_size=60))


@pytest.fixture(scope="module")
def leaning():
    """How nickel leans on noisy patterns of crystals whose cells are smaller, right and larger."""
    geometry = Geometry(SHAPE, CENTRE)
    turns = random_orientations(24, np.random.default_rng(1))
    noise = np.random.default_rng(2).standard_normal((24, *SHAPE))
    matching = Matching(nickel(), 225, Spectrum(SHAPE, 40.0), geometry, CentrePlane(CENTRE, np.zeros((2, 3))))
    lower, higher = (nickel(20.0 * factor) for factor in FACTORS)

    def of(texture):
        clean = plain_views(texture, turns, geometry)
        patterns = 1 + 0.05 * clean / clean.std() + 0.05 * noise
        return lean(matching, lower, higher, patterns, np.zeros((24, 2)), turns)

    return {scale: of(nickel(scale=scale)) for scale in (0.93, 1.0, 1.07)} | {
        "lower": of(lower), "higher": of(higher)
    }  # fmt: skip


def test_a_smaller_cell_leans_to_the_longer_wave_and_a_larger_one_to_the_shorter(leaning):
    assert (leaning[0.93] > leaning[1.0]).mean() > 0.9
    assert (leaning[1.07] < leaning[1.0]).mean() > 0.9


def test_a_cell_is_worth_its_wavelength(leaning):
    # Only the ratio of wave and spacing matters to where bands end: 7 % less cell is the voltage of 7 % longer waves.
    assert electron_wavelength(20 * FACTORS[0]) / electron_wavelength(20) == pytest.approx(
        1 / 0.93, abs=0.005
    )
    assert np.median(leaning[0.93]) == pytest.approx(np.median(leaning["lower"]), rel=0.2)
    # Scattering amplitudes change with the cell too: that makes half of it and more.
    assert np.median(leaning[1.07]) < np.median(leaning["higher"]) / 2 < 0
