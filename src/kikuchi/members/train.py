"""Train one member: one epoch after another, stopped early, resumable after each."""

import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.errors import InputError
from kikuchi.members import checkpoint
from kikuchi.members.backend import Steps, set_masks, steps_of, without_gradients
from kikuchi.members.predict import predict
from kikuchi.members.schedule import Epoch, History, Training

if TYPE_CHECKING:
    import keras


#: Batches whose statistics a network is given, as long as what it began with has more than this share of them.
_BATCHES_TO_AVERAGE = 8
_FORGOTTEN = 1e-4

#: Patterns with their class indices or what teachers say of them, or a function that gives fresh ones for each epoch;
#: with the auxiliary task with what the parts of the screen look at, (n, cells, cells, channels).
Patterns = tuple[np.ndarray, np.ndarray]
EpochData = Patterns | tuple[np.ndarray, np.ndarray, np.ndarray]
Source = EpochData | Callable[[int], EpochData]


def train_member(
    model: "keras.Model",
    train: Source,
    validation: Patterns,
    training: Training,
    *,
    seed: int,
    work: Path | None = None,
    on_epoch: Callable[[Epoch], None] | None = None,
) -> History:
    """Train a member in place and leave it with the weights of its best epoch.

    Parameters
    ----------
    model
        As `build_member` gives it.
    train, validation
        Prepared patterns (n, size, size) in [-1, 1], float16 or float32, and class indices (n,); or, for a student,
        probabilities (n, T, K) that T teachers give, of whom its T K logits have one part after another; or, as soft
        labels, probabilities (n, K), which hold for a pattern's mirror image too. To train on
        data without end, `train` is a function from the epoch's number (from 1) to such a pair; the next epoch's is
        made in a thread while this one's is learned. With the auxiliary task there is a third array, its targets
        (n, cells, cells, 8), see `kikuchi.simulate.training.zone_axis_targets`.
    training
        The schedule.
    seed
        Order of the patterns, mirrors and dropout masks: epoch e of one seed is the same whether or not the
        training was interrupted before it.
    work
        Folder for the checkpoint; with one, an interrupted training goes on after its last whole epoch.
    on_epoch
        Called after each epoch, for progress.

    Returns
    -------
    History

    Raises
    ------
    InputError
        The loss is not finite in the first epoch: a learning rate or an input out of range. Or patterns with what
        teachers answer for them are to be mirrored: it does not hold for their mirror images.
    """
    soft = validation[1].ndim > 1
    if validation[1].ndim > 2 and training.flip_augmentation:
        raise InputError("what teachers say of a pattern is not what they say of its mirror image")
    steps = steps_of(model, training, soft=soft)
    history = History()
    best: list[np.ndarray] | None = None
    if work is not None:
        state = checkpoint.load(work, model, steps)
        if state is not None:
            best, rows = state
            history.epochs = [Epoch(int(r[0]), *map(float, r[1:])) for r in rows]
    source = _Ahead(train, len(history.epochs) + 1, training.epochs)
    while len(history.epochs) < training.epochs and history.waited(training.min_delta) < training.patience:
        epoch = len(history.epochs) + 1
        begin = time.perf_counter()
        rng = np.random.default_rng([seed, epoch])
        lowered = 0.5 * (1 + np.cos(np.pi * (epoch - 1) / training.epochs)) if training.cosine_decay else 1.0
        steps.begin(seed, epoch, training.learning_rate * lowered)
        data = source.take(epoch)
        loss, accuracy = _one_pass(steps, data, training, rng)
        steps.end()
        if _momentum(model) ** (epoch * len(data[0]) / training.batch) > _FORGOTTEN:
            batches = min(_BATCHES_TO_AVERAGE, -(-len(data[0]) // training.batch))
            # Filled up as in training: a batch of one pattern has hardly any variance.
            some = np.resize(rng.permutation(len(data[0])), (batches, training.batch))
            recompute_batch_norm(model, (data[0][chosen] for chosen in some))
        logits, _ = predict(model, validation[0])
        validation_loss, validation_accuracy = _score(logits, validation[1])
        if not np.isfinite(loss):
            raise InputError(
                f"the training loss of {model.name} became {loss} in epoch {epoch}",
                remedy="lower learning_rate in the recipe's [train]",
            )
        row = Epoch(epoch, loss, accuracy, validation_loss, validation_accuracy, time.perf_counter() - begin)
        history.epochs.append(row)
        if history.best_epoch == epoch or best is None:
            best = [np.array(w) for w in model.get_weights()]
        if work is not None:
            checkpoint.save(work, model, steps, best, [list(vars(e).values()) for e in history.epochs])
        if on_epoch is not None:
            on_epoch(row)
    if best is not None:
        model.set_weights(best)
    # Where the masks stood is stored with the weights: it must not depend on whether this process made the last epoch.
    set_masks(model, seed, 0)
    return history


def recompute_batch_norm(model: "keras.Model", batches: Iterable[np.ndarray]) -> None:
    """Give the normalisations of a backbone that is trained the mean statistics of some batches.

    Keras begins with a mean of 0 and a variance of 1 and, in Xception, takes up a hundredth of each batch's. Behind
    its thirty-odd layers the variance is a thousandth, and what little is wrong in every layer multiplies: for the
    first thousand steps a network that has learned everything may answer nonsense outside training, and the epoch that
    is kept is then whichever came first. Statistics of the weights as they are, in one go, are the remedy ("precise
    batch normalisation": Wu & Johnson, arXiv:2105.07576, section 3).

    Parameters
    ----------
    model
        As `kikuchi.members.build_member` gives it.
    batches
        Prepared training patterns, each (n, size, size).
    """
    layers = _normalisations(model)
    momenta = [x.momentum for x in layers]
    try:
        for number, batch in enumerate(batches if layers else ()):
            for layer in layers:
                layer.momentum = number / (number + 1)
            with without_gradients():
                model(batch.astype(np.float32)[..., None], training=True)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


def _normalisations(model: "keras.Model") -> list[Any]:
    """Return the batch normalisations that are trained."""
    import keras

    layers = model.get_layer("backbone").layers
    return [x for x in layers if isinstance(x, keras.layers.BatchNormalization) and x.trainable]


def _momentum(model: "keras.Model") -> float:
    """Return the share of running statistics that outlives a step, 0 where there are none."""
    return max((x.momentum for x in _normalisations(model)), default=0.0)


class _Ahead:
    """Training data of one epoch after another, those of an endless source made one epoch ahead."""

    def __init__(self, train: Source, first: int, last: int) -> None:
        self._train = train
        self._last = last
        self._pool = ThreadPoolExecutor(1) if callable(train) else None
        self._next: Future[EpochData] | None = None
        if callable(train) and self._pool is not None and first <= last:
            self._next = self._pool.submit(train, first)

    def take(self, epoch: int) -> EpochData:
        if not callable(self._train) or self._pool is None:
            return self._train  # type: ignore[return-value]
        assert self._next is not None
        patterns = self._next.result()
        if epoch < self._last:
            self._next = self._pool.submit(self._train, epoch + 1)
        return patterns


def _one_pass(
    steps: Steps, data: EpochData, training: Training, rng: np.random.Generator
) -> tuple[float, float]:
    """Show every training pattern once; return the mean loss and accuracy over the pass."""
    patterns, labels, *targets = data
    if bool(targets) != (training.auxiliary_weight > 0):
        raise InputError(
            "the auxiliary task needs training data with its targets, and no other training takes them"
        )
    order = rng.permutation(len(labels))
    mirrored = rng.random(len(labels)) < 0.5 if training.flip_augmentation else np.zeros(len(labels), bool)
    # A shorter last batch would compile the step again and weigh its patterns more; it is filled up.
    count = -(-len(order) // training.batch)
    order = np.resize(order, count * training.batch)
    totals = np.zeros(2)
    for chosen in order.reshape(count, training.batch):
        batch = _mirrored(patterns[chosen].astype(np.float32), mirrored[chosen])
        seen = [_mirrored(several[chosen], mirrored[chosen]) for several in targets]
        totals += steps.step(batch, _as_teachers(labels[chosen]), *seen)
    loss, accuracy = totals / count
    return float(loss), float(accuracy)


def _as_teachers(labels: np.ndarray) -> np.ndarray:
    """Return soft labels (n, K) as those of one teacher, (n, 1, K); others as they are."""
    return labels[:, None] if labels.ndim == 2 else labels


def _mirrored(images: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """Turn the columns (axis 2) of the chosen images round."""
    found = images.copy()
    found[chosen] = images[chosen][:, :, ::-1]
    return found


def _score(logits: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Return the mean cross-entropy in nats and the accuracy."""
    labels = _as_teachers(labels)
    if labels.ndim > 1:
        logits = logits.reshape(labels.shape)
    shifted = logits.astype(np.float64) - logits.max(axis=-1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    if labels.ndim > 1:
        agreed = logits.argmax(axis=-1) == labels.argmax(axis=-1)
        return float(-(labels * log_p).sum(axis=-1).mean()), float(agreed.mean())
    return float(-log_p[np.arange(len(labels)), labels].mean()), float((logits.argmax(1) == labels).mean())
