"""The pages that the code says: every key of a recipe and of a simulation is there, with what it means."""

import re

import pytest

from dev.reference import keys_of
from kikuchi.members import Training
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Preparation
from kikuchi.simulate.scenes.spec import Spec

PAGES = {
    "recipe": lambda: keys_of("recipe", Recipe, {"prepare": Preparation, "train": Training}),
    "specification": lambda: keys_of("specification", Spec, {}),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_key_says_what_it_means(page):
    rows = [line for line in PAGES[page]().splitlines() if re.match(r"\| `", line)]
    assert len(rows) > 40
    assert [row for row in rows if row.endswith("|  |")] == []


def test_limits_defaults_and_choices_are_those_of_the_schema():
    text = PAGES["recipe"]()
    assert "| `epochs` | whole number, at least 1, at most 10000 | `200` |" in text
    assert "| `risk` | number, above 0, below 1 | `0.02` |" in text
    assert '| `kind` | `"scratch"` or `"transfer"`' in text


def test_distributions_are_shown_as_they_are_written():
    assert "| `dose` | number or distribution | loguniform 2000, 20000 |" in PAGES["specification"]()
