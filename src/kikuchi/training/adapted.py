"""Networks for one scan: the shipped backbone, fine-tuned on simulations of named phases as this scan records them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from ensemble.abstention import Familiarity, fit_familiarity
from kikuchi._support.progress import Progress
from kikuchi.inference.keras_engine import KerasEngine
from kikuchi.inference.runner import Runner
from kikuchi.matching.lookalike import Lookalike
from kikuchi.matching.texture import Texture
from kikuchi.members import (
    Epoch,
    MemberSpec,
    Training,
    checkpoint,
    load_member,
    predict,
    save_member,
    train_member,
)
from kikuchi.members.history import write_history
from kikuchi.recipes.schema import Recipe
from kikuchi.scans import Preparation, prepare
from kikuchi.training.train_ensemble import begun, epoch_line

#: Patterns of an epoch, and epochs.
PATTERNS, EPOCHS = 3200, 5

#: Of one simulator in three patterns the scores are lowered: a scan holds worse patterns than those that were fitted.
_WORSE = (0.5, 1.1)


@dataclass(frozen=True)
class PhaseStream:
    """Fresh patterns of the phases for every epoch, by all simulators alike.

    Parameters
    ----------
    lookalike
        Draws patterns as the scan records them.
    textures
        Of every simulator those of every phase.
    preparation
        What the members see.
    flat
        Whether patterns are given without their background.
    seed
        Of the member.
    """

    lookalike: Lookalike
    textures: Sequence[Sequence[Texture]]
    preparation: Preparation
    flat: bool
    seed: int

    def __call__(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Return prepared patterns (n, size, size) float16 and class indices (n,) of an epoch, from 0 on."""
        rng = np.random.default_rng([self.seed, epoch])
        labels = rng.integers(0, len(self.textures[0]), PATTERNS)
        which = rng.integers(0, len(self.textures), PATTERNS)
        out = np.empty((PATTERNS, self.preparation.size, self.preparation.size), np.float16)
        for i, textures in enumerate(self.textures):
            here = np.flatnonzero(which == i)
            scores = rng.choice(self.lookalike.scores, len(here)) * rng.uniform(*_WORSE, len(here))
            raw, _ = self.lookalike.patterns(textures, labels[here], rng, flat=self.flat, scores=scores)
            out[here] = prepare(raw, self.preparation)
        return out, labels


@dataclass(frozen=True)
class Networks:
    """The networks beside a matcher; all empty where there are none."""

    specs: tuple[MemberSpec, ...]
    runner: Runner | None
    familiarity: Familiarity | None


def adapted_networks(
    folder: Path,
    recipe: Recipe,
    lookalike: Lookalike,
    textures: Sequence[Sequence[Texture]],
    *,
    flat: bool,
    validation: tuple[np.ndarray, np.ndarray],
    seed: int,
    progress: Progress,
) -> Networks:
    """Train the networks that are not finished yet.

    Parameters
    ----------
    folder
        Of the bundle.
    recipe
        Says how many, of what kind.
    lookalike, textures, flat
        See `PhaseStream`.
    validation
        Patterns as recorded (n, rows, columns) and class indices (n,).
    seed
        Of the bundle.
    progress
        Listener of the work.
    """
    groups = recipe.member_specs(len(textures[0]), seed)
    if groups[0][0].kind == "matcher":
        return Networks((), None, None)
    preparation = recipe.preparation(groups[0][0].size)
    held = (prepare(validation[0], preparation).astype(np.float16), validation[1])
    training = Training(
        epochs=EPOCHS,
        batch=64,
        learning_rate=0.001,
        patience=EPOCHS,
        cosine_decay=True,
        flip_augmentation=False,
    )
    stream = PhaseStream(lookalike, textures, preparation, flat, seed)
    specs, models = [], []
    for spec, group in groups:
        place = folder / "members" / spec.name
        if not (place / "member.json").is_file():
            with progress.bar(f"fine-tuning {spec.name}", EPOCHS) as step:

                def heard(epoch: Epoch, spec: MemberSpec = spec, step: Callable[[int], None] = step) -> None:
                    step(1)
                    progress.say(epoch_line(spec.name, epoch))

                model = begun(spec, group)
                own = replace(stream, seed=spec.seed)
                history = train_member(model, own, held, training, seed=spec.seed, work=place, on_epoch=heard)
            write_history(place, history)
            save_member(model, spec, place)
        checkpoint.remove(place)
        specs.append(spec)
        models.append(load_member(place)[0])
    sample, labels = stream(0)
    share = min(len(sample), recipe.keep.reference)
    features = [predict(model, sample[:share].astype(np.float32))[1] for model in models]
    familiarity = fit_familiarity(features, labels[:share])
    runner = Runner([KerasEngine(m) for m in models], tuple(specs), recipe, familiarity)
    return Networks(tuple(specs), runner, familiarity)
