"""The public API: what is listed is there, typed and documented; every verb returns a frozen result."""

import dataclasses
import inspect
import json
import subprocess
import sys
import typing

import pytest

import kikuchi
from dev.reference import api_of_kikuchi, public
from kikuchi._support.result import Findings, Result

VERBS = (
    "accelerate",
    "adapt",
    "compare",
    "demo",
    "evaluate",
    "explain",
    "explain_map",
    "explain_members",
    "export",
    "extend",
    "facts",
    "fit",
    "learning_curve",
    "leave_one_class_out",
    "map_scan",
    "pretrain",
    "simulate",
    "suggest_labels",
    "verify",
)
OTHER_FUNCTIONS = {"bars", "load_dataset", "load_recipe", "open_scan", "read_explanation", "write_map"}


def returned(verb):
    return typing.get_type_hints(public(verb), {**vars(kikuchi), "Client": object})["return"]


def test_all_public_functions_are_verbs_or_open_and_write_files():
    functions = {name for name in kikuchi.__all__ if inspect.isfunction(public(name))}
    assert functions == set(VERBS) | OTHER_FUNCTIONS


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_returns_a_frozen_result(verb):
    kind = returned(verb)
    assert issubclass(kind, Result)
    assert dataclasses.is_dataclass(kind) and kind.__dataclass_params__.frozen


def test_public_names_are_documented_once():
    page = api_of_kikuchi().split("\nkikuchi.scans\n")[0]
    for name in kikuchi.__all__:
        if not name.startswith("_"):
            found = [
                line for line in page.splitlines() if line.startswith(".. auto") and line.endswith(f".{name}")
            ]
            assert len(found) == 1, (name, found)


def test_findings_are_read_like_the_dictionary_they_hold():
    found = Findings({"a": 1, "b": [2]})
    assert found["b"] == [2] and list(found) == ["a", "b"] and len(found) == 2
    assert found == {"a": 1, "b": [2]} and found == {"a": 1, "b": [2]}
    assert json.dumps(found.to_dict()) == '{"a": 1, "b": [2]}'
    with pytest.raises(TypeError):
        found["a"] = 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.data = {}


def test_packages_with_the_name_of_a_verb_are_called_as_the_verb(tmp_path):
    spec = tmp_path / "spec.toml"
    spec.write_text(
        'half_size = 20\n[detector]\nshape = [16, 16]\n[[material]]\nname = "Ni"\ncount = 2\n',
        encoding="utf-8",
    )
    found = kikuchi.simulate(spec, tmp_path / "out")
    assert found.path == tmp_path / "out" / "dataset.toml"
    assert kikuchi.load_dataset(found).n == 2
    assert found.summary() == f"wrote {found.path}"
    assert kikuchi.simulate.load_structure("Ni").space_group == 225


@pytest.mark.parametrize(
    "option", [("--engine", "abacus"), ("--stop", "soon"), ("--rule", "median"), ("--grains", "x")]
)
def test_words_that_no_option_knows_are_refused_before_keras_loads(option):
    code = (
        "import sys; from ensemble_cli.main import app\n"
        f"try: app(['map', 'scan.h5', *{option!r}])\n"
        "except SystemExit as end: print(end.code, 'keras' in sys.modules, 'numpy' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2", "False", "False"]
    assert option[1] in done.stderr
