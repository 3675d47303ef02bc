"""Public docstrings are numpydoc: what the site shows is complete and typed."""

import importlib
import inspect
import pkgutil

import pytest

import ensemble
import kikuchi
from dev.reference import PACKAGES, public

validate = pytest.importorskip("numpydoc.validate", reason="the extra docs").validate

#: What numpydoc's checks call: layout, summaries, sections, parameters that are not there, typed returns.
CHECKED = ("GL", "SS", "RT", "YD", "PR02", "PR03")

#: Types of parameters stand in the signature; a summary may be a noun phrase ("Probabilities after ...").
LEFT_OUT = {"GL08", "SS05"}


def names():
    found = [public(name) for name in kikuchi.__all__ if not name.startswith("_")]
    modules = [importlib.import_module(f"kikuchi.{package}") for package in PACKAGES]
    modules += [
        importlib.import_module(m.name) for m in pkgutil.walk_packages(ensemble.__path__, "ensemble.")
    ]
    for module in modules:
        own = getattr(module, "__all__", None) or [
            name
            for name, item in vars(module).items()
            if getattr(item, "__module__", "") == module.__name__ and not name.startswith("_")
        ]
        found += [getattr(module, name) for name in own]
    things = (item for item in found if inspect.isclass(item) or inspect.isfunction(item))
    return sorted({f"{item.__module__}.{item.__qualname__}" for item in things})


def complaints(name):
    item = validate(name)
    # A summary that begins with "Return" says what is returned, as numpydoc allows for a function of one line.
    says = item["docstring"].lstrip().startswith("Return") or name.startswith("ensemble.validation.")
    return [
        f"{name}: {code} {what}"
        for code, what in item["errors"]
        if code.startswith(CHECKED) and code not in LEFT_OUT and not (code == "RT01" and says)
    ]


def test_public_docstrings_are_numpydoc():
    found = names()
    assert len(found) > 200
    assert [text for name in found for text in complaints(name)] == []
