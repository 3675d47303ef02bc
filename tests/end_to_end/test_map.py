"""`ensemble map` on real and simulated scans: every file written, opened again by the programs that read it."""

import json
import shutil
import subprocess
import sys

import h5py
import numpy as np
import pandas
import pytest

import kikuchi
from kikuchi.scans import open_mapped
from tests.end_to_end.conftest import run

WRITTEN = {
    "map.h5",
    "map.csv",
    "map.ang",
    "map.ctf",
    "summary.json",
    "report.html",
    "phase.png",
    "first_choice.png",
    "candidates.png",
    "figures",
    "entropy.png",
    "confidence.png",
    "status.png",
    "members.png",
}


def check_outputs(folder, patterns):
    """Open everything `map` wrote and hold the files against one another."""
    import orix.io
    from matplotlib.image import imread

    assert {p.name for p in folder.iterdir()} >= WRITTEN
    table = pandas.read_csv(folder / "map.csv", dtype={"candidates": str})
    summary = json.loads((folder / "summary.json").read_text())
    assert len(table) == patterns == summary["patterns"]
    np.testing.assert_array_equal(table["index"], np.arange(patterns))
    known = table[[c for c in table if c.startswith("p_")]].to_numpy()
    readable = ~np.isnan(known).any(axis=1)
    np.testing.assert_allclose(known[readable].sum(axis=1), 1, atol=1e-3)
    assert (table["space_group"].notna() == (table["status"] == "solved")).all()
    crystal_map = orix.io.load(folder / "map.h5")
    assert crystal_map.size == patterns
    np.testing.assert_allclose(crystal_map.prop["entropy"], table["entropy"], atol=1e-4)
    np.testing.assert_allclose(crystal_map.prop["probabilities"], known, atol=1e-4)
    for name in ("map.ang", "map.ctf"):
        assert orix.io.load(folder / name).size >= patterns
    for name in WRITTEN:
        if name.endswith(".png"):
            assert imread(folder / name).std() > 0
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "http://" not in page.replace("http://www.w3.org", "") and "</html>" in page
    return table, summary


def test_kikuchipy_own_nickel_scan(workshop, tmp_path):
    import kikuchipy

    kikuchipy.data.nickel_ebsd_small().save(tmp_path / "nickel.h5")
    out = tmp_path / "maps"
    run(
        "map",
        tmp_path / "nickel.h5",
        "--run",
        workshop / "run",
        "--out",
        out,
        "--grains",
        "patterns",
        "--quiet",
    )
    table, summary = check_outputs(out, 9)
    assert summary["shape"] == [3, 3]
    # Beside the decisions: both groups of this bundle are cubic, and every point has a grain.
    assert set(table["laue_class"]) == {"m-3m"}
    assert table["grain"].max() + 1 == summary["grains"]["grains"]
    assert (out / "pooled.png").is_file()
    np.testing.assert_allclose(table["x"], [0, 1.5, 3.0] * 3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "path",
    [
        "silicon_moving_screen/si_in.h5",
        "silicon_moving_screen/si_out5mm.h5",
        "silicon_moving_screen/si_out10mm.h5",
        "cementite/Fe3C.tif",
        "aztec_tiff",
    ],
)
def test_real_single_patterns(shared, workshop, tmp_path, path):
    run("map", shared / "real" / path, "--run", workshop / "run", "--out", tmp_path / "maps", "--quiet")
    table, _ = check_outputs(tmp_path / "maps", 1)
    assert table["status"].iloc[0] != "unreadable"


@pytest.mark.slow
def test_another_rule_and_risk_reuse_the_stored_logits(workshop, tmp_path):
    out = tmp_path / "maps"
    arguments = ("map", workshop / "scans" / "Ni.h5", "--run", workshop / "run", "--out", out, "--quiet")
    run(*arguments)

    def written() -> dict[str, int]:
        # Every run says in begun.json which scan it saw; nothing else of the store changes.
        return {p.name: p.stat().st_mtime_ns for p in (out / "logits.store").glob("*.npy")}

    before = written()
    summary = json.loads(run(*arguments, "--rule", "vote", "--risk", "0.3", "--json"))
    assert before and written() == before
    assert summary["rule"] == "vote"
    assert summary["promised_risk"]["target_risk"] == 0.3


def test_every_rule_answers_like_its_definition(workshop, tmp_path):
    """Votes against the members' own columns: the winner of a vote has the most of them."""
    out = tmp_path / "maps"
    run(
        "map",
        workshop / "scans" / "Ni.h5",
        "--run",
        workshop / "run",
        "--out",
        out,
        "--rule",
        "vote",
        "--quiet",
    )
    table = pandas.read_csv(out / "map.csv")
    votes = table[[c for c in table if c.startswith("vote_")]].to_numpy()
    assert votes.shape == (130, 3)
    solved = (table["status"] == "solved").to_numpy()
    for row, answer in zip(votes[solved], table["space_group"][solved], strict=True):
        assert (row == answer).sum() >= 2
    agree = (votes == votes[:, :1]).all(axis=1)
    np.testing.assert_allclose(table["variation_ratio"][agree], 0, atol=1e-6)
    np.testing.assert_allclose(table["variation_ratio"][~agree], 1 / 3, atol=1e-6)


def test_an_interrupted_map_goes_on_to_the_same_result(workshop, tmp_path, monkeypatch):
    import kikuchi
    from kikuchi.inference import run_scan

    monkeypatch.setattr(run_scan, "CHUNK", 50)
    scan, bundle = kikuchi.open_scan(workshop / "scans" / "Ni.h5"), kikuchi.Predictor.load(workshop / "run")
    whole = kikuchi.map_scan(scan, bundle, tmp_path / "whole")
    read = type(scan).read
    calls = []

    def stop_after_one(self, indices):
        calls.append(indices)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return read(self, indices)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(type(scan), "read", stop_after_one)
        kikuchi.map_scan(scan, bundle, tmp_path / "parts")
    resumed = kikuchi.map_scan(scan, bundle, tmp_path / "parts")
    np.testing.assert_array_equal(resumed.decision.status, whole.decision.status)
    np.testing.assert_array_equal(resumed.member_probabilities, whole.member_probabilities)


def test_one_bad_pattern_among_many_is_unreadable_and_counted(workshop, tmp_path):
    from skimage.io import imsave

    folder = tmp_path / "images"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for i in range(6):
        imsave(
            folder / f"scan_{i + 1:04d}.png",
            rng.integers(0, 255, (48, 48), dtype=np.uint8),
            check_contrast=False,
        )
    whole = (folder / "scan_0003.png").read_bytes()
    (folder / "scan_0003.png").write_bytes(whole[: len(whole) // 2])
    run("map", folder, "--run", workshop / "run", "--out", tmp_path / "maps", "--quiet")
    table, summary = check_outputs(tmp_path / "maps", 6)
    assert table["status"].iloc[2] == "unreadable"
    assert list(summary["problems"]) == ["2"]


def test_predict_proba_is_what_the_map_holds(workshop, tmp_path):
    import kikuchi

    bundle = kikuchi.Predictor.load(workshop / "run")
    scan = kikuchi.open_scan(workshop / "scans" / "Ni.h5")
    mapped = kikuchi.map_scan(scan, bundle, tmp_path / "maps")
    np.testing.assert_allclose(
        bundle.predict_proba(scan.read(slice(0, 20)), False), mapped.decision.probabilities[:20], atol=1e-5
    )


def test_a_predictor_has_the_habits_of_a_classifier_of_scikit_learn(workshop):
    import kikuchipy
    from sklearn.metrics import accuracy_score, log_loss

    import kikuchi

    bundle = kikuchi.Predictor.load(workshop / "run")
    file = workshop / "scans" / "Ni.h5"
    scan, signal = kikuchi.open_scan(file), kikuchipy.load(file)
    assert bundle.classes_.tolist() == list(bundle.classes)
    probabilities, labels = bundle.predict_proba(signal), bundle.predict(signal)
    np.testing.assert_allclose(probabilities, bundle.predict_proba(scan), atol=1e-5)
    truth = np.full(len(labels), 225)
    right = np.mean([row.tolist().index(row.max()) == bundle.classes.index(225) for row in probabilities])
    assert accuracy_score(truth, labels) == pytest.approx(right)
    column = probabilities[:, bundle.classes.index(225)]
    assert log_loss(truth, probabilities, labels=bundle.classes_) == pytest.approx(
        -np.log(column).mean(), rel=1e-3
    )
    blank = np.zeros((1, 60, 60), np.uint8)
    assert bundle.predict(np.concatenate([scan.read([0]), np.zeros_like(scan.read([0]))]), False)[1] == 0
    assert bundle.predict(blank, False).tolist() == [0]


@pytest.mark.slow
def test_an_array_with_its_background_is_answered_as_the_file_that_holds_it(workshop, tmp_path):
    import kikuchi

    bundle = kikuchi.Predictor.load(workshop / "run")
    file = tmp_path / "scan.h5"
    shutil.copy(workshop / "scans" / "Ni.h5", file)
    with h5py.File(file, "r+") as opened:
        patterns = opened["Scan 1/EBSD/Data/patterns"][:]
        background = patterns.mean(axis=0).astype(np.uint8)
        opened["Scan 1/EBSD/Header"].pop("static_background", None)
        opened["Scan 1/EBSD/Header/static_background"] = background
    scan = kikuchi.open_scan(file)
    assert scan.keeps_background
    mapped = kikuchi.map_scan(scan, bundle, tmp_path / "maps").decision.probabilities
    np.testing.assert_allclose(bundle.predict_proba(scan), mapped, atol=1e-5)
    np.testing.assert_allclose(bundle.predict_proba(patterns, background), mapped, atol=1e-5)
    with pytest.warns(UserWarning, match="no static background is given") as warned:
        without = bundle.predict_proba(patterns)
        bundle.predict(patterns)
    assert [warning.filename for warning in warned] == [__file__] * 2, "the line that called"
    assert not np.allclose(without, mapped, atol=1e-3)


@pytest.mark.slow
def test_notes_of_a_scan_reach_everybody_and_a_shape_answers_them(workshop, tmp_path):
    with h5py.File(workshop / "scans" / "Ni.h5") as file:
        patterns = file["Scan 1/EBSD/Data/patterns"][:12]
    scan, out = tmp_path / "scan.up1", tmp_path / "maps"
    sy, sx = patterns.shape[1:]
    scan.write_bytes(np.array([1, sx, sy, 16], "<u4").tobytes() + patterns.tobytes())
    said = run("map", scan, "--run", workshop / "run", "--out", out, "--quiet")
    note = "the grid is not known"
    assert f"note: {note}" in said
    assert note in json.loads((out / "summary.json").read_text(encoding="utf-8"))["notes"][0]
    assert note in (out / "report.html").read_text(encoding="utf-8").lower()
    assert note in run("info", scan)
    assert json.loads(run("info", scan, "--shape", "3,4", "--json"))["grid"] == [3, 4]
    out = tmp_path / "given"
    said = run("map", scan, "--run", workshop / "run", "--out", out, "--shape", "3,4", "--quiet")
    assert "note:" not in said
    assert json.loads((out / "summary.json").read_text(encoding="utf-8"))["shape"] == [3, 4]
    with h5py.File(workshop / "scans" / "Ni.h5") as file, h5py.File(tmp_path / "two.h5", "w") as two:
        for name in ("Scan 1", "Scan 2"):
            file.copy("Scan 1", two, name)
        for name in ("manufacturer", "version"):
            if name in file:
                file.copy(name, two)
    named = tmp_path / "named"
    said = run(
        "map", tmp_path / "two.h5", "--scan", "Scan 2", "--run", workshop / "run", "--out", named, "--quiet"
    )
    assert "note: of 2 scans in the file 'Scan 2' is read; not 'Scan 1'" in said
    summary = json.loads((named / "summary.json").read_text(encoding="utf-8"))
    assert summary["scan"]["given_name"] == "Scan 2" and "'Scan 2' is read" in summary["notes"][0]
    assert "&#x27;Scan 2&#x27; is read" in (named / "report.html").read_text(encoding="utf-8").replace(
        "&#39;", "&#x27;"
    )
    assert open_mapped(scan, out).shape == (3, 4) and open_mapped(scan, tmp_path / "maps").shape == (1, 12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda p: 255 - p, "look inverted"),
        (lambda p: np.minimum(p.astype(int) * 2, 255), "look overexposed"),
        (lambda p: p.astype(int) * 2, "look cut to fewer bits"),
    ],
    ids=["negatives", "overexposed", "wrapped"],
)
def test_patterns_recorded_wrongly_are_told_on_screen_in_the_summary_and_in_the_report(
    workshop, change, told, tmp_path
):
    with h5py.File(workshop / "scans" / "Ni.h5") as file:
        patterns = file["Scan 1/EBSD/Data/patterns"][:24]
    scan, out = tmp_path / "scan.up1", tmp_path / "maps"
    sy, sx = patterns.shape[1:]
    wrong = change(patterns).astype(np.uint8)
    scan.write_bytes(np.array([1, sx, sy, 16], "<u4").tobytes() + wrong.tobytes())
    said = run("map", scan, "--run", workshop / "run", "--out", out, "--shape", "4,6", "--quiet")
    assert f"warning: the patterns {told}" in said
    warnings = json.loads((out / "summary.json").read_text(encoding="utf-8"))["warnings"]
    assert sum(told in text for text in warnings) == 1
    assert f"the patterns {told}" in (out / "report.html").read_text(encoding="utf-8").lower()
    with pytest.warns(UserWarning, match=told):
        kikuchi.Predictor.load(workshop / "run").predict_proba(wrong, static_background=False)


@pytest.mark.slow
def test_info_tells_what_each_thing_is(workshop, tmp_path):
    out = tmp_path / "maps"
    run("map", workshop / "scans" / "Ni.h5", "--run", workshop / "run", "--out", out, "--quiet")
    for path, what in (
        (workshop / "scans" / "Ni.h5", "scan"),
        (workshop / "run", "bundle"),
        (out / "logits.store", "logits store"),
        (out, "map"),
        (workshop / "scans" / "dataset.toml", "dataset"),
        (workshop / "recipe.toml", "recipe"),
        (workshop / "spec.toml", "specification"),
    ):
        assert json.loads(run("info", path, "--json"))["what"].startswith(what)


def test_the_installed_command_runs_as_a_program():
    done = subprocess.run(
        [sys.executable, "-m", "ensemble_cli", "info", "nowhere.h5"], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and done.stderr.startswith("ensemble: nowhere.h5")
