"""Shapley values of a member's logits: DeepSHAP, and expected gradients by `shap`.

DeepSHAP (Lundberg & Lee, NeurIPS 2017) is what the paper uses; `kikuchi.explain.deep` has it for TensorFlow. On torch
the rules of `shap` go by the class names of `torch.nn` and meet none of Keras' layers: it runs, with a warning, and its
values miss the sum by a multiple of it. So DeepSHAP is refused there; expected gradients (Erion et al., Nat. Mach.
Intell. 2021) run on both.
"""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Optional

import numpy as np

from ensemble.errors import InputError
from kikuchi.explain.deep import DeepShap
from kikuchi.explain.gradients import at_once

if TYPE_CHECKING:
    import keras

Method = Literal["deep", "gradients"]
METHODS = ("deep", "gradients")

#: Samples of pattern, background and place between them that expected gradients are averaged over.
SAMPLES = 200

_BATCH = 128  # patterns that go through a network at a time, where they are small


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


class Shapley:
    """Shapley values of one member's logits.

    Parameters
    ----------
    member
        As `kikuchi.members.load_member` gives it: takes (n, s, s, 1), gives ``[logits, features]``.
    background
        (B, s, s), what patterns are compared with.
    method
        ``"deep"`` or ``"gradients"``.
    like
        Those of a member of the same architecture and input size: what was compiled for them serves these too.
    samples, seed
        Of expected gradients.

    Attributes
    ----------
    method, backend
        What runs, and on which backend of Keras.

    Raises
    ------
    InputError
        The method is unknown, or not to be had on this backend.
    """

    def __init__(
        self,
        member: "keras.Model",
        background: np.ndarray,
        method: Method = "deep",
        *,
        like: Optional["Shapley"] = None,
        samples: int = SAMPLES,
        seed: int = 0,
    ) -> None:
        import keras

        self.backend = keras.backend.backend()
        self.method = check_method(method, self.backend)
        background = np.ascontiguousarray(background, np.float32)
        self._attribute: DeepShap | _ExpectedGradients
        if self.method == "deep":
            other = None if like is None else like._attribute
            self._attribute = DeepShap(
                member, background, like=other if isinstance(other, DeepShap) else None
            )
        else:
            self._attribute = _ExpectedGradients(member, background, samples, seed)

    def __call__(self, pattern: np.ndarray, combinations: np.ndarray) -> list[Attribution]:
        """Attribute combinations of the logits for one pattern to its pixels.

        Parameters
        ----------
        pattern
            Prepared, (s, s).
        combinations
            (C, K): in each row one 1 for a logit, 1 and -1 for a margin. What is asked together costs less.
        """
        pattern = np.ascontiguousarray(pattern, np.float32)
        found = self._attribute(pattern, np.asarray(combinations, float))
        return [Attribution(v, float(o), float(b)) for v, o, b in zip(*found, strict=True)]


class LogitNetwork:
    """A member as a network from prepared patterns to one linear combination of its logits.

    The combination is a variable, so that one graph serves whatever is asked of it.

    Parameters
    ----------
    member
        As `kikuchi.members.load_member` gives it.
    """

    def __init__(self, member: "keras.Model") -> None:
        import keras

        self._member = member
        self._head = keras.layers.Dense(1, name="combination", dtype="float32")
        features = member.get_layer("features").output
        self.model = keras.Model(member.inputs[0], self._head(features), name=f"{member.name}_combination")

    def ask(self, combination: np.ndarray) -> None:
        """Set the output to ``combination @ logits``; (K,): one 1 for a logit, 1 and -1 for a margin."""
        c = np.asarray(combination, np.float32)[:, None]
        kernel, bias = (np.asarray(w) for w in self._member.get_layer("head").get_weights())
        self._head.set_weights([kernel @ c, bias @ c])


class _ExpectedGradients:
    """Expected gradients of one combination after another."""

    def __init__(self, member: "keras.Model", background: np.ndarray, samples: int, seed: int) -> None:
        import shap

        self._network, self._background = LogitNetwork(member), background[..., None]
        self._samples, self._seed = samples, seed
        self._size = at_once([member], _BATCH)
        with _quiet():
            self._explainer = shap.GradientExplainer(self._network.model, _tensor(self._background))

    def __call__(
        self, pattern: np.ndarray, combinations: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        x = pattern[None, ..., None]
        values, outputs = [], []
        for combination in combinations:
            self._network.ask(combination)
            with _quiet():
                found = self._explainer.shap_values(_tensor(x), nsamples=self._samples, rseed=self._seed)
            values.append(np.asarray(found, float).reshape(pattern.shape))
            outputs.append(self._outputs(np.concatenate([x, self._background])))
        told = np.stack(outputs)
        return np.stack(values), told[:, 0], told[:, 1:].mean(axis=1)

    def _outputs(self, x: np.ndarray) -> np.ndarray:
        # Not `predict`, which compiles a graph for every network.
        from keras import ops

        outputs = [
            ops.convert_to_numpy(
                self._network.model(ops.convert_to_tensor(x[i : i + self._size]), training=False)
            )
            for i in range(0, len(x), self._size)
        ]
        return np.concatenate(outputs)[:, 0].astype(float)


def _tensor(x: np.ndarray) -> Any:
    """Return what `shap` takes on this backend."""
    import keras

    return x if keras.backend.backend() == "tensorflow" else keras.ops.convert_to_tensor(x)


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


class _quiet(warnings.catch_warnings):
    """Silence what `shap` provokes with every call: it hands Keras a list of one input, and warns of TensorFlow 2."""

    def __enter__(self) -> Any:
        entered = super().__enter__()
        warnings.filterwarnings("ignore", message=".*structure of `inputs`.*")
        warnings.filterwarnings("ignore", message=".*TensorFlow version is newer.*")
        return entered
