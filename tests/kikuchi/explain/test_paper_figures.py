"""Activation maximisation where the answer is known; the members compared; the paper's figures drawn whole."""

import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain.activation_maximisation import maximise
from kikuchi.explain.kernel_picture import feature_picture, wish_picture
from kikuchi.explain.kernels import Match
from kikuchi.explain.paper_figures import chosen_pair, draw_examples, draw_pair, one_per_class
from tests.kikuchi.explain.test_pictures import texts


class Linear:
    """Two logits, each linear in the pattern."""

    def __init__(self, weights):
        self.weights = weights.astype(np.float32)

    def __call__(self, x, training=False):
        from keras import ops

        return ops.sum(x[..., 0][:, None] * self.weights, axis=(2, 3)), None


def test_what_a_linear_member_likes_best_lies_along_its_weights_at_the_contrast_allowed():
    weights = np.random.default_rng(0).choice([-1.0, 1.0], (2, 8, 8))
    weights[1] = -weights[0]
    # Of all patterns of one contrast, the one along the weights has the largest logit: 64 pixels of 1/3 each.
    patterns, logits = maximise(Linear(weights), 8, steps=80, blur=0)
    np.testing.assert_allclose(patterns, weights / 3, atol=1e-3)
    np.testing.assert_allclose(logits, [[64 / 3, -64 / 3], [-64 / 3, 64 / 3]], rtol=1e-3)


def test_a_members_wishes_stay_grey_values_and_raise_each_logit(trained):
    member = trained.ensemble.members[0]
    patterns, logits = maximise(member, trained.specs[0].size, steps=12)
    assert np.abs(patterns).max() <= 1
    blank = trained.ensemble.logits(0, np.zeros((1, 32, 32), np.float32))[0]
    assert (logits.argmax(axis=1) == np.arange(3)).all()
    assert (np.diag(logits) > blank).all()


def bundle_of(*specs):
    members = tuple(SimpleNamespace(name=n, kind=n.split("-")[0], architecture=a, size=32) for n, a in specs)
    return SimpleNamespace(members=members, path="run", classes=(221, 225, 227))


MIXED = bundle_of(
    ("scratch-1", "xception"), ("scratch-2", "compact"), ("scratch-3", "compact"), ("transfer-1", "compact")
)


def test_two_kinds_of_one_architecture_are_compared_unless_others_are_named():
    assert chosen_pair(MIXED, None) == (1, 3)
    assert chosen_pair(bundle_of(("scratch-1", "compact"), ("scratch-2", "compact")), None) == (0, 1)
    assert chosen_pair(MIXED, ["scratch-3", "scratch-2"]) == (2, 1)
    assert chosen_pair(bundle_of(("scratch-1", "xception"), ("scratch-2", "compact")), None) is None


@pytest.mark.parametrize("names", [["scratch-1"], ["scratch-1", "scratch-1"], ["scratch-1", "nobody"]])
def test_a_pair_that_is_none_is_refused_with_the_members_there_are(names):
    with pytest.raises(InputError, match=r"not two members of this bundle.*transfer-1"):
        chosen_pair(MIXED, names)


def test_the_figures_of_the_paper_are_drawn_for_every_class(trained, tmp_path):
    bundle = bundle_of(("scratch-1", "compact"), ("transfer-1", "compact"))
    compared = draw_pair(trained.ensemble, bundle, trained.background, (0, 1), tmp_path)
    assert set(compared["pictures"]) == {"kernels", "feature_maps", "activation_maximisation"}
    assert compared["distances"] == sorted(compared["distances"])
    examples = draw_examples(trained.ensemble, bundle, trained.background, (1,), tmp_path)
    assert [e["space_group"] for e in examples] == [221, 225, 227]
    assert max(e["worst_error"] for e in examples) < 0.05
    for name in [*compared["pictures"].values(), *(e["picture"] for e in examples)]:
        assert (tmp_path / name).read_bytes().startswith(b"\x89PNG")


def test_the_example_of_a_class_is_its_first_pattern(trained):
    assert {k: trained.background.labels[i] for k, i in one_per_class(trained.background).items()} == {
        0: 0, 1: 1, 2: 2,
    }  # fmt: skip


def test_feature_maps_stand_side_by_side_under_the_members_names():
    maps = [(np.zeros((4, 4, 3)), np.zeros((4, 4, 3)))] * 2
    figure = feature_picture(
        [Match(0, 2, 0.1), Match(1, 1, 0.2)], [np.zeros((8, 8))] * 2, maps, ["225", "229"], ("one", "two")
    )
    titles = [axes.get_title() for axes in figure.axes[:5]]
    assert titles == ["prepared\npattern", "one\nkernel 0", "two\nkernel 2", "one\nkernel 1", "two\nkernel 1"]
    assert [figure.axes[i].get_ylabel() for i in (0, 5)] == ["225", "229"]


def test_a_wish_is_titled_with_its_margin_over_the_other_classes():
    logits = np.array([[5.0, 1.0, 2.0], [0.0, 9.0, 0.0], [0.0, 0.0, 4.0]])
    figure = wish_picture([(np.zeros((3, 8, 8)), logits)], ["scratch-1"], (221, 225, 229))
    assert [axes.get_title() for axes in figure.axes[:3]] == ["221: +3.5", "225: +9.0", "229: +4.0"]
    assert "prepared grey value" in texts(figure)


@pytest.mark.slow
def test_activation_maximisation_climbs_under_torch_too():
    """The weights of the classes met PyTorch's tensors as an array, which ended `explain` in a traceback."""
    pytest.importorskip("torch")
    program = (
        "import keras, numpy as np\n"
        "from kikuchi.explain.activation_maximisation import maximise\n"
        "inputs = keras.Input((16, 16, 1))\n"
        "logits = keras.layers.Dense(2)(keras.layers.Flatten()(inputs))\n"
        "patterns, told = maximise(keras.Model(inputs, [logits, logits]), 16, steps=3)\n"
        "assert keras.backend.backend() == 'torch' and patterns.shape == (2, 16, 16)\n"
        "assert (told.argmax(axis=1) == np.arange(2)).all(), told\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"KERAS_BACKEND": "torch"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
