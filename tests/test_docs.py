"""What the pages tell users to write is taken as it stands there."""

import re
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import pytest

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


def test_the_page_on_installing_names_the_range_of_torch_and_every_extra():
    root = PAGE.parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    page = (root / "docs" / "install.md").read_text(encoding="utf-8")
    (torch,) = [text for text in project["dependencies"] if text.startswith("torch")]
    assert f"## PyTorch: {torch}" in page
    assert [extra for extra in project["optional-dependencies"] if f"`[{extra}]`" not in page] == []
    plain = {re.split(r"[<>=~]", text)[0] for text in project["dependencies"]}
    assert {"tensorflow-probability", "tf_keras", "netcal", "shap", "onnxruntime"} <= plain


def test_the_torch_that_is_installed_needs_no_cuda():
    brings = [text for text in metadata.requires("torch") if "extra" not in text]
    if "+cpu" not in metadata.version("torch") and sys.platform == "linux":
        pytest.skip("a build of PyTorch with CUDA is installed")
    assert [text for text in brings if re.match("nvidia|cuda|triton", text)] == []
