"""The explainers of the library `shap` itself, on the same members and outputs as the ones made here."""

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from kikuchi.explain.explanation import import_shap
from kikuchi.explain.gradients import at_once

if TYPE_CHECKING:
    import keras

#: Names of the library's ways here, and what each is there.
LIBRARY = {
    "shap-deep": "DeepExplainer",
    "shap-gradient": "GradientExplainer",
    "shap-partition": "PartitionExplainer",
}

#: Places that the library's gradients are drawn at, its own default.
SAMPLES = 200

#: Evaluations of a network that a partition may take: 64 x 64 pixels are then resolved in squares of 2 to 4.
EVALUATIONS = 2000

_BATCH = 64
_Found = tuple[np.ndarray, np.ndarray, np.ndarray]


class ShapLibrary:
    """Attributions by an explainer of `shap`.

    Parameters
    ----------
    member
        From patterns (n, s, s, 1) to ``[logits, features]``.
    background
        (B, s, s).
    way
        One of `LIBRARY`. ``"shap-deep"`` has rules for TensorFlow's operations; ``"shap-gradient"`` draws its places at
        random and misses the sum by some percent; ``"shap-partition"`` asks a network for nothing but outputs, fills
        what it hides with the mean of the background, whose output is its base, and gives Owen values.
    seed
        Of the places that are drawn.
    """

    def __init__(self, member: "keras.Model", background: np.ndarray, way: str, *, seed: int = 0) -> None:
        self._member, self._background, self.way, self._seed = member, background, way, seed
        self._batch = at_once([member], _BATCH)
        self._prepared: dict[int, tuple[keras.Model, Any]] = {}

    def __call__(self, pattern: np.ndarray, combinations: np.ndarray) -> _Found:
        """Attribute combinations of logits, (C, K), for a pattern, (s, s), to its pixels.

        Returns
        -------
        values, outputs, bases
            (C, s, s), the combinations' values for the pattern (C,), and what the values are counted from (C,).
        """
        count = len(combinations)
        if count not in self._prepared:
            network = self._network(count)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._prepared[count] = network, self._explainer(network)
        network, explainer = self._prepared[count]
        # Explainers read the graph, and the weights of the moment they are asked at.
        network.get_layer("combinations").set_weights([combinations.T.astype(np.float32)])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = self._explained(explainer, pattern[None, ..., None].astype(np.float32))
        base = self._outputs(network, self._blank if self.way == "shap-partition" else self._background)
        # (1, s, s, 1, C), or without the last axis where there is one output.
        values = np.moveaxis(values.reshape(*pattern.shape, count), -1, 0)
        return values, self._outputs(network, pattern[None])[0], base.mean(axis=0)

    @property
    def _blank(self) -> np.ndarray:
        return self._background.mean(axis=0, keepdims=True)

    def _network(self, count: int) -> "keras.Model":
        """Return a network of so many combinations: the library explains the outputs of a network."""
        import keras

        combined = keras.layers.Dense(count, use_bias=False, name="combinations")(self._member.outputs[0])
        return keras.Model(self._member.inputs[0], combined)

    def _explainer(self, network: "keras.Model") -> Any:
        shap = import_shap()
        if self.way == "shap-deep":
            from shap.explainers._deep import deep_tf

            # The library has no rule for a depthwise convolution, which is as linear as any other.
            deep_tf.op_handlers.setdefault("DepthwiseConv2dNative", deep_tf.linearity_1d(0))
            return shap.DeepExplainer(network, self._background[..., None])
        if self.way == "shap-gradient":
            return shap.GradientExplainer(
                network, _tensor(self._background[..., None]), batch_size=self._batch
            )
        masker = shap.maskers.Image(self._blank[0, ..., None].astype(np.float32))
        # A new one each time: it keeps the outputs for the blank of its first use.
        return lambda: shap.PartitionExplainer(lambda x: self._outputs(network, x[..., 0]), masker)

    def _explained(self, explainer: Any, pattern: np.ndarray) -> np.ndarray:
        if self.way == "shap-deep":
            found = explainer.shap_values(pattern, check_additivity=False)
        elif self.way == "shap-gradient":
            found = explainer.shap_values(_tensor(pattern), nsamples=SAMPLES, rseed=self._seed)
        else:
            evaluations = min(EVALUATIONS, 2 * pattern.size)
            found = explainer()(pattern, max_evals=evaluations, batch_size=self._batch, silent=True).values
        return np.asarray(found, float)

    def _outputs(self, network: "keras.Model", patterns: np.ndarray) -> np.ndarray:
        # Not `predict`, which compiles a graph for every network.
        from keras import ops

        parts = [patterns[i : i + self._batch, ..., None] for i in range(0, len(patterns), self._batch)]
        outputs = [network(ops.convert_to_tensor(np.asarray(x, np.float32)), training=False) for x in parts]
        return np.concatenate([ops.convert_to_numpy(z) for z in outputs]).astype(float)


def _tensor(patterns: np.ndarray) -> Any:
    """Return patterns as the library's gradients want them on this backend."""
    import keras

    if keras.backend.backend() != "torch":
        return patterns
    import torch

    return torch.from_numpy(np.ascontiguousarray(patterns, np.float32))
