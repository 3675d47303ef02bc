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
    from kikuchi.explaining import describe_explanations, explain_map
    from kikuchi.fitting import fit
    from kikuchi.mapping import map_scan
    from kikuchi.maps import PhaseMap, summarise, write_map
    from kikuchi.recipe import Recipe, load_recipe
    from kikuchi.scans import Scan, load_dataset, open_scan
    from kikuchi.verifying import describe_verification, verify

__version__ = "0.1.0"

_HOMES = {
    "Bundle": "bundle",
    "PhaseMap": "maps",
    "Recipe": "recipe",
    "Scan": "scans",
    "demo": "demonstration",
    "describe_bundle": "describing",
    "describe_evaluation": "evaluating",
    "describe_explanations": "explaining",
    "describe_map": "describing",
    "describe_verification": "verifying",
    "evaluate": "evaluating",
    "explain_map": "explaining",
    "facts": "describing",
    "fit": "fitting",
    "load_dataset": "scans",
    "load_recipe": "recipe",
    "map_scan": "mapping",
    "open_scan": "scans",
    "summarise": "maps",
    "verify": "verifying",
    "write_map": "maps",
}

__all__ = [
    "Bundle",
    "InputError",
    "PhaseMap",
    "Recipe",
    "Scan",
    "__version__",
    "demo",
    "describe_bundle",
    "describe_evaluation",
    "describe_explanations",
    "describe_map",
    "describe_verification",
    "evaluate",
    "explain_map",
    "facts",
    "fit",
    "load_dataset",
    "load_recipe",
    "map_scan",
    "open_scan",
    "summarise",
    "verify",
    "write_map",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'kikuchi' has no attribute {name!r}")
    return getattr(importlib.import_module(f"kikuchi.{_HOMES[name]}"), name)
