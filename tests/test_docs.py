"""What the pages tell users to write is taken as it stands there."""

import re
from pathlib import Path

from kikuchi.recipes.schema import parse_recipe
from kikuchi.simulate import load_master

PAGE = Path(__file__).resolve().parent.parent / "docs" / "simulated-training.md"


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)


def test_the_page_on_simulated_training_makes_masters_and_a_recipe(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = blocks("python")
    assert "range(200)" in code
    exec(code.replace("range(200)", "range(1)"), {})
    made = [load_master(path) for path in sorted((tmp_path / "masters").iterdir())]
    assert [master.space_group for master in made] == [225, 229]
    (text,) = blocks("toml")
    recipe = parse_recipe(text, "page")
    assert recipe.stream.masters == "masters" and recipe.train.auxiliary_weight == 1
    # One chance for each of the two space groups of the masters.
    assert len(recipe.stream.class_sampling) == len({master.space_group for master in made})
