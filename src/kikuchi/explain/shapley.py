"""Shapley values of a member's logits: DeepSHAP and expected gradients made here, and the library `shap` itself.

DeepSHAP (Lundberg & Lee, NeurIPS 2017) is what the paper uses; `kikuchi.explain.deepshap` has it for TensorFlow, and on
torch it is refused: the rules of `shap` go by the class names of `torch.nn` there and meet none of Keras' layers.
Expected gradients (Erion et al., Nat. Mach. Intell. 2021) run on both; `shap` draws their places at random, which
misses the sum. Tests hold both to the library.
"""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Optional, get_args

import numpy as np

from ensemble.errors import InputError
from kikuchi.explain.deepshap import DeepShap
from kikuchi.explain.expected_gradients import along_lines
from kikuchi.explain.explanation import to_explanation
from kikuchi.explain.gradients import Gradients, at_once
from kikuchi.explain.library import LIBRARY, ShapLibrary

if TYPE_CHECKING:
    import keras
    import shap

Method = Literal["deep", "gradients", "shap-deep", "shap-gradient", "shap-partition"]
METHODS: tuple[Method, ...] = get_args(Method)

#: What people call them.
NAMES = {
    "deep": "DeepSHAP",
    "gradients": "expected gradients",
    "shap-deep": "shap.DeepExplainer",
    "shap-gradient": "shap.GradientExplainer",
    "shap-partition": "shap.PartitionExplainer",
}

#: Relative tolerance of the completeness of expected gradients; a margin's is the difference of two of them.
_TOLERANCE = 0.02

_BATCH = 128  # patterns that go through a network at a time, where they are small


@dataclass(frozen=True)
class Attribution:
    """Attributions: each pixel's share in an output's distance from its mean over the background.

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
        """Completeness: distance of the values' sum from the difference, relative to it."""
        return relative_error(float(self.values.sum()), self.value - self.base)

    @property
    def missed(self) -> float:
        """The same in the unit of the output: a difference near 0 makes any relative error large."""
        return abs(float(self.values.sum()) - (self.value - self.base))

    def to_explanation(
        self, pattern: np.ndarray, output: str = "logit", instance: str = "pattern"
    ) -> "shap.Explanation":
        """Return a `shap.Explanation` of one sample, the prepared pattern (s, s), and one output."""
        return to_explanation([[self]], np.asarray(pattern)[None], [output], [instance])


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
        One of `METHODS`: ``"deep"`` and ``"gradients"`` are made here, the others are the library's.
    like
        Those of a member of the same architecture and input size: what was compiled for them serves these too.

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
    ) -> None:
        import keras

        self.backend = keras.backend.backend()
        self.method = check_method(method, self.backend)
        background = np.ascontiguousarray(background, np.float32)
        self._attribute: DeepShap | _ExpectedGradients | ShapLibrary
        if self.method == "deep":
            other = None if like is None else like._attribute
            self._attribute = DeepShap(
                member, background, like=other if isinstance(other, DeepShap) else None
            )
        elif self.method in LIBRARY:
            self._attribute = ShapLibrary(member, background, self.method)
        else:
            self._attribute = _ExpectedGradients(member, background)

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


class _ExpectedGradients:
    """Expected gradients of one combination after another."""

    def __init__(self, member: "keras.Model", background: np.ndarray) -> None:
        self._member, self._background = member, background
        self._batch = at_once([member], _BATCH)
        self._gradients = Gradients(self._combined)

    def __call__(
        self, pattern: np.ndarray, combinations: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        answers = self._logits(np.concatenate([pattern[None], self._background])) @ combinations.T
        values = [
            along_lines(
                partial(self._of, combination),
                [pattern],
                [self._background],
                one[0] - one[1:],
                batch=self._batch,
                tolerance=_TOLERANCE,
            )[0]
            for combination, one in zip(combinations, answers.T, strict=True)
        ]
        return np.stack(values), answers[0], answers[1:].mean(axis=0)

    def _combined(self, inputs: list[Any]) -> Any:
        from keras import ops

        return ops.sum(self._member(inputs[0], training=False)[0] * inputs[1], axis=-1)

    def _of(self, combination: np.ndarray, patterns: list[np.ndarray]) -> list[np.ndarray]:
        # The combination is an input, so that one graph serves whatever is asked.
        return self._gradients([*patterns, np.tile(combination, (len(patterns[0]), 1))])[:1]

    def _logits(self, patterns: np.ndarray) -> np.ndarray:
        # Not `predict`, which compiles a graph for every network.
        from keras import ops

        parts = [patterns[i : i + self._batch, ..., None] for i in range(0, len(patterns), self._batch)]
        logits = [self._member(ops.convert_to_tensor(x), training=False)[0] for x in parts]
        return np.concatenate([ops.convert_to_numpy(z) for z in logits]).astype(float)


def check_method(method: str, backend: str) -> Method:
    """Return the method, or an `InputError` where it does not exist or gives wrong values.

    ``"auto"`` is what runs on the backend: DeepSHAP on TensorFlow, expected gradients on torch.
    """
    if method == "auto":
        method = "deep" if backend == "tensorflow" else "gradients"
    if method not in METHODS:
        raise InputError(f"unknown method {method!r}", remedy=f"auto, {', '.join(METHODS)}")
    if method in ("deep", "shap-deep") and backend != "tensorflow":
        raise InputError(
            f"DeepSHAP has no rules for Keras' layers on {backend}",
            remedy="use the method gradients, or KERAS_BACKEND=tensorflow",
        )
    if backend not in ("tensorflow", "torch"):
        raise InputError(f"no Shapley values on {backend}", remedy="KERAS_BACKEND=tensorflow or torch")
    return next(known for known in METHODS if known == method)
