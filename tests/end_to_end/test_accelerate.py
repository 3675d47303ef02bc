"""`ensemble accelerate` and what `map` then does with less work: the same winners, spared members marked."""

import json
import shutil

import numpy as np
import pandas
import pytest

from ensemble.errors import InputError
from kikuchi.inference.openvino_engine import bf16_missing
from kikuchi.workflows import accelerate
from tests.end_to_end.conftest import SPEC, refusal, run

#: The fixture exports, learns and measures for a minute.
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unlabelled(tmp_path_factory):
    """Other patterns of the workshop's two materials in one folder of scans; nobody says which is which."""
    folder = tmp_path_factory.mktemp("unlabelled")
    (folder / "spec.toml").write_text(SPEC.replace("seed = 3", "seed = 4"))
    run("simulate", folder / "spec.toml", "--out", folder / "scans", "--quiet")
    return folder / "scans"


@pytest.fixture(scope="module")
def quickened(workshop, unlabelled, tmp_path_factory):
    """The workshop's bundle with its engines, and what was measured of them."""
    folder = tmp_path_factory.mktemp("quick") / "run"
    shutil.copytree(workshop / "run", folder)
    scans = unlabelled / "Ni.h5", unlabelled / "Si.h5", workshop / "scans" / "Ni.h5"
    more = ["--student", *(option for scan in scans for option in ("--unlabelled", scan))]
    report = json.loads(
        run("accelerate", folder, workshop / "scans" / "dataset.toml", *more, "--json", "--quiet")
    )
    return folder, report


def mapped(workshop, bundle, out, *options):
    run("map", workshop / "scans" / "Ni.h5", "--run", bundle, "--out", out, "--quiet", *options)
    return pandas.read_csv(out / "map.csv"), json.loads((out / "summary.json").read_text())


def test_what_an_engine_costs_is_told_before_it_is_used(quickened):
    _, report = quickened
    halved = set() if bf16_missing() else {"bf16", "student-bf16"}
    assert set(report) == {"onnx", "int8", "student"} | halved
    for kind, measured in report.items():
        assert 0 <= measured["label_agreement"] <= 1 and measured["patterns"] > 0
        assert set(measured["log_loss"]) == set(measured["ece"]) == {"keras", "as_it_was", "recalibrated"}
        if kind.startswith("student"):
            assert measured["stops"] == {}
            continue
        assert measured["stops"]["exact vote"]["label_agreement"] == 1
        assert measured["stops"]["exact vote"]["members_run"] <= 3
    assert report["onnx"]["label_agreement"] == 1


def test_an_exact_stop_spares_members_and_keeps_every_winner(quickened, workshop, tmp_path):
    bundle, _ = quickened
    whole, _ = mapped(workshop, bundle, tmp_path / "whole", "--rule", "vote", "--engine", "keras")
    less, summary = mapped(
        workshop, bundle, tmp_path / "less", "--rule", "vote", "--engine", "onnx", "--stop", "exact"
    )
    votes = [c for c in whole if c.startswith("vote_")]
    without_skipped_votes = less[votes].isna()
    assert without_skipped_votes.any(axis=None) and not without_skipped_votes.all(axis=1).any()
    np.testing.assert_array_equal(less[votes].where(~without_skipped_votes, whole[votes]), whole[votes])
    p = [c for c in whole if c.startswith("p_")]
    np.testing.assert_array_equal(less[p].to_numpy().argmax(axis=1), whole[p].to_numpy().argmax(axis=1))
    assert "exact" in json.dumps(summary)


@pytest.mark.parametrize("engine", ["int8", "bf16"])
def test_fewer_bits_and_a_cascade_map_too(quickened, workshop, tmp_path, engine):
    if engine == "bf16" and (reason := bf16_missing()):
        pytest.skip(reason)
    bundle, _ = quickened
    table, _ = mapped(
        workshop, bundle, tmp_path / "m", "--engine", engine, "--stop", "cascade", "--rule", "average"
    )
    assert len(table) == 130
    assert np.isfinite(table["confidence"]).all()


@pytest.mark.parametrize("engine", ["student", "student-bf16"])
def test_a_student_maps_for_all_members(quickened, tmp_path, engine):
    """Probabilities are calibrated, and each member has a vote, as if all of them had run."""
    if engine == "student-bf16" and (reason := bf16_missing()):
        pytest.skip(reason)
    bundle, _ = quickened
    (tmp_path / "spec.toml").write_text(SPEC.replace("seed = 3", "seed = 5"))
    run("simulate", tmp_path / "spec.toml", "--out", tmp_path / "scans", "--quiet")
    scan = tmp_path / "scans" / "Si.h5"
    options = "--engine", engine, "--rule", "average", "--quiet"
    run("map", scan, "--run", bundle, "--out", tmp_path / "m", *options)
    table = pandas.read_csv(tmp_path / "m" / "map.csv")
    p = table[[c for c in table if c.startswith("p_")]].to_numpy()
    np.testing.assert_allclose(p.sum(axis=1), 1, atol=1e-4)
    votes = table[[c for c in table if c.startswith("vote_")]]
    assert votes.shape == (130, 3) and votes.notna().all(axis=None)


def test_what_a_student_learned_from_is_kept_and_not_mapped_by_it(quickened, unlabelled, tmp_path):
    """130 patterns of nickel and 130 of silicon are new; those of the third scan are in the dataset."""
    bundle, _ = quickened
    manifest = json.loads((bundle / "engines" / "student" / "engines.json").read_text())
    assert manifest["learned_from"]["unlabelled"] == 260
    assert not (bundle / "engines" / "student" / "training").exists()
    scan = unlabelled / "Ni.h5"
    line = refusal(
        "map", scan, "--run", bundle, "--out", tmp_path, "--engine", "student", "--rule", "average"
    )
    assert "learned from this scan" in line and "--engine auto" in line


def test_a_student_that_was_not_finished_answers_nothing(quickened, workshop, tmp_path, monkeypatch):
    """Neither the network that is new nor what an earlier one said: a promise about one is none about the other."""
    bundle = tmp_path / "run"
    shutil.copytree(quickened[0], bundle)

    def fail(*_):
        raise InputError("the disk is full")

    monkeypatch.setattr(accelerate, "distil", lambda *_, **__: (None, {"bias": np.zeros(1)}))
    monkeypatch.setattr(accelerate, "student_runner", fail)
    assert "the disk is full" in refusal(
        "accelerate", bundle, workshop / "scans" / "dataset.toml", "--student"
    )
    scan = workshop / "scans" / "Ni.h5"
    line = refusal(
        "map", scan, "--run", bundle, "--out", tmp_path / "m", "--engine", "student", "--rule", "average"
    )
    assert "ensemble accelerate" in line


def test_scans_of_nothing_new_are_refused(quickened, workshop):
    bundle, _ = quickened
    scans = workshop / "scans"
    line = refusal("accelerate", bundle, scans / "dataset.toml", "--student", "--unlabelled", scans / "Ni.h5")
    assert "in the dataset" in line


def test_scans_without_labels_are_refused_where_nobody_learns_from_them(quickened, workshop):
    bundle, _ = quickened
    scans = workshop / "scans"
    line = refusal("accelerate", bundle, scans / "dataset.toml", "--unlabelled", scans / "Ni.h5")
    assert "--student" in line


def test_a_store_of_one_engine_is_not_gone_on_with_by_another(quickened, workshop, tmp_path):
    bundle, _ = quickened
    scan = workshop / "scans" / "Ni.h5"
    mapped(workshop, bundle, tmp_path / "m", "--engine", "int8", "--rule", "vote")
    line = refusal(
        "map", scan, "--run", bundle, "--out", tmp_path / "m", "--rule", "vote", "--engine", "keras"
    )
    assert "another bundle" in line


@pytest.mark.parametrize(
    "options,remedy",
    [
        (("--stop", "exact", "--rule", "average"), "vote"),
        (("--stop", "cascade", "--rule", "mc-dropout"), "average"),
    ],
)
def test_stops_that_do_not_go_with_the_rule_are_refused(quickened, workshop, tmp_path, options, remedy):
    bundle, _ = quickened
    scan = workshop / "scans" / "Ni.h5"
    assert remedy in refusal("map", scan, "--run", bundle, "--out", tmp_path, *options)


def test_a_bundle_not_quickened_says_how(workshop, tmp_path):
    scan = workshop / "scans" / "Ni.h5"
    line = refusal("map", scan, "--run", workshop / "run", "--out", tmp_path, "--engine", "int8")
    assert "ensemble accelerate" in line


def test_another_dataset_is_refused(quickened, workshop, tmp_path):
    bundle, _ = quickened
    other = tmp_path / "dataset.toml"
    text = (workshop / "scans" / "dataset.toml").read_text()
    for name in ("Ni", "Si"):
        shutil.copy(workshop / "scans" / f"{name}.h5", tmp_path)
    # The same scans with their labels exchanged.
    other.write_text(text.replace("225", "999").replace("227", "225").replace("999", "227"))
    assert "not the dataset" in refusal("accelerate", bundle, other)
