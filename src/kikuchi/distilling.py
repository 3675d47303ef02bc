"""The journey of a student: the members' answers on training patterns become one network that gives them all."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ensemble.abstention import fit_familiarity
from ensemble.errors import InputError
from ensemble.metrics import log_loss
from ensemble.softmax import softmax
from kikuchi import files
from kikuchi.bundle import Bundle
from kikuchi.engines import Engine, KerasEngine, OnnxEngine
from kikuchi.engines.export import export_member, parity
from kikuchi.engines.shelf import PARITY_PATTERNS
from kikuchi.engines.student import FEATURES, NAME, StudentRunner
from kikuchi.members import MemberSpec, build_member, copy_backbone, save_member
from kikuchi.progress import SILENT, Progress

if TYPE_CHECKING:
    import keras

#: Passes over the training patterns; in each, every pattern is shown in another mixture.
EPOCHS = 16

_BATCH = 32
_LEARNING_RATE = 1e-3


def distil(
    bundle: Bundle,
    engines: list[Engine],
    patterns: np.ndarray,
    folder: Path,
    *,
    epochs: int = EPOCHS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> StudentRunner:
    """Train a student on what the members say of training patterns and of mixtures of them.

    The members are over-sure of patterns they were trained on. What they say between patterns (Beyer et al., CVPR 2022)
    is as good as on new ones and there is no end of it, so every pattern comes mirrored or not, and mixed with another.

    Parameters
    ----------
    bundle
        Whose members are the teachers.
    engines
        Of its M members, which must share one input size.
    patterns
        Prepared training patterns, (n, size, size).
    folder
        Where the student's weights and export are written.
    epochs, seed
        Of the training.
    progress
        Listener of the work.

    Returns
    -------
    StudentRunner
        By ONNX Runtime.
    """
    best = _best_member(bundle)
    teacher = bundle.members[best]
    m, k = len(bundle.members), len(bundle.classes)
    spec = MemberSpec(NAME, teacher.kind, teacher.architecture, teacher.size, m * k, dropout=0.0, seed=seed)
    model = build_member(spec)
    # A member's backbone is a far better beginning than none.
    copy_backbone(bundle.model(teacher.name).get_layer("backbone"), model.get_layer("backbone"))
    rng = np.random.default_rng(seed)
    trained = _trainable(model, m, k, steps=epochs * (len(patterns) // _BATCH))
    with progress.bar("distilling a student", epochs) as step:
        for epoch in range(epochs):
            # Less and less, so that the normalisations end with the statistics of patterns as they come.
            shown = mixed(patterns, rng, 0.5 * (1 - (epoch + 1) / epochs))
            wanted = np.stack([softmax(engine.predict(shown)[0]) for engine in engines], axis=1)
            found = trained.fit(shown[..., None], wanted.astype(np.float32), batch_size=_BATCH, verbose=0)
            progress.say(f"student epoch {epoch + 1}: cross-entropy {found.history['loss'][-1]:.4f}")
            step(1)
    save_member(model, spec, folder)
    with files.replaced(folder / f"{NAME}.onnx") as partial:
        export_member(model, partial)
    reference = KerasEngine(model)
    engine = OnnxEngine(folder / f"{NAME}.onnx", reference.head, NAME)
    found = parity(engine, reference, patterns[:PARITY_PATTERNS])
    if not found.holds:
        raise InputError(
            f"the student's export differs from Keras by {found.largest_difference:.1e}", path=folder
        )
    chosen = rng.permutation(len(patterns))[: len(bundle.familiarity.references[0])]
    familiarity = fit_familiarity([engine.predict(patterns[chosen])[1]])
    with files.replaced(folder / FEATURES) as partial:
        np.savez_compressed(partial, allow_pickle=False, **familiarity.to_arrays())
    return StudentRunner([engine], (spec,), bundle.recipe, familiarity, heads=m)


def mixed(patterns: np.ndarray, rng: np.random.Generator, most: float = 0.5) -> np.ndarray:
    """Mirror half of the patterns, and mix each with another by a random share.

    Parameters
    ----------
    patterns
        (n, size, size), range [-1, 1].
    rng
        Source of the mixtures.
    most
        Largest share of the other, 0 to 0.5.

    Returns
    -------
    numpy.ndarray
        (n, size, size) float32 in [-1, 1].
    """
    shown = patterns.astype(np.float32)
    turned = rng.random(len(shown)) < 0.5
    shown[turned] = shown[turned, :, ::-1]
    share = (most * rng.random(len(shown))).astype(np.float32)[:, None, None]
    return (1 - share) * shown + share * shown[rng.permutation(len(shown))]


def _best_member(bundle: Bundle) -> int:
    """Return the member of lowest held-out log-loss on the patterns for calibration."""
    first = bundle.held_out.select(bundle.held_out.part == 0)
    return int(np.argmin([log_loss(p, first.labels) for p in softmax(first.outputs.logits)]))


def _trainable(model: "keras.Model", m: int, k: int, steps: int) -> "keras.Model":
    """Compile the student against all members' probabilities (n, M, K)."""
    import keras
    from keras import ops

    def loss(wanted: Any, flat: Any) -> Any:
        log_p = ops.log_softmax(ops.reshape(flat, (-1, m, k)), axis=-1)
        return -ops.mean(ops.sum(wanted * log_p, axis=-1), axis=-1)

    trained = keras.Model(model.input, model.outputs[0])
    rate = keras.optimizers.schedules.CosineDecay(_LEARNING_RATE, max(1, steps))
    trained.compile(optimizer=keras.optimizers.Adam(rate), loss=loss)
    return trained
