"""Space group of the crystal at every point of an EBSD scan, with its uncertainty.

Verbs: `fit`, `map_scan`, `evaluate`, `explain`, `extend`, `suggest_labels`, `learning_curve`, `leave_one_class_out`,
`accelerate`, `adapt`, `simulate`, `pretrain`, `verify`, `facts`, `compare`, `export`, `demo`. Each returns a frozen
result with ``to_dict()`` and ``summary()``. What lives across calls is `Predictor`, `Bundle`, `Scan`, `Dataset`,
`PhaseMap`, `Recipe`. Work that takes long tells a `Progress`: ``progress=kikuchi.bars()`` draws it.
Everything is imported when it is first asked for, so that ``import kikuchi`` costs nothing.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ensemble.errors import InputError

if TYPE_CHECKING:
    from kikuchi._support.bars import bars
    from kikuchi._support.progress import Progress
    from kikuchi.bundle.bundle import Bundle
    from kikuchi.explain.explanation import read_explanation
    from kikuchi.inference.predictor import Predictor
    from kikuchi.maps import PhaseMap, write_map
    from kikuchi.recipes.schema import Recipe, load_recipe
    from kikuchi.scans import Dataset, Scan, load_dataset, open_scan
    from kikuchi.training.pretrain import pretrain
    from kikuchi.workflows.accelerate import accelerate
    from kikuchi.workflows.adapt import adapt
    from kikuchi.workflows.compare import Comparison, compare
    from kikuchi.workflows.demo import demo
    from kikuchi.workflows.evaluate import evaluate
    from kikuchi.workflows.explain import explain, explain_map, explain_members
    from kikuchi.workflows.export import export
    from kikuchi.workflows.extend import Extension, extend
    from kikuchi.workflows.fit import fit
    from kikuchi.workflows.info import facts
    from kikuchi.workflows.label import suggest_labels
    from kikuchi.workflows.learning_curve import learning_curve
    from kikuchi.workflows.leave_one_class_out import leave_one_out as leave_one_class_out
    from kikuchi.workflows.map import map_scan
    from kikuchi.workflows.simulate import simulate
    from kikuchi.workflows.verify import verify

__version__ = "0.1.0"

#: Module of each name, and its name there where that is another.
_HOMES = {
    "Bundle": "bundle.bundle",
    "Dataset": "scans",
    "Extension": "workflows.extend",
    "PhaseMap": "maps",
    "Predictor": "inference.predictor",
    "Progress": "_support.progress",
    "Recipe": "recipes.schema",
    "Scan": "scans",
    "accelerate": "workflows.accelerate",
    "adapt": "workflows.adapt",
    "bars": "_support.bars",
    "Comparison": "workflows.compare",
    "compare": "workflows.compare",
    "demo": "workflows.demo",
    "evaluate": "workflows.evaluate",
    "explain": "workflows.explain",
    "explain_map": "workflows.explain",
    "explain_members": "workflows.explain",
    "export": "workflows.export",
    "extend": "workflows.extend",
    "facts": "workflows.info",
    "fit": "workflows.fit",
    "learning_curve": "workflows.learning_curve",
    "leave_one_class_out": "workflows.leave_one_class_out:leave_one_out",
    "load_dataset": "scans",
    "load_recipe": "recipes.schema",
    "map_scan": "workflows.map",
    "open_scan": "scans",
    "pretrain": "training.pretrain",
    "read_explanation": "explain.explanation",
    "simulate": "workflows.simulate",
    "suggest_labels": "workflows.label",
    "verify": "workflows.verify",
    "write_map": "maps",
    # Names before 2026-12.
    "learn_curve": "workflows.learning_curve:learning_curve",
    "suggest": "workflows.label:suggest_labels",
}

__all__ = [
    "Bundle",
    "Comparison",
    "Dataset",
    "Extension",
    "InputError",
    "PhaseMap",
    "Predictor",
    "Progress",
    "Recipe",
    "Scan",
    "__version__",
    "accelerate",
    "adapt",
    "bars",
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
    "load_dataset",
    "load_recipe",
    "map_scan",
    "open_scan",
    "pretrain",
    "read_explanation",
    "simulate",
    "suggest_labels",
    "verify",
    "write_map",
]

#: Verbs whose name is that of a package too: ``kikuchi.simulate(...)`` and ``kikuchi.simulate.load_master``.
_BOTH = ("explain", "simulate")


class _CallablePackage(ModuleType):
    """A package that is called as the verb of its name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return _load(self.__name__.removeprefix("kikuchi."))(*args, **kwargs)


class _Top(ModuleType):
    """The package `kikuchi`: where Python binds one of `_BOTH` to it, that one becomes callable."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _BOTH and isinstance(value, ModuleType):
            value.__class__ = _CallablePackage
        super().__setattr__(name, value)


def _load(name: str) -> Any:
    module, _, there = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"kikuchi.{module}"), there or name)


def __getattr__(name: str) -> Any:
    if name in ("distributed", *_BOTH):
        return importlib.import_module(f"kikuchi.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'kikuchi' has no attribute {name!r}")
    return _load(name)


sys.modules[__name__].__class__ = _Top
