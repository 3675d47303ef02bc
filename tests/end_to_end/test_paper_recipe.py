"""The paper's recipe at reduced size: real Xceptions, transfer from a weights file, the same on two backends."""

import os
import subprocess
import sys

import numpy as np
import pytest

import kikuchi
from kikuchi.members import build_backbone
from kikuchi.recipes.schema import Recipe
from tests.end_to_end.conftest import run


def reduced(paper: Recipe, weights: str) -> Recipe:
    """The preset with one member of each kind at 71 x 71, one epoch and few patterns; the rest as it is."""
    groups = tuple(
        group.model_copy(update={"count": 1, "size": 71, "weights": weights if group.weights else None})
        for group in paper.member
    )
    return paper.model_copy(
        update={
            "member": groups,
            "train": paper.train.model_copy(update={"epochs": 1, "batch": 8}),
            "split": paper.split.model_copy(update={"train_per_class": 8, "validation_per_class": 4}),
        }
    )


def test_the_preset_is_the_paper_to_the_letter():
    paper = kikuchi.load_recipe("paper")
    assert {(g.architecture, g.size) for g in paper.member} == {("xception", 299)}
    assert [(g.kind, g.weights) for g in paper.member] == [("scratch", None), ("transfer", "imagenet")]
    train = paper.train
    assert (train.learning_rate, train.weight_decay) == (0.001, 1e-5)
    assert (train.min_delta, train.patience) == (0.001, 15)
    assert not train.flip_augmentation and not train.cosine_decay
    assert (paper.split.train_per_class, paper.split.validation_per_class) == (400, 100)


SPEC = """
half_size = 60
diffraction = "kinematical"
[[material]]
name = "Ni"
count = 32
[[material]]
name = "Si"
count = 32
"""


@pytest.mark.slow
def test_a_reduced_fit_runs_and_gives_the_same_logits_on_tensorflow_and_torch(tmp_path):
    (tmp_path / "spec.toml").write_text(SPEC)
    run("simulate", tmp_path / "spec.toml", "--out", tmp_path / "scans", "--quiet")
    build_backbone("xception", 71, 3).save_weights(tmp_path / "backbone.weights.h5")
    recipe = reduced(kikuchi.load_recipe("paper"), str(tmp_path / "backbone.weights.h5"))
    kikuchi.fit(tmp_path / "scans" / "dataset.toml", recipe, tmp_path / "run", seed=1)
    bundle = kikuchi.Predictor.load(tmp_path / "run")
    assert [m.name for m in bundle.members] == ["scratch-1", "transfer-1"]
    assert (tmp_path / "run" / "losses.png").is_file()
    patterns = kikuchi.open_scan(tmp_path / "scans" / "Ni.h5").read(slice(0, 6))
    first = bundle.member_outputs(patterns)
    again = kikuchi.Predictor.load(tmp_path / "run").member_outputs(patterns)
    np.testing.assert_array_equal(first.logits, again.logits)
    np.save(tmp_path / "patterns.npy", patterns)
    code = (
        "import sys, keras, numpy as np, kikuchi\n"
        "assert keras.backend.backend() == 'torch'\n"
        "folder = sys.argv[1]\n"
        "outputs = kikuchi.Predictor.load(folder + '/run').member_outputs(np.load(folder + '/patterns.npy'))\n"
        "np.save(folder + '/torch.npy', outputs.logits)\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, env=os.environ | {"KERAS_BACKEND": "torch"}
    )
    np.testing.assert_allclose(np.load(tmp_path / "torch.npy"), first.logits, atol=1e-3)
