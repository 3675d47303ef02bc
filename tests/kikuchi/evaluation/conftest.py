"""Synthetic held-out patterns, a bundle around them, images, and what an evaluation of both says."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from scipy.ndimage import gaussian_filter
from scipy.special import softmax

import kikuchi
from ensemble.abstention import fit_familiarity
from ensemble.pooling import DropoutDraws
from kikuchi._support import atomic
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import HeldOut, MemberOutputs, write_held_out
from kikuchi.evaluation import scores
from kikuchi.members import Epoch, History, MemberSpec, build_member, predict, save_member
from kikuchi.members.history import write_history
from kikuchi.recipes.schema import Recipe
from kikuchi.scans.split import pattern_hash

CLASSES = (221, 225, 229)
MATERIALS = (("NiAl", 221), ("FeAl", 221), ("Ni", 225), ("Fe", 229))
RULES = ("average", "geometric", "vote", "mc-dropout")
RECIPE = Recipe.model_validate(
    {
        "member": [{"kind": "scratch", "count": 2, "size": 32}],
        "calibrate": {"method": "temperature"},
        "abstain": {"risk": 0.1, "coverage": 0.9},
    }
)


def synthetic_held_out(members=2, seed=0):
    """Members that are too sure; on the calibration part the first is better, on the test part the second."""
    rng = np.random.default_rng(seed)
    part = np.repeat([0, 1, 2], [120, 240, 240]).astype(np.int8)
    n, k = len(part), len(CLASSES)
    material = rng.integers(0, len(MATERIALS), n)
    labels = np.array([CLASSES.index(group) for _, group in MATERIALS])[material]
    truth = np.eye(k)[labels]
    strength = np.where(part == 2, np.array([[1.3], [1.8]]), np.array([[1.8], [1.3]]))[:members]
    logits = 3 * (rng.normal(0, 1, (members, n, k)) + strength[:, :, None] * truth)
    p = softmax(logits, axis=-1)
    draws = DropoutDraws(p, -(p * np.log(p)).sum(axis=-1), np.round(50 * p).astype(np.int16))
    unfamiliarity, quality = rng.normal(1, 0.1, n), np.where(rng.random(n) < 0.02, 0.1, 2.0)
    outputs = MemberOutputs(logits.astype(np.float32), draws, unfamiliarity, quality)
    return HeldOut(outputs, labels, material, part, np.arange(len(labels)))


def write_bundle(folder, held_out, classes=CLASSES, fitted_hashes=()):
    """Write a bundle as `fit` leaves it, with untrained members."""
    members = []
    for index in range(len(held_out.outputs.logits)):
        spec = MemberSpec(f"scratch-{index + 1}", "scratch", "compact", 32, len(classes), seed=index)
        members.append(spec)
        model = build_member(spec)
        place = folder / "members" / spec.name
        save_member(model, spec, place)
        write_history(place, History([Epoch(1, 1.0, 0.5, 1.2, 0.4, 0.1), Epoch(2, 0.5, 0.6, 0.9, 0.5, 0.1)]))
    noise = np.random.default_rng(1).normal(0, 0.3, (30, 32, 32)).astype(np.float32)
    features = predict(model, noise)[1]
    decisions = {rule: fit_decision(held_out, rule, RECIPE) for rule in RULES}
    atomic.write_json(folder / "calibration.json", {r: c.to_dict() for r, (c, _) in decisions.items()})
    atomic.write_json(folder / "abstention.json", {r: a.to_dict() for r, (_, a) in decisions.items()})
    np.savez(folder / "features.npz", **fit_familiarity([features] * len(members)).to_arrays())
    write_held_out(folder / "held_out.npz", held_out)
    atomic.write_json(folder / "splits.json", {"train": list(fitted_hashes)})
    written = [p for p in folder.rglob("*") if p.is_file()]
    manifest = {
        "format_version": 1,
        "created": "2026-01-01T00:00:00+00:00",
        "classes": list(classes),
        "members": [m.name for m in members],
        "member_specs": [asdict(m) for m in members],
        "materials": [{"name": name, "space_group": group} for name, group in MATERIALS],
        "voltages_kv": [20.0],
        "rule": "average",
        "recipe": RECIPE.model_dump(mode="json"),
        "files": {p.relative_to(folder).as_posix(): atomic.sha256(p) for p in written},
    }
    atomic.write_json(folder / "bundle.json", manifest)
    return kikuchi.Predictor.load(folder)


@pytest.fixture(scope="package", autouse=True)
def few_resamples():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "_MOST_RESAMPLES", 60)
        patch.setattr(scores, "_FEWEST_RESAMPLES", 60)
        yield


@pytest.fixture(scope="package")
def images(tmp_path_factory):
    """Two folders of images, of a known and of an unknown space group, and the dataset that names them."""
    import skimage.io

    folder = tmp_path_factory.mktemp("dataset")
    rng = np.random.default_rng(3)
    made = {}
    for name in ("known", "unknown"):
        # Smooth, as bands are: white noise would be unreadable before anybody asks whether it is familiar.
        smooth = gaussian_filter(rng.normal(size=(14, 40, 40)), (0, 3, 3))
        made[name] = np.clip(128 + 300 * smooth, 0, 255).astype(np.uint8)
        (folder / name).mkdir()
        for index, image in enumerate(made[name]):
            skimage.io.imsave(folder / name / f"{index:02}.png", image, check_contrast=False)
    path = folder / "dataset.toml"
    path.write_text(
        '[[material]]\nname = "Ni"\nspace_group = 225\nscan = "known"\n'
        '[[material]]\nname = "Fe3C"\nspace_group = 62\nscan = "unknown"\n'
    )
    return path, made


@pytest.fixture(scope="package")
def bundle(tmp_path_factory, images):
    fitted = [pattern_hash(image) for image in images[1]["known"][:3]]
    return write_bundle(tmp_path_factory.mktemp("run"), synthetic_held_out(), fitted_hashes=fitted)


@pytest.fixture(scope="package")
def judged(bundle, tmp_path_factory):
    out = tmp_path_factory.mktemp("evaluation")
    return kikuchi.evaluate(bundle, None, out), out


@pytest.fixture(scope="package")
def by_hand(bundle, judged):
    """Truth, pooled and tempered probabilities of the test part, from the logits and one temperature."""
    held_out = bundle.held_out
    test = held_out.part == 2
    pooled = softmax(held_out.outputs.logits[:, test].astype(float), axis=-1).mean(axis=0)
    temperature = bundle.calibrations["average"].parameters["temperature"]
    tempered = pooled ** (1 / temperature)
    return held_out.labels[test], pooled, tempered / tempered.sum(axis=1, keepdims=True)


def row(path, **wanted):
    """Return the one row of a CSV whose columns hold these values."""
    table = pd.read_csv(path)
    for column, value in wanted.items():
        table = table[table[column] == value]
    assert len(table) == 1
    return table.iloc[0]
