"""The same members run in every way that is compared: what a user would write, and ours lever by lever."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from ensemble.early_exit import VoteStop, best_order, filled, fit_cascade
from ensemble.pooling import combine
from kikuchi.bundle.outputs import MemberOutputs
from kikuchi.inference import Runner


@dataclass
class Methods:
    """Networks and runners on the same patterns.

    Attributes
    ----------
    raw, prepared, labels
        Patterns as a detector gave them, as the networks take them, and true class indices.
    models
        The members as Keras models.
    runners
        The same members by engine: ``onnx`` (single precision), ``int8``, and ``bf16`` where the processor has it.
    learned
        Logits (M, N, K) of other patterns by engine, which order and cascades are learned from.
    learned_labels
        Class indices of those.
    students
        Single networks that speak for all members, by name.
    """

    raw: np.ndarray
    prepared: np.ndarray
    labels: np.ndarray
    models: list
    runners: dict[str, Runner]
    learned: dict[str, np.ndarray]
    learned_labels: np.ndarray
    students: dict[str, Runner] = field(default_factory=dict)

    def ways(self) -> dict[str, Callable[[], np.ndarray]]:
        """Return by name: a function that gives logits (M, N, K), NaN where a member was skipped."""
        ways: dict[str, Callable[[], np.ndarray]] = {
            "predict loop": lambda: np.stack(
                [m.predict(self.prepared[..., None], verbose=0)[0] for m in self.models]
            ),
            "tf.function loop": compiled(self.models, self.prepared),
        }
        order = best_order(self.learned["onnx"])
        for name, runner in self.runners.items():
            logits = self.learned[name]
            cascade = fit_cascade(logits, self.learned_labels, "vote", order=best_order(logits))
            stopped = replace(runner, stopping=VoteStop(order)), replace(runner, stopping=cascade)
            ways[name] = partial(through, runner, self.raw)
            ways[f"{name}, exact stop"] = partial(through, stopped[0], self.raw)
            ways[f"{name}, cascade"] = partial(through, stopped[1], self.raw)
        for name, student in self.students.items():
            ways[name] = partial(through, student, self.raw)
        return ways


def compiled(models: list, prepared: np.ndarray, batch: int = 64) -> Callable[[], np.ndarray]:
    """Return the loop with a compiled ``tf.function`` a member."""
    import tensorflow as tf

    shape = (batch, *prepared.shape[1:], 1)
    functions = [
        tf.function(lambda x, m=m: m(x, training=False), input_signature=[tf.TensorSpec(shape, tf.float32)])
        for m in models
    ]
    # Whole batches only: the function is compiled for one shape.
    padded = np.concatenate([prepared, np.zeros((-len(prepared) % batch, *prepared.shape[1:]), np.float32)])

    def run() -> np.ndarray:
        out = [
            np.concatenate([f(padded[i : i + batch, ..., None])[0] for i in range(0, len(padded), batch)])
            for f in functions
        ]
        return np.stack(out)[:, : len(prepared)]

    return run


def through(runner: Runner, raw: np.ndarray) -> np.ndarray:
    """Run raw patterns through the whole pipeline: preparation, quality, members, draws, unfamiliarity."""
    return outputs(runner, raw).logits


def outputs(runner: Runner, raw: np.ndarray) -> MemberOutputs:
    """Return everything that the pipeline gives."""
    pieces = runner.pieces(slice(0, len(raw)), raw.shape[1:])
    return MemberOutputs.join(list(runner.stream(raw[piece] for piece in pieces)))


def agreement(logits: np.ndarray, reference: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Hold the winners of the vote against those of the reference, and against the truth."""
    seen = combine(filled(logits), "vote").probabilities.argmax(axis=1)
    wanted = combine(reference, "vote").probabilities.argmax(axis=1)
    return {
        "label_agreement": round(float((seen == wanted).mean()), 5),
        "labels_changed": int((seen != wanted).sum()),
        "accuracy": round(float((seen == labels).mean()), 4),
        "members_run": round(float((~np.isnan(logits).any(axis=-1)).sum(axis=0).mean()), 2),
    }
