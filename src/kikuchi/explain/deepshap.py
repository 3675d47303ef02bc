"""DeepSHAP (Lundberg & Lee, NeurIPS 2017) of any combinations of a member's logits.

The rules are those of the library `shap`, held to its values by a test. There every output has a graph of its own, and
the pattern goes through the network once for each pattern of the background, forth and back; here it goes once for all
of them, what is asked together shares the way forth, and members of one architecture share a graph. The rules need
TensorFlow, whose graphs say at each operation which gradient it is to have.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, Optional

import numpy as np

from kikuchi.explain.gradients import at_once

if TYPE_CHECKING:
    import keras

_BATCH = 128  # patterns that go through a network at a time, where they are small

#: Combinations that share a way forth: those of a disagreement. A graph for every other number would cost more.
_TOGETHER = 2

#: What `shap` takes for no difference between pattern and background: no slope is divided by less.
_SAME_RELU, _SAME_POOL = 1e-6, 1e-7

_Found = tuple[np.ndarray, np.ndarray, np.ndarray]
_Graph = Callable[..., tuple[np.ndarray, np.ndarray]]


class DeepShap:
    """DeepSHAP of one member against a background.

    Parameters
    ----------
    member
        From patterns (n, s, s, 1) to ``[logits, features]``; its only nonlinear operations are ReLU and max pooling.
    background
        (B, s, s).
    like
        That of a member of the same architecture and input size, whose graph serves this one too.
    size
        Patterns that go through the network together; as many as fit into memory where None.
    """

    def __init__(
        self,
        member: "keras.Model",
        background: np.ndarray,
        *,
        like: Optional["DeepShap"] = None,
        size: int | None = None,
    ) -> None:
        self._member, self._background = member, background
        self._graph: _Graph = _graph(member) if like is None else like._graph
        size = at_once([member], _BATCH) if size is None else size
        parts = -(-len(background) // max(1, size - 1))
        self._part = -(-len(background) // parts)

    def __call__(self, pattern: np.ndarray, combinations: np.ndarray) -> _Found:
        """Attribute combinations of logits, (C, K), for a pattern, (s, s), to its pixels.

        Returns
        -------
        values, outputs, bases
            Attributions (C, s, s), the combinations' values for the pattern (C,), and their means over the background
            (C,).
        """
        some = range(0, len(combinations), _TOGETHER)
        found = [self._some(pattern, combinations[i : i + _TOGETHER]) for i in some]
        values, outputs, bases = (np.concatenate(one) for one in zip(*found, strict=True))
        return values, outputs, bases

    def _some(self, pattern: np.ndarray, combinations: np.ndarray) -> _Found:
        asked = np.zeros((_TOGETHER, combinations.shape[1]), np.float32)
        asked[: len(combinations)] = combinations
        count = len(self._background)
        values, bases = np.zeros((_TOGETHER, *pattern.shape)), np.zeros(_TOGETHER)
        for start in range(0, count, self._part):
            part = self._background[start : start + self._part]
            # The last part is filled up, so that one graph serves all of them.
            batch = np.zeros((1 + self._part, *pattern.shape, 1), np.float32)
            batch[0, ..., 0], batch[1 : 1 + len(part), ..., 0] = pattern, part
            # The weights are those of this moment: they may have been shuffled.
            multipliers, outputs = self._graph([w.value for w in self._member.weights], batch, asked)
            own = slice(1, 1 + len(part))
            values += np.einsum("cnij,nij->cij", multipliers[:, own, ..., 0], pattern - part) / count
            bases += outputs[own].sum(axis=0, dtype=float) / count
        kept = slice(len(combinations))
        return values[kept], outputs[0, kept].astype(float), bases[kept]


def _graph(member: "keras.Model") -> _Graph:
    """Return the function from weights, (1 + B, s, s, 1), the pattern first, and (C, K) to multipliers and outputs."""
    import keras
    import tensorflow as tf

    relu, pool = _rules()

    @tf.function
    def run(weights: Any, batch: Any, combinations: Any) -> Any:
        rules = tf.compat.v1.get_default_graph().gradient_override_map({"Relu": relu, "MaxPool": pool})
        with rules, keras.StatelessScope(list(zip(member.weights, weights, strict=True))):
            outputs = tf.matmul(member(batch, training=False)[0], combinations, transpose_b=True)
        return tf.stack([tf.gradients(one, batch)[0] for one in tf.unstack(outputs, axis=1)]), outputs

    def arrays(weights: list[Any], batch: np.ndarray, asked: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        multipliers, outputs = run(weights, tf.constant(batch), tf.constant(asked))
        return np.asarray(multipliers), np.asarray(outputs)

    return arrays


@cache
def _rules() -> tuple[str, str]:
    """Register the gradients that make multipliers: of a batch, the first is the pattern and the rest background."""
    import tensorflow as tf

    names = "KikuchiDeepRelu", "KikuchiDeepMaxPool"

    @tf.RegisterGradient(names[0])
    def relu(op: Any, upstream: Any) -> Any:
        """Multiply by the slope between background and pattern; by the derivative where both are one."""
        before, after = op.inputs[0], op.outputs[0]
        run = before - before[:1]
        return upstream * tf.where(tf.abs(run) < _SAME_RELU, tf.sign(after), (after - after[:1]) / run)

    @tf.RegisterGradient(names[1])
    def max_pool(op: Any, upstream: Any) -> Any:
        """Share what a window's maximum changes between the two pixels that won the window."""
        before, after = op.inputs[0], op.outputs[0]
        higher = tf.maximum(after, after[:1])

        def back(inputs: Any, outputs: Any, values: Any) -> Any:
            window = {name: op.get_attr(name) for name in ("ksize", "strides", "padding", "data_format")}
            return tf.raw_ops.MaxPoolGrad(orig_input=inputs, orig_output=outputs, grad=values, **window)

        of_pattern, its_maximum = (tf.broadcast_to(one[:1], tf.shape(one)) for one in (before, after))
        moved = back(of_pattern, its_maximum, upstream * (higher - after))
        moved += back(before, after, upstream * (after[:1] - higher))
        run = before[:1] - before
        return tf.where(tf.abs(run) < _SAME_POOL, 0.0, moved / run)

    return names
