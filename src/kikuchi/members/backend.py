"""Training steps of a member: of Keras, or of PyTorch where the processor multiplies bfloat16 faster."""

import importlib.util
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from ensemble.errors import InputError
from kikuchi.members.auxiliary_task import auxiliary_variables, training_half

if TYPE_CHECKING:
    import keras

    from kikuchi.members.schedule import Training


class Steps(Protocol):
    """The training half of a member: takes batches, keeps the optimizer's state."""

    def begin(self, seed: int, epoch: int, learning_rate: float) -> None:
        """Begin an epoch from the member's weights as they stand.

        Dropout masks follow from seed and epoch, whatever was trained before in this process.
        """

    def step(
        self, patterns: np.ndarray, labels: np.ndarray, targets: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Learn from one batch (n, size, size), float32 in [-1, 1]; return its mean loss in nats and its accuracy.

        Labels are class indices (n,), or soft targets of T teachers, (n, T, K). Targets of the auxiliary task are
        (n, cells, cells, `TARGETS`), None without one.
        """

    def end(self) -> None:
        """Leave what was learned in the member, which may then be changed until the next `begin`."""

    def state(self) -> list[np.ndarray]:
        """Return the optimizer's state."""

    def restore(self, state: list[np.ndarray]) -> bool:
        """Take up the member's weights and an optimizer's state; False where it is that of other steps."""


def steps_of(model: "keras.Model", training: "Training", *, soft: bool = False) -> Steps:
    """Return what trains a member.

    Parameters
    ----------
    model
        The member, with the weights it begins from.
    training
        The schedule; its engine ``"auto"`` takes PyTorch on processors with matrix units for bfloat16 where Keras sees
        no GPU, as measured in ``reports/performance``.
    soft
        Labels are what teachers say, and not class indices.

    Raises
    ------
    InputError
        PyTorch is asked for and not installed, or does not know a layer of the member.
    """
    engine = training.engine
    if engine == "torch" and importlib.util.find_spec("torch") is None:
        raise InputError("PyTorch is not installed", remedy='engine = "keras" in the recipe\'s [train]')
    if engine == "auto":
        engine = "torch" if _bfloat16_is_fast() else "keras"
    if engine == "torch":
        from kikuchi.members.torch_backend import TorchSteps

        return TorchSteps(model, training, mixed=_bfloat16_is_fast())
    return KerasSteps(model, training, soft=soft)


def _bfloat16_is_fast() -> bool:
    """Whether this is a machine without a GPU whose processor has matrix units for bfloat16 (Intel's AMX)."""
    from kikuchi.members.architectures import precision

    if precision() != "float32" or importlib.util.find_spec("torch") is None:
        return False
    import torch

    # A private name, hence the default: where it is gone, Keras trains as everywhere else.
    supported = getattr(torch.cpu, "_is_amx_tile_supported", bool)
    return bool(supported())


def without_gradients() -> AbstractContextManager[Any]:
    """Let PyTorch keep nothing for a backward pass; the other backends of Keras keep nothing unasked."""
    import keras

    if keras.backend.backend() != "torch":
        return nullcontext()
    import torch

    return torch.no_grad()


def set_masks(model: "keras.Model", seed: int, epoch: int) -> None:
    """Set where Keras' dropout masks of a member stand: they follow from seed and epoch, not from the steps so far."""
    import keras

    dropout = model.get_layer("dropout")
    if dropout.rate:  # without a rate Keras makes no generator
        state = dropout.seed_generator.state
        state.assign(keras.ops.cast([seed, epoch], state.dtype))


class KerasSteps:
    """Steps of Keras' own optimizer, on whatever backend it runs.

    Parameters
    ----------
    model, training
        The member and the schedule.
    soft
        See `steps_of`.
    """

    def __init__(self, model: "keras.Model", training: "Training", *, soft: bool = False) -> None:
        import keras

        self._has_task, self._soft = training.auxiliary_weight > 0, soft
        self._trained = training_half(model, training)
        self._task_variables = auxiliary_variables(self._trained)
        # Entropy and accuracy by name, whatever else is in the loss.
        if soft:
            mean = keras.metrics.MeanMetricWrapper
            entropy = _teachers_entropy
            metrics = [mean(_teachers_entropy, name="entropy"), mean(_teachers_agreement, name="accuracy")]
        else:
            entropy = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            metrics = [
                keras.metrics.SparseCategoricalCrossentropy(from_logits=True, name="entropy"),
                "accuracy",
            ]
        # XLA on a CPU does not finish compiling Xception in minutes, so it is left to the user's Keras config.
        self._trained.compile(
            keras.optimizers.Adam(training.learning_rate, weight_decay=training.weight_decay),
            [entropy, "mse"] if self._has_task else entropy,
            loss_weights=[1.0, training.auxiliary_weight] if self._has_task else None,
            metrics=[metrics, []] if self._has_task else metrics,
            jit_compile=False,
        )
        # Keras may have wrapped it, to scale the loss under mixed precision.
        self._trained.optimizer.build(self._trained.trainable_variables)
        self._model = model

    def begin(self, seed: int, epoch: int, learning_rate: float) -> None:
        """Set the masks and the learning rate of an epoch."""
        set_masks(self._model, seed, epoch)
        self._trained.optimizer.learning_rate = learning_rate

    def step(
        self, patterns: np.ndarray, labels: np.ndarray, targets: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Learn from one batch."""
        self._trained.reset_metrics()
        truth: Any = labels.astype(np.float32 if self._soft else np.int32)
        record = self._trained.train_on_batch(
            patterns[..., None], [truth, targets] if self._has_task else truth, return_dict=True
        )
        found = {name.removeprefix("head_"): float(value) for name, value in record.items()}
        return found["entropy"], found["accuracy"]

    def end(self) -> None:
        """Nothing is to be done: these are the member's own weights."""

    def state(self) -> list[np.ndarray]:
        """Return the optimizer's state."""
        import keras

        variables = [*self._trained.optimizer.variables, *self._task_variables]
        return [np.asarray(keras.ops.convert_to_numpy(v.value)) for v in variables]

    def restore(self, state: list[np.ndarray]) -> bool:
        """Take up the member's weights and an optimizer's state of the same steps."""
        variables = [*self._trained.optimizer.variables, *self._task_variables]
        if [tuple(v.shape) for v in variables] != [a.shape for a in state]:
            return False
        for variable, value in zip(variables, state, strict=True):
            variable.assign(value)
        return True


def _teachers_entropy(wanted: Any, logits: Any) -> Any:
    """Return the cross-entropy (n,) of logits (n, T K) from what T teachers say (n, T, K), their mean."""
    from keras import ops

    wanted = ops.convert_to_tensor(wanted)  # PyTorch's trainer hands metrics what it was given
    log_p = ops.log_softmax(ops.reshape(logits, ops.shape(wanted)), axis=-1)
    return -ops.mean(ops.sum(wanted * log_p, axis=-1), axis=-1)


def _teachers_agreement(wanted: Any, logits: Any) -> Any:
    """Return the share (n,) of T teachers whose likeliest class is that of their part of the logits."""
    from keras import ops

    wanted = ops.convert_to_tensor(wanted)
    agreed = ops.argmax(ops.reshape(logits, ops.shape(wanted)), axis=-1) == ops.argmax(wanted, axis=-1)
    return ops.mean(ops.cast(agreed, "float32"), axis=-1)
