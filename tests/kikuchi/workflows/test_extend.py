"""Extending: new classes from few patterns, old ones kept, the old bundle untouched; labels by hand read back."""

import csv

import numpy as np
import pytest
import tifffile
from ensemble_cli.main import app
from typer.testing import CliRunner

import kikuchi
from kikuchi._support.progress import Progress
from kikuchi.bundle.exemplars import EXEMPLARS, read_exemplars
from kikuchi.inference.logits_store import STORE
from kikuchi.inference.run_scan import run_store
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, open_scan, scan_from_array
from kikuchi.workflows.label import read_labels

RECIPE = """
[[member]]
kind = "transfer"
weights = "kikuchi"
frozen = true
dropout = 0.3
[[member]]
kind = "transfer"
weights = "kikuchi"
frozen = true
head = "laplace"
[split]
train_per_class = 20
validation_per_class = 4
[combine]
rule = "average"
draws = 5
[calibrate]
method = "temperature"
[abstain]
groups = "pattern"
"""
#: Stripes of three directions stand for three space groups.
ANGLES = {221: 0, 225: 45, 229: 90}


def stripes(angle: float, n: int, seed: int) -> np.ndarray:
    """Return noisy patterns (n, 64, 64) with stripes of one direction and a random phase."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:64, :64]
    along = x * np.cos(np.radians(angle)) + y * np.sin(np.radians(angle))
    phase = rng.uniform(0, 2 * np.pi, (n, 1, 1))
    return (100 + 20 * np.sin(along / 2 + phase) + rng.normal(0, 6, (n, 64, 64))).astype(np.float32)


def material(group: int, n: int, seed: int) -> Material:
    return Material(
        f"{group} {seed}", group, scan_from_array(stripes(ANGLES[group], n, seed)[None], f"s{seed}")
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    data = Dataset([material(221, 60, 1), material(229, 60, 2)])
    return kikuchi.fit(data, parse_recipe(RECIPE, "r"), tmp_path_factory.mktemp("six") / "run", seed=3)


@pytest.fixture(scope="module")
def extended(bundle, tmp_path_factory):
    few = Dataset([material(225, 12, 5)])
    return kikuchi.extend(bundle, few, tmp_path_factory.mktemp("ten") / "run", seed=1)


@pytest.mark.slow
def test_a_new_class_is_known_afterwards_and_old_ones_still_are(extended):
    assert extended.bundle.classes == (221, 225, 229)
    for group in ANGLES:
        p = extended.bundle.predict_proba(stripes(ANGLES[group], 20, 9))
        assert (p.argmax(axis=1) == extended.bundle.classes.index(group)).mean() >= 0.9


@pytest.mark.slow
def test_the_table_shows_the_gain_of_the_new_class_on_patterns_no_judge_was_fitted_to(extended):
    new = {c.space_group: c for c in extended.changes}[225]
    assert new.new and new.patterns == 12
    assert new.accuracy_before["value"] == 0
    assert new.accuracy_after["value"] >= 0.75
    assert not {c.space_group: c for c in extended.changes}[221].new


@pytest.mark.slow
def test_the_old_bundle_is_not_touched(bundle, extended):
    again = kikuchi.Predictor.load(bundle.path)
    assert again.classes == (221, 229)
    assert extended.bundle.manifest["extended_from"] == again.fingerprint


@pytest.mark.slow
def test_new_patterns_are_dealt_to_all_parts_and_none_twice(bundle, extended):
    held_out = extended.bundle.held_out
    part = held_out.part[held_out.labels == 1]
    # 12 patterns: 40 %, 40 % and the rest.
    assert np.bincount(part, minlength=3).tolist() == [5, 5, 2]
    old = read_exemplars(bundle.path, 2)
    assert (held_out.labels != 1).sum() == len(old.rows)


@pytest.mark.slow
def test_a_second_extension_judges_the_first_ones_patterns_without_having_seen_them(extended, tmp_path):
    more = Dataset([material(225, 8, 6)])
    twice = kikuchi.extend(extended.bundle, more, tmp_path / "run", seed=2).bundle
    kept = read_exemplars(twice.path, 2)
    assert (kept.crossed >= 0).sum() == 12 + 8
    assert (twice.held_out.labels == 1).sum() == 20
    assert len(twice.held_out.labels) == len(kept.rows) + 20


def test_too_few_patterns_a_full_folder_and_a_bundle_without_exemplars_are_refused(bundle, tmp_path):
    with pytest.raises(kikuchi.InputError, match="225: 3 usable"):
        kikuchi.extend(bundle, Dataset([material(225, 3, 7)]), tmp_path / "few")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes.txt").write_text("mine")
    with pytest.raises(kikuchi.InputError, match="not empty"):
        kikuchi.extend(bundle, Dataset([material(225, 9, 8)]), tmp_path / "full")
    with pytest.raises(kikuchi.InputError, match="no exemplars"):
        read_exemplars(tmp_path, 2)
    assert (bundle.path / EXEMPLARS).is_file()


@pytest.mark.slow
def test_suggested_patterns_filled_by_hand_teach_the_class_that_nobody_knew(bundle, tmp_path):
    # A map of the two known directions and one that no member knows, through the commands themselves.
    patterns = np.concatenate([stripes(a, 20, 20 + a) for a in (0, 90, 45)]).clip(0, 255).astype(np.uint8)
    (tmp_path / "scan").mkdir()
    for i, pattern in enumerate(patterns):
        tifffile.imwrite(tmp_path / "scan" / f"p_{i:04d}.tif", pattern)
    scan = open_scan(tmp_path / "scan")
    run_store(scan, bundle, tmp_path / "map" / STORE)
    labels, out = tmp_path / "labels.csv", tmp_path / "run2"
    options = ["--run", str(bundle.path), "--map", str(tmp_path / "map"), "--out", str(labels), "--quiet"]
    asked = CliRunner().invoke(app, ["label", str(tmp_path / "scan"), *options, "--points", "18"])
    assert asked.exit_code == 0, asked.output
    with labels.open(newline="") as file:
        rows = list(csv.DictReader(file))
    index = [int(r["index"]) for r in rows]
    assert len(set(index)) == 18 and all(r["space_group"] == "" for r in rows)
    # The unknown third of the map is asked about more often than its share.
    assert sum(i >= 40 for i in index) >= 9
    page = labels.with_suffix(".html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,") == 18
    assert all(f"point {i}, row" in page for i in index)
    for row in rows:
        row["space_group"] = "225" if int(row["index"]) >= 40 else ""
    with labels.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    taught = CliRunner().invoke(app, ["extend", str(bundle.path), str(labels), "--out", str(out), "--quiet"])
    assert taught.exit_code == 0, taught.output
    assert "225 new" in taught.output
    p = kikuchi.Predictor.load(out).predict_proba(stripes(ANGLES[225], 20, 9))
    assert (p.argmax(axis=1) == 1).mean() >= 0.8
    again = CliRunner().invoke(app, ["label", str(tmp_path / "scan"), *options])
    assert again.exit_code == 1 and "perhaps with labels" in again.output
    with pytest.raises(kikuchi.InputError, match="another scan"):
        kikuchi.suggest_labels(
            tmp_path / "map", scan_from_array(patterns[None], "other"), bundle, tmp_path / "x.csv"
        )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scan,index,space_group\nmap,3,\n", "no row has a space group"),
        ("scan,index,space_group\nmap,3,Fm-3m\n", "line 2: space group 'Fm-3m'"),
        ("scan,index,space_group\nmap,99,225\n", "has no point 99"),
        ("scan,index,space_group\nmap,1,300\n", "space group 300"),
        ("scan,index\nmap,1\n", "no column space_group"),
        ("space_group,index,scan\n225,1\n", "line 2 names no scan"),
        ("scan,index,space_group\n,1,225\n", "line 2 names no scan"),
    ],
)
def test_wrong_lists_of_labels_are_refused_by_line(tmp_path, text, complaint):
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(kikuchi.InputError, match=complaint):
        read_labels(path, {"map": scan_from_array(np.zeros((1, 9, 8, 8), np.uint8), "map")})


def test_semicolons_of_a_spreadsheet_are_read(tmp_path):
    path = tmp_path / "labels.csv"
    path.write_text("scan;index;space_group;material\nmap;4;225;nickel\n")
    data = read_labels(path, {"map": scan_from_array(np.zeros((1, 9, 8, 8), np.uint8), "map")})
    assert data.materials[0].name == "nickel" and data.index.tolist() == [4]


class _Stopper(Progress):
    """Interrupts at a line of progress, as Ctrl-C would."""

    def __init__(self, word):
        self.word = word
        self.lines = []

    def say(self, text):
        self.lines.append(text)
        if self.word and self.word in text:
            raise KeyboardInterrupt


@pytest.mark.slow
def test_an_interrupted_extension_is_finished_by_the_same_command(bundle, extended, tmp_path):
    few = Dataset([material(225, 12, 5)])
    for word in ("running", "exemplars of the old"):
        with pytest.raises(KeyboardInterrupt):
            kikuchi.extend(bundle, few, tmp_path / "run", seed=1, progress=_Stopper(word))
    made = kikuchi.extend(bundle, few, tmp_path / "run", seed=1)
    assert made.changes == extended.changes
    # Done already: it is opened, and not made again.
    again = _Stopper("")
    assert kikuchi.extend(bundle, few, tmp_path / "run", seed=1, progress=again).changes == made.changes
    assert any("already extended" in line for line in again.lines)
    with pytest.raises(kikuchi.InputError, match="another extension was begun here"):
        kikuchi.extend(bundle, few, tmp_path / "run", seed=2)


def test_known_patterns_under_another_label_are_refused_and_dropped_ones_are_told(bundle, tmp_path):
    # What the bundle was fitted on as 221, labelled 225 by a slip.
    slip = Dataset([Material("slip", 225, material(221, 60, 1).scan)])
    with pytest.raises(kikuchi.InputError, match=r"labelled 225 were fitted on before, as one of 221, 229"):
        kikuchi.extend(bundle, slip, tmp_path / "a")
    told = _Stopper("running")
    with pytest.raises(KeyboardInterrupt):
        kikuchi.extend(bundle, material_again(), tmp_path / "b", progress=told)
    assert any("of 60 patterns were fitted on before and are left out" in line for line in told.lines)


def material_again():
    return Dataset([material(221, 60, 1)])
