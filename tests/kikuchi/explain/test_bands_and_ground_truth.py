"""Bands and zone axes against crystallography and against simulated patterns; the truth that lies beside a scan."""

from types import SimpleNamespace

import numpy as np
import pandas
import pytest

from ensemble.errors import InputError
from kikuchi.explain.bands import physics_of, planes_of
from kikuchi.explain.ground_truth import Truth, shares
from kikuchi.scans import Preparation
from kikuchi.simulate import load_structure
from kikuchi.simulate.detector.geometry import Geometry
from kikuchi.simulate.detector.orientations import euler_angles, random_orientations


@pytest.fixture(scope="module")
def nickel():
    return planes_of(load_structure("Ni"), 20)


def test_nickels_strong_bands_are_the_13_planes_of_111_200_and_220(nickel):
    # Bragg's law, lambda(20 kV) = 0.08589 angstrom, a = 3.5238: d = a / sqrt(h^2 + k^2 + l^2).
    expected = 0.08589 / (2 * 3.5238 / np.sqrt(np.repeat([3, 4, 8], [4, 3, 6])))
    np.testing.assert_allclose(np.sort(nickel.sin_bragg), expected, rtol=1e-3)


def test_they_cross_in_the_3_four_fold_4_three_fold_and_6_two_fold_axes(nickel):
    # Each component of a unit <100>, <110> or <111> is 0 or of one size.
    counts = np.sort([(np.abs(axis) > 1e-6).sum() for axis in nickel.axes])
    assert counts.tolist() == [1] * 3 + [2] * 6 + [3] * 4


def test_a_beam_along_a_four_fold_axis_meets_it_in_the_middle(nickel):
    # Sample and screen parallel: the middle of the screen looks along the sample's normal, the crystal's c axis.
    geometry = Geometry((41, 41), np.array([0.5, 0.5, 1.0]), sample_tilt=90.0)
    seen, middle = physics_of(nickel, np.array([1.0, 0, 0, 0]), geometry), (20, 20)
    assert seen.zone_axis[middle] and seen.band[middle] and seen.centre[middle] == pytest.approx(0, abs=1e-6)
    # 4 degrees at a distance of 41 pixels: a disc of radius 41 tan(4 degrees) = 2.87 pixels.
    assert seen.zone_axis[20, 22] and not seen.zone_axis[20, 23]


def test_a_simulated_pattern_is_brighter_on_its_bands_and_brightest_at_its_zone_axes(nickel):
    from kikuchi.simulate import kinematical_master
    from kikuchi.simulate.detector.projection import project

    master = kinematical_master(load_structure("Ni"), half_size=60)
    geometry = Geometry((48, 48), np.array([0.5, 0.3, 0.6]))
    for rotation in random_orientations(4, np.random.default_rng(0)):
        pattern, seen = project(master, rotation[None], geometry)[0], physics_of(nickel, rotation, geometry)
        off, on = pattern[~seen.band].mean(), pattern[seen.band].mean()
        assert pattern[seen.zone_axis].mean() > on > off + 0.5 * pattern.std()


def table(rotation, **changes):
    phi1, big_phi, phi2 = euler_angles(rotation[None])[0]
    row = {
        "phase": "Ni", "mix": 0.0, "phi1": phi1, "Phi": big_phi, "phi2": phi2, "pcx": 0.5, "pcy": 0.3, "pcz": 0.6,
        "sample_tilt": 70.0, "tilt": 0.0, "azimuthal": 0.0, "twist": 0.0,
    }  # fmt: skip
    return pandas.DataFrame([row | changes])


def scan_of(shape, path="scan.h5"):
    return SimpleNamespace(signal_shape=shape, voltage_kv=20.0, n=1, path=path)


def test_the_truth_beside_a_scan_gives_the_bands_as_a_member_sees_them(nickel):
    rotation = random_orientations(1, np.random.default_rng(5))[0]
    wide = Truth(table(rotation), scan_of((48, 64))).physics(0, Preparation(size=48))
    # The centre crop takes 8 columns from each side of 64: of the whole screen's bands, those of the middle.
    whole = physics_of(nickel, rotation, Geometry((48, 64), np.array([0.5, 0.3, 0.6])))
    assert (wide.band == whole.band[:, 8:56]).mean() > 0.97
    assert (wide.zone_axis == whole.zone_axis[:, 8:56]).mean() > 0.99


@pytest.mark.parametrize("changes", [{"phase": "Unobtainium"}, {"phase": np.nan}, {"mix": 0.2}])
def test_nothing_is_said_where_the_crystal_is_not_known_or_not_alone(changes):
    rotation = np.array([1.0, 0, 0, 0])
    assert Truth(table(rotation, **changes), scan_of((48, 48))).physics(0, Preparation(size=32)) is None


def test_a_scan_without_truth_has_none_and_another_scans_truth_is_refused(tmp_path):
    scan = scan_of((48, 48), tmp_path / "scan.h5")
    assert Truth.beside(scan) is None
    pandas.DataFrame({"phase": ["Ni", "Ni"]}).to_csv(tmp_path / "scan.truth.csv")
    with pytest.raises(InputError, match="not the truth of this scan"):
        Truth.beside(scan)


def test_shares_are_of_the_pixels_that_carry_a_pattern(nickel):
    geometry = Geometry((32, 32), np.array([0.5, 0.3, 0.6]))
    physics = physics_of(nickel, np.array([1.0, 0, 0, 0]), geometry)
    seen = np.zeros((32, 32), bool)
    seen[:, :16] = True
    found = shares(np.where(seen, physics.band * 2.0 + 1, 1e6), physics, seen)
    area = physics.band[seen].mean()
    # Twice one more on the bands: 3 a / (3 a + (1 - a)).
    assert found["bands"] == pytest.approx({"attribution": 3 * area / (1 + 2 * area), "area": area})
