"""Strangers of a bundle: what its members say of crystals outside its classes, and the gate weighed with them."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ensemble.abstention.strangers import GATE_FEATURES, StrangerGate, fit_stranger_gate, gate_features
from ensemble.errors import InputError
from ensemble.metrics import auroc
from kikuchi._support import atomic
from kikuchi._support.archive import read_archive
from kikuchi.bundle.mixed import mixed_features
from kikuchi.bundle.outputs import HeldOut, MemberOutputs
from kikuchi.recipes.schema import Recipe

#: In a bundle: the gate, and the features of the strangers.
GATE = "gate.json"
STRANGERS = "strangers.npz"

#: Rate of false alarms where strangers are at hand and the recipe names no rate.
FALSE_ALARM = 0.05

#: Materials from which on whole materials are set aside to judge the gate by.
_MATERIALS = 4
_REMEDY = "copy the bundle again or refit it"


@dataclass(frozen=True)
class Strangers:
    """What members say of patterns that are none of a bundle's classes.

    Attributes
    ----------
    features
        Of each pattern, see `ensemble.abstention.strangers.gate_features`, (S, F).
    material
        Index into `names`, (S,).
    judges
        Whether a pattern judges the gate; the others weigh it, (S,), bool.
    names
        Of the materials.
    logits
        As the members gave them, (M, S, K), while a fit runs; they are not kept.
    """

    features: np.ndarray
    material: np.ndarray
    judges: np.ndarray
    names: tuple[str, ...]
    logits: np.ndarray | None = None

    @classmethod
    def of(cls, outputs: MemberOutputs, material: np.ndarray, names: tuple[str, ...]) -> "Strangers":
        """Divide patterns: every second material judges, or of few materials the later half of the patterns of each."""
        features = gate_features(outputs.logits, outputs.unfamiliarity)
        if len(names) >= _MATERIALS:
            judges = material % 2 == 1
        else:
            judges = np.concatenate(
                [np.arange(n) >= n // 2 for n in np.bincount(material, minlength=len(names))]
            )
        finite = np.isfinite(features).all(axis=1)
        return cls(
            features[finite], material[finite], judges[finite], names, np.asarray(outputs.logits)[:, finite]
        )


def gated(
    outputs: MemberOutputs, gate: StrangerGate | None, mixed: StrangerGate | None = None
) -> MemberOutputs:
    """Return outputs whose unfamiliarity is the gate's: about 1 for familiar patterns, and 2 at its own threshold.

    Patterns that the gate of overlaps flags are marked as mixed, and their unfamiliarity is NaN: they set no threshold
    and test no promise.
    """
    unfamiliarity = np.asarray(outputs.unfamiliarity)
    if gate is not None:
        score = gate.score(gate_features(outputs.logits, unfamiliarity))
        unfamiliarity = 1.0 + score / _unit(gate)
    if mixed is None:
        return replace(outputs, unfamiliarity=unfamiliarity)
    flagged = mixed.flag(mixed_features(outputs.logits))
    return replace(outputs, unfamiliarity=np.where(flagged, np.nan, unfamiliarity), mixed=flagged)


def gated_held_out(
    held_out: HeldOut, gate: StrangerGate | None, mixed: StrangerGate | None = None
) -> HeldOut:
    """Return held-out patterns as `gated` returns outputs."""
    return replace(held_out, outputs=gated(held_out.outputs, gate, mixed))


def fit_gate(held_out: HeldOut, strangers: Strangers, false_alarm: float, seed: int) -> StrangerGate:
    """Weigh what members say against strangers, on the patterns that calibrate.

    Parameters
    ----------
    held_out
        Its unfamiliarity a distance to training features.
    strangers
        Those that do not judge weigh.
    false_alarm
        Share of new familiar groups that the gate's own threshold calls strange.
    seed
        Of the division of the familiar groups.

    Raises
    ------
    InputError
        There are fewer than four independent familiar groups, or no stranger to weigh with.
    """
    first = held_out.calibration
    x = gate_features(first.outputs.logits, first.outputs.unfamiliarity)
    finite = np.isfinite(x).all(axis=1)
    return fit_stranger_gate(
        x[finite],
        strangers.features[~strangers.judges],
        groups=first.group[finite],
        false_alarm=false_alarm,
        seed=seed,
    )


def gate_record(
    gate: StrangerGate, threshold: float | None, false_alarm: float, held_out: HeldOut, strangers: Strangers
) -> dict[str, Any]:
    """Say how well a gate tells strangers that it was not weighed with from held-out test patterns, as plain JSON.

    Parameters
    ----------
    gate
        The gate.
    threshold
        Of the rule that decides, in the unit of `gated`.
    false_alarm
        As asked.
    held_out
        Its unfamiliarity a distance to training features; the test part is judged.
    strangers
        Those set aside are judged.
    """
    test, aside = held_out.test, strangers.features[strangers.judges]
    known = gate_features(test.outputs.logits, test.outputs.unfamiliarity)
    known = known[np.isfinite(known).all(axis=1)]
    record: dict[str, Any] = {
        "materials": list(strangers.names),
        "weighed": int((~strangers.judges).sum()),
        "judged": len(aside),
        "other_materials_judged": len(strangers.names) >= _MATERIALS,
        "false_alarm": false_alarm,
        "auroc": None,
        "flagged": None,
        "false_alarms_seen": None,
    }
    if not len(known) or not len(aside):
        return record
    scores = {"gate": (gate.score(known), gate.score(aside))} | {
        name: (known[:, k], aside[:, k]) for k, name in enumerate(GATE_FEATURES)
    }
    record["auroc"] = {name: float(auroc(*pair)) for name, pair in scores.items()}
    if threshold is not None:
        familiar, strange = (1.0 + s / _unit(gate) for s in scores["gate"])
        record |= {
            "flagged": float((strange > threshold).mean()),
            "false_alarms_seen": float((familiar > threshold).mean()),
        }
    return record


def gate_words(record: dict[str, Any]) -> str:
    """Say in one line what a gate does, as a bundle's card prints it.

    Examples
    --------
    >>> record = {"false_alarm": 0.05, "flagged": 0.62, "judged": 100, "auroc": {"gate": 0.94}}
    >>> gate_words(record)
    'strangers: 62 % of 100 set aside are called unfamiliar, at 5 % of new familiar crystals or grains (AUROC 0.94)'
    """
    asked = f"{100 * record['false_alarm']:.3g} % of new familiar crystals or grains"
    if record["flagged"] is None:
        return f"strangers: set to call {asked} unfamiliar; none were set aside to judge it by"
    return (
        f"strangers: {100 * record['flagged']:.2g} % of {record['judged']} set aside are called unfamiliar, at {asked} "
        f"(AUROC {record['auroc']['gate']:.2f})"
    )


def without_gate(recipe: Recipe) -> Recipe:
    """Return a recipe without a rate of false alarms: with new heads, members say other things of strangers."""
    return recipe.model_copy(update={"abstain": recipe.abstain.model_copy(update={"false_alarm": None})})


def write_strangers(path: Path, strangers: Strangers) -> None:
    """Write strangers as one compressed npz; their names stand in the manifest."""
    with atomic.replaced(path) as partial:
        np.savez_compressed(
            partial,
            allow_pickle=False,
            features=strangers.features.astype(np.float32),
            material=strangers.material,
            judges=strangers.judges,
        )


def read_strangers(path: Path, names: tuple[str, ...]) -> Strangers:
    """Read what `write_strangers` wrote.

    Raises
    ------
    InputError
        The file is missing or broken.
    """
    a = read_archive(path, remedy=_REMEDY)
    try:
        found = Strangers(a["features"].astype(np.float64), a["material"], a["judges"].astype(bool), names)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"holds no {error}", path=path, remedy=_REMEDY) from None
    n = len(found.features)
    if found.features.shape != (n, len(GATE_FEATURES)) or {found.material.shape, found.judges.shape} != {
        (n,)
    }:
        raise InputError("its arrays do not belong together", path=path, remedy=_REMEDY)
    return found


def _unit(gate: StrangerGate) -> float:
    """Distance from the mean of familiar patterns to the gate's threshold; 1 where it has none to speak of."""
    return gate.threshold if 0 < gate.threshold < 1e6 else 1.0
