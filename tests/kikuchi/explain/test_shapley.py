"""Shapley values: exact where a formula exists, complete on members of both kinds."""

from dataclasses import replace

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain import Attribution, Shapley
from kikuchi.explain.deepshap import DeepShap
from kikuchi.explain.shapley import check_method
from kikuchi.members import build_member

SIZE = 6
THE_LOGIT = np.ones((1, 1))


@pytest.fixture(scope="module")
def linear():
    import keras

    inputs = keras.Input((SIZE, SIZE, 1))
    features = keras.layers.Flatten(name="features")(inputs)
    model = keras.Model(inputs, [keras.layers.Dense(1, name="head")(features), features])
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(SIZE * SIZE, 1)).astype(np.float32)
    model.set_weights([weights, np.array([0.7], np.float32)])
    background = rng.uniform(-1, 1, (8, SIZE, SIZE)).astype(np.float32)
    return model, weights.reshape(SIZE, SIZE), background, rng.uniform(-1, 1, (SIZE, SIZE))


def test_deep_shap_of_a_linear_model_is_weight_times_difference_from_the_mean(linear):
    model, weights, background, x = linear
    found = Shapley(model, background)(x, THE_LOGIT)[0]
    np.testing.assert_allclose(found.values, weights * (x - background.mean(axis=0)), atol=1e-5)
    assert found.error < 1e-4


def test_expected_gradients_of_a_linear_model_with_one_background_pattern_are_exact(linear):
    model, weights, background, x = linear
    found = Shapley(model, background[:1], "gradients")(x, THE_LOGIT)[0]
    np.testing.assert_allclose(found.values, weights * (x - background[0]), atol=1e-5)


def test_a_linear_models_base_is_its_output_for_the_mean_background(linear):
    model, weights, background, x = linear
    for method in ("deep", "gradients"):
        found = Shapley(model, background, method)(x, THE_LOGIT)[0]
        assert found.base == pytest.approx((weights * background.mean(axis=0)).sum() + 0.7, abs=1e-5)
        assert found.value == pytest.approx((weights * x).sum() + 0.7, abs=1e-5)


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
def test_the_members_explained_here_are_right_at_five_patterns_of_six(trained, member):
    logits = trained.ensemble.logits(member, trained.patterns)
    assert (logits.argmax(axis=1) == trained.labels).sum() >= 5


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
def test_deep_shap_of_a_members_logits_is_complete_within_5_percent(trained, member):
    for x in trained.patterns[:3]:
        assert max(a.error for a in trained.ensemble.attributions(member, range(3), x)) < 0.05


def test_a_logits_attribution_belongs_to_that_logit(trained):
    logits = trained.ensemble.logits(0, trained.patterns[:1])[0]
    found = trained.ensemble.attributions(0, (2, 0, 1), trained.patterns[0])
    np.testing.assert_allclose([a.value for a in found], logits[[2, 0, 1]], atol=1e-4)


def test_a_margin_is_attributed_as_the_difference_of_its_logits(trained):
    x, ensemble = trained.patterns[1], trained.ensemble
    first, second = ensemble.attributions(1, (0, 2), x)
    np.testing.assert_allclose(ensemble.margin(1, (0, 2), x).values, first.values - second.values, atol=1e-4)


def test_error_is_relative_and_missed_is_in_logits():
    found = Attribution(np.array([[1.0, 2.0]]), value=5.0, base=1.0)
    assert found.error == pytest.approx(0.25) and found.missed == pytest.approx(1.0)


def of_a_combination(member, combination):
    """A network of one output, which is what the library explains."""
    import keras

    head = keras.layers.Dense(1)
    network = keras.Model(member.inputs[0], head(member.get_layer("features").output))
    head.set_weights([w @ combination[:, None] for w in member.get_layer("head").get_weights()])
    return network


def by_shap(member, background, pattern, combination):
    """DeepSHAP by the library, which must be told that a depthwise convolution is linear, as any other is."""
    import shap
    from shap.explainers._deep import deep_tf

    deep_tf.op_handlers.setdefault("DepthwiseConv2dNative", deep_tf.linearity_1d(0))
    explainer = shap.DeepExplainer(of_a_combination(member, combination), background[..., None])
    found = explainer.shap_values(pattern[None, ..., None], check_additivity=False)
    return np.asarray(found).reshape(pattern.shape)


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
@pytest.mark.filterwarnings("ignore")
def test_deep_shap_is_that_of_the_library(trained, member):
    model, background = trained.ensemble.members[member], trained.ensemble.backgrounds[member]
    for x, combination in zip(trained.patterns, ([1.0, 0, 0], [0, 1.0, -1.0]), strict=False):
        combination = np.array(combination)
        expected = by_shap(model, background, x, combination)
        found = trained.ensemble.explainers[member](x, np.stack([combination, -combination]))
        for one, sign in zip(found, (1, -1), strict=True):
            np.testing.assert_allclose(one.values, sign * expected, atol=1e-4 * np.abs(expected).max())


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
def test_expected_gradients_of_a_members_logits_and_margins_are_complete_within_5_percent(trained, member):
    model, background = trained.ensemble.members[member], trained.ensemble.backgrounds[member]
    explain = Shapley(model, background, "gradients")
    for x in trained.patterns[:3]:
        assert max(a.error for a in explain(x, np.array([[1, 0, 0], [0, 0, 1], [1, 0, -1]]))) < 0.05


@pytest.mark.filterwarnings("ignore")
def test_expected_gradients_are_where_those_of_the_library_go_with_many_samples(trained):
    import shap

    model, background = trained.ensemble.members[0], trained.ensemble.backgrounds[0]
    x, margin = trained.patterns[0], np.array([1.0, -1.0, 0.0])
    explainer = shap.GradientExplainer(of_a_combination(model, margin), background[..., None])
    expected = np.asarray(explainer.shap_values(x[None, ..., None], nsamples=2000, rseed=0)).ravel()
    found = Shapley(model, background, "gradients")(x, margin[None])[0].values.ravel()
    assert np.corrcoef(found, expected)[0, 1] > 0.95


def test_a_graph_shared_by_members_of_one_architecture_has_each_ones_weights(trained):
    ensemble, x = trained.ensemble, trained.patterns[0]
    second = build_member(replace(trained.specs[0], seed=9))
    shared = Shapley(second, ensemble.backgrounds[0], like=ensemble.explainers[0])
    found = shared(x, np.array([[1.0, -1.0, 0.0]]))[0]
    logits = np.asarray(second(np.stack([x, *ensemble.backgrounds[0]])[..., None], training=False)[0])
    margins = logits[:, 0] - logits[:, 1]
    assert found.value == pytest.approx(margins[0], abs=1e-5)
    assert found.base == pytest.approx(margins[1:].mean(), abs=1e-5)
    assert found.values.sum() == pytest.approx(margins[0] - margins[1:].mean(), rel=0.01)
    assert abs(found.value - ensemble.margin(0, (0, 1), x).value) > 0.1


def test_a_background_in_parts_gives_what_it_gives_at_once(trained):
    member, background = trained.ensemble.members[0], trained.ensemble.backgrounds[0]
    asked, x = np.eye(3), trained.patterns[2]
    whole = DeepShap(member, background)(x, asked)
    # 12 patterns, 5 at a time: the last part is filled up.
    parts = DeepShap(member, background, size=6)(x, asked)
    for a, b in zip(whole, parts, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4 * np.abs(a).max())


def test_deep_shap_is_refused_where_shap_has_no_rules_for_keras_layers():
    with pytest.raises(InputError, match="no rules for Keras' layers on torch"):
        check_method("deep", "torch")


def test_expected_gradients_are_allowed_on_torch_and_nothing_on_jax():
    assert check_method("gradients", "torch") == "gradients"
    # What nobody chose is what runs.
    assert check_method("auto", "torch") == "gradients"
    assert check_method("auto", "tensorflow") == "deep"
    with pytest.raises(InputError, match="jax"):
        check_method("gradients", "jax")


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="deep, gradients"):
        check_method("lime", "tensorflow")
