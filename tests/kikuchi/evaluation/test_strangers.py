"""Other datasets than the one of the fit: space groups that no member knows, patterns that it was fitted on."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

import kikuchi
from kikuchi.evaluation import scores
from kikuchi.evaluation.ood_scores import separation, unfamiliar_scores
from kikuchi.scans.split import pattern_hash
from kikuchi.workflows.leave_one_class_out import leave_one_out
from tests.kikuchi.evaluation.conftest import CLASSES, RECIPE, synthetic_held_out, write_bundle


@pytest.fixture(scope="module")
def strange(bundle, images, tmp_path_factory):
    out = tmp_path_factory.mktemp("strange")
    return kikuchi.evaluate(bundle, images[0], out), out


def test_patterns_that_the_bundle_was_fitted_on_are_left_out(strange):
    evaluation, _ = strange
    assert (evaluation["patterns"], evaluation["left_out_patterns"]) == (25, 3)
    assert "3 patterns were left out: the bundle was fitted on them" in evaluation["warnings"]


def test_an_unknown_space_group_is_never_right(strange):
    evaluation, out = strange
    assert evaluation["unknown_patterns"] == 14
    table = pd.read_csv(out / "decisions_average.csv", index_col="truth")
    assert table.loc["unknown"].sum() == 14
    for rows in evaluation["statuses"].values():
        assert sum(r["unknown"] for r in rows) == 14
        assert all(r["errors"] >= r["unknown"] for r in rows)
    assert evaluation["materials_of"]["average"][1]["precision"] is None


def test_accuracy_is_of_known_space_groups_only(strange, bundle, images):
    known = images[1]["known"][3:]
    right = bundle.predict_proba(known).argmax(axis=1) == CLASSES.index(225)
    assert strange[0]["scores"]["average"]["accuracy"]["value"] == pytest.approx(right.mean())


def test_unfamiliar_is_judged_by_how_well_it_tells_unknown_from_known(strange, bundle, images):
    known, unknown = images[1]["known"][3:], images[1]["unknown"]
    outputs = bundle.member_outputs(np.concatenate([known, unknown]))
    readable = outputs.quality > bundle.abstentions["average"].quality_threshold
    assert readable[:11].any() and readable[11:].any()
    truth = np.repeat([0, 1], [len(known), len(unknown)])
    expected = roc_auc_score(truth[readable], outputs.unfamiliarity[readable])
    assert strange[0]["unfamiliar"]["separation"][0]["auroc"]["value"] == pytest.approx(expected)


def test_a_dataset_that_the_bundle_was_fitted_on_is_refused(images, tmp_path):
    fitted = [pattern_hash(image) for image in np.concatenate([images[1]["known"], images[1]["unknown"]])]
    all_seen = write_bundle(tmp_path / "run", synthetic_held_out(members=1), fitted_hashes=fitted)
    with pytest.raises(kikuchi.InputError, match="fitted on every pattern"):
        kikuchi.evaluate(all_seen, images[0], tmp_path / "out")


def test_a_bundle_without_test_patterns_asks_for_a_dataset(tmp_path):
    held_out = synthetic_held_out(members=1)
    untested = write_bundle(tmp_path / "run", held_out.select(held_out.part < 2))
    with pytest.raises(kikuchi.InputError, match="no test patterns"):
        kikuchi.evaluate(untested, None, tmp_path / "out")


def test_a_file_in_the_way_of_the_output_is_one_line(bundle, tmp_path):
    (tmp_path / "out").write_text("not a folder")
    with pytest.raises(kikuchi.InputError, match="cannot be written"):
        kikuchi.evaluate(bundle, None, tmp_path / "out")


def test_interval_of_accuracy_is_as_wide_as_the_binomial_says():
    class Always:
        probabilities = np.tile([0.7, 0.3], (400, 1))
        confidence = np.full(400, 0.7)
        decision = type("D", (), {"status": np.zeros(400, int)})

        def wrong(self, labels):
            return labels != 0

    labels = np.repeat([0, 1], [300, 100])
    values, draws = scores.score_draws(Always(), labels, 0.1, 1000)
    column = scores.SCORES.index("accuracy")
    found = scores.interval(values[column], draws[:, column])
    half = 1.96 * np.sqrt(0.75 * 0.25 / 400)
    assert found["value"] == 0.75
    assert found["high"] - found["low"] == pytest.approx(2 * half, rel=0.1)


def test_leave_one_out_judges_each_space_group_by_a_bundle_without_it(images, tmp_path, monkeypatch):
    """The fits are replaced: what is claimed is who stands against whom, and what is written."""
    fitted = []

    def fit(dataset, recipe, out, *, seed, progress):
        fitted.append(dataset.classes)
        return write_bundle(out, synthetic_held_out(members=1), classes=(*dataset.classes, 230))

    monkeypatch.setattr("kikuchi.workflows.leave_one_class_out.fit", fit)
    monkeypatch.setattr("kikuchi.evaluation.ood_scores._RESAMPLES", 50)
    path = tmp_path / "three.toml"
    third = '[[material]]\nname = "Fe"\nspace_group = 229\nscan = "{}"\n'
    folder = images[0].parent
    path.write_text(
        images[0]
        .read_text()
        .replace('"known"', f'"{folder}/known"')
        .replace('"unknown"', f'"{folder}/unknown"')
        + third.format(f"{folder}/known/*0.png")
    )
    found = leave_one_out(path, RECIPE, tmp_path / "out")
    assert fitted == [(225, 229), (62, 229), (62, 225)]
    assert [g["unknown"] for g in found["groups"]] == [14, 14, 2]
    assert all(g["known"] == 240 for g in found["groups"])
    for group in found["groups"]:
        assert sum(share["value"] for share in group["became"].values()) == pytest.approx(1)
        assert group["scores"][0]["auroc"]["low"] <= group["scores"][0]["auroc"]["value"]
    assert json.loads((tmp_path / "out" / "leave_one_out.json").read_text()) == found
    assert len(pd.read_csv(tmp_path / "out" / "leave_one_out.csv")) == 9


def test_scores_of_unfamiliarity_do_not_exist_where_nothing_is_unknown_or_readable():
    outputs = synthetic_held_out().outputs
    found = separation(unfamiliar_scores(outputs, 0.4), np.zeros(600, bool))
    assert [r["auroc"]["value"] for r in found] == [None] * 3
    unread = np.isnan(unfamiliar_scores(outputs, 0.4)["energy"])
    np.testing.assert_array_equal(unread, outputs.quality <= 0.4)


def test_leave_one_out_needs_three_space_groups(images, tmp_path):
    with pytest.raises(kikuchi.InputError, match="too few to leave one out"):
        leave_one_out(images[0], RECIPE, tmp_path / "out")
