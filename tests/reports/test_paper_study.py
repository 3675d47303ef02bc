"""The study of the paper: its pieces, on arrays and files small enough to check by hand."""

from pathlib import Path

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi._support import atomic
from kikuchi.simulate import load_structure
from reports.paper.parts import config, ensembles, maps, page, peers, protocol, shift

STUDY = Path(__file__).resolve().parents[2] / "reports" / "paper"


@pytest.fixture
def study():
    return config.load_study(STUDY / "study.toml")


def test_the_committed_study_is_the_papers_protocol(study):
    recipe = study.fitting_recipe()
    assert (recipe.split.train_per_class, recipe.split.validation_per_class) == (400, 100)
    groups = {load_structure(name).space_group for name in study.labelled.materials}
    assert len(study.labelled.materials) == 18
    assert groups == {221, 223, 225, 227, 229, 230}
    kinds = [member.kind for member in recipe.member]
    assert kinds.count("scratch") == kinds.count("transfer") == 5


def test_its_first_map_has_6900_points(study):
    assert np.prod(study.map[0].microstructure.shape) == 6900


def test_every_axis_of_the_committed_study_exists(study):
    assert set(study.shift.axes) <= set(shift.AXES)


def test_unknown_materials_are_of_groups_that_no_member_knows(study):
    known = {load_structure(name).space_group for name in study.labelled.materials}
    strange = {load_structure(name).space_group for name in study.unknown.materials}
    assert {216, 205, 213, 194, 141, 152, 62} <= strange
    assert not strange & known


def test_options_take_the_place_of_the_file():
    study = config.load_study(STUDY / "study.toml", size=96, trials=2, seed=None)
    members = study.fitting_recipe().member
    assert study.seed == 2021
    assert len(members) == 4
    assert {member.architecture for member in members} == {"xception"}


def test_own_scans_need_a_dataset_entry_only(tmp_path):
    (tmp_path / "mine.toml").write_text('[labelled]\ndataset = "data/eighteen.toml"\n', encoding="utf-8")
    assert config.load_study(tmp_path / "mine.toml").labelled.dataset == tmp_path / "data" / "eighteen.toml"


def test_a_misspelt_key_is_named(tmp_path):
    (tmp_path / "mine.toml").write_text("[labelled]\ndata_set = 1\n", encoding="utf-8")
    with pytest.raises(InputError, match=r"labelled\.data_set"):
        config.load_study(tmp_path / "mine.toml")


def test_more_trials_begin_with_the_networks_of_fewer(tmp_path, study):
    few = study.model_copy(update={"trials": 2}).fitting_recipe()
    more = study.model_copy(update={"trials": 3}).fitting_recipe()
    names = [[s.name for s, _ in recipe.member_specs(6, 1)] for recipe in (few, more)]
    seeds = [[s.seed for s, _ in recipe.member_specs(6, 1)] for recipe in (few, more)]
    assert names[1][:4] == names[0] and seeds[1][:4] == seeds[0]

    atomic.write_json(
        tmp_path / "run-2" / "fit.json", {"recipe": few.model_dump(mode="json"), "seed": 1, "dataset": "d"}
    )
    atomic.write_json(tmp_path / "run-2" / "members" / "scratch-1" / "member.json", {"kept": True})
    protocol.take_over(more, 2, tmp_path / "other-seed", tmp_path)
    assert not (tmp_path / "other-seed").exists()
    protocol.take_over(more, 1, tmp_path / "run-3", tmp_path)
    assert atomic.read_json(tmp_path / "run-3" / "fit.json", remedy="")["dataset"] == "d"
    assert (tmp_path / "run-3" / "members" / "scratch-1" / "member.json").is_file()


def test_other_pixels_see_the_same_light(study):
    fine = shift.AXES["resolution (pixels)"](study.recording, 2 * study.recording.detector.shape[0])
    before, after = study.recording.microscope, fine.microscope
    assert fine.detector.shape == (120, 120)
    # Four pixels take the place of one: their doses add up to its, their read noises in quadrature.
    assert 4 * after.dose.values[0] == pytest.approx(before.dose.values[0])
    assert np.sqrt(4) * after.read_noise.values[0] == pytest.approx(before.read_noise.values[0])


def test_an_axis_changes_one_thing():
    recording = config.Recording()
    near = shift.AXES["camera distance (factor)"](recording, 0.5)
    assert near.detector.pcz.values == tuple(0.5 * v for v in recording.detector.pcz.values)
    assert near.detector.model_copy(update={"pcz": recording.detector.pcz}) == recording.detector
    assert near.microscope == recording.microscope


def test_ensembles_of_both_approaches_are_balanced_and_differ():
    kinds = np.array(["scratch", "transfer"] * 3)
    drawn = ensembles.draw_ensembles(kinds, np.arange(6), 2, True, np.random.default_rng(1))
    assert len({tuple(one) for one in drawn}) == len(drawn) == 9  # three of one kind with three of the other
    assert all({*kinds[one]} == {"scratch", "transfer"} for one in drawn)


def test_scores_of_a_hand_made_case():
    p = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]])
    found = ensembles.point_scores(p, np.array([0, 1, 1, 0]))
    assert found["error"] == 0.25
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.4, 0.8, 0.7]).mean())
    # Sorted by confidence: right, right, right, wrong; risks 0, 0, 0, 1/4.
    assert found["aurc"] == pytest.approx(1 / 16)


def test_points_that_are_not_indexed_count_as_wrong():
    truth = {"phase": np.array(["Ni", "Ni", "Ni3Al", "Ni3Al", np.nan], dtype=object)}
    found = peers.against_truth(np.array([0, 1, 1, -1, 0]), truth, ["Ni", "Ni3Al"])
    assert found["confusion"] == [[1, 1, 0], [0, 1, 1]]
    assert found["error"]["value"] == 0.5
    assert found["share"] == {"Ni": 0.25, "Ni3Al": 0.5}


def test_fractions_leave_out_points_of_no_known_group():
    assert maps.true_fractions(np.array([1, 1, 0, -1]), (221, 225)) == {"221": 1 / 3, "225": 2 / 3}


def test_material_tables_count_by_hand():
    class Test:
        labels = np.array([0, 0, 0, 1])
        material = np.array([0, 0, 1, 2])
        materials = (("A", 221), ("B", 221), ("C", 225))

    # A is right once of twice, B always; C is taken for 221.
    found = protocol.tables(Test, [np.array([0, 1, 0, 0])], (221, 225))
    a, b, c = found["per_material"]
    assert (a["recall"]["mean"], b["recall"]["mean"], c["recall"]["mean"]) == (0.5, 1.0, 0.0)
    assert (a["precision"]["mean"], b["precision"]["mean"]) == (0.5, 0.5)
    assert found["per_group"][0]["precision"]["mean"] == pytest.approx(2 / 3)
    assert found["accuracy"]["mean"] == 0.5


def test_a_page_is_filled_between_its_marks_only(tmp_path):
    text = (
        "before\n<!-- table: methods of peers_x -->old<!-- end -->\n<!-- table: unknown -->kept<!-- end -->\n"
        "<!-- figure: losses | Losses --><!-- end -->\n<!-- figure: none | None --><!-- end -->\n"
    )
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "losses.png").touch()
    (tmp_path / "README.md").write_text(text, encoding="utf-8")
    methods = {"Hough": {"error": {"value": 0.5, "low": 0.4, "high": 0.6}, "share": {"Ni": 1.0}}}
    page.write_page(tmp_path / "README.md", {"peers_x": {"materials": ["Ni"], "methods": methods}})
    filled = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert filled.startswith("before\n<!-- table: methods of peers_x -->\n| ")
    assert "| Hough | 50.0 [40.0, 60.0] | 100.0 |" in filled
    assert "old" not in filled
    assert "kept" in filled
    assert "![Losses](figures/losses.png)" in filled
    assert "none.png" not in filled
