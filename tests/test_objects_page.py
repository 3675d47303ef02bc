"""The page of objects in and out: our lines run, give what the page says they give, and no verb is missing."""

import ast
import importlib
import inspect
import re
import typing
from pathlib import Path

import numpy as np
import pytest

import kikuchi
from dev.reference import public
from tests.kikuchi.test_api import VERBS, returned

PAGE = Path(__file__).resolve().parent.parent / "docs" / "objects.md"
CODE = re.compile(r"`([^`]+)`")


def rows(heading: str) -> list[list[str]]:
    """Cells of the table under a heading, without its first two rows."""
    text = PAGE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    table = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table[2:]]


def said(cell: str) -> str:
    (text,) = CODE.findall(cell)
    return text


NOTEBOOK = [(said(row[2]), said(row[3])) for row in rows("In a notebook")]
TABLE = {row[0]: (said(row[2]), said(row[3])) for row in rows("Every verb")}


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    """What the page says is there before its first line, in a folder of its own."""
    import shap
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    from kikuchi.explain import write_explanation

    folder = tmp_path_factory.mktemp("notebook")
    x, y = load_digits(return_X_y=True)
    members = [LogisticRegression(max_iter=300).fit(x[i:600:3] / 16, y[i:600:3]) for i in range(3)]
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, typing.Any] = {"members": members, "x": x[600:] / 16, "y": y[600:]}
    exec(code, names)
    values = np.random.default_rng(0).normal(size=(1, 8, 8, 1, 2))
    made = shap.Explanation(values, np.zeros((1, 2)), np.zeros((1, 8, 8, 1)), output_names=["225", "227"])
    (folder / "why").mkdir()
    write_explanation(folder / "why" / "point_0.npz", made)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield names


@pytest.mark.slow
def test_every_line_for_a_notebook_gives_the_object_that_the_page_names(notebook):
    import matplotlib as mpl

    mpl.use("agg")
    assert len(NOTEBOOK) >= 15
    for out, line in NOTEBOOK:
        exec(line, notebook)
        (target,) = ast.parse(line).body[0].targets
        assert out in {kind.__name__ for kind in type(notebook[target.id]).__mro__}, line
    assert type(notebook["xmap"]).__module__.startswith("orix.")
    assert type(notebook["why"]).__module__.startswith("shap")
    assert notebook["probabilities"].shape == (9, 10) and notebook["scan"].n == 9
    assert notebook["p"].shape == (len(notebook["y"]), 10)


def test_the_table_has_every_verb_and_each_line_is_a_call_that_it_takes():
    assert set(TABLE) == set(VERBS)
    for verb, (out, line) in TABLE.items():
        call = ast.parse(line).body[0].value
        assert ast.unparse(call.func) == f"kikuchi.{verb}"
        keywords = {word.arg: word.value for word in call.keywords}
        inspect.signature(public(verb)).bind(*call.args, **keywords)
        assert returned(verb).__name__ == out, verb


@pytest.mark.parametrize(
    "name",
    [
        "kikuchipy.load",
        "kikuchipy.signals.EBSD.dictionary_indexing",
        "kikuchipy.signals.LazyEBSD",
        "orix.io.load",
        "orix.io.save",
        "orix.crystal_map.CrystalMap.plot",
        "shap.DeepExplainer.__call__",
        "shap.plots.image",
        "mapie.classification.SplitConformalClassifier.conformalize",
        "mapie.classification.SplitConformalClassifier.predict_set",
        "netcal.scaling.TemperatureScaling.transform",
        "netcal.metrics.ECE.measure",
    ],
)
def test_what_the_page_says_of_other_libraries_is_there(name):
    parts = name.split(".")
    assert resolved(parts) is not None
    wanted = parts[-1] if parts[-1] != "__call__" else parts[-2]
    assert wanted in PAGE.read_text(encoding="utf-8")


def resolved(parts: list[str]) -> typing.Any:
    """What a dotted name stands for: a class may have the name of its module."""
    for depth in range(len(parts) - 1, 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:depth]))
            for part in parts[depth:]:
                found = getattr(found, part)
        except (ImportError, AttributeError):
            continue
        return found
    return None


#: Verbs that need more than this small bundle, or minutes; each has tests of its own.
ELSEWHERE = {
    "adapt", "pretrain", "extend", "learning_curve", "leave_one_class_out", "accelerate", "demo", "explain_map"
}  # fmt: skip


@pytest.mark.slow
def test_the_verbs_run_one_after_the_other_as_the_page_has_them(tmp_path, monkeypatch):
    from kikuchi.inference.onnx_export import missing_exporter
    from tests.end_to_end.conftest import RECIPE, SPEC

    if missing := missing_exporter():
        pytest.skip(
            f"{missing[0]} is not at hand for the Keras backend of this process, so that nothing exports"
        )
    monkeypatch.chdir(tmp_path)
    Path("spec.toml").write_text(SPEC, encoding="utf-8")
    recipe = RECIPE.replace('[[member]]\nkind = "transfer"\nsize = 32\nweights = "backbone.weights.h5"\n', "")
    Path("recipe.toml").write_text(recipe, encoding="utf-8")
    scene = SPEC.replace("count = 130\n", "") + '[map]\nshape = [6, 8]\nphase = [{ material = "Ni" }]\n'
    Path("scene.toml").write_text(scene, encoding="utf-8")
    kikuchi.simulate("scene.toml", "scan.h5")
    for verb, (out, line) in TABLE.items():
        if verb in ELSEWHERE:
            continue
        found = eval(line, {"kikuchi": kikuchi})
        assert type(found).__name__ == out
        assert isinstance(found.summary(), str) and found.to_dict() is not None
    assert {path.name for path in tmp_path.iterdir()} >= {"run", "maps", "why", "evaluation", "run.onnx"}
