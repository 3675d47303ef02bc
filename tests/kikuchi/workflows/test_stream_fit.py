"""Fit on patterns without end: the dataset's own only validate, calibrate and test."""

import json

import numpy as np
import pytest

import kikuchi
from kikuchi.recipes.schema import load_recipe, parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array
from kikuchi.simulate.crystals.structure_files import load_structure
from kikuchi.simulate.masters.kinematical import kinematical_master
from kikuchi.simulate.masters.master_file import save_master
from kikuchi.simulate.training.batches import labelled_batch
from kikuchi.training.stream import MasterStream
from kikuchi.workflows.info import facts

RECIPE = """
[[member]]
kind = "scratch"
size = 32
[train]
epochs = 2
batch = 16
auxiliary_weight = 0.5
[split]
train_per_class = 0
validation_per_class = 8
[stream]
masters = "masters"
patterns = 64
[keep]
background = 5
exemplars = 6
reference = 20
[combine]
draws = 5
[calibrate]
method = "temperature"
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A recipe beside the masters of two materials."""
    folder = tmp_path_factory.mktemp("stream")
    (folder / "masters").mkdir()
    for name in ("Al", "W"):
        structure = load_structure(name)
        save_master(
            folder / "masters" / f"{name}.npz", kinematical_master(structure, half_size=30), structure
        )
    (folder / "recipe.toml").write_text(RECIPE)
    return folder


@pytest.fixture(scope="module")
def dataset():
    """Two other materials of the same space groups."""
    materials = []
    for seed, name in enumerate(("Cu", "Ta")):
        structure = load_structure(name)
        stream = MasterStream([kinematical_master(structure, half_size=30)])
        patterns, _ = labelled_batch(
            stream.masters, stream.labels, 60, stream.detector, stream.microscope, [seed]
        )
        scan = scan_from_array(patterns.reshape(6, 10, 64, 64), name)
        scan.metadata["microscope"] = {"microscope": f"simulated: EMsoft; program {seed}"}
        materials.append(Material(name, structure.space_group, scan))
    return Dataset(materials)


def test_no_pattern_of_the_dataset_trains(place, dataset, tmp_path):
    bundle = kikuchi.fit(dataset, load_recipe(place / "recipe.toml"), tmp_path / "run", seed=1)
    assert bundle.manifest["splits"]["train"] == 0
    # 8 a class validate, and all other patterns of both materials are held out: 2 x 52.
    assert len(bundle.held_out.labels) == 104
    history = np.genfromtxt(tmp_path / "run/members/scratch-1/history.csv", delimiter=",", names=True)
    assert len(history) == 2 and np.isfinite(history["loss"]).all()
    # The same masters in another order are another stream: the folder belongs to the first.
    claim = json.loads((tmp_path / "run/fit.json").read_text())
    assert len(claim["stream"]) == 64
    # Which simulators no member has seen is told, for a promise certified by another one is worth more.
    assert facts(tmp_path / "run")["simulators"] == (
        "members by kinematical; calibration, certification, test by EMsoft, program 0, program 1; "
        "held out and never trained on: EMsoft, program 0, program 1"
    )


def test_masters_of_other_groups_than_the_datasets_are_refused(place, dataset, tmp_path):
    structure = load_structure("Si")
    folder = place / "three"
    folder.mkdir()
    for file in (place / "masters").iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    save_master(folder / "Si.npz", kinematical_master(structure, half_size=30), structure)
    recipe = parse_recipe(RECIPE.replace('"masters"', f'"{folder}"'), "r")
    with pytest.raises(kikuchi.InputError, match="227"):
        kikuchi.fit(dataset, recipe, tmp_path / "run")


def test_without_a_stream_something_must_train():
    with pytest.raises(kikuchi.InputError, match="nothing to train on"):
        parse_recipe(RECIPE.replace('[stream]\nmasters = "masters"\npatterns = 64\n', ""), "r")
