"""Members: architectures, weights, training, dropout draws, storage, and the same logits on two backends."""

import random
import shutil
import threading

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.members import (
    MemberSpec,
    Training,
    build_backbone,
    build_member,
    copy_backbone,
    dropout_draws,
    load_backbone_weights,
    load_member,
    predict,
    save_member,
    train,
    train_member,
)
from kikuchi.members.architectures import _member
from kikuchi.members.train import recompute_batch_norm


def spec(**changes):
    given = {"name": "m", "kind": "scratch", "architecture": "compact", "size": 32, "classes": 3, "seed": 5}
    return MemberSpec(**given | changes)


def stripes(n, size=32, seed=0):
    """Patterns whose class is where a bright stripe lies: easy, so that a few epochs suffice."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    patterns = rng.normal(0, 0.2, (n, size, size)).astype(np.float32)
    for pattern, label in zip(patterns, labels, strict=True):
        pattern[4 + 10 * label : 7 + 10 * label] += 0.8
    return np.clip(patterns, -1, 1), labels


def test_first_weights_are_keras_own_of_the_seed_whatever_other_threads_draw():
    import keras

    keras.utils.set_random_seed(5)
    wanted = _member(spec()).get_weights()
    built = threading.Event()

    def draw():
        while not built.is_set():
            random.random()

    other = threading.Thread(target=draw)
    other.start()
    try:
        found = build_member(spec()).get_weights()
    finally:
        built.set()
        other.join()
    assert all(np.array_equal(a, b) for a, b in zip(wanted, found, strict=True))


def test_xception_from_scratch_is_keras_own_with_one_channel():
    import keras

    ours = build_member(spec(architecture="xception", size=71)).get_layer("backbone")
    keras_own = keras.applications.Xception(
        include_top=False, weights=None, input_shape=(71, 71, 1), pooling="avg"
    )
    assert ours.count_params() == keras_own.count_params()
    assert [type(a) for a in ours.layers] == [type(b) for b in keras_own.layers]


def test_transfer_member_stacks_the_pattern_three_times():
    model = build_member(spec(kind="transfer"))
    assert model.input_shape == (None, 32, 32, 1)
    assert model.get_layer("backbone").input_shape == (None, 32, 32, 3)


def test_one_channel_backbone_gives_the_same_features_when_copied_into_three_channels():
    one, three = build_backbone("compact", 32, 1), build_backbone("compact", 32, 3)
    copy_backbone(one, three)
    x = np.random.default_rng(0).normal(size=(4, 32, 32, 1)).astype(np.float32)
    np.testing.assert_allclose(
        one.predict_on_batch(x), three.predict_on_batch(np.repeat(x, 3, axis=3)), atol=1e-5
    )


def test_weights_of_another_architecture_are_refused():
    with pytest.raises(InputError, match="does not fit"):
        copy_backbone(build_backbone("compact", 71, 3), build_backbone("xception", 71, 3))


def test_transfer_starts_from_a_local_weights_file(tmp_path):
    source = build_backbone("xception", 71, 3)
    file = tmp_path / "backbone.weights.h5"
    source.save_weights(file)
    model = build_member(spec(kind="transfer", architecture="xception", size=71))
    load_backbone_weights(model, file)
    for a, b in zip(source.get_weights(), model.get_layer("backbone").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_transfer_takes_over_the_backbone_of_another_bundle(tmp_path):
    source = build_member(spec(name="scratch-1", seed=9))
    save_member(source, spec(name="scratch-1", seed=9), tmp_path / "run" / "members" / "scratch-1")
    target = build_member(spec(kind="transfer"))
    load_backbone_weights(target, tmp_path / "run")
    x, _ = stripes(4)
    np.testing.assert_allclose(predict(target, x)[1], predict(source, x)[1], atol=1e-5)


def test_a_folder_without_such_a_member_is_refused(tmp_path):
    with pytest.raises(InputError, match="no member of the same architecture"):
        load_backbone_weights(build_member(spec(kind="transfer")), tmp_path)


def test_a_file_that_is_not_weights_is_refused_by_name(tmp_path):
    file = tmp_path / "broken.h5"
    file.write_bytes(b"not HDF5")
    with pytest.raises(InputError, match=r"broken\.h5: missing or broken"):
        load_backbone_weights(build_member(spec(kind="transfer")), file)


def test_missing_imagenet_weights_say_how_to_give_a_local_file(monkeypatch):
    import keras

    def refuse(*args, weights=None, **kwargs):
        raise OSError("URL fetch failure")

    model = build_member(spec(kind="transfer", architecture="xception", size=71))
    monkeypatch.setattr(keras.applications, "Xception", refuse)
    with pytest.raises(InputError, match=r"cannot be downloaded.*local file"):
        load_backbone_weights(model, "imagenet")


@pytest.mark.slow
def test_training_learns_an_easy_task_and_keeps_the_best_epoch():
    model = build_member(spec())
    x, y = stripes(240)
    vx, vy = stripes(60, seed=1)
    history = train_member(model, (x, y), (vx, vy), Training(epochs=10, batch=16), seed=1)
    logits, features = predict(model, vx)
    assert logits.shape == (60, 3) and features.shape == (60, 256)
    assert (logits.argmax(1) == vy).mean() > 0.9
    best = history.epochs[history.best_epoch - 1]
    log_p = logits - np.log(np.exp(logits).sum(1, keepdims=True))
    assert -log_p[np.arange(60), vy].mean() == pytest.approx(best.validation_loss, rel=1e-3)


def test_settled_statistics_are_the_mean_of_those_of_the_batches():
    """Of the first layer by hand: its kernel alone on two batches. Outside training a batch is then as within."""
    model = build_member(spec(dropout=0.0))
    x = stripes(64)[0].astype(np.float16)
    recompute_batch_norm(model, [x[:32], x[32:]])
    backbone = model.get_layer("backbone")
    first = next(layer for layer in backbone.layers if "batch_normalization" in layer.name)
    kernel = next(w for w in backbone.weights if w.ndim == 4)
    y = convolved(np.pad(x.astype(np.float32), ((0, 0), (0, 1), (0, 1))), np.array(kernel)[..., 0, :])
    mean = np.mean([y[:32].mean(axis=(0, 1, 2)), y[32:].mean(axis=(0, 1, 2))], axis=0)
    variance = np.mean([y[:32].var(axis=(0, 1, 2)), y[32:].var(axis=(0, 1, 2))], axis=0)
    np.testing.assert_allclose(np.array(first.moving_mean), mean, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(np.array(first.moving_variance), variance, rtol=1e-3)
    assert first.momentum == pytest.approx(0.9)
    recompute_batch_norm(model, [x])
    fed = x.astype(np.float32)[..., None]
    outside, within = (np.asarray(model(fed, training=training)[0]) for training in (False, True))
    np.testing.assert_allclose(outside, within, atol=1e-3 * np.abs(within).max())


def test_members_are_settled_on_whole_batches(monkeypatch):
    """Of 17 patterns in batches of 16 the last one alone would be a batch, and weigh as much as all others."""
    seen = []
    monkeypatch.setattr(
        train, "recompute_batch_norm", lambda _, batches: seen.extend(len(b) for b in batches)
    )
    x, y = stripes(17)
    train_member(build_member(spec()), (x, y), (x, y), Training(epochs=1, batch=16), seed=1)
    assert seen == [16, 16]


def convolved(x, kernel):
    """Valid correlation of images (n, h, w) with kernels (3, 3, c) in steps of two, (n, h', w', c)."""
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))[:, ::2, ::2]
    return np.einsum("nijab,abc->nijc", windows, kernel)


def test_a_frozen_backbone_keeps_its_statistics():
    model = build_member(spec(frozen=True, kind="transfer"))
    before = [np.array(w) for w in model.get_weights()]
    recompute_batch_norm(model, [stripes(32)[0]])
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_network_that_has_learned_everything_in_a_few_steps_is_seen_to_have_learned_it():
    """With Xception's momentum, of whose first statistics two thirds are left after these forty steps."""
    x, y = stripes(96)
    taught, watched = (x[:64], y[:64]), (x[64:], y[64:])
    model = build_member(spec())
    for layer in model.get_layer("backbone").layers:
        if hasattr(layer, "momentum"):
            layer.momentum = 0.99
    history = train_member(model, taught, watched, Training(epochs=5, batch=8), seed=1)
    assert history.epochs[-1].accuracy > 0.9
    assert history.best_epoch > 1 and history.epochs[history.best_epoch - 1].validation_accuracy > 0.9


def test_early_stopping_waits_its_patience_after_the_last_improvement():
    model = build_member(spec(frozen=True))  # a frozen random backbone and a zero learning rate never improve
    x, y = stripes(60)
    schedule = Training(epochs=50, patience=3, learning_rate=0.0, weight_decay=0.0)
    history = train_member(model, (x, y), (x, y), schedule, seed=1)
    assert len(history.epochs) == 1 + 3


@pytest.mark.parametrize("engine", [pytest.param("keras", marks=pytest.mark.slow), "torch"])
def test_an_interrupted_training_goes_on_to_the_same_weights(tmp_path, engine):
    x, y = stripes(96)
    schedule = Training(epochs=3, engine=engine)
    work, left = tmp_path / "work", tmp_path / "left"

    def copy(epoch):
        if epoch.epoch == 2:  # what a process killed here leaves behind
            shutil.copytree(work, left)

    undisturbed = build_member(spec())
    work.mkdir()
    train_member(undisturbed, (x, y), (x, y), schedule, seed=1, work=work, on_epoch=copy)
    resumed = build_member(spec())
    seen = []
    history = train_member(resumed, (x, y), (x, y), schedule, seed=1, work=left, on_epoch=seen.append)
    assert [e.epoch for e in seen] == [3] and len(history.epochs) == 3
    for a, b in zip(undisturbed.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


def test_dropout_draws_agree_with_keras_running_the_whole_network_with_dropout():
    """Mean over many draws of our cached heads against Keras' own dropout layer in training mode."""
    import keras

    model = build_member(spec(dropout=0.5))
    x, _ = stripes(6)
    kernel, bias = model.get_layer("head").get_weights()
    kernel = kernel * 20  # a freshly made head says 1/3 for everything
    _, features = predict(model, x)
    ours = dropout_draws(features, kernel, bias, rate=0.5, draws=4000, seed=0)
    repeated = np.repeat(features, 4000, axis=0)
    dropped = np.asarray(
        keras.ops.convert_to_numpy(keras.layers.Dropout(0.5, seed=3)(repeated, training=True))
    )
    logits = dropped @ kernel + bias
    p = np.exp(logits - logits.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    np.testing.assert_allclose(ours.mean, p.reshape(6, 4000, 3).mean(axis=1), atol=0.03)
    assert (ours.votes.sum(axis=1) == 4000).all()


def test_dropout_draws_of_one_pattern_do_not_depend_on_its_neighbours():
    rng = np.random.default_rng(0)
    f, w, b = rng.normal(size=(50, 8)), rng.normal(size=(8, 3)), rng.normal(size=3)
    whole = dropout_draws(f, w, b, rate=0.3, draws=20, seed=4)
    part = dropout_draws(f[10:20], w, b, rate=0.3, draws=20, seed=4)
    np.testing.assert_allclose(whole.mean[10:20], part.mean, rtol=1e-5)


def test_dropout_rate_zero_is_the_plain_softmax():
    f, w, b = np.array([[1.0, 2.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]), np.zeros(2)
    drawn = dropout_draws(f, w, b, rate=0.0, draws=7, seed=0)
    p = 1 / (1 + np.exp(1.0))
    np.testing.assert_allclose(drawn.mean, [[p, 1 - p]], rtol=1e-5)
    np.testing.assert_allclose(drawn.entropy, -p * np.log(p) - (1 - p) * np.log(1 - p), rtol=1e-5)
    np.testing.assert_array_equal(drawn.votes, [[0, 7]])


@pytest.mark.parametrize("broken", [b"", b"{", b"[]", b'{"name": "m"}'])
def test_a_broken_description_is_refused_by_name(tmp_path, broken):
    model = build_member(spec())
    save_member(model, spec(), tmp_path)
    (tmp_path / "member.json").write_bytes(broken)
    with pytest.raises(InputError, match=r"member"):
        load_member(tmp_path)


def test_a_stored_member_gives_the_same_logits_again(tmp_path):
    model = build_member(spec(kind="transfer"))
    save_member(model, spec(kind="transfer"), tmp_path)
    x, _ = stripes(5)
    again, described = load_member(tmp_path)
    assert described == spec(kind="transfer")
    np.testing.assert_array_equal(predict(again, x)[0], predict(model, x)[0])
