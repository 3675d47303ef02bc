"""The filter over neighbours reaches what `fit` learns and calibrates on and what `map` asks about."""

from dataclasses import replace

import numpy as np
import pytest

from kikuchi.bundle.bundle import Bundle
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.scans.neighbours import NeighbourSource
from kikuchi.workflows.fit import fit
from kikuchi.workflows.map import map_scan

RECIPE = """
[[member]]
kind = "scratch"
[prepare]
neighbours = "average"
[split]
train_per_class = 10
validation_per_class = 2
"""


class Reached(Exception):
    """Carries what a stage was given."""


def scan(name: str, seed: int):
    patterns = np.random.default_rng(seed).integers(0, 255, (12, 12, 32, 32), dtype=np.uint8)
    return scan_from_array(patterns, name)


def stop_at(monkeypatch, place: str, position: int) -> None:
    def reached(*given, **_):
        raise Reached(given[position])

    monkeypatch.setattr(place, reached)


def test_map_reads_filtered_patterns(monkeypatch, tmp_path):
    shipped = Bundle.load("shipped")
    bundle = replace(shipped, recipe=shipped.recipe.model_copy(update={"prepare": {"neighbours": "average"}}))
    raw = scan("s", 1)
    stop_at(monkeypatch, "kikuchi.workflows.map.run_store", 0)
    with pytest.raises(Reached) as stopped:
        map_scan(raw, bundle, tmp_path)
    given = stopped.value.args[0]
    patterns = raw.read(slice(None)).astype(float)
    np.testing.assert_allclose(given.read(0)[0], (patterns[0] + patterns[1] + patterns[12]) / 3, rtol=1e-5)
    with pytest.raises(Reached) as stopped:
        map_scan(raw, shipped, tmp_path / "plain")
    assert stopped.value.args[0] is raw


def test_fit_trains_and_calibrates_on_filtered_patterns(monkeypatch, tmp_path):
    data = Dataset([Material("a", 225, scan("a", 1)), Material("b", 229, scan("b", 2))])
    stop_at(monkeypatch, "kikuchi.workflows.fit.train_all", 2)
    with pytest.raises(Reached) as stopped:
        fit(data, parse_recipe(RECIPE, "recipe"), tmp_path)
    assert all(isinstance(m.scan.source, NeighbourSource) for m in stopped.value.args[0].materials)
