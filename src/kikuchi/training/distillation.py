"""Distillation: one network, the student, learns the soft targets of all members."""

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ensemble.abstention import fit_familiarity
from ensemble.errors import InputError
from ensemble.metrics import log_loss
from ensemble.softmax import softmax
from kikuchi._support import atomic
from kikuchi._support.progress import SILENT, Progress
from kikuchi._support.threads import in_order
from kikuchi.bundle.bundle import Bundle
from kikuchi.inference import Engine, KerasEngine, OnnxEngine
from kikuchi.inference.exports import PARITY_PATTERNS
from kikuchi.inference.onnx_export import export_member, parity
from kikuchi.inference.student import FEATURES, NAME, StudentRunner
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    build_member,
    copy_backbone,
    save_member,
    train_member,
)
from kikuchi.scans import Preparation, Scan, background_for, prepare
from kikuchi.scans.split import pattern_hash

#: Passes over the training patterns, each in other mixtures; and where there are patterns without labels, over all.
EPOCHS = 16
EPOCHS_WITH_MORE = 8

#: At most so many patterns without labels are shown, and bytes of them: they are kept in memory, up to three times.
MOST = 50_000
MOST_BYTES = 2**29

_BATCH = 32
_LEARNING_RATE = 1e-3
_PIECE = 256


def distil(
    bundle: Bundle,
    engines: Sequence[Engine],
    patterns: np.ndarray,
    watched: np.ndarray,
    folder: Path,
    *,
    unlabelled: np.ndarray | None = None,
    epochs: int | None = None,
    seed: int = 0,
    progress: Progress = SILENT,
) -> tuple[MemberSpec, dict[str, np.ndarray]]:
    """Train a student on what the members say of patterns, and write its weights and its export.

    The members are over-sure of patterns they were trained on, so these come mixed with each other: what members say
    between patterns (Beyer et al., CVPR 2022) is as good as on new ones and there is no end of it. Of patterns that no
    member was trained on the members speak as of a scan, and need no labels to do so.

    Parameters
    ----------
    bundle
        Whose members are the teachers.
    engines
        Of its M members, which must share one input size.
    patterns
        Prepared training patterns, (n, size, size).
    watched
        Prepared patterns (n, size, size) that no member was trained on; the epoch that is kept is chosen by them.
    folder
        Where the student's weights and export are written; an interrupted training goes on there.
    unlabelled
        Prepared patterns (n, size, size) of whatever the student will be asked about, and not those that the bundle
        calibrates or certifies with: the student would be surer of them than of others.
    epochs, seed
        Of the training; `EPOCHS` or `EPOCHS_WITH_MORE` where None.
    progress
        Listener of the work.

    Returns
    -------
    MemberSpec, dict
        Of the student, and its head (`kikuchi.inference.Engine`).
    """
    new = np.empty((0, *patterns.shape[1:])) if unlabelled is None else unlabelled
    new = new.astype(np.float16, copy=False)
    epochs = epochs or (EPOCHS_WITH_MORE if len(new) else EPOCHS)
    best = _best_member(bundle)
    teacher = bundle.members[best]
    m, k = len(bundle.members), len(bundle.classes)
    spec = MemberSpec(NAME, teacher.kind, teacher.architecture, teacher.size, m * k, dropout=0.0, seed=seed)
    model = build_member(spec)
    # A member's backbone is a far better beginning than none.
    copy_backbone(bundle.model(teacher.name).get_layer("backbone"), model.get_layer("backbone"))
    # Their answers are worked out once, for each pattern as it is and mirrored.
    answers = [_answers(engines, new[:, :, ::turn], progress) for turn in (1, -1)]

    def shown(epoch: int) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng([seed, epoch])
        seen = np.empty((len(patterns) + len(new), *patterns.shape[1:]), np.float16)
        # Less and less, so that the normalisations end with the statistics of patterns as they come.
        seen[: len(patterns)] = mixed(patterns, rng, 0.5 * (1 - epoch / epochs))
        turned = rng.random(len(new)) < 0.5
        seen[len(patterns) :] = new
        seen[len(patterns) :][turned] = new[turned][:, :, ::-1]
        targets = np.where(turned[:, None, None], answers[1], answers[0])
        # One thread: the last epoch's patterns are being learned meanwhile.
        return seen, np.concatenate([_answers(engines, seen[: len(patterns)], threads=1), targets])

    schedule = Training(
        epochs=epochs, batch=_BATCH, learning_rate=_LEARNING_RATE, patience=epochs, cosine_decay=True
    )
    work = folder / "training" / _key(bundle.fingerprint, patterns, new, epochs, seed)
    work.mkdir(parents=True, exist_ok=True)
    with progress.bar("distilling a student", epochs) as step:

        def on_epoch(e: Epoch) -> None:
            progress.say(
                f"student epoch {e.epoch}: cross-entropy {e.loss:.4f}, on patterns held back "
                f"{e.validation_loss:.4f}, {e.validation_accuracy:.1%} of the members' labels"
            )
            step(1)

        asked = watched, _answers(engines, watched)
        train_member(model, shown, asked, schedule, seed=seed, work=work, on_epoch=on_epoch)
    save_member(model, spec, folder)
    with atomic.replaced(folder / f"{NAME}.onnx") as partial:
        export_member(model, partial)
    reference = KerasEngine(model)
    found = parity(
        OnnxEngine(folder / f"{NAME}.onnx", reference.head, NAME), reference, patterns[:PARITY_PATTERNS]
    )
    if not found.holds:
        raise InputError(
            f"the student's export differs from Keras by {found.largest_difference:.1e}", path=folder
        )
    shutil.rmtree(folder / "training")
    return spec, reference.head


def student_runner(
    bundle: Bundle, engine: Engine, spec: MemberSpec, patterns: np.ndarray, folder: Path
) -> StudentRunner:
    """Return a student as an engine runs it, and write what its unfamiliarity is measured against.

    Parameters
    ----------
    bundle, spec
        Whose student, and its specification.
    engine
        Of the student.
    patterns
        Prepared training patterns (n, size, size), of which as many are taken as the members' own references have.
    folder
        Where the features are written.
    """
    chosen = np.random.default_rng(spec.seed).permutation(len(patterns))
    chosen = chosen[: len(bundle.familiarity.references[0])]
    familiarity = fit_familiarity([engine.predict(patterns[chosen])[1]])
    with atomic.replaced(folder / FEATURES) as partial:
        np.savez_compressed(partial, allow_pickle=False, **familiarity.to_arrays())
    return StudentRunner([engine], (spec,), bundle.recipe, familiarity, heads=len(bundle.members))


def patterns_of(
    scans: Iterable[Scan], preparation: Preparation, known: Iterable[str], seed: int
) -> np.ndarray:
    """Read and prepare patterns of scans, each content once, none that is constant or cannot be read.

    Parameters
    ----------
    scans
        Of which every pattern is equally likely to be drawn.
    preparation
        How.
    known
        `kikuchi.scans.split.pattern_hash` of patterns to leave out.
    seed
        Of the draw.

    Returns
    -------
    numpy.ndarray
        (n, size, size) float16, at most `MOST` and `MOST_BYTES` of them.
    """
    scans, known = list(scans), set(known)
    ends = np.cumsum([0, *(scan.n for scan in scans)])
    most = min(MOST, MOST_BYTES // (2 * preparation.size**2), int(ends[-1]))
    found, filled, drawn = np.empty((most, preparation.size, preparation.size), np.float16), 0, 0
    order = np.random.default_rng(seed).permutation(ends[-1])
    # What is left out makes way for others.
    while filled < most and drawn < len(order):
        wanted = np.sort(order[drawn : drawn + most - filled])
        drawn += len(wanted)
        for scan, low, high in zip(scans, ends, ends[1:], strict=False):
            own = wanted[(wanted >= low) & (wanted < high)] - low
            background = background_for(scan, preparation) if len(own) else None
            for piece in np.split(own, range(_PIECE, len(own), _PIECE)):
                raw = scan.read(piece)
                chosen = []
                for place, (index, pattern) in enumerate(zip(piece, raw, strict=True)):
                    record = pattern_hash(pattern)
                    if record not in known and int(index) not in scan.problems and np.ptp(pattern) > 0:
                        chosen.append(place)
                        known.add(record)
                if chosen:
                    found[filled : filled + len(chosen)] = prepare(raw[chosen], preparation, background)
                    filled += len(chosen)
    return found[:filled]


def _key(teachers: str, patterns: np.ndarray, new: np.ndarray, epochs: int, seed: int) -> str:
    """Return the identity of a training: an interrupted one goes on only where it is the same."""
    digest = hashlib.blake2b(
        f"{teachers} {epochs} {seed} {patterns.shape} {new.shape}".encode(), digest_size=12
    )
    for several in (patterns, new):
        digest.update(np.ascontiguousarray(several, np.float16).tobytes())
    return digest.hexdigest()


def _answers(
    engines: Sequence[Engine],
    patterns: np.ndarray,
    progress: Progress = SILENT,
    threads: int | None = None,
) -> np.ndarray:
    """Return the probabilities that every member gives, (n, M, K) float32."""
    pieces = [patterns[i : i + _PIECE] for i in range(0, len(patterns), _PIECE)]
    with progress.bar("asking the members", len(patterns)) as step:
        found = [np.empty((0, len(engines), engines[0].head["bias"].shape[-1]), np.float32)]
        for several in in_order(
            lambda piece: np.stack([softmax(e.predict(piece)[0]) for e in engines], axis=1), pieces, threads
        ):
            found.append(several.astype(np.float32))
            step(len(several))
    return np.concatenate(found)


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
    first = bundle.held_out.calibration
    return int(np.argmin([log_loss(p, first.labels) for p in softmax(first.outputs.logits)]))
