"""A fit goes on in its folder, however its recipe's path is spelled, and not with other weights."""

import hashlib
import json

import pytest

from ensemble.errors import InputError
from kikuchi.recipes.schema import load_recipe
from kikuchi.workflows.claim import CLAIM, claim

RECIPE = """
[[member]]
kind = "transfer"
weights = "backbone.h5"
"""


@pytest.fixture
def there(tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    (tmp_path / "recipes" / "r.toml").write_text(RECIPE)
    (tmp_path / "recipes" / "backbone.h5").write_bytes(b"old")
    monkeypatch.chdir(tmp_path)
    claim(tmp_path / "run", load_recipe("recipes/r.toml"), "d", 1)
    return tmp_path


def test_another_spelling_of_the_path_is_the_same_recipe(there, monkeypatch):
    for spelling in (
        there / "recipes" / "r.toml",
        "./recipes/r.toml",
        "recipes/../recipes/r.toml",
    ):
        claim(there / "run", load_recipe(spelling), "d", 1)
    told = json.loads((there / "run" / CLAIM).read_text())
    assert told["weights"] == [hashlib.sha256(b"old").hexdigest()]


def test_weights_replaced_before_the_resume_are_refused_in_one_line(there):
    (there / "recipes" / "backbone.h5").write_bytes(b"new")
    with pytest.raises(InputError, match=r"weights .* were replaced since") as refused:
        claim(there / "run", load_recipe("recipes/r.toml"), "d", 1)
    assert "\n" not in str(refused.value)


def test_a_bundle_as_weights_is_told_apart_by_its_members(there):
    member = there / "other" / "members" / "m1"
    member.mkdir(parents=True)
    (member / "member.weights.h5").write_bytes(b"old")
    (there / "b.toml").write_text(RECIPE.replace("backbone.h5", "other"))
    claim(there / "two", load_recipe("b.toml"), "d", 1)
    claim(there / "two", load_recipe(there / "b.toml"), "d", 1)
    (member / "member.weights.h5").write_bytes(b"new")
    with pytest.raises(InputError, match="were replaced since"):
        claim(there / "two", load_recipe("b.toml"), "d", 1)


def test_another_recipe_dataset_or_seed_is_another_fit(there):
    recipe = load_recipe("recipes/r.toml")
    for told, what in ((("e", 1), "dataset"), (("d", 2), "seed")):
        with pytest.raises(InputError, match=f"another {what}"):
            claim(there / "run", recipe, *told)
    (there / "recipes" / "s.toml").write_text(RECIPE.replace("backbone", "other"))
    with pytest.raises(InputError, match="another recipe"):
        claim(there / "run", load_recipe("recipes/s.toml"), "d", 1)


def test_a_fit_of_before_weights_were_noted_goes_on(there):
    told = json.loads((there / "run" / CLAIM).read_text())
    del told["weights"]
    (there / "run" / CLAIM).write_text(json.dumps(told))
    claim(there / "run", load_recipe("recipes/r.toml"), "d", 1)


def test_a_fit_begun_with_the_old_names_of_keys_goes_on(there):
    path = there / "run" / CLAIM
    begun = json.loads(path.read_text())
    train = begun["recipe"]["train"]
    for old, new in (
        ("mirror", "flip_augmentation"),
        ("warm_down", "cosine_decay"),
        ("guidance", "auxiliary_weight"),
    ):
        train[old] = train.pop(new)
    path.write_text(json.dumps(begun))
    claim(there / "run", load_recipe("recipes/r.toml"), "d", 1)
