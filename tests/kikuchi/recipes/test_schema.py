"""Recipes: the presets, what a recipe may say, and what it may not."""

import tomllib
from pathlib import Path
from typing import get_args

import pytest

from ensemble.calibration import METHODS, NETCAL_METHODS
from ensemble.errors import InputError
from kikuchi.recipes.schema import CalibrateTable, TrainTable, load_recipe, parse_recipe

ROOT = Path(__file__).resolve().parents[3]
MEMBER = '[[member]]\nkind = "scratch"\n'


def test_the_papers_recipe_has_scratch_and_transfer_members():
    assert {group.kind for group in load_recipe("paper").member} == {"scratch", "transfer"}


def test_a_recipe_may_name_every_calibration_there_is():
    offered = get_args(CalibrateTable.model_fields["method"].annotation)
    assert offered == ("auto", *METHODS, *NETCAL_METHODS)
    recipe = parse_recipe(MEMBER + '[calibrate]\nmethod = "netcal-beta"\n', "r")
    assert recipe.calibrate.method == "netcal-beta"


def test_members_are_numbered_by_kind_and_seeded_by_place():
    recipe = parse_recipe(
        '[[member]]\nkind = "scratch"\ncount = 2\n[[member]]\nkind = "transfer"\nweights = "kikuchi"\n', "r"
    )
    specs = [spec for spec, _ in recipe.member_specs(classes=4, seed=7)]
    assert [s.name for s in specs] == ["scratch-1", "scratch-2", "transfer-1"]
    assert [s.seed for s in specs] == [7000, 7001, 7002]
    assert {s.classes for s in specs} == {4}


def test_a_weights_file_is_relative_to_the_recipe(tmp_path):
    (tmp_path / "r.toml").write_text('[[member]]\nkind = "transfer"\nweights = "w.weights.h5"\n')
    assert load_recipe(tmp_path / "r.toml").member[0].weights == str(tmp_path / "w.weights.h5")


@pytest.mark.parametrize("word", ["imagenet", "kikuchi"])
def test_named_weights_are_not_taken_for_files(tmp_path, word):
    (tmp_path / "r.toml").write_text(
        f'[[member]]\nkind = "transfer"\narchitecture = "xception"\nsize = 96\nweights = "{word}"\n'
    )
    assert load_recipe(tmp_path / "r.toml").member[0].weights == word


@pytest.mark.parametrize(
    "text, word",
    [
        ("", "member"),
        (MEMBER + "[abstain]\nrisk = 1.5\n", "risk"),
        (MEMBER + "[combine]\nrule = 'loudest'\n", "rule"),
        (MEMBER + "[prepare]\nclip = 0\n", "clip"),
        (MEMBER + "architecture = 'xception'\nsize = 64\n", "71"),
        (MEMBER + "weights = 'w.h5'\n", "scratch"),
        (MEMBER + "dropout = 1.0\n", "dropout"),
    ],
)
def test_what_a_recipe_may_not_say_is_named(text, word):
    with pytest.raises(InputError, match=rf"(?s)my\.toml.*{word}"):
        parse_recipe(text, "my.toml")


def test_a_recipe_survives_its_json():
    recipe = load_recipe("quick")
    assert type(recipe).model_validate(recipe.model_dump(mode="json")) == recipe


def test_an_unknown_recipe_names_the_presets():
    with pytest.raises(InputError, match=r"fast: no such recipe \(one of paper, quick"):
        load_recipe("fast")


def test_the_auxiliary_task_needs_a_stream():
    with pytest.raises(InputError, match=r"train\.auxiliary_weight.*\[stream\]"):
        parse_recipe(MEMBER + "[train]\nguidance = 1.0\n", "r")


def test_quick_learns_by_transfer():
    recipe = load_recipe("quick")
    assert [(m.kind, m.architecture, m.count) for m in recipe.member] == [("transfer", "small", 2)]
    assert recipe.split.train_per_class == 120


def test_keys_by_their_names_before_2026_12_mean_the_same():
    old = parse_recipe(MEMBER + "[train]\nmirror = true\nwarm_down = true\n", "old")
    new = parse_recipe(MEMBER + "[train]\nflip_augmentation = true\ncosine_decay = true\n", "new")
    assert old == new and new.training().flip_augmentation and new.training().cosine_decay
    assert not parse_recipe(MEMBER, "plain").train.flip_augmentation


def test_a_key_under_both_its_names_is_refused():
    with pytest.raises(InputError, match="warm_down is the old name of cosine_decay"):
        parse_recipe(MEMBER + "[train]\nwarm_down = true\ncosine_decay = false\n", "r")


def test_the_old_key_of_a_stream_is_read():
    recipe = parse_recipe(MEMBER + '[stream]\nmasters = "m"\nchances = [3, 1]\n', "r")
    assert recipe.stream is not None and recipe.stream.class_sampling == (3, 1)


def test_the_old_recipe_of_a_committed_study_is_read():
    table = tomllib.loads((ROOT / "reports" / "paper" / "study.toml").read_text(encoding="utf-8"))["recipe"][
        "train"
    ]
    assert table["warm_down"] and table["mirror"]
    train = TrainTable.model_validate(table)
    assert train.cosine_decay and train.flip_augmentation and train.epochs == table["epochs"]
