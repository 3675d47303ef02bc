"""The end of `fit` and of `extend`: calibrate, set the abstention, and write the bundle, its manifest last."""

import datetime
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention import AbstentionRule, Familiarity
from ensemble.calibration import Calibration
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
from kikuchi.bundle.outputs import HeldOut, write_held_out
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
    """
    decisions = _fit_decisions(
        progress, held_out, recipe, facts["classes"], class_names(facts["classes"], facts["materials"])
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
    for member in members:
        place = folder / "members" / member.name
        if member.kind == "matcher":
            written += [place / "member.json", place / "matcher.npz"]
            continue
        written += [place / "member.json", place / "member.weights.h5", place / "history.csv"]
    manifest["files"] = {p.relative_to(folder).as_posix(): atomic.sha256(p) for p in written}
    atomic.write_json(folder / bundles.MANIFEST, manifest)
    return Bundle.load(folder)


def _fit_decisions(
    progress: Progress, held_out: HeldOut, recipe: Recipe, classes: Sequence[int], names: Sequence[str]
) -> dict[str, tuple[Calibration, AbstentionRule]]:
    """Fit every rule's decision, with one warning for what a small split cannot carry."""
    with noted(progress):
        return {rule: fit_decision(held_out, rule, recipe, classes, names=names) for rule in RULES}
