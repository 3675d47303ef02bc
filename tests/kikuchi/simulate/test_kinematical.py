"""Kinematical master patterns have the bands, absences and symmetry that diffraction gives them."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.kinematical import BandProfile, kinematical_master
from kikuchi.simulate.masters.lambert import lambert_coordinates, lambert_directions
from kikuchi.simulate.masters.structure_factors import (
    affordable_spacing,
    electron_wavelength,
    reflectors,
    structure_factors,
)


def test_lambert_pixels_cover_equal_areas_of_the_sphere() -> None:
    # The mean of z over a hemisphere is 1/2, of x^2 a third, whatever the shape of equal-area pixels.
    directions = lambert_directions(801)[:-1, :-1] + lambert_directions(801)[1:, 1:]
    directions /= np.linalg.norm(directions, axis=-1, keepdims=True)
    assert directions[..., 2].mean() == pytest.approx(1 / 2, abs=1e-3)
    assert (directions**2).mean(axis=(0, 1)) == pytest.approx([1 / 3] * 3, abs=1e-3)


def test_lambert_coordinates_invert_lambert_directions() -> None:
    grid = np.linspace(-1, 1, 21)
    expected = np.stack(np.meshgrid(grid, grid), axis=-1)
    assert np.allclose(lambert_coordinates(lambert_directions(21)), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("voltage_kv", "wavelength"), [(10, 0.12204), (20, 0.08589), (30, 0.06979), (200, 0.02508)]
)
def test_wavelengths_are_the_tabulated_relativistic_ones(voltage_kv: float, wavelength: float) -> None:
    # Williams & Carter, Transmission Electron Microscopy, table 1.2, and the same formula at 10 to 30 kV.
    assert electron_wavelength(voltage_kv) == pytest.approx(wavelength, abs=2e-5)


@pytest.mark.parametrize(
    ("name", "absent", "present"),
    [  # reflection conditions of the International Tables, and the forbidden lines of diamond
        ("Ni", [(1, 0, 0), (2, 1, 0), (2, 2, 1)], [(1, 1, 1), (2, 0, 0)]),
        ("Fe", [(1, 0, 0), (1, 1, 1), (2, 1, 0)], [(1, 1, 0), (2, 0, 0), (2, 1, 1)]),
        ("Si", [(2, 0, 0), (2, 2, 2), (1, 1, 0)], [(1, 1, 1), (2, 2, 0), (4, 0, 0)]),
        ("Cr3Si", [(1, 1, 1), (1, 1, 3), (3, 3, 1)], [(1, 1, 0), (2, 0, 0), (2, 1, 1)]),
        ("Ni3Al", [], [(1, 0, 0), (1, 1, 0), (1, 1, 1)]),
        ("Al4Ni3", [(1, 1, 0), (2, 0, 0), (2, 2, 2)], [(2, 1, 1), (3, 2, 1)]),
        ("Cu2O", [(1, 0, 0), (2, 1, 0), (3, 0, 0)], [(1, 1, 0), (1, 1, 1)]),
        ("NaZn13", [(1, 1, 1), (3, 3, 1), (3, 1, 1)], [(2, 0, 0), (5, 3, 1)]),
        ("Mg", [(0, 0, 1), (1, 1, 1), (0, 0, 3)], [(1, 0, 0), (0, 0, 2), (1, 0, 1)]),
        ("Corundum", [(0, 0, 3), (1, 0, 1), (1, 0, 2)], [(0, 1, 2), (1, 0, 4), (1, 1, 0)]),
    ],
)
def test_systematic_absences_are_absent(name: str, absent: list, present: list) -> None:
    structure = load_structure(name)
    strongest = np.abs(reflectors(structure).structure_factors).max()
    for hkl in absent:
        assert abs(structure_factors(structure, np.array([hkl]))[0]) < 1e-6 * strongest, hkl
    for hkl in present:
        assert abs(structure_factors(structure, np.array([hkl]))[0]) > 1e-3 * strongest, hkl


@pytest.mark.parametrize("name", ["Ni", "Si", "Cr3Si", "Quartz"])
def test_structure_factors_follow_those_of_diffsims(name: str) -> None:
    from diffsims.crystallography import ReciprocalLatticeVector

    structure = load_structure(name)
    theirs = ReciprocalLatticeVector.from_min_dspacing(structure.to_phase().expand_asymmetric_unit(), 1.0)
    # diffsims knows other tables (Lobato & Van Dyck 2014) and no thermal factors here: alike, not equal.
    theirs.calculate_structure_factor("lobato")
    ours = structure_factors(structure, np.round(theirs.hkl).astype(int)) * structure.volume / 47.878
    assert np.corrcoef(np.abs(theirs.structure_factor), np.abs(ours))[0, 1] > 0.995
    assert np.abs(np.abs(theirs.structure_factor) - np.abs(ours)).max() < 0.15 * np.abs(ours).max()


def test_nickel_master_is_kikuchipys() -> None:
    from diffsims.crystallography import ReciprocalLatticeVector
    from kikuchipy.simulations import KikuchiPatternSimulator

    structure = load_structure("Ni")
    theirs = ReciprocalLatticeVector.from_min_dspacing(structure.to_phase().expand_asymmetric_unit(), 1.0)
    theirs.calculate_structure_factor("lobato")
    theirs = theirs[np.abs(theirs.structure_factor) > 1e-3]
    theirs.calculate_theta(20e3)
    master = KikuchiPatternSimulator(theirs).calculate_master_pattern(half_size=400, scaling="linear")
    expected = master.as_lambert(show_progressbar=False).data
    ours = kinematical_master(structure, half_size=400, min_dspacing=1.0, min_relative=1e-3).north
    # Theirs is drawn on another projection and resampled, which blurs the edges of the bands.
    assert np.corrcoef(expected.ravel(), ours.ravel())[0, 1] > 0.985


@pytest.mark.parametrize("profile", [BandProfile(), BandProfile(0.5, dynamical=0.5, edge_width=1.0)])
@pytest.mark.parametrize("name", ["Ni", "Quartz", "Mg", "Fe3C"])
def test_pixels_filled_by_symmetry_equal_pixels_computed(name: str, profile: BandProfile) -> None:
    structure = load_structure(name)
    master = kinematical_master(structure, half_size=12, profile=profile)
    brute = _brute_force(structure, lambert_directions(25).reshape(-1, 3), profile).reshape(25, 25)
    turned = lambert_directions(25) * [1, 1, -1]
    south = _brute_force(structure, turned.reshape(-1, 3), profile).reshape(25, 25)
    # A pixel exactly on an edge may fall on either side of it.
    assert np.mean(np.abs(master.north - brute) > 1e-4 * brute.max()) < 0.02
    assert np.mean(np.abs(master.south - south) > 1e-4 * south.max()) < 0.02


def _brute_force(structure, directions: np.ndarray, profile: BandProfile) -> np.ndarray:
    """The definition, one reflector at a time."""
    bands = reflectors(structure)
    wavelength = electron_wavelength(20)
    weights = np.abs(bands.structure_factors) ** profile.intensity_exponent
    total = np.zeros(len(directions))
    for normal, spacing, factor, weight in zip(
        bands.normals, bands.spacings, bands.structure_factors, weights / weights.sum(), strict=True
    ):
        sine, bragg = directions @ normal, wavelength / 2 / spacing
        if profile.edge_width == 0:
            total += weight * (np.abs(sine) <= bragg)
            continue
        width = profile.edge_width * spacing * wavelength * abs(factor) / np.pi / 47.878
        for w in ((bragg - sine) / width, (bragg + sine) / width):
            total += weight * (1 - profile.dynamical) * w / np.sqrt(1 + w**2) / 2
            total += weight * profile.dynamical * w / (1 + w**2)
    return total


def test_every_material_shows_the_symmetry_of_its_laue_class() -> None:
    for name, laue_order in (("Si", 8), ("GaAs", 8), ("Fe3C", 4), ("Quartz", 2)):
        north = kinematical_master(load_structure(name), half_size=20).north
        views = [np.rot90(image, k) for image in (north, north.T) for k in range(4)]
        # Operations that keep z: 4/mmm has eight, mmm four; -3m one mirror.
        assert sum(np.allclose(north, view, atol=1e-6) for view in views) == laue_order, name


def test_south_is_north_only_where_the_laue_class_makes_it_so() -> None:
    nickel = kinematical_master(load_structure("Ni"), half_size=10)
    quartz = kinematical_master(load_structure("Quartz"), half_size=10)
    assert nickel.south is nickel.north
    assert np.array_equal(quartz.south, quartz.north[::-1, ::-1])
    assert not np.allclose(quartz.south, quartz.north)


def test_bands_narrow_with_voltage_as_the_wavelength_does() -> None:
    structure = load_structure("Al")
    (width_10, width_30) = (_width_of_200(structure, voltage) for voltage in (10, 30))
    assert width_10 / width_30 == pytest.approx(0.12204 / 0.06979, rel=0.1)


def _width_of_200(structure, voltage_kv: float) -> int:
    master = kinematical_master(structure, voltage_kv, half_size=300, min_dspacing=2.0, min_relative=0.5)
    row = master.north[300 + 120]  # off the pole, along x: only the (200) band has its middle at x = 0
    middle = row[300]
    return int(np.argmax(row[300:] < middle - 1e-6))


def test_impossible_requests_are_refused() -> None:
    structure = load_structure("Ni")
    with pytest.raises(InputError, match="voltage"):
        kinematical_master(structure, -20)
    with pytest.raises(InputError, match="no reflector"):
        kinematical_master(structure, min_dspacing=5.0)
    with pytest.raises(InputError, match="positive length"):
        kinematical_master(structure, min_dspacing=0.0)
    with pytest.raises(InputError, match="edges with a width"):
        BandProfile(dynamical=0.5)


def test_the_affordable_spacing_leaves_as_few_reflectors_as_asked():
    garnet, nickel = load_structure("Garnet"), load_structure("Ni")
    assert affordable_spacing(nickel) == 0.75
    spacing = affordable_spacing(garnet, most_reflectors=300)
    kept = reflectors(garnet, min_dspacing=spacing, min_relative=0.03).hkl
    assert 0 < len(kept) <= 300
    # One step finer would have been too many.
    assert len(reflectors(garnet, min_dspacing=spacing / 1.1, min_relative=0.03).hkl) > 300
