"""Made-up outputs of members for a bundle and for scans, no network: five members, three classes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np

from ensemble.pooling import DropoutDraws
from ensemble.softmax import softmax
from kikuchi.bundle.bundle import Bundle
from kikuchi.bundle.decision import fit_decision
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.postprocessing.scan_check import check_scan

MEMBERS, CLASSES = 5, (225, 227, 229)


def made_outputs(labels, rng, *, hard=(), unfamiliarity=1.0):
    """Logits of five members: right nearly always, but for the classes in `hard`, which look like the next one."""
    n = len(labels)
    z = rng.normal(size=(n, 3)) * 1.2
    z[np.arange(n), labels] += 7
    for c in hard:
        own = np.flatnonzero(labels == c)
        odd = own[rng.random(len(own)) < 0.1]
        z[odd, (c + 1) % 3] += 12
    logits = (z + 0.3 * rng.normal(size=(MEMBERS, n, 3))).astype(np.float32)
    p = softmax(logits).astype(np.float32)
    draws = DropoutDraws(p, np.zeros((MEMBERS, n), np.float32), (p * 10).astype(np.uint16))
    return MemberOutputs(logits, draws, rng.normal(unfamiliarity, 0.05, n), rng.normal(0.9, 0.01, n))


def made_bundle(rng, n=6000, hard=(), groups=None, unfamiliarity=(1.0, 1.0, 1.0)):
    labels = rng.integers(3, size=n)
    material = labels.copy()
    part = rng.choice(3, size=n, p=[0.25, 0.5, 0.25])
    group = np.arange(n) if groups is None else groups
    held_out = HeldOut(
        made_outputs(labels, rng, hard=hard, unfamiliarity=np.array(unfamiliarity)[labels]),
        labels,
        material,
        part,
        group,
    )
    shipped = Bundle.load("shipped")
    manifest = shipped.manifest | {
        "classes": list(CLASSES),
        "materials": [{"name": f"m{c}", "space_group": c} for c in CLASSES],
    }
    recipe = shipped.recipe.model_copy(
        update={"abstain": shipped.recipe.abstain.model_copy(update={"promise": "auto", "risk": 0.02})}
    )
    bundle = replace(shipped, manifest=manifest, recipe=recipe, rule="average", own_held_out=held_out)
    return fitted(bundle)


def fitted(bundle, **wishes):
    recipe = bundle.recipe.model_copy(update={"abstain": bundle.recipe.abstain.model_copy(update=wishes)})
    calibration, abstention = fit_decision(bundle.held_out, "average", recipe, names=bundle.class_names)
    return replace(
        bundle, recipe=recipe, calibrations={"average": calibration}, abstentions={"average": abstention}
    )


def made_scan(labels, side):
    row, col = np.divmod(np.arange(len(labels)), side)
    return SimpleNamespace(row=row, col=col, n=len(labels), pattern_centre=None)


def checked(bundle, outputs, labels, side=60):
    rule = bundle.abstentions["average"]
    decision = bundle.decide(outputs, rule="average", abstention=rule)
    return check_scan(bundle, "average", rule, outputs, decision, made_scan(labels, side)), decision
