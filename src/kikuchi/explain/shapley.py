"""Shapley values of a member's logits: DeepSHAP and expected gradients, both by `shap`.

DeepSHAP (Lundberg & Lee, NeurIPS 2017) is what the paper uses. `shap` has no rule for depthwise convolutions on
TensorFlow; it is given the linear rule that it has for convolutions, so that attributions are complete. On torch its
rules go by the class names of `torch.nn` and meet none of Keras' layers: it runs, with a warning, and its values miss
the sum by a multiple of it. So DeepSHAP is refused there; expected gradients (Erion et al., Nat. Mach. Intell. 2021)
run on both.
"""

import math
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ensemble.errors import InputError
from kikuchi.explain.gradients import at_once

if TYPE_CHECKING:
    import keras

Method = Literal["deep", "gradients"]
METHODS = ("deep", "gradients")

#: Samples of pattern, background and place between them that expected gradients are averaged over.
SAMPLES = 200

_BATCH = 128  # patterns that DeepSHAP takes through a network at a time, where they are small


@dataclass(frozen=True)
class Attribution:
    """How much each pixel moved an output away from its mean over the background.

    Attributes
    ----------
    values
        (s, s), in the unit of the output; they sum to ``value - base``.
    value, base
        The output for the pattern, and its mean over the background.
    """

    values: np.ndarray
    value: float
    base: float

    @property
    def error(self) -> float:
        """How far the values are from summing to the difference, relative to it (completeness)."""
        return relative_error(float(self.values.sum()), self.value - self.base)

    @property
    def missed(self) -> float:
        """The same in the unit of the output: a difference near 0 makes any relative error large."""
        return abs(float(self.values.sum()) - (self.value - self.base))


def relative_error(found: float, wanted: float) -> float:
    """Return ``|found - wanted| / |wanted|``; 0 where both vanish.

    Examples
    --------
    >>> relative_error(1.1, 1.0) < 0.11, relative_error(0.0, 0.0)
    (True, 0.0)
    """
    return 0.0 if found == wanted else abs(found - wanted) / max(abs(wanted), 1e-12)


class LogitNetwork:
    """A member as a network from prepared patterns to one linear combination of its logits.

    The combination is a variable, so that `shap` builds one graph per member, whatever is asked of it.

    Parameters
    ----------
    member
        As `kikuchi.members.load_member` gives it.
    """

    def __init__(self, member: "keras.Model") -> None:
        import keras

        self._kernel, self._bias = (np.asarray(w) for w in member.get_layer("head").get_weights())
        self._head = keras.layers.Dense(1, name="combination", dtype="float32")
        features = member.get_layer("features").output
        self.model = keras.Model(member.inputs[0], self._head(features), name=f"{member.name}_combination")
        self.ask(np.eye(len(self._bias))[0])

    def ask(self, combination: np.ndarray) -> None:
        """Set the output to ``combination @ logits``; (K,): one 1 for a logit, 1 and -1 for a margin."""
        c = np.asarray(combination, np.float32)[:, None]
        self._head.set_weights([self._kernel @ c, self._bias @ c])


class Shapley:
    """Shapley values of a network with one output.

    Parameters
    ----------
    model
        Takes (n, s, s, 1), gives (n, 1).
    background
        (B, s, s), what patterns are compared with.
    method
        ``"deep"`` or ``"gradients"``.
    samples
        Of expected gradients.
    seed
        Of expected gradients.

    Attributes
    ----------
    method, backend
        What ran, and on which backend of Keras.

    Raises
    ------
    InputError
        The method is unknown, or not to be had on this backend.
    """

    def __init__(
        self,
        model: "keras.Model",
        background: np.ndarray,
        method: Method = "deep",
        *,
        samples: int = SAMPLES,
        seed: int = 0,
    ) -> None:
        import keras

        self.backend = keras.backend.backend()
        self.method = check_method(method, self.backend)
        self._model, self._samples, self._seed = model, samples, seed
        self._background = np.ascontiguousarray(background, np.float32)[..., None]
        self._explainer = self._build()

    def __call__(self, pattern: np.ndarray) -> Attribution:
        """Attribute the network's output for one pattern, (s, s), to its pixels."""
        x = np.ascontiguousarray(pattern, np.float32)[None, ..., None]
        outputs = self._outputs(np.concatenate([x, self._background]))
        return Attribution(self.values(pattern), float(outputs[0]), float(outputs[1:].mean()))

    def values(self, pattern: np.ndarray) -> np.ndarray:
        """Return the attribution alone, (s, s), for a caller who knows the outputs."""
        x = np.ascontiguousarray(pattern, np.float32)[None, ..., None]
        with _quiet():
            if self.method == "deep":
                values = self._deep(x)
            else:
                values = self._explainer.shap_values(
                    self._tensor(x), nsamples=self._samples, rseed=self._seed
                )
        return np.asarray(values, np.float64).reshape(x.shape[1:3])

    def _deep(self, x: np.ndarray) -> np.ndarray:
        """Average DeepSHAP's values over parts of the background: it takes the pattern through once for each."""
        count = len(self._background)
        parts = math.ceil(2 * count / at_once([self._model], _BATCH))
        total = np.zeros(x.shape[:3])
        for part in np.array_split(self._background, min(parts, count)):
            self._part = part
            # Its own check compares with a mean taken when it was built; ours is `Attribution.error`.
            values = self._explainer.shap_values(x, check_additivity=False)
            total += np.asarray(values, np.float64).reshape(total.shape) * len(part) / count
        return total

    def _outputs(self, x: np.ndarray) -> np.ndarray:
        # Not `predict`, which compiles a graph for every network.
        import keras

        size = at_once([self._model], _BATCH)
        outputs = [
            self._model(keras.ops.convert_to_tensor(x[i : i + size]), training=False)
            for i in range(0, len(x), size)
        ]
        return np.concatenate([keras.ops.convert_to_numpy(o) for o in outputs]).astype(np.float64)[:, 0]

    def _build(self) -> Any:
        import shap

        with _quiet():
            if self.method == "deep":
                register_depthwise_rule()
                return shap.DeepExplainer(self._model, lambda _: [self._part])
            return shap.GradientExplainer(self._model, self._tensor(self._background))

    def _tensor(self, x: np.ndarray) -> Any:
        """Return what `shap` takes on this backend."""
        import keras

        return x if self.backend == "tensorflow" else keras.ops.convert_to_tensor(x)


def check_method(method: str, backend: str) -> Method:
    """Return the method, or an `InputError` where it does not exist or gives wrong values."""
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}", remedy=f"one of {', '.join(METHODS)}")
    if method == "deep" and backend != "tensorflow":
        raise InputError(
            f"DeepSHAP has no rules for Keras' layers on {backend}",
            remedy="use the method gradients, or KERAS_BACKEND=tensorflow",
        )
    if backend not in ("tensorflow", "torch"):
        raise InputError(f"no Shapley values on {backend}", remedy="KERAS_BACKEND=tensorflow or torch")
    return "deep" if method == "deep" else "gradients"


def register_depthwise_rule() -> None:
    """Give `shap` the linear rule for depthwise convolutions on TensorFlow; private to it, and so guarded by a test."""
    from shap.explainers._deep import deep_tf

    deep_tf.op_handlers.setdefault("DepthwiseConv2dNative", deep_tf.linearity_1d(0))


class _quiet(warnings.catch_warnings):
    """Silence what `shap` provokes with every call: it hands Keras a list of one input, and warns of TensorFlow 2."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.filterwarnings("ignore", message=".*structure of `inputs`.*")
        warnings.filterwarnings("ignore", message=".*TensorFlow version is newer.*")
        return entered
