"""Strangers in a dataset: they weigh what is unfamiliar, are kept apart, and a dataset without them changes nothing."""

import json

import numpy as np
import pytest
from scipy.special import logsumexp

import kikuchi
from ensemble.errors import InputError
from ensemble.metrics import auroc
from kikuchi._support.archive import read_archive
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.outputs import read_held_out
from kikuchi.inference.predictor import Predictor
from kikuchi.recipes.schema import parse_recipe
from kikuchi.scans import Dataset, Material, load_dataset, scan_from_array

pytestmark = pytest.mark.slow

RECIPE = """
[[member]]
kind = "scratch"
count = 2
size = 32
[train]
epochs = 5
batch = 8
[split]
train_per_class = 40
validation_per_class = 8
unit = "pattern"
[combine]
draws = 5
[calibrate]
method = "temperature"
"""


def striped(name, group, stripes, rng, rows=14):
    patterns = 100 + 20 * stripes + rng.normal(0, 8, (rows, 20, 40, 40))
    return Material(name, group, scan_from_array(patterns.astype(np.float32), name))


@pytest.fixture(scope="module")
def dataset():
    """Two materials whose patterns carry stripes of different direction, and a stranger with finer stripes of both."""
    rng = np.random.default_rng(0)
    wave, fine = np.sin(np.arange(40) / 2), np.sin(np.arange(40) / 1.2)
    known = [striped("rows", 225, wave[:, None], rng), striped("columns", 229, wave[None, :], rng)]
    return Dataset(known, strangers=[striped("both", 194, fine[:, None] * fine[None, :], rng, rows=6)])


@pytest.fixture(scope="module")
def bundle(dataset, tmp_path_factory):
    return kikuchi.fit(dataset, parse_recipe(RECIPE, "r"), tmp_path_factory.mktemp("gate") / "run", seed=3)


def by_hand(bundle, outputs):
    """The gate's score from its file: log distance, energy, minus the spread over classes, mutual information."""
    gate = json.loads((bundle.path / "gate.json").read_text())
    z = outputs.logits.astype(float)
    p = np.exp(z - logsumexp(z, axis=-1, keepdims=True))
    mean = p.mean(axis=0)
    of = [-(q * np.log(q)).sum(axis=-1) for q in (mean, p)]
    x = np.stack(
        [
            np.log(outputs.unfamiliarity),
            -logsumexp(z, axis=-1).mean(axis=0),
            -z.mean(axis=0).std(axis=-1),
            of[0] - of[1].mean(axis=0),
        ],
        axis=1,
    )
    score = (x - gate["centre"]) / gate["scale"] @ gate["weights"]
    return 1 + score / gate["threshold"]


def test_what_is_unfamiliar_is_the_gates_score(bundle):
    kept = read_held_out(bundle.path / "held_out.npz").outputs
    assert bundle.held_out.outputs.unfamiliarity == pytest.approx(by_hand(bundle, kept), rel=1e-4, abs=1e-4)
    again = Bundle.load(bundle.path)
    assert again.gate == bundle.gate is not None


def test_the_card_says_what_was_set_aside_and_at_which_rate(bundle):
    record = bundle.manifest["strangers"]
    # One material of 120 patterns: the later half judges.
    assert (record["weighed"], record["judged"], record["false_alarm"]) == (60, 60, 0.05)
    assert bundle.recipe.abstain.false_alarm == 0.05
    kept = read_archive(bundle.path / "strangers.npz", remedy="")
    features, aside = kept["features"], kept["judges"]
    known = read_held_out(bundle.path / "held_out.npz").test.outputs
    # The second column is the energy: its area under the curve needs no gate.
    energy = -logsumexp(known.logits.astype(float), axis=-1).mean(axis=0)
    assert record["auroc"]["energy"] == pytest.approx(auroc(energy, features[aside, 1]), abs=1e-6)
    assert record["flagged"] > 0.5 and "called unfamiliar, at 5 % of new familiar" in bundle.summary()


def test_a_map_of_the_stranger_is_mostly_unfamiliar_and_scores_as_the_predictor_does(
    bundle, dataset, tmp_path
):
    scan = dataset.strangers[0].scan
    phase_map = kikuchi.map_scan(scan, bundle, tmp_path / "maps")
    d = phase_map.decision
    assert (d.status == 2).mean() > 0.5 and not (d.status == 0).all()
    own = Predictor.of(bundle).member_outputs(scan.read(slice(None)))
    assert d.unfamiliarity == pytest.approx(own.unfamiliarity, rel=1e-3, abs=1e-3)
    # Another familiar share takes the place of the rate of false alarms.
    loose = kikuchi.map_scan(scan, bundle, tmp_path / "maps", familiar=0.999)
    assert (loose.decision.status == 2).sum() <= (d.status == 2).sum()


def test_an_evaluation_shows_strangers(bundle, tmp_path):
    found = kikuchi.evaluate(bundle, out=tmp_path / "out")
    assert found["strangers"] == bundle.manifest["strangers"]
    page = (tmp_path / "out" / "report.html").read_text()
    assert "Strangers set aside by the fit" in page and (tmp_path / "out" / "strangers.csv").is_file()


def test_a_dataset_without_strangers_is_fitted_as_before(dataset, tmp_path):
    recipe = parse_recipe(RECIPE.replace("epochs = 5", "epochs = 1"), "r")
    plain = kikuchi.fit(Dataset(dataset.materials), recipe, tmp_path / "run", seed=3)
    assert plain.gate is None and "strangers" not in plain.manifest
    assert not (plain.path / "gate.json").exists() and plain.recipe.abstain.false_alarm is None
    kept = read_held_out(plain.path / "held_out.npz").outputs
    assert np.array_equal(plain.held_out.outputs.unfamiliarity, kept.unfamiliarity)


def test_a_stranger_of_a_class_and_an_unknown_key_are_refused(tmp_path, dataset):
    known = dataset.materials
    with pytest.raises(InputError, match="a stranger of space group 225, which is a class"):
        Dataset(known[:1], strangers=[Material("x", 225, known[1].scan)])
    file = tmp_path / "data.toml"
    file.write_text('[[material]]\nname = "a"\nspace_group = 225\nscan = "a.h5"\n[[stranger]]\nnam = "b"\n')
    with pytest.raises(InputError, match=r"unknown key stranger\.1\.nam"):
        load_dataset(file)
