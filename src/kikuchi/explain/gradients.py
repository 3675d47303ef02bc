"""The gradient of a function of Keras tensors, on TensorFlow and on torch."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError

if TYPE_CHECKING:
    import keras

Function = Callable[[list[Any]], Any]

#: Numbers that all layers of a pass may hold together; a gradient holds about twice as many: some 3 GB.
HELD = 420_000_000


def at_once(models: "Iterable[keras.Model]", most: int) -> int:
    """Return how many patterns go through some models together, so that their gradient fits into memory.

    Parameters
    ----------
    models
        Those that are run together.
    most
        More gain nothing.
    """

    def size(layer: Any) -> int:
        inner = getattr(layer, "layers", None)
        return sum(map(size, inner)) if inner else int(np.prod(layer.output.shape[1:]))

    return max(1, min(most, HELD // max(1, sum(size(model) for model in models))))


class Gradients:
    """The gradients of a function; on TensorFlow compiled once, which halves their time.

    Parameters
    ----------
    function
        From tensors, each (n, ...), to a tensor (n,); made of `keras.ops` and Keras models. Row i depends on row i
        of the inputs only.

    Raises
    ------
    InputError
        The backend is neither TensorFlow nor torch.
    """

    def __init__(self, function: Function) -> None:
        import keras

        backend = keras.backend.backend()
        if backend not in ("tensorflow", "torch"):
            raise InputError(f"no gradients on {backend}", remedy="KERAS_BACKEND=tensorflow or torch")
        self._run = _tensorflow(function) if backend == "tensorflow" else _torch(function)

    def __call__(self, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Return an array of each input's shape; every new shape of inputs is compiled anew."""
        return self._run([np.asarray(x, np.float32) for x in inputs])


def _tensorflow(function: Function) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    import tensorflow as tf

    @tf.function
    def graph(tensors: Any) -> Any:
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(tensors)
            values = function(tensors)
        return tape.gradient(values, tensors)

    return lambda inputs: [np.asarray(g) for g in graph([tf.constant(x) for x in inputs])]


def _torch(function: Function) -> Callable[[list[np.ndarray]], list[np.ndarray]]:
    import keras
    import torch

    def run(inputs: list[np.ndarray]) -> list[np.ndarray]:
        tensors = [keras.ops.convert_to_tensor(x).detach().requires_grad_() for x in inputs]
        return [g.cpu().numpy() for g in torch.autograd.grad(function(tensors).sum(), tensors)]

    return run
