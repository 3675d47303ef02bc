"""A member run by Keras, whatever its backend."""

from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from kikuchi.members import predict

if TYPE_CHECKING:
    import keras

#: One network at a time: a backend has threads, or a device, of its own, and two calls would share them.
_ONE_AT_A_TIME = Lock()


class KerasEngine:
    """The reference: the network itself."""

    name = "keras"

    def __init__(self, model: "keras.Model") -> None:
        self._model = model
        self.head = head_of(model)

    def predict(self, patterns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return float32 logits (n, K) and features (n, F) of prepared patterns (n, size, size) in [-1, 1]."""
        with _ONE_AT_A_TIME:
            return predict(self._model, patterns)


def head_of(model: "keras.Model") -> dict[str, np.ndarray]:
    """Return the weights of a member's last layer, and the heads of its posterior where it has one."""
    arrays = dict(zip(("kernel", "bias"), model.get_layer("head").get_weights(), strict=True))
    if any(layer.name == "posterior" for layer in model.layers):
        arrays |= zip(("kernels", "biases"), model.get_layer("posterior").get_weights(), strict=True)
    return arrays
