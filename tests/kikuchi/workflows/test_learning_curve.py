"""Learning curves: nested draws, an early stop, and a run that goes on where it stopped."""

import csv
import json

import numpy as np
import pytest

import kikuchi
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.workflows.learning_curve import stops

RECIPE = """
[[member]]
kind = "transfer"
weights = "kikuchi"
dropout = 0.0
[split]
validation_per_class = 4
"""


@pytest.fixture(scope="module")
def dataset():
    """Two directions of stripes, well above the noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] / 2
    materials = []
    for name, group, along in (("rows", 225, y), ("columns", 229, x)):
        patterns = (
            100 + 20 * np.sin(along + rng.uniform(0, 6.28, (60, 1, 1))) + rng.normal(0, 6, (60, 64, 64))
        )
        materials.append(Material(name, group, scan_from_array(patterns[None].astype(np.float32), name)))
    return Dataset(materials)


def test_an_easy_curve_stops_at_its_target_and_goes_on_where_it_was(dataset, tmp_path):
    recipe = parse_recipe(RECIPE, "r")
    wishes = {"counts": (1, 2, 4, 8, 16, 400), "ways": ("frozen",), "repeats": 2, "target": 0.9}
    (curve,) = kikuchi.learning_curve(dataset, recipe, tmp_path / "c", **wishes)
    assert curve.stopped == "target"
    counts = [r.count for r in curve.runs]
    # 400 a class are not there, and the stop comes before the last count that is.
    assert max(counts) < 16 and counts == sorted(counts)
    assert curve.mean(max(counts)) >= 0.9
    table = tmp_path / "c" / "learn_curve.csv"
    rows = list(csv.DictReader(table.open(newline="")))
    assert len(rows) == len(curve.runs)
    # What is in the table is not run again: a number put there by hand comes back.
    rows[0]["accuracy"] = "0.123"
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    (again,) = kikuchi.learning_curve(dataset, recipe, tmp_path / "c", **wishes)
    assert again.runs[0].accuracy == 0.123
    told = json.loads((tmp_path / "c" / "learn_curve.json").read_text())
    assert told[0]["way"] == "frozen" and told[0]["law"]["target"] == 0.9
    assert (tmp_path / "c" / "learn_curve.png").is_file()
    with pytest.raises(kikuchi.InputError, match="something else"):
        kikuchi.learning_curve(dataset, recipe, tmp_path / "c", seed=1, **wishes)


def test_wrong_wishes_are_refused(dataset, tmp_path):
    recipe = parse_recipe(RECIPE, "r")
    for wishes, complaint in (
        ({"ways": ("scratch",)}, "no scratch group"),
        ({"ways": ("frozen",), "counts": (0, 5)}, "start at 1"),
        ({"ways": ("frozen",), "counts": (400,)}, "leaves none to train on"),
        ({"ways": ("frozen",), "target": 1.5}, "target 1.5"),
    ):
        with pytest.raises(kikuchi.InputError, match=complaint):
            kikuchi.learning_curve(dataset, recipe, tmp_path / "x", **wishes)


def test_a_flat_curve_stops_only_after_it_has_risen():
    # At the level of chance it has not begun.
    assert stops([0.5, 0.5, 0.5, 0.5], 0.9) is None
    assert stops([0.5, 0.7, 0.8, 0.801, 0.802], 0.9) == "flat"
