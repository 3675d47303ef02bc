"""Where a member keeps the heads drawn from its posterior: in its own weights file, as numbers."""

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import keras


@cache
def _layer_class() -> type:
    import keras

    class Posterior(keras.layers.Layer):
        """Lets features pass as they are, and owns T heads for them."""

        def __init__(self, draws: int, classes: int, **settings: Any) -> None:
            super().__init__(**settings)
            self.draws, self.classes = draws, classes

        def build(self, input_shape: tuple[int | None, ...]) -> None:
            """Make room for the heads: kernels (T, F, K) and biases (T, K)."""
            for name, shape in (
                ("kernels", (self.draws, input_shape[-1], self.classes)),
                ("biases", (self.draws, self.classes)),
            ):
                self.add_weight(name=name, shape=shape, initializer="zeros", trainable=False)

        def call(self, features: Any) -> Any:
            """Return the features."""
            return features

    return Posterior


def posterior_layer(draws: int, classes: int) -> "keras.layers.Layer":
    """Return the layer that holds T heads of K classes."""
    return _layer_class()(draws, classes, name="posterior", dtype="float32")


def set_posterior(model: "keras.Model", kernels: np.ndarray, biases: np.ndarray) -> None:
    """Keep drawn heads in a member.

    Parameters
    ----------
    model
        A member whose spec names a head with a posterior.
    kernels, biases
        (T, F, K) and (T, K).
    """
    model.get_layer("posterior").set_weights([kernels.astype(np.float32), biases.astype(np.float32)])
