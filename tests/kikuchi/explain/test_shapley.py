"""Shapley values: exact where a formula exists, complete on members of both kinds."""

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.explain import Attribution, Shapley
from kikuchi.explain.shapley import check_method, register_depthwise_rule

SIZE = 6


@pytest.fixture(scope="module")
def linear():
    import keras

    inputs = keras.Input((SIZE, SIZE, 1))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Flatten()(inputs)))
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(SIZE * SIZE, 1)).astype(np.float32)
    model.set_weights([weights, np.array([0.7], np.float32)])
    background = rng.uniform(-1, 1, (8, SIZE, SIZE)).astype(np.float32)
    return model, weights.reshape(SIZE, SIZE), background, rng.uniform(-1, 1, (SIZE, SIZE))


def test_deep_shap_of_a_linear_model_is_weight_times_difference_from_the_mean(linear):
    model, weights, background, x = linear
    found = Shapley(model, background)(x)
    np.testing.assert_allclose(found.values, weights * (x - background.mean(axis=0)), atol=1e-5)
    assert found.error < 1e-4


def test_expected_gradients_of_a_linear_model_with_one_background_pattern_are_exact(linear):
    model, weights, background, x = linear
    found = Shapley(model, background[:1], "gradients", samples=5)(x)
    np.testing.assert_allclose(found.values, weights * (x - background[0]), atol=1e-5)


def test_a_linear_models_base_is_its_output_for_the_mean_background(linear):
    model, weights, background, x = linear
    assert Shapley(model, background)(x).base == pytest.approx(
        (weights * background.mean(axis=0)).sum() + 0.7, abs=1e-5
    )


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
def test_the_members_explained_here_are_right_at_five_patterns_of_six(trained, member):
    logits = trained.ensemble.logits(member, trained.patterns)
    assert (logits.argmax(axis=1) == trained.labels).sum() >= 5


@pytest.mark.parametrize("member", [0, 1], ids=["scratch", "transfer"])
def test_deep_shap_of_a_members_logits_is_complete_within_5_percent(trained, member):
    for k in range(3):
        assert trained.ensemble.logit(member, k, trained.patterns[k]).error < 0.05


def test_a_logits_attribution_belongs_to_that_logit(trained):
    logits = trained.ensemble.logits(0, trained.patterns[:1])[0]
    found = [trained.ensemble.logit(0, k, trained.patterns[0]).value for k in range(3)]
    np.testing.assert_allclose(found, logits, atol=1e-4)


def test_a_margin_is_attributed_as_the_difference_of_its_logits(trained):
    x, ensemble = trained.patterns[1], trained.ensemble
    difference = ensemble.logit(1, 0, x).values - ensemble.logit(1, 2, x).values
    np.testing.assert_allclose(ensemble.margin(1, (0, 2), x).values, difference, atol=1e-4)


def test_error_is_relative_and_missed_is_in_logits():
    found = Attribution(np.array([[1.0, 2.0]]), value=5.0, base=1.0)
    assert found.error == pytest.approx(0.25) and found.missed == pytest.approx(1.0)


def test_shap_still_has_the_table_that_the_depthwise_rule_is_put_into():
    from shap.explainers._deep import deep_tf

    register_depthwise_rule()
    assert callable(deep_tf.linearity_1d(0))
    assert {"Conv2D", "Relu", "MaxPool", "DepthwiseConv2dNative"} <= set(deep_tf.op_handlers)


def test_deep_shap_is_refused_where_shap_has_no_rules_for_keras_layers():
    with pytest.raises(InputError, match="no rules for Keras' layers on torch"):
        check_method("deep", "torch")


def test_expected_gradients_are_allowed_on_torch_and_nothing_on_jax():
    assert check_method("gradients", "torch") == "gradients"
    with pytest.raises(InputError, match="jax"):
        check_method("gradients", "jax")


def test_an_unknown_method_is_refused_with_those_there_are():
    with pytest.raises(InputError, match="deep, gradients"):
        check_method("lime", "tensorflow")
