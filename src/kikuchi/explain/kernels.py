"""First-layer kernels of two members, and how many they share (the paper's Figs. 2 and 3)."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ensemble.errors import InputError

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Match:
    """Two kernels alike.

    Attributes
    ----------
    first, second
        Their numbers in the two members.
    distance
        Euclidean, between the kernels at unit norm: 0 the same, sqrt(2) unrelated, 2 the negative.
    """

    first: int
    second: int
    distance: float


def first_kernels(member: "keras.Model") -> np.ndarray:
    """Return the kernels of a member's first convolution as it meets a grey pattern, (F, h, w).

    A transfer member has the pattern in all three channels, so that its answer to a pattern is that of the sum of
    the channels' kernels: the sum is what can be compared with a one-channel member's kernel.
    """
    kernel = np.asarray(_first_convolution(member).get_weights()[0], float)
    return np.moveaxis(kernel.sum(axis=2), 2, 0)


def nearest_kernels(first: np.ndarray, second: np.ndarray, count: int) -> list[Match]:
    """Pair the most similar kernels of two members, each kernel once, the closest first.

    Kernels are brought to unit norm, because batch normalisation follows and their scale says nothing. The sign is
    kept: a kernel and its negative are far apart, since what a ReLU lets through of one is what it stops of the other.

    Parameters
    ----------
    first, second
        (F, h, w) and (G, h, w).
    count
        How many pairs at most.

    Raises
    ------
    InputError
        The kernels are of different sizes.

    Examples
    --------
    >>> a, b = np.zeros((2, 1, 2)), np.zeros((1, 1, 2))
    >>> a[0], a[1], b[0] = [1, 0], [0, 3], [0, 5]
    >>> nearest_kernels(a, b, 1)
    [Match(first=1, second=0, distance=0.0)]
    """
    if first.shape[1:] != second.shape[1:]:
        raise InputError(
            f"kernels of {first.shape[1:]} and of {second.shape[1:]} pixels cannot be compared",
            remedy="compare members of one architecture",
        )
    a, b = (k.reshape(len(k), -1) for k in (first, second))
    with np.errstate(invalid="ignore", divide="ignore"):
        a, b = (k / np.linalg.norm(k, axis=1, keepdims=True) for k in (a, b))
    distance = np.sqrt(np.maximum(((a[:, None] - b[None]) ** 2).sum(axis=2), 0))
    distance[~np.isfinite(distance)] = np.inf  # a kernel of zeros is like no other
    matches: list[Match] = []
    for _ in range(min(count, *distance.shape)):
        i, j = np.unravel_index(int(distance.argmin()), distance.shape)
        if not np.isfinite(distance[i, j]):
            break
        matches.append(Match(int(i), int(j), float(distance[i, j])))
        distance[i, :] = distance[:, j] = np.inf
    return matches


def feature_maps(member: "keras.Model", pattern: np.ndarray) -> np.ndarray:
    """Return what a member's first convolution makes of a pattern, before any normalisation, (h, w, F).

    Parameters
    ----------
    member
        The member.
    pattern
        Prepared, (s, s).
    """
    return layer_output(member, _first_convolution(member).output, pattern)


def layer_output(member: "keras.Model", tensor: "keras.KerasTensor", pattern: np.ndarray) -> np.ndarray:
    """Return a tensor of a member's backbone for one prepared pattern, (s, s), without the batch axis."""
    import keras

    backbone = member.get_layer("backbone")
    x = np.repeat(np.asarray(pattern, np.float32)[None, ..., None], backbone.input_shape[-1], axis=3)
    part = keras.Model(backbone.inputs, tensor)
    return keras.ops.convert_to_numpy(part(keras.ops.convert_to_tensor(x), training=False))[0]


def _first_convolution(member: "keras.Model") -> "keras.layers.Layer":
    import keras

    layers = member.get_layer("backbone").layers
    return next(layer for layer in layers if isinstance(layer, keras.layers.Conv2D))
