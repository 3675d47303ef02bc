"""The networks: `keras.applications.Xception` unmodified, and two small ones of the same style."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any

from kikuchi._support.keras_setup import import_keras
from kikuchi.members.posterior import posterior_layer
from kikuchi.members.spec import MemberSpec

if TYPE_CHECKING:
    import keras

#: Filters of the compact network's stem and of its residual blocks.
COMPACT_STEM = 32
COMPACT_BLOCKS = (64, 128, 256)

#: Residual blocks of the small network's middle flow, which the compact one has none of.
SMALL_MIDDLE = 4


def build_member(spec: MemberSpec) -> "keras.Model":
    """Build a member with random weights.

    Parameters
    ----------
    spec
        What to build.

    Returns
    -------
    keras.Model
        Takes prepared patterns, shape (n, size, size, 1), range [-1, 1]; gives ``[logits, features]`` of
        shapes (n, K) and (n, F). The layers are named ``backbone``, ``dropout`` and ``head``, and ``posterior``
        where the head has one.

    Raises
    ------
    InputError
        Keras is set to a backend that members do not run on.
    """
    keras = import_keras()
    keras.utils.set_random_seed(spec.seed)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision())
    try:
        with _seeds_from(spec.seed):
            return _member(spec)
    finally:
        keras.config.set_dtype_policy(before)


_ONE_AT_A_TIME = Lock()


@contextmanager
def _seeds_from(seed: int) -> Iterator[None]:
    """Let Keras draw the seeds of layers from a generator of their own, which gives what the common one would.

    The common one is Python's, and other threads draw from it meanwhile: Dask's do, in the client as in a worker.
    """
    # Private, for there is no other way; a test fails when it is gone.
    from keras.src.random import seed_generator

    with _ONE_AT_A_TIME:
        common = seed_generator.python_random
        seed_generator.python_random = random.Random(seed)
        try:
            yield
        finally:
            seed_generator.python_random = common


def precision() -> str:
    """Return the precision members are built in: mixed where there is a GPU, float32 elsewhere.

    Weights are float32 under both, so a member trained on a GPU runs on any machine.
    """
    import keras

    try:
        gpus = keras.distribution.list_devices("gpu")
    except Exception:  # each backend says in its own way that it has none
        gpus = []
    return "mixed_float16" if gpus else "float32"


def _member(spec: MemberSpec) -> "keras.Model":
    import keras

    patterns = keras.Input((spec.size, spec.size, 1), name="patterns")
    # The paper feeds the network pre-trained on colour images with the grey pattern in all three channels.
    stacked = patterns if spec.channels == 1 else keras.layers.Concatenate(name="stack")([patterns] * 3)
    backbone = build_backbone(spec.architecture, spec.size, spec.channels)
    backbone.trainable = not spec.frozen
    features = backbone(stacked)
    dropped = keras.layers.Dropout(spec.dropout, name="dropout", seed=spec.seed)(features)
    # float32 whatever the precision policy: softmax and calibration live in the logits' small differences.
    logits = keras.layers.Dense(spec.classes, name="head", dtype="float32")(dropped)
    features = keras.layers.Activation("linear", dtype="float32", name="features")(features)
    if spec.head != "dropout":
        features = posterior_layer(spec.draws, spec.classes)(features)
    return keras.Model(patterns, [logits, features], name=spec.name.replace(" ", "_"))


def build_backbone(architecture: str, size: int, channels: int) -> "keras.Model":
    """Build the part of a network that turns an image into features, with random weights.

    Parameters
    ----------
    architecture
        ``"xception"`` gives 2048 features (Chollet, CVPR 2017), ``"small"`` and ``"compact"`` 256.
    size
        Side of the square input in pixels.
    channels
        1 or 3.
    """
    keras = import_keras()
    if architecture == "xception":
        return keras.applications.Xception(
            include_top=False,
            weights=None,
            input_shape=(size, size, channels),
            pooling="avg",
            name="backbone",
        )
    return _compact(size, channels, middle=SMALL_MIDDLE if architecture == "small" else 0)


def _compact(size: int, channels: int, *, middle: int) -> "keras.Model":
    """Build a stem, three residual blocks of separable convolutions and a separable end.

    Before the last block come the blocks of the middle flow, as Xception's but narrower: at an eighth of the input's
    side they cost little, and they are what relates bands far apart.
    """
    import keras
    from keras import layers

    def normalised(x: Any) -> Any:
        # Keras' default momentum of 0.99 needs hundreds of steps before validation means anything.
        return layers.BatchNormalization(momentum=0.9)(x)

    def middle_flow(x: Any) -> Any:
        filters = x.shape[-1]
        for _ in range(middle):
            residual = x
            for _ in range(2):
                x = layers.Activation("relu")(x)
                x = normalised(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
            x = layers.Add()([x, residual])
        return layers.Activation("relu")(x)

    image = keras.Input((size, size, channels))
    x = layers.Conv2D(COMPACT_STEM, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.Activation("relu")(normalised(x))
    for number, filters in enumerate(COMPACT_BLOCKS):
        if number == len(COMPACT_BLOCKS) - 1 and middle:
            x = middle_flow(x)
        shortcut = normalised(layers.Conv2D(filters, 1, strides=2, padding="same", use_bias=False)(x))
        x = normalised(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = layers.Activation("relu")(x)
        x = normalised(layers.SeparableConv2D(filters, 3, padding="same", use_bias=False)(x))
        x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
        x = layers.Add()([x, shortcut])
        x = layers.Activation("relu")(x)
    x = normalised(layers.SeparableConv2D(COMPACT_BLOCKS[-1], 3, padding="same", use_bias=False)(x))
    x = layers.Activation("relu")(x)
    return keras.Model(image, layers.GlobalAveragePooling2D()(x), name="backbone")
