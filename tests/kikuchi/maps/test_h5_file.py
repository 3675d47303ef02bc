import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
from orix.io import load

from kikuchi.maps.h5_file import write_h5


def reload(phase_map, folder):
    write_h5(phase_map, folder / "map.h5")
    return load(folder / "map.h5")


def space_groups(crystal_map):
    return [0 if i == -1 else crystal_map.phases[int(i)].space_group.number for i in crystal_map.phase_id]


def test_space_groups_are_kept_and_no_solution_is_phase_minus_one(four_statuses, tmp_path):
    crystal_map = reload(four_statuses, tmp_path)
    assert crystal_map.shape == (2, 3)
    assert space_groups(crystal_map) == [225, 221, 0, 0, 0, 229]
    assert crystal_map.scan_unit == "um"


def test_properties_come_back(four_statuses, tmp_path):
    prop = reload(four_statuses, tmp_path).prop
    assert prop["status"].tolist() == [0, 0, 1, 2, 3, 0]
    assert prop["probabilities"].shape == (6, 3)
    assert prop["probabilities"][2] == pytest.approx([0.4, 0.5, 0.1])
    assert prop["candidates"].tolist()[2] == [True, True, False]
    assert prop["entropy"][3] == pytest.approx(1.0889)
    assert np.isnan(prop["entropy"][4])
    assert prop["votes"].tolist()[1] == [221, 225]
    assert prop["best"].tolist() == [225, 221, 225, 225, 0, 229]


def test_orientations_are_carried_through(four_statuses, tmp_path):
    crystal_map = reload(four_statuses, tmp_path)
    turns = np.abs(np.sum(crystal_map.rotations.data * four_statuses.orientations, axis=1))
    assert turns == pytest.approx(np.ones(6))


def test_orientations_at_the_poles_of_euler_angles_survive(with_orientations, tmp_path):
    # Phi = 0 (turns about z) and Phi = 180 degrees (half turns about x, y and between) have no unique phi1, phi2.
    r = np.sqrt(0.5)
    orientations = np.array(
        [[1, 0, 0, 0], [r, 0, 0, r], [0, 1, 0, 0], [0, 0, 1, 0], [0, r, r, 0], [0.5, 0.5, -0.5, 0.5]]
    )
    crystal_map = reload(with_orientations((2, 3), orientations), tmp_path)
    turns = np.abs(np.sum(crystal_map.rotations.data * orientations, axis=1))
    assert turns == pytest.approx(np.ones(6), abs=1e-6)


def test_real_orientations_are_carried_through(shared, with_orientations, tmp_path):
    steel = load(shared / "real" / "duplex_steel_map" / "sdss_ferrite_austenite.ang")[:40, :40]
    n = steel.size
    given = with_orientations((40, 40), steel.rotations.data)
    turns = np.abs(np.sum(reload(given, tmp_path).rotations.data * steel.rotations.data, axis=1))
    assert turns == pytest.approx(np.ones(n), abs=1e-6)


def test_missing_points_leave_the_grid_whole(cropped, tmp_path):
    crystal_map = reload(cropped, tmp_path)
    assert crystal_map.size == 10
    image = crystal_map.get_map_data("entropy")
    assert image.shape == (3, 4)
    assert np.isnan(image[0, 0]) and np.isnan(image[2, 3])
    assert np.isfinite(image).sum() == 10


def test_single_pattern_comes_back(single, tmp_path):
    crystal_map = reload(single, tmp_path)
    assert crystal_map.size == 1
    assert space_groups(crystal_map) == [225]
    assert crystal_map.prop["probabilities"] == pytest.approx(np.array([[0.1, 0.8, 0.1]]))


def test_one_row_comes_back(one_row, tmp_path):
    crystal_map = reload(one_row, tmp_path)
    assert crystal_map.size == 7
    assert crystal_map.x == pytest.approx(0.5 * np.arange(7))


def test_hexagonal_positions_are_kept(hexagonal, tmp_path):
    crystal_map = reload(hexagonal, tmp_path)
    assert crystal_map.x == pytest.approx(hexagonal.x)
    assert crystal_map.y == pytest.approx(hexagonal.y)


def test_details_name_classes_members_and_problems(four_statuses, tmp_path):
    write_h5(four_statuses, tmp_path / "map.h5")
    with h5py.File(tmp_path / "map.h5") as file:
        group = file["kikuchi_ensemble"]
        assert group["classes"][:].tolist() == [221, 225, 229]
        assert [m.decode() for m in group["members"][:]] == ["scratch-1", "transfer, 1"]
        details = json.loads(group["details"][()])
    assert details["problems"] == {"4": "every pixel is NaN"}
    assert details["meta"]["rule"] == "average"


def test_further_columns_come_back_words_as_numbers_in_a_list(four_statuses, tmp_path):
    words = np.array(["m-3m", "4/mmm", "m-3m", "", "m-3m", "4/mmm"], dtype=object)
    columns = {"laue_class": words, "sure": np.linspace(0, 1, 6, dtype=np.float32)}
    prop = reload(replace(four_statuses, columns=columns), tmp_path).prop
    assert prop["sure"] == pytest.approx(np.linspace(0, 1, 6))
    with h5py.File(tmp_path / "map.h5") as file:
        known = json.loads(file["kikuchi_ensemble/details"][()])["words"]["laue_class"]
    assert [known[i] for i in prop["laue_class"]] == words.tolist()
