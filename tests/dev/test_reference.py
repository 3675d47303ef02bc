"""The pages that the code says: every key of a recipe and of a simulation is there, with what it means."""

import inspect
import re
from typing import get_args

import pytest
from pydantic import BaseModel

from dev.reference import keys_of
from kikuchi.members import Training
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Preparation
from kikuchi.simulate.scenes.spec import Spec

pytest.importorskip("numpydoc", reason="the extra docs")

PAGES = {
    "recipe": lambda: keys_of("recipe", Recipe, {"prepare": Preparation, "train": Training}),
    "specification": lambda: keys_of("specification", Spec, {}),
}


@pytest.mark.parametrize("page", PAGES)
def test_every_key_says_what_it_means(page):
    rows = [line for line in PAGES[page]().splitlines() if re.match(r"\| `", line)]
    assert len(rows) > 40
    assert [row for row in rows if row.endswith("|  |")] == []


def fields(model, described, path=()):
    """Every key of a model and of the tables in it, walked without the code of the pages: (heading, key)."""
    for key, entry in model.model_fields.items():
        yield (".".join(path), key)
        inner = [m for m in tables(entry.annotation) if m.__name__ != "Distribution"]
        other = described.get(key)
        if other is not None and issubclass(other, BaseModel) and not inner:
            inner = [other]
        for table in inner[:1]:
            yield from fields(table, described, (*path, key))


def tables(annotation):
    if inspect.isclass(annotation) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in tables(part)]


@pytest.mark.parametrize(
    ("page", "model", "described"),
    [("recipe", Recipe, {"prepare": Preparation}), ("specification", Spec, {})],
)
def test_every_field_of_the_models_stands_under_its_table(page, model, described):
    parts = re.split(r"^## ", PAGES[page](), flags=re.MULTILINE)[1:]
    under = {re.sub(r"[`\[\]]", "", part.splitlines()[0]): part for part in parts}
    found = list(fields(model, described))
    assert len(found) > 60
    for place, key in found:
        heading = place or f"The {page} itself"
        # A table that stands in two places, as a detector may, is told once for each.
        assert f"| `{key}` |" in under[heading], (heading, key)


def test_limits_defaults_and_choices_are_those_of_the_schema():
    text = PAGES["recipe"]()
    assert "| `epochs` | whole number, at least 1, at most 10000 | `200` |" in text
    assert "| `risk` | number, above 0, below 1 | `0.02` |" in text
    assert '| `kind` | `"scratch"` or `"transfer"`' in text


def test_distributions_are_shown_as_they_are_written():
    assert "| `dose` | number or distribution | loguniform 2000, 20000 |" in PAGES["specification"]()
