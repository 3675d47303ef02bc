"""Training steps of PyTorch for a member that Keras built: bfloat16 in channels-last order, weights in float32.

The network is that of Keras, layer by layer, with Keras' variables written back after every epoch; only the
arithmetic is another library's. On processors with matrix units for bfloat16 a step takes half the time or less.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch.nn import functional

from ensemble.errors import InputError
from kikuchi.members.auxiliary_task import auxiliary_variables, training_half

if TYPE_CHECKING:
    import keras

    from kikuchi.members.schedule import Training

#: From Keras' order of a kernel's axes (rows, columns, in, out) to PyTorch's (out, in, rows, columns), and back.
_CONVOLUTION = (3, 2, 0, 1), (2, 3, 1, 0)
_DEPTHWISE = (2, 3, 0, 1), (2, 3, 0, 1)
_DENSE = (1, 0), (1, 0)
_VECTOR = (0,), (0,)

_Function = Callable[..., Any]


class TorchSteps:
    """Steps of PyTorch's AdamW on a member's layers.

    Parameters
    ----------
    model, training
        The member and the schedule; with the auxiliary task the network has a second output.
    mixed
        Whether convolutions run in bfloat16; weights, the head and the loss are float32 always.

    Raises
    ------
    InputError
        A layer that is not known here.
    """

    def __init__(self, model: "keras.Model", training: "Training", *, mixed: bool) -> None:
        self._mixed = mixed
        self._masks = torch.Generator()
        self._tensors: list[tuple[Any, torch.Tensor, tuple[tuple[int, ...], tuple[int, ...]]]] = []
        half = training_half(model, training)
        self._network = self._functional(half)
        self._auxiliary_weight, self._task_variables = training.auxiliary_weight, auxiliary_variables(half)
        self._read()
        # Keras' epsilon; PyTorch's is smaller still.
        self._optimizer = torch.optim.AdamW(
            self._learned(), training.learning_rate, weight_decay=training.weight_decay, eps=1e-7
        )

    def begin(self, seed: int, epoch: int, learning_rate: float) -> None:
        """Set the masks and the learning rate of an epoch, and take the weights as they stand in the member."""
        self._read()
        first, second = np.random.SeedSequence([seed, epoch]).generate_state(2)
        self._masks.manual_seed(int(first) << 16 ^ int(second))
        for group in self._optimizer.param_groups:
            group["lr"] = learning_rate

    def step(
        self, patterns: np.ndarray, labels: np.ndarray, targets: np.ndarray | None = None
    ) -> tuple[float, float]:
        """Learn from one batch."""
        logits, *answers = self.outputs(patterns)
        if labels.ndim > 1:  # what teachers say
            wanted = torch.from_numpy(np.asarray(labels, np.float32)).flatten(0, 1)
            logits, truth = logits.reshape(wanted.shape), wanted.argmax(1)
            loss = functional.cross_entropy(logits, wanted)
        else:
            truth = torch.from_numpy(np.asarray(labels, np.int64))
            loss = functional.cross_entropy(logits, truth)
        whole = loss
        if answers:
            seen = torch.from_numpy(np.ascontiguousarray(targets)).permute(0, 3, 1, 2)
            whole = loss + self._auxiliary_weight * functional.mse_loss(answers[0].float(), seen)
        self._optimizer.zero_grad()
        whole.backward()
        self._optimizer.step()
        return float(loss.detach()), float((logits.detach().argmax(1) == truth).float().mean())

    def outputs(self, patterns: np.ndarray) -> list[torch.Tensor]:
        """Return the logits of one batch in training, with dropout, normalised by its own statistics, and the answers.

        Answers have the channels first, as everything here.
        """
        # One channel as the last axis of memory: `contiguous` would leave the order of a single channel open, and all
        # that follows would run in the slow one.
        image = torch.from_numpy(np.ascontiguousarray(patterns, np.float32)[..., None]).permute(0, 3, 1, 2)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._mixed):
            return self._network(image)

    def end(self) -> None:
        """Write what was learned into Keras' variables."""
        for variable, tensor, (_, back) in self._tensors:
            variable.assign(tensor.detach().permute(back).contiguous().numpy())

    def state(self) -> list[np.ndarray]:
        """Return the optimizer's state."""
        found: list[np.ndarray] = []
        for one in self._learned():
            kept = self._optimizer.state[one]
            found += [kept[name].detach().contiguous().numpy() for name in ("step", "exp_avg", "exp_avg_sq")]
        return found + [np.array(variable) for variable in self._task_variables]

    def restore(self, state: list[np.ndarray]) -> bool:
        """Take up the member's weights and an optimizer's state of the same steps."""
        learned = self._learned()
        wanted = [s for one in learned for s in ((), *[tuple(one.shape)] * 2)]
        if [a.shape for a in state] != wanted + [tuple(v.shape) for v in self._task_variables]:
            return False
        for variable, value in zip(self._task_variables, state[len(wanted) :], strict=True):
            variable.assign(value)
        self._read()
        for number, one in enumerate(learned):
            # As `state` has it; the moments in the order in memory of what they belong to.
            step, first, second = (torch.from_numpy(np.array(a)) for a in state[3 * number : 3 * number + 3])
            moments = (torch.empty_like(one.detach()).copy_(moment) for moment in (first, second))
            self._optimizer.state[one] = dict(
                zip(("step", "exp_avg", "exp_avg_sq"), (step, *moments), strict=True)
            )
        return True

    def _learned(self) -> list[torch.Tensor]:
        return [tensor for _, tensor, _ in self._tensors if tensor.requires_grad]

    def _read(self) -> None:
        """Take the values of Keras' variables."""
        import keras

        with torch.no_grad():
            for variable, tensor, (order, _) in self._tensors:
                value = np.array(keras.ops.convert_to_numpy(variable))
                tensor.copy_(torch.from_numpy(value).permute(order))

    def _tensor(
        self, variable: Any, order: tuple[tuple[int, ...], tuple[int, ...]], learned: bool
    ) -> torch.Tensor:
        shape = [variable.shape[axis] for axis in order[0]]
        memory = torch.channels_last if len(shape) == 4 else torch.contiguous_format
        tensor = torch.empty(shape, memory_format=memory).requires_grad_(learned)
        self._tensors.append((variable, tensor, order))
        return tensor

    def _functional(self, model: "keras.Model") -> Callable[[torch.Tensor], list[torch.Tensor]]:
        """Turn a functional model into one function of its only input, giving its outputs in a list."""
        functions = []
        for node in _nodes(model):
            given = [id(tensor) for tensor in node.input_tensors]
            functions.append((self._layer(node.operation), given, [id(t) for t in node.output_tensors]))
        start, ends = id(model.inputs[0]), [id(tensor) for tensor in model.outputs]

        def run(image: torch.Tensor) -> list[torch.Tensor]:
            values = {start: image}
            for function, given, results in functions:
                out = function(*(values[one] for one in given))
                values |= dict(zip(results, out if isinstance(out, list) else [out], strict=True))
            return [values[one] for one in ends]

        return run

    def _layer(self, layer: Any) -> _Function:
        import keras

        layers = keras.layers
        if isinstance(layer, keras.Model):
            return self._functional(layer)
        if isinstance(layer, layers.SeparableConv2D) and _is_plain(layer):
            spread = self._convolution(layer, layer.depthwise_kernel, depthwise=True)
            point = self._tensor(layer.pointwise_kernel, _CONVOLUTION, layer.trainable)
            return lambda x: functional.conv2d(spread(x), point)
        if isinstance(layer, layers.Conv2D) and _is_plain(layer):
            return self._convolution(layer, layer.kernel, depthwise=False)
        if isinstance(layer, layers.BatchNormalization):
            return self._normalisation(layer)
        if isinstance(layer, layers.MaxPooling2D):
            return _pooling(layer)
        if isinstance(layer, layers.Dropout):
            return lambda x: self._dropped(x.float(), layer.rate)
        if isinstance(layer, layers.Dense) and layer.activation is keras.activations.linear:
            return self._dense(layer)
        if isinstance(layer, layers.Activation) and layer.activation is keras.activations.relu:
            return functional.relu
        if isinstance(layer, layers.Add):
            return lambda *parts: sum(parts[1:], parts[0])
        if isinstance(layer, layers.Concatenate):
            return lambda *parts: torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)
        if isinstance(layer, layers.GlobalAveragePooling2D):
            return lambda x: x.float().mean((2, 3))
        raise InputError(
            f"PyTorch's steps do not know the layer {type(layer).__name__}",
            remedy='engine = "keras" in the recipe\'s [train]',
        )

    def _convolution(self, layer: Any, kernel: Any, *, depthwise: bool) -> _Function:
        weights = self._tensor(kernel, _DEPTHWISE if depthwise else _CONVOLUTION, layer.trainable)
        stride, groups = tuple(layer.strides), kernel.shape[2] if depthwise else 1
        size, same = tuple(kernel.shape[:2]), layer.padding == "same"

        def run(x: torch.Tensor) -> torch.Tensor:
            around = _same_padding(x.shape[2:], size, stride) if same else ((0, 0), (0, 0))
            if all(before == after for before, after in around):
                even = (around[0][0], around[1][0])
            else:  # PyTorch pads both ends alike
                even, x = (0, 0), functional.pad(x, (*around[1], *around[0]))
            return functional.conv2d(x, weights, None, stride, even, 1, groups)

        return run

    def _normalisation(self, layer: Any) -> _Function:
        scale = self._tensor(layer.gamma, _VECTOR, layer.trainable)
        shift = self._tensor(layer.beta, _VECTOR, layer.trainable)
        mean = self._tensor(layer.moving_mean, _VECTOR, False)
        variance = self._tensor(layer.moving_variance, _VECTOR, False)
        # PyTorch keeps the unbiased variance, n / (n - 1) of Keras': thousands of pixels make that nothing.
        return lambda x: functional.batch_norm(
            x, mean, variance, scale, shift, layer.trainable, 1 - layer.momentum, layer.epsilon
        )

    def _dense(self, layer: Any) -> _Function:
        weights = self._tensor(layer.kernel, _DENSE, layer.trainable)
        bias = self._tensor(layer.bias, _VECTOR, layer.trainable)

        def run(x: torch.Tensor) -> torch.Tensor:
            with torch.autocast("cpu", enabled=False):
                return functional.linear(x.float(), weights, bias)

        return run

    def _dropped(self, features: torch.Tensor, rate: float) -> torch.Tensor:
        if not rate:
            return features
        kept = torch.rand(features.shape, generator=self._masks) >= rate
        return features * kept / (1 - rate)


def _is_plain(layer: Any) -> bool:
    """Whether a convolution has nothing but kernels and strides, as all of Xception's have."""
    import keras

    return (
        not layer.use_bias
        and layer.activation is keras.activations.linear
        and layer.data_format == "channels_last"
        and set(layer.dilation_rate) == {1}
        and layer.padding in ("same", "valid")
    )


def _nodes(model: "keras.Model") -> list[Any]:
    """Return the calls of layers that a functional model consists of, in the order in which they run."""
    # A private name, but a layer's own `input` is that of all its calls, in whatever model.
    by_depth = model._nodes_by_depth
    return [n for depth in sorted(by_depth, reverse=True) for n in by_depth[depth] if not n.is_input]


def _same_padding(
    shape: tuple[int, ...], size: tuple[int, ...], stride: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Return how many pixels TensorFlow's padding "same" adds before and after each axis.

    Examples
    --------
    >>> _same_padding((64, 63), (3, 3), (2, 2))
    ((0, 1), (1, 1))
    """
    needed = [max((-(-n // s) - 1) * s + k - n, 0) for n, k, s in zip(shape, size, stride, strict=True)]
    return tuple((n // 2, n - n // 2) for n in needed)


def _pooling(layer: Any) -> _Function:
    size, stride = tuple(layer.pool_size), tuple(layer.strides)
    same = layer.padding == "same"

    def run(x: torch.Tensor) -> torch.Tensor:
        if not same:
            return functional.max_pool2d(x, size, stride)
        before = tuple(first for first, _ in _same_padding(x.shape[2:], size, stride))
        # In ceil mode the last window may reach beyond the image, which is what is missing behind.
        return functional.max_pool2d(x, size, stride, before, ceil_mode=True)

    return run
