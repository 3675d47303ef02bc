"""The end of `fit` and of `extend`: calibrate, set the abstention, and write the bundle, its manifest last."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import AbstentionRule, Familiarity
from ensemble.abstention.strangers import StrangerGate
from ensemble.calibration import Calibration
from ensemble.errors import InputError
from ensemble.pooling import RULES, choose_rule
from kikuchi._support import atomic
from kikuchi._support.progress import Progress, noted
from kikuchi._support.versions import versions
from kikuchi.bundle import bundle as bundles
from kikuchi.bundle.background import BACKGROUND
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.checks import CHECKS
from kikuchi.bundle.decision import class_names, fit_decision, member_weights
from kikuchi.bundle.exemplars import EXEMPLARS
from kikuchi.bundle.mixed import MIXED, fit_mixed, mixed_words
from kikuchi.bundle.outputs import HeldOut, write_held_out
from kikuchi.bundle.strangers import (
    FALSE_ALARM,
    GATE,
    STRANGERS,
    Strangers,
    fit_gate,
    gate_record,
    gated_held_out,
    write_strangers,
)
from kikuchi.members import MemberSpec
from kikuchi.recipes.schema import Recipe

SPLITS = "splits.json"


def finish(
    folder: Path,
    recipe: Recipe,
    members: tuple[MemberSpec, ...],
    familiarity: Familiarity,
    held_out: HeldOut,
    facts: dict[str, Any],
    progress: Progress,
    strangers: Strangers | None = None,
    overlaps: np.ndarray | None = None,
) -> Bundle:
    """Calibrate every rule, and write everything that is not in the folder yet, the manifest last.

    Parameters
    ----------
    folder
        Of the bundle; members, splits, background and exemplars are there already.
    recipe
        Says how to combine, to calibrate and to abstain.
    members
        In order.
    familiarity
        What unfamiliarity is measured against.
    held_out
        Outputs of the members for patterns that none of them was trained on.
    facts
        What the manifest says beside: classes, materials, counts of the splits, dataset, seed.
    progress
        Listener of the work.
    strangers
        What the members said of patterns that are none of the classes, where there are any.
    overlaps
        What they said of superpositions of two classes, logits (M, S, K), where the recipe asks for them.
    """
    gate, mixed = None, None
    if strangers is not None:
        recipe, gate = _gate(held_out, strangers, recipe, facts["seed"], progress)
    if overlaps is not None:
        foreign = None if strangers is None else strangers.logits
        mixed, record = fit_mixed(
            held_out, overlaps, foreign, recipe.abstain.false_alarm or FALSE_ALARM, facts["seed"]
        )
        facts = facts | {"mixed": record}
        progress.say(mixed_words(record))
    decisions = _fit_decisions(
        progress,
        gated_held_out(held_out, gate, mixed),
        recipe,
        facts["classes"],
        class_names(facts["classes"], facts["materials"]),
    )
    rule: str = recipe.combine.rule
    losses: dict[str, float] = {}
    if rule == "auto":
        first = held_out.calibration
        rule, losses = choose_rule(
            first.outputs.logits,
            first.labels,
            draws=first.outputs.draws,
            weights=member_weights(held_out, recipe),
            rules=("average", "geometric", "vote"),
        )
    atomic.write_json(folder / bundles.CALIBRATION, {r: c.to_dict() for r, (c, _) in decisions.items()})
    atomic.write_json(folder / bundles.ABSTENTION, {r: a.to_dict() for r, (_, a) in decisions.items()})
    with atomic.replaced(folder / bundles.FEATURES) as partial:
        np.savez_compressed(partial, allow_pickle=False, **familiarity.to_arrays())
    write_held_out(folder / bundles.HELD_OUT, held_out)
    if gate is not None and strangers is not None:
        atomic.write_json(folder / GATE, gate.to_dict())
        write_strangers(folder / STRANGERS, strangers)
        asked = recipe.abstain.false_alarm or FALSE_ALARM
        limit = decisions[rule][1].familiarity_threshold
        facts = facts | {"strangers": gate_record(gate, limit, asked, held_out, strangers)}
    if mixed is not None:
        atomic.write_json(folder / MIXED, mixed.to_dict())
    manifest: dict[str, Any] = {
        "format_version": bundles.VERSION,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "members": [m.name for m in members],
        "member_specs": [asdict(m) for m in members],
        "rule": rule,
        "rule_log_losses": losses,
        "recipe": recipe.model_dump(mode="json"),
        "versions": versions(),
    } | facts
    written = [
        folder / n for n in (bundles.CALIBRATION, bundles.ABSTENTION, bundles.FEATURES, bundles.HELD_OUT)
    ]
    by_name = "phases" in facts  # adapted to one scan: no dataset was split, nothing is rehearsed
    written += [folder / name for name in ((BACKGROUND,) if by_name else (SPLITS, BACKGROUND, EXEMPLARS))]
    # An extended bundle keeps exemplars of its old patterns, not the patterns themselves.
    written += [file for file in (folder / CHECKS,) if file.is_file()]
    written += [folder / name for name in (GATE, STRANGERS) if gate is not None]
    written += [folder / MIXED for _ in range(mixed is not None)]
    for member in members:
        place = folder / "members" / member.name
        if member.kind == "matcher":
            written += [place / "member.json", place / "matcher.npz"]
            continue
        written += [place / "member.json", place / "member.weights.h5", place / "history.csv"]
    manifest["files"] = {p.relative_to(folder).as_posix(): atomic.sha256(p) for p in written}
    atomic.write_json(folder / bundles.MANIFEST, manifest)
    return Bundle.load(folder)


def _gate(
    held_out: HeldOut, strangers: Strangers, recipe: Recipe, seed: int, progress: Progress
) -> tuple[Recipe, StrangerGate | None]:
    """Weigh a gate, with the rate of false alarms in the recipe; None, said, where too little is held out for it."""
    if recipe.abstain.false_alarm is None:
        abstain = recipe.abstain.model_copy(update={"false_alarm": FALSE_ALARM})
        recipe = recipe.model_copy(update={"abstain": abstain})
    try:
        return recipe, fit_gate(held_out, strangers, recipe.abstain.false_alarm or FALSE_ALARM, seed)
    except InputError as error:
        progress.say(f"note: strangers are told by the distance to training features alone: {error.what}")
        return recipe, None


def _fit_decisions(
    progress: Progress, held_out: HeldOut, recipe: Recipe, classes: Sequence[int], names: Sequence[str]
) -> dict[str, tuple[Calibration, AbstentionRule]]:
    """Fit every rule's decision, with one warning for what a small split cannot carry."""
    with noted(progress):
        return {rule: fit_decision(held_out, rule, recipe, classes, names=names) for rule in RULES}
