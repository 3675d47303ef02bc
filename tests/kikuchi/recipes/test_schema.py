"""Recipes: the presets, what a recipe may say, and what it may not."""

import pytest

from ensemble.errors import InputError
from kikuchi.recipes.schema import load_recipe, parse_recipe

MEMBER = '[[member]]\nkind = "scratch"\n'


def test_the_papers_recipe_has_scratch_and_transfer_members():
    assert {group.kind for group in load_recipe("paper").member} == {"scratch", "transfer"}


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


def test_guidance_needs_a_stream():
    with pytest.raises(InputError, match=r"train\.guidance.*\[stream\]"):
        parse_recipe(MEMBER + "[train]\nguidance = 1.0\n", "r")


def test_quick_learns_by_transfer():
    recipe = load_recipe("quick")
    assert [(m.kind, m.architecture, m.count) for m in recipe.member] == [("transfer", "small", 2)]
    assert recipe.split.train_per_class == 120
