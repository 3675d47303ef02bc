"""Training by PyTorch: the same network, gradients and statistics as Keras', and what happens where it cannot be."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from ensemble.errors import InputError
from kikuchi.members import MemberSpec, Training, auxiliary_cells, build_member, predict, train_member
from kikuchi.members.backend import KerasSteps
from kikuchi.members.torch_backend import TorchSteps


def spec(architecture="compact", kind="scratch", **changes):
    size = {"compact": 45, "small": 45, "xception": 71}[
        architecture
    ]  # odd: the paddings before and behind differ
    given = {
        "architecture": architecture,
        "kind": kind,
        "size": size,
        "classes": 3,
        "seed": 5,
        "dropout": 0.0,
    }
    return MemberSpec(**{"name": "m"} | given | changes)


def batch(size, n=6):
    rng = np.random.default_rng(3)
    return rng.uniform(-1, 1, (n, size, size)).astype(np.float32), np.arange(n) % 3


@pytest.mark.parametrize("architecture", ["compact", "xception"])
@pytest.mark.parametrize("kind", ["scratch", "transfer"])
def test_logits_in_training_are_those_of_keras(architecture, kind):
    one = spec(architecture, kind)
    model = build_member(one)
    x, _ = batch(one.size)
    ours = TorchSteps(model, Training(), mixed=False).outputs(x)[0].detach().numpy()
    keras_own = np.asarray(model(x[..., None], training=True)[0])
    np.testing.assert_allclose(ours, keras_own, atol=2e-4 * np.abs(keras_own).max())


def test_a_step_has_the_gradients_and_the_running_statistics_of_keras():
    one = spec()
    x, y = batch(one.size, 12)
    by_torch, by_keras = build_member(one), build_member(one)
    torch_steps = TorchSteps(by_torch, Training(), mixed=False)
    keras_steps = KerasSteps(by_keras, Training())
    losses = []
    for steps in (torch_steps, keras_steps):
        steps.begin(1, 1, 1e-3)
        losses.append(steps.step(x, y)[0])
        steps.end()
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    # The first moment of Adam after one step is a tenth of the gradient.
    # Names are numbered through a session; the order of a member's variables is that of its architecture.
    keras_first = [np.asarray(m.value) for m in keras_steps._trained.optimizer._momentums]
    order = {id(v): i for i, v in enumerate(by_torch.trainable_variables)}
    learned = [(order[id(v)], back) for v, tensor, (_, back) in torch_steps._tensors if tensor.requires_grad]
    assert sorted(i for i, _ in learned) == list(range(len(keras_first)))
    for (i, back), moment in zip(learned, torch_steps.state()[1::3], strict=True):
        theirs = keras_first[i]
        np.testing.assert_allclose(moment.transpose(back), theirs, atol=2e-3 * np.abs(theirs).max())
    for a, b in zip(by_torch.non_trainable_variables, by_keras.non_trainable_variables, strict=True):
        if "moving" in a.path:
            # Keras' variance is n / (n - 1) smaller; the smallest maps here have 12 x 3 x 3 pixels.
            np.testing.assert_allclose(np.asarray(a.value), np.asarray(b.value), rtol=2e-2, atol=1e-4)


@pytest.mark.parametrize("architecture", ["small", "xception"])
def test_with_the_auxiliary_task_logits_and_answers_are_those_of_keras(architecture):
    one = spec(architecture)
    model = build_member(one)
    training = Training(auxiliary_weight=0.5)
    torch_steps, keras_steps = TorchSteps(model, training, mixed=False), KerasSteps(model, training)
    keras_steps._task_variables[0].assign(torch_steps._task_variables[0])
    x, _ = batch(one.size)
    logits, answers = (found.detach().numpy() for found in torch_steps.outputs(x))
    keras_logits, keras_answers = (np.asarray(y) for y in keras_steps._trained(x[..., None], training=True))
    cells = auxiliary_cells(model.get_layer("backbone"), one.size)
    assert answers.shape == (len(x), 8, cells, cells)
    np.testing.assert_allclose(logits, keras_logits, atol=5e-4 * np.abs(keras_logits).max())
    np.testing.assert_allclose(
        answers.transpose(0, 2, 3, 1), keras_answers, atol=5e-4 * np.abs(keras_answers).max()
    )


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["keras", "torch"])
def test_the_auxiliary_task_is_learned_resumed_and_left_out_of_the_member(tmp_path, engine):
    """A pattern is as bright as what its parts look at: the answers can be right only if the backbone says so."""
    one = spec("small", size=32)
    rng = np.random.default_rng(0)
    targets = rng.normal(size=(96, 4, 4, 8)).astype(np.float32)
    targets[..., :] = targets[..., :1]
    patterns = np.clip(np.kron(targets[..., 0], np.ones((8, 8))) / 3, -1, 1).astype(np.float32)
    labels = np.arange(96) % 3
    schedule = Training(epochs=4, auxiliary_weight=1.0, batch=16, engine=engine)
    whole = (patterns, labels, targets), (patterns, labels), schedule
    work, left = tmp_path / "work", tmp_path / "left"

    def copy(epoch):
        if epoch.epoch == 2:  # what a process killed here leaves behind
            shutil.copytree(work, left)

    undisturbed = build_member(one)
    before = undisturbed.count_params()
    work.mkdir()
    history = train_member(undisturbed, *whole, seed=1, work=work, on_epoch=copy)
    assert undisturbed.count_params() == before and len(history.epochs) == 4
    resumed, seen = build_member(one), []
    train_member(resumed, *whole, seed=1, work=left, on_epoch=seen.append)
    assert [e.epoch for e in seen] == [3, 4]
    for a, b in zip(undisturbed.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-4)


def test_the_auxiliary_task_without_targets_is_refused():
    one = spec(size=32)
    x, y = batch(32)
    with pytest.raises(InputError, match="auxiliary task"):
        train_member(build_member(one), (x, y), (x, y), Training(auxiliary_weight=1.0), seed=1)


def test_a_frozen_backbone_stays_as_it_is():
    one = spec(frozen=True)
    model = build_member(one)
    x, y = batch(one.size, 12)
    before = [np.array(w) for w in model.get_layer("backbone").get_weights()]
    head = np.array(model.get_layer("head").get_weights()[0])
    train_member(model, (x, y), (x, y), Training(epochs=1, engine="torch"), seed=1)
    for a, b in zip(before, model.get_layer("backbone").get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(head, model.get_layer("head").get_weights()[0])


@pytest.mark.slow
def test_bfloat16_learns_what_float32_learns():
    """Where a bright stripe lies, from 240 patterns: right on new ones, in mixed precision too."""
    rng = np.random.default_rng(0)
    labels = np.arange(300) % 3
    patterns = rng.normal(0, 0.2, (300, 32, 32)).astype(np.float32)
    for pattern, label in zip(patterns, labels, strict=True):
        pattern[4 + 10 * label : 7 + 10 * label] += 0.8
    one = spec(size=32)
    model = build_member(one)
    steps = TorchSteps(model, Training(), mixed=True)
    for epoch in range(8):
        steps.begin(1, epoch, 1e-3)
        for chosen in rng.permutation(240).reshape(-1, 16):
            steps.step(patterns[chosen], labels[chosen])
        steps.end()
    assert (predict(model, patterns[240:])[0].argmax(1) == labels[240:]).mean() > 0.9


@pytest.mark.parametrize("engine", ["keras", "torch"])
def test_the_loss_of_a_student_is_the_cross_entropy_from_each_teacher(engine):
    """Two teachers of three classes: minus the mean over both of sum p log q, q the softmax of their own logits."""
    one = spec(classes=6)
    model = build_member(one)
    x, _ = batch(one.size)
    rng = np.random.default_rng(1)
    wanted = rng.dirichlet(np.ones(3), (len(x), 2)).astype(np.float32)
    if engine == "torch":
        steps = TorchSteps(model, Training(), mixed=False)
    else:
        steps = KerasSteps(model, Training(), soft=True)
    logits = np.asarray(model(x[..., None], training=True)[0]).astype(float).reshape(len(x), 2, 3)
    # The call above has moved the running means, which training does not use.
    log_q = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
    steps.begin(1, 1, 1e-3)
    loss, agreement = steps.step(x, wanted)
    assert loss == pytest.approx(-(wanted * log_q).sum(axis=-1).mean(), rel=1e-4)
    assert agreement == pytest.approx((logits.argmax(-1) == wanted.argmax(-1)).mean())


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["keras", "torch"])
def test_a_student_learns_that_its_teachers_disagree(engine):
    """One teacher sees a bright top, the other always doubts it: 90 % and 60 % of a class, 10 % and 40 % otherwise."""
    rng = np.random.default_rng(0)
    bright = np.arange(240) % 2
    patterns = rng.normal(0, 0.1, (240, 32, 32)).astype(np.float32)
    patterns[bright == 1, :16] += 0.7
    p = np.stack([np.where(bright, 0.9, 0.1), np.where(bright, 0.6, 0.4)], axis=1)
    wanted = np.stack([1 - p, p], axis=-1).astype(np.float32)
    model = build_member(spec(size=32, classes=4))
    part = slice(0, 180), slice(180, None)
    train, watched = ((patterns[s], wanted[s]) for s in part)
    # The least that any student can have: the mean entropy of its teachers.
    entropy = -(wanted * np.log(wanted)).sum(axis=-1).mean()
    history = train_member(
        model, train, watched, Training(epochs=12, batch=16, cosine_decay=True, engine=engine), seed=2
    )
    best = history.epochs[history.best_epoch - 1]
    assert entropy < best.validation_loss < entropy + 0.02
    assert best.validation_accuracy == 1


def test_what_teachers_say_is_not_mirrored():
    x, _ = batch(32)
    wanted = np.full((len(x), 2, 3), 1 / 3)
    with pytest.raises(InputError, match="mirror image"):
        train_member(
            build_member(spec(size=32)), (x, wanted), (x, wanted), Training(flip_augmentation=True), seed=0
        )


@pytest.mark.slow
def test_a_student_learns_on_keras_other_backend(tmp_path):
    """The same two epochs in another process, by Keras on PyTorch, with and without an interruption."""
    code = """
import sys, numpy as np
from kikuchi.members import MemberSpec, Training, build_member, train_member
rng = np.random.default_rng(0)
x, wanted = rng.uniform(-1, 1, (40, 32, 32)).astype("f4"), rng.dirichlet(np.ones(3), (40, 2)).astype("f4")
def trained(epochs, work):
    model = build_member(MemberSpec("s", "scratch", "compact", 32, 6, dropout=0.0, seed=1))
    schedule = Training(epochs=epochs, batch=16, engine="keras")
    history = train_member(model, (x, wanted), (x[:8], wanted[:8]), schedule, seed=3, work=work)
    return history, model.get_weights()
import pathlib
whole, half = (pathlib.Path(sys.argv[1]) / name for name in ("whole", "half"))
for folder in (whole, half):
    folder.mkdir()
history, weights = trained(2, whole)
trained(1, half)
_, again = trained(2, half)
assert all(np.array_equal(a, b) for a, b in zip(weights, again))
assert history.epochs[1].loss < history.epochs[0].loss
"""
    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], check=True, env=os.environ | {"KERAS_BACKEND": "torch"}
    )


def test_masks_follow_from_seed_and_epoch():
    one = spec(dropout=0.5)
    model = build_member(one)
    steps = TorchSteps(model, Training(), mixed=False)
    x, _ = batch(one.size)

    def masked(seed, epoch):
        steps.begin(seed, epoch, 1e-3)
        return steps.outputs(x)[0].detach().numpy()

    first = masked(1, 1)
    assert np.array_equal(first, masked(1, 1))
    assert not np.array_equal(first, masked(1, 2)) and not np.array_equal(first, masked(2, 1))


def test_a_layer_that_is_not_known_is_refused_by_name():
    import keras

    image = keras.Input((32, 32, 1), name="patterns")
    dropped = keras.layers.Dropout(0.1, name="dropout")(keras.layers.Flatten()(image))
    model = keras.Model(image, [keras.layers.Dense(3, name="head")(dropped), dropped])
    with pytest.raises(InputError, match="Flatten"):
        TorchSteps(model, Training(), mixed=False)


@pytest.mark.slow
def test_the_checkpoint_of_other_steps_is_not_taken_up(tmp_path):
    one = spec()
    x, y = batch(one.size, 12)

    class Killed(Exception):
        pass

    def kill(epoch):
        raise Killed

    with pytest.raises(Killed):
        train_member(build_member(one), (x, y), (x, y), Training(epochs=2, engine="keras"), seed=1, work=tmp_path,
                     on_epoch=kill)  # fmt: skip
    seen = []
    train_member(build_member(one), (x, y), (x, y), Training(epochs=2, engine="torch"), seed=1, work=tmp_path,
                 on_epoch=seen.append)  # fmt: skip
    assert [e.epoch for e in seen] == [1, 2]


def test_an_unknown_engine_is_refused():
    with pytest.raises(InputError, match="engine"):
        Training(engine="abacus")
