"""Put a gate for strangers into the shipped bundle: every rule calibrated and certified again behind it."""

import json
from dataclasses import replace
from typing import Any

import numpy as np

from ensemble.pooling import RULES
from kikuchi._support import atomic
from kikuchi.bundle import bundle as bundles
from kikuchi.bundle.bundle import SHIPPED_FOLDER, Bundle
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import HeldOut
from kikuchi.bundle.strangers import (
    GATE,
    STRANGERS,
    Strangers,
    fit_gate,
    gate_record,
    gated_held_out,
    write_strangers,
)
from kikuchi.inference.exports import MANIFEST as ENGINES


def publish(bundle: Bundle, held_out: HeldOut, strangers: Strangers, false_alarm: float) -> dict[str, Any]:
    """Weigh the gate, fit every rule behind it and write both into the packaged bundle.

    Returns
    -------
    dict
        What the bundle answers of its own test patterns before and after, and the gate's record.
    """
    abstain = bundle.recipe.abstain.model_copy(update={"false_alarm": false_alarm})
    recipe = bundle.recipe.model_copy(update={"abstain": abstain})
    gate = fit_gate(held_out, strangers, false_alarm, bundle.manifest["seed"])
    behind = gated_held_out(held_out, gate)
    fitted = {r: fit_decision(behind, r, recipe, bundle.classes, names=bundle.class_names) for r in RULES}
    after = replace(
        bundle,
        recipe=recipe,
        gate=gate,
        own_held_out=behind,
        calibrations={r: c for r, (c, _) in fitted.items()},
        abstentions={r: a for r, (_, a) in fitted.items()},
    )
    limit = after.abstentions[bundle.rule].familiarity_threshold
    record = gate_record(gate, limit, false_alarm, held_out, strangers)
    told = {
        "as_shipped": _test(bundle, gated_held_out(held_out, bundle.gate)),
        "behind_the_gate": _test(after, behind),
        "gate": record,
    }
    folder = SHIPPED_FOLDER
    atomic.write_json(folder / bundles.CALIBRATION, {r: c.to_dict() for r, c in after.calibrations.items()})
    atomic.write_json(folder / bundles.ABSTENTION, {r: a.to_dict() for r, a in after.abstentions.items()})
    atomic.write_json(folder / GATE, gate.to_dict())
    write_strangers(folder / STRANGERS, strangers)
    manifest = dict(bundle.manifest) | {"strangers": record}
    manifest["recipe"] = manifest["recipe"] | {"abstain": abstain.model_dump(mode="json")}
    changed = (bundles.CALIBRATION, bundles.ABSTENTION, GATE, STRANGERS)
    manifest["files"] = manifest["files"] | {name: atomic.sha256(folder / name) for name in changed}
    atomic.write_json(folder / bundles.MANIFEST, manifest)
    # The exported members are the same: they belong to the bundle as it is now.
    shelf = folder / "engines" / "onnx" / ENGINES
    engines = json.loads(shelf.read_text(encoding="utf-8"))
    engines["bundle"] = atomic.sha256(folder / bundles.MANIFEST)
    atomic.write_json(shelf, engines)
    return told


def _test(bundle: Bundle, held_out: HeldOut) -> dict[str, Any]:
    """Count what is answered of the test patterns, wrong among these, unfamiliar, and promised."""
    test = held_out.test
    d = bundle.decide(test.outputs)
    answered = d.status == 0
    certificate = bundle.abstentions[bundle.rule].certificate
    return {
        "patterns": len(test.labels),
        "answered": float(answered.mean()),
        "wrong": float((d.winner != test.labels)[answered].mean()) if answered.any() else None,
        "unfamiliar": float((d.status == 2).mean()),
        "certified_risk": certificate.certified_risk,
        "mean_candidates": float(np.mean(d.candidates.sum(axis=1))),
    }
