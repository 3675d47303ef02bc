"""Which space group has the crystal at every point of a scan, and how sure that is.

The journeys: `fit`, `map_scan`, `evaluate`, `explain_map`, `demo`, and `kikuchi.simulate.simulate`. What lives across
calls: `Predictor`, `Bundle`, `Scan`, `PhaseMap`.
Everything is imported when it is first asked for, so that ``import kikuchi`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ensemble.errors import InputError

if TYPE_CHECKING:
    from kikuchi.bundle.bundle import Bundle
    from kikuchi.explain.explanation import read_explanation
    from kikuchi.incremental.comparison import describe_changes
    from kikuchi.inference.predictor import Predictor
    from kikuchi.maps import PhaseMap, summarise, write_map
    from kikuchi.recipes.schema import Recipe, load_recipe
    from kikuchi.scans import Dataset, Scan, load_dataset, open_scan
    from kikuchi.training.pretrain import pretrain
    from kikuchi.workflows.accelerate import accelerate
    from kikuchi.workflows.adapt import adapt
    from kikuchi.workflows.demo import demo
    from kikuchi.workflows.evaluate import describe_evaluation, evaluate
    from kikuchi.workflows.explain import describe_explanations, explain_map, explain_members
    from kikuchi.workflows.extend import Extension, extend
    from kikuchi.workflows.fit import fit
    from kikuchi.workflows.info import describe_bundle, describe_map, facts
    from kikuchi.workflows.label import suggest
    from kikuchi.workflows.label import suggest as suggest_labels
    from kikuchi.workflows.learning_curve import describe_curve, learn_curve, summarise_curve
    from kikuchi.workflows.learning_curve import learn_curve as learning_curve
    from kikuchi.workflows.leave_one_class_out import leave_one_out as leave_one_class_out
    from kikuchi.workflows.map import map_scan
    from kikuchi.workflows.verify import describe_verification, verify

__version__ = "0.1.0"

#: Module of each name, and its name there where that is another.
_HOMES = {
    "Dataset": "scans",
    "leave_one_class_out": "workflows.leave_one_class_out:leave_one_out",
    "pretrain": "training.pretrain",
    "learning_curve": "workflows.learning_curve:learn_curve",
    "suggest_labels": "workflows.label:suggest",
    "accelerate": "workflows.accelerate",
    "Bundle": "bundle.bundle",
    "Predictor": "inference.predictor",
    "Extension": "workflows.extend",
    "PhaseMap": "maps",
    "Recipe": "recipes.schema",
    "Scan": "scans",
    "adapt": "workflows.adapt",
    "demo": "workflows.demo",
    "describe_bundle": "workflows.info",
    "describe_changes": "incremental.comparison",
    "describe_curve": "workflows.learning_curve",
    "describe_evaluation": "workflows.evaluate",
    "describe_explanations": "workflows.explain",
    "describe_map": "workflows.info",
    "describe_verification": "workflows.verify",
    "evaluate": "workflows.evaluate",
    "explain_map": "workflows.explain",
    "explain_members": "workflows.explain",
    "extend": "workflows.extend",
    "facts": "workflows.info",
    "fit": "workflows.fit",
    "learn_curve": "workflows.learning_curve",
    "load_dataset": "scans",
    "load_recipe": "recipes.schema",
    "map_scan": "workflows.map",
    "open_scan": "scans",
    "read_explanation": "explain.explanation",
    "suggest": "workflows.label",
    "summarise": "maps",
    "verify": "workflows.verify",
    "summarise_curve": "workflows.learning_curve",
    "write_map": "maps",
}

__all__ = [
    "Bundle",
    "Dataset",
    "Extension",
    "InputError",
    "PhaseMap",
    "Predictor",
    "Recipe",
    "Scan",
    "__version__",
    "accelerate",
    "adapt",
    "demo",
    "describe_bundle",
    "describe_changes",
    "describe_curve",
    "describe_evaluation",
    "describe_explanations",
    "describe_map",
    "describe_verification",
    "evaluate",
    "explain_map",
    "explain_members",
    "extend",
    "facts",
    "fit",
    "learn_curve",
    "learning_curve",
    "leave_one_class_out",
    "load_dataset",
    "load_recipe",
    "map_scan",
    "open_scan",
    "pretrain",
    "read_explanation",
    "suggest",
    "suggest_labels",
    "summarise",
    "summarise_curve",
    "verify",
    "write_map",
]


def __getattr__(name: str) -> Any:
    if name in ("distributed", "simulate"):
        return importlib.import_module(f"kikuchi.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'kikuchi' has no attribute {name!r}")
    module, _, there = _HOMES[name].partition(":")
    return getattr(importlib.import_module(f"kikuchi.{module}"), there or name)
