"""How long explanations take on an idle machine, and how complete they are, with compact members and with Xceptions.

    python -m reports.explanations.times ../shared/masters --work WORK

takes the members of `ensembles.py`, and trains two Xceptions for a minute where WORK has none yet. Writes
``times.json`` beside itself.
"""

import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from kikuchi.explain import Ensemble, choose_background, explain_disagreement
from kikuchi.members import MemberSpec, Training, build_member, copy_backbone, predict, train_member
from kikuchi.scans import Preparation, load_dataset
from kikuchi.simulate import simulate
from kikuchi.simulate.scenes.spec import spec_from_dict
from kikuchi.workflows.explain import explain_map
from kikuchi.workflows.map import map_scan
from reports._provenance import provenance
from reports.explanations.ensembles import RECORDING, arguments, fitted, specification

HERE = Path(__file__).parent
XCEPTION_TRAIN, XCEPTION_VALIDATION, XCEPTION_POINTS = 240, 30, 2


def superalloy(masters: Path, seed: int) -> Any:
    """Return a map of nickel with Ni3Al precipitates in orientations of their own."""
    plain = specification(masters, 1, seed, ("Ni3Al", "Ni")).model_dump(mode="json")["material"]
    table = {
        "shape": [40, 50],
        "grain_size": 6.0,
        "boundary_width": 0.0,
        "vary": "pattern",
        "phase": [{"material": "Ni"}],
        "precipitate": [
            {"material": "Ni3Al", "matrix": "Ni", "fraction": 0.3, "radius": 1.5, "orientation": "random"}
        ],
    }
    return spec_from_dict({"seed": seed, "material": plain, "map": table, **RECORDING})


def compact(masters: Path, work: Path, seed: int) -> dict[str, Any]:
    """Map a scan, and explain twelve points of it."""
    bundle = fitted(masters, work, seed)
    scan = work / "superalloy.h5"
    if not scan.is_file():
        simulate(superalloy(masters, seed + 2), scan)
    map_scan(scan, bundle, work / "map")
    begin, processor = time.perf_counter(), time.process_time()
    found = explain_map(work / "map", scan, bundle.path, work / "explanations", budget="10m")
    seconds = time.perf_counter() - begin
    return {
        "members": len(found["members"]),
        "points": found["explained_points"],
        "seconds": round(seconds, 1),
        "processor_seconds": round(time.process_time() - processor, 1),
        "seconds_of_each_point": [round(p["seconds"], 1) for p in found["points"]],
        "worst_error": found["worst_error"],
        "worst_missed_logits": found["worst_missed"],
        "worst_information_error": found["worst_uncertainty_error"],
        "worst_information_missed_nats": found["worst_uncertainty_missed"],
        "randomised": found["randomised"],
    }


def xceptions(work: Path, parts: list[Any], seed: int) -> tuple[list[Any], list[dict[str, Any]]]:
    """Train an Xception of each kind for two epochs, or take those that were; the members, and how they did."""
    members: list[Any] = []
    for kind in ("scratch", "transfer"):
        spec = MemberSpec(
            name=kind,
            kind=kind,
            architecture="xception",
            size=96,
            classes=3,
            seed=seed,
            frozen=kind == "transfer",
        )
        member, kept = build_member(spec), work / f"xception-{kind}.weights.h5"
        if kept.is_file():
            member.load_weights(kept)
        else:
            if members:  # the second one starts from the first one's backbone and trains its head
                copy_backbone(members[0].get_layer("backbone"), member.get_layer("backbone"))
            train_member(
                member, parts[0], parts[1], Training(epochs=2, batch=16, cosine_decay=True), seed=seed
            )
            member.save_weights(kept)
        members.append(member)
    (_, _), (patterns, labels) = parts
    right = [float((predict(m, patterns)[0].argmax(axis=1) == labels).mean()) for m in members]
    return members, [{"kind": m.name, "validation_accuracy": r} for m, r in zip(members, right, strict=True)]


def xception(masters: Path, work: Path, seed: int) -> dict[str, Any]:
    """Explain patterns with two Xceptions at 96 x 96, one of each kind, trained for a minute."""
    data = load_dataset(work / "labelled" / "dataset.toml")
    which = np.random.default_rng(seed).permutation(data.n)[: XCEPTION_TRAIN + XCEPTION_VALIDATION]
    prepared = data.prepared(np.sort(which), Preparation(size=96))
    labels = data.labels((221, 225, 229))[np.sort(which)]
    order = np.random.default_rng(seed).permutation(len(which))
    train, validation = order[:XCEPTION_TRAIN], order[XCEPTION_TRAIN:]
    members, trained = xceptions(work, [(prepared[part], labels[part]) for part in (train, validation)], seed)
    begin = time.perf_counter()
    background = choose_background({96: prepared[train]}, labels[train], 12, seed)
    ensemble = Ensemble(members, [96, 96], background)
    built = time.perf_counter() - begin
    seconds, found = [], []
    for i in validation[:XCEPTION_POINTS]:
        begin = time.perf_counter()
        found.append(explain_disagreement(ensemble, [prepared[i]] * 2, (0, 1)))
        seconds.append(round(time.perf_counter() - begin, 1))
    return {
        "members": trained,
        "background": len(background.labels),
        "seconds_to_build": round(built, 1),
        "seconds_of_each_point": seconds,
        "worst_error": max(f.worst_error for f in found),
        "worst_missed_logits": max(f.worst_missed for f in found),
        "worst_information_error": max(f.uncertainty.error for f in found),
        "worst_information_missed_nats": max(f.uncertainty.missed for f in found),
    }


def main() -> None:
    given = arguments(__doc__, "compact", "xception")
    load, file = os.getloadavg()[0], HERE / "times.json"
    # What is shared by every run (reading TensorFlow, tracing it) belongs to the first number, as for a user.
    result: dict[str, Any] = {
        **provenance(seed=given.seed),
    }
    if file.is_file():
        result = json.loads(file.read_text(encoding="utf-8")) | result
    for name in given.parts:
        measure = {"compact": compact, "xception": xception}[name]
        result[name] = {"load_average_before": round(load, 1)} | measure(
            given.masters, given.work, given.seed
        )
        print(result[name], flush=True)
        file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
