"""Fitting: the parts stay apart, and a fit that was stopped ends like one that was not."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import kikuchi
from kikuchi._support.progress import Progress
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, scan_from_array

RECIPE = """
[[member]]
kind = "scratch"
count = 2
size = 32
[train]
epochs = 8
batch = 8
cosine_decay = true
[split]
train_per_class = 60
validation_per_class = 8
[combine]
draws = 5
[calibrate]
method = "temperature"
"""


@pytest.fixture(scope="module")
def dataset():
    """Two materials whose patterns carry stripes of different direction."""
    rng = np.random.default_rng(0)
    wave = np.sin(np.arange(40) / 2)
    materials = []
    for name, group, stripes in (("rows", 225, wave[:, None]), ("columns", 229, wave[None, :])):
        patterns = 100 + 20 * stripes + rng.normal(0, 8, (10, 14, 40, 40))
        materials.append(Material(name, group, scan_from_array(patterns.astype(np.float32), name)))
    return Dataset(materials)


class Copier(Progress):
    """Copies what a fit has written at a line of progress: what a process killed there leaves behind."""

    def __init__(self, word: str, folder: Path, copy: Path) -> None:
        self.word, self.folder, self.copy = word, folder, copy

    def say(self, text: str) -> None:
        if self.word in text:
            shutil.copytree(self.folder, self.copy)


class Stopper(Progress):
    """Interrupts at a line of progress, as Ctrl-C would."""

    def __init__(self, word: str) -> None:
        self.word = word

    def say(self, text: str) -> None:
        if self.word in text:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def fitted(dataset, tmp_path_factory):
    """A bundle, and what its fit had left had it been killed amid the second member."""
    folder = tmp_path_factory.mktemp("fit")
    copier = Copier("scratch-2 epoch 2", folder / "run", folder / "left")
    bundle = kikuchi.fit(dataset, parse_recipe(RECIPE, "r"), folder / "run", seed=3, progress=copier)
    return bundle, folder / "left"


@pytest.fixture(scope="module")
def bundle(fitted):
    return fitted[0]


@pytest.mark.slow
def test_a_stopped_fit_goes_on_and_ends_the_same(dataset, fitted):
    recipe = parse_recipe(RECIPE, "r")
    bundle, left = fitted
    # Killed once, interrupted once, ended in the third go.
    with pytest.raises(KeyboardInterrupt):
        kikuchi.fit(dataset, recipe, left, seed=3, progress=Stopper("scratch-2 epoch 5"))
    with pytest.raises(kikuchi.InputError, match="unfinished fit"):
        kikuchi.Bundle.load(left)
    resumed = kikuchi.fit(dataset, recipe, left, seed=3)
    np.testing.assert_allclose(resumed.held_out.outputs.logits, bundle.held_out.outputs.logits, atol=1e-3)
    assert resumed.manifest["splits"] == bundle.manifest["splits"]


def test_stripes_of_two_directions_are_told_apart(bundle):
    test = bundle.held_out.test
    _, probabilities = bundle.calibrated(test.outputs)
    assert (probabilities.argmax(axis=1) == test.labels).mean() > 0.9


def test_calibration_certification_and_test_share_no_pattern(bundle):
    part = bundle.held_out.part
    counts = bundle.manifest["splits"]
    assert (part == 2).sum() == counts["test"]
    assert (part < 2).sum() == counts["calibration"]
    assert counts["train"] == 2 * 60 and counts["validation"] == 2 * 8
    assert sum(counts.values()) == 280
    groups = [set(bundle.held_out.group[part == p]) for p in (0, 1)]
    assert not groups[0] & groups[1]


def test_weights_by_log_loss_pool_as_the_formula_says(bundle):
    combining = bundle.recipe.combine.model_copy(update={"weights": "log-loss"})
    weighted = replace(bundle, recipe=bundle.recipe.model_copy(update={"combine": combining}))
    first = weighted.held_out.calibration
    z = first.outputs.logits.astype(float)
    p = np.exp(z - z.max(axis=2, keepdims=True))
    p /= p.sum(axis=2, keepdims=True)
    likelihood = np.array([np.exp(np.log(m[np.arange(len(first.labels)), first.labels]).mean()) for m in p])
    expected = np.tensordot(likelihood / likelihood.sum(), p, axes=1)
    np.testing.assert_allclose(weighted.combined(first.outputs, "average").probabilities, expected, atol=1e-6)


def test_a_space_group_that_nothing_would_certify_is_refused_before_training(dataset, tmp_path):
    # One scan a space group, and whole scans as the independent unit: it cannot both calibrate and certify.
    recipe = parse_recipe(RECIPE + '[abstain]\ngroups = "scan"\n', "r")
    with pytest.raises(kikuchi.InputError, match="space group 225: all held-out patterns are of one scan"):
        kikuchi.fit(dataset, recipe, tmp_path / "run", seed=3)
    assert not (tmp_path / "run").exists()


def test_every_space_group_certifies(bundle):
    held_out = bundle.held_out
    for part in (0, 1):
        assert set(held_out.labels[held_out.part == part]) == {0, 1}
    assert all(rule.certificate.untested == () for rule in bundle.abstentions.values())


def test_scans_of_one_crystal_each_are_fitted_and_nothing_is_promised(dataset, tmp_path):
    """Standards are often single crystals: their own orientations say that every point is of one grain."""
    from orix.crystal_map import CrystalMap, PhaseList
    from orix.quaternion import Rotation

    materials = []
    for m in dataset.materials:
        scan = scan_from_array(m.scan.read(slice(None)).reshape(10, 14, 40, 40), m.name)
        same = Rotation.from_axes_angles([0, 0, 1], np.full(scan.n, 0.3))
        phases = PhaseList(names=[m.name], space_groups=[m.space_group])
        scan.xmap = CrystalMap(same, phase_id=np.zeros(scan.n, int), x=scan.x, y=scan.y, phase_list=phases)
        materials.append(Material(m.name, m.space_group, scan))
    recipe = parse_recipe(RECIPE.replace("count = 2", "count = 1").replace("epochs = 8", "epochs = 2"), "r")
    bundle = kikuchi.fit(Dataset(materials), recipe, tmp_path / "run", seed=3)
    assert "225: 1, 229: 1" in bundle.manifest["withheld"]
    assert not bundle.promised(bundle.abstentions[bundle.check_rule(None)]).certificate.certified
