"""Which space group has the crystal at every point of a scan, and how sure that is.

The journeys: `fit`, `map_scan`, `evaluate`, `explain_map`, `demo`, and `kikuchi.simulate.simulate`. What lives across
calls: `Bundle`, `Scan`, `PhaseMap`.
Everything is imported when it is first asked for, so that ``import kikuchi`` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

from ensemble.errors import InputError

if TYPE_CHECKING:
    from kikuchi.bundle import Bundle
    from kikuchi.demonstration import demo
    from kikuchi.describing import describe_bundle, describe_map, facts
    from kikuchi.evaluating import describe_evaluation, evaluate
    from kikuchi.explaining import describe_explanations, explain_map, explain_members
    from kikuchi.extending import Extension, extend
    from kikuchi.fitting import fit
    from kikuchi.gained import describe_changes
    from kikuchi.labelling import suggest
    from kikuchi.learning_curve import describe_curve, learn_curve, summarise_curve
    from kikuchi.mapping import map_scan
    from kikuchi.maps import PhaseMap, summarise, write_map
    from kikuchi.recipe import Recipe, load_recipe
    from kikuchi.scans import Scan, load_dataset, open_scan
    from kikuchi.verifying import describe_verification, verify

__version__ = "0.1.0"

_HOMES = {
    "Bundle": "bundle",
    "Extension": "extending",
    "PhaseMap": "maps",
    "Recipe": "recipe",
    "Scan": "scans",
    "demo": "demonstration",
    "describe_bundle": "describing",
    "describe_changes": "gained",
    "describe_curve": "learning_curve",
    "describe_evaluation": "evaluating",
    "describe_explanations": "explaining",
    "describe_map": "describing",
    "describe_verification": "verifying",
    "evaluate": "evaluating",
    "explain_map": "explaining",
    "explain_members": "explaining",
    "extend": "extending",
    "facts": "describing",
    "fit": "fitting",
    "learn_curve": "learning_curve",
    "load_dataset": "scans",
    "load_recipe": "recipe",
    "map_scan": "mapping",
    "open_scan": "scans",
    "suggest": "labelling",
    "summarise": "maps",
    "verify": "verifying",
    "summarise_curve": "learning_curve",
    "write_map": "maps",
}

__all__ = [
    "Bundle",
    "Extension",
    "InputError",
    "PhaseMap",
    "Recipe",
    "Scan",
    "__version__",
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
    "load_dataset",
    "load_recipe",
    "map_scan",
    "open_scan",
    "suggest",
    "summarise",
    "summarise_curve",
    "verify",
    "write_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kikuchi' has no attribute {name!r}")
    return getattr(importlib.import_module(f"kikuchi.{_HOMES[name]}"), name)
